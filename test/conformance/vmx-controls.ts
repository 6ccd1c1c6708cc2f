// Whether a vCPU has the VMX controls that a state uses, by the host's capability MSRs (SDM volume 3, A.3 to A.5). The
// states of test/vectors use controls that not every CPU has: there the kernel refuses those first, by their own rule.

import { type Field, VMCS12 } from '../../lib/nested/layout.js';
import type { Facing } from './facing.js';

interface ControlWord {
  readonly field: Field<'u32'>;
  /** IA32_VMX_TRUE_*_CTLS, or IA32_VMX_PROCBASED_CTLS2: bits that must be 1 in the low half, that may be in the high. */
  readonly msr: number;
  readonly reason: string;
}

/** In the kernel's order. */
const CONTROL_WORDS: readonly ControlWord[] = [
  { field: VMCS12.pin_based_vm_exec_control, msr: 0x48d, reason: 'VMX_PIN_CONTROLS_UNSUPPORTED' },
  { field: VMCS12.cpu_based_vm_exec_control, msr: 0x48e, reason: 'VMX_PROC_CONTROLS_UNSUPPORTED' },
  { field: VMCS12.secondary_vm_exec_control, msr: 0x48b, reason: 'VMX_SECONDARY_CONTROLS_UNSUPPORTED' },
  { field: VMCS12.vm_exit_controls, msr: 0x48f, reason: 'VMX_EXIT_CONTROLS_UNSUPPORTED' },
  { field: VMCS12.vm_entry_controls, msr: 0x490, reason: 'VMX_ENTRY_CONTROLS_UNSUPPORTED' },
];

/** The rule by which the host refuses the first control of a vmcs12 that it lacks; undefined where it has them all. */
export function lackingControl({ host }: Facing, state: Buffer): string | undefined {
  const capabilities = new Map(host.vmxCapabilityMsrs.map(({ index, value }) => [index, BigInt(value)]));
  for (const { field, msr, reason } of CONTROL_WORDS) {
    if (state.length < field.offset + field.bytes) return undefined;
    const value = BigInt(state.readUInt32LE(field.offset));
    const capability = capabilities.get(msr) ?? 0xffff_ffff_0000_0000n;
    const mustBe = capability & 0xffff_ffffn;
    if ((value & mustBe) !== mustBe || (value & ~(capability >> 32n)) !== 0n) return reason;
  }
  return undefined;
}
