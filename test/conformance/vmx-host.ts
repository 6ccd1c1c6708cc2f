// What a VMX host has and lacks, by its capability MSRs (SDM volume 3, appendix A), and what it answers for that to a row
// of test/vectors. Those rows are made for one CPU: another refuses a control that it lacks first, by that control's
// rule, or takes what it has.

import { type Field, VMCS12 } from '../../lib/nested/layout.js';
import type { Facing } from './facing.js';

/** IA32_VMX_* by number, and in the TRUE_*_CTLS and PROCBASED_CTLS2 which half says what may be 1. */
const MSR = {
  cr4Fixed1: 0x489,
  secondary: 0x48b,
  ept: 0x48c,
  pin: 0x48d,
  proc: 0x48e,
  exit: 0x48f,
  entry: 0x490,
} as const;

type Capabilities = (msr: keyof typeof MSR) => bigint;

function capabilitiesOf({ host }: Facing): Capabilities {
  const values = new Map(host.vmxCapabilityMsrs.map(({ index, value }) => [index, BigInt(value)]));
  return (msr) => values.get(MSR[msr]) ?? 0n;
}

const bit = (value: bigint, n: number): boolean => ((value >> BigInt(n)) & 1n) === 1n;

/** The control words in the kernel's order. */
const CONTROL_WORDS: ReadonlyArray<readonly [field: Field<'u32'>, msr: keyof typeof MSR, reason: string]> = [
  [VMCS12.pin_based_vm_exec_control, 'pin', 'VMX_PIN_CONTROLS_UNSUPPORTED'],
  [VMCS12.cpu_based_vm_exec_control, 'proc', 'VMX_PROC_CONTROLS_UNSUPPORTED'],
  [VMCS12.secondary_vm_exec_control, 'secondary', 'VMX_SECONDARY_CONTROLS_UNSUPPORTED'],
  [VMCS12.vm_exit_controls, 'exit', 'VMX_EXIT_CONTROLS_UNSUPPORTED'],
  [VMCS12.vm_entry_controls, 'entry', 'VMX_ENTRY_CONTROLS_UNSUPPORTED'],
];

/** The rule by which the host refuses the first control of a vmcs12 that it lacks; undefined where it has them all. */
export function lackingControl(facing: Facing, state: Buffer): string | undefined {
  const capability = capabilitiesOf(facing);
  for (const [field, msr, reason] of CONTROL_WORDS) {
    if (state.length < field.offset + field.bytes) return undefined;
    const value = BigInt(state.readUInt32LE(field.offset));
    const mustBe = capability(msr) & 0xffff_ffffn;
    if ((value & mustBe) !== mustBe || (value & ~(capability(msr) >> 32n)) !== 0n) return reason;
  }
  return undefined;
}

const TAKEN = 'taken';

/** EPTP bits 2:0 and 5:3: the memory type, and the number of levels less one. */
const eptp = (state: Buffer): bigint => state.readBigUInt64LE(VMCS12.ept_pointer.offset);
const LA57 = 12;
const SMXE = 14;

/** For a row's reason, what a host answers that is not the one it is made for. */
const INSTEAD: Readonly<Record<string, (has: Capabilities, state: Buffer) => string | undefined>> = {
  VMX_EPTP_ACCESSED_DIRTY_UNSUPPORTED: (has) => (bit(has('ept'), 21) ? TAKEN : undefined),
  VMX_EPTP_MEMORY_TYPE_UNSUPPORTED: (has, state) =>
    (eptp(state) & 7n) === 0n && bit(has('ept'), 8) ? TAKEN : undefined,
  VMX_EPTP_WALK_LENGTH_UNSUPPORTED: (has, state) =>
    ((eptp(state) >> 3n) & 7n) === 4n && bit(has('ept'), 7) ? TAKEN : undefined,
  // The row injects a pending MTF VM exit of another vector: without the monitor trap flag there is none of any.
  VMX_EVENT_VECTOR_ILLEGAL: (has) => (bit(has('proc'), 32 + 27) ? undefined : 'VMX_EVENT_MTF_UNSUPPORTED'),
  VMX_HOST_CR4_RESERVED: (has) => (bit(has('cr4Fixed1'), SMXE) ? undefined : 'VMX_HOST_CR4_UNSUPPORTED'),
  VMX_GUEST_CR4_RESERVED: (has) => (bit(has('cr4Fixed1'), SMXE) ? undefined : 'VMX_GUEST_CR4_UNSUPPORTED'),
  VMX_HOST_ADDRESS_NEEDS_LA57: (has) =>
    bit(has('cr4Fixed1'), LA57) ? undefined : 'VMX_HOST_GDTR_BASE_NONCANONICAL',
  VMX_HOST_RIP_NEEDS_HOST_LA57: (has) =>
    bit(has('cr4Fixed1'), LA57) ? undefined : 'VMX_HOST_RIP_NONCANONICAL',
  VMX_GUEST_BNDCFGS_NEEDS_LA57: (has) =>
    bit(has('cr4Fixed1'), LA57) ? undefined : 'VMX_GUEST_BNDCFGS_NONCANONICAL',
};

/** What the host answers instead of the row's reason, for what it has or lacks: a reason, or "taken". */
export function answersInstead(facing: Facing, reason: string, state: Buffer): string | undefined {
  return lackingControl(facing, state) ?? INSTEAD[reason]?.(capabilitiesOf(facing), state);
}
