// States of vCPUs with other registers or another CPUID than a new one has, and states compared. By the
// kernel's structures alone (kvm-layout.ts).

import type { VcpuState__Output } from '../../protos/gen/vcpud/v1/VcpuState.js';
import {
  COUNTING_MSRS,
  CPUID,
  CPUID_FACTS,
  type CpuidFact,
  EVENTS,
  MSR,
  MSR_ENTRY,
  type RegisterName,
  SREGS,
} from './kvm-layout.js';

/** What a state can be changed in. */
export type SettableFacts = Partial<
  Readonly<Record<RegisterName, bigint>> & Readonly<Record<CpuidFact, boolean>> & { readonly inSmm: boolean }
>;

/** An L1 in 64-bit mode that has switched on what it runs its L2 by: where the plain nested states are valid. */
export const L1_IN_LONG_MODE = {
  SVM: { efer: 0x1500n, cr0: 0x8001_0033n, cr3: 0x1000n, cr4: 0x20n },
  VMX: { efer: 0x500n, cr0: 0x8001_0033n, cr3: 0x1000n, cr4: 0x2020n },
} as const satisfies Readonly<Record<'SVM' | 'VMX', SettableFacts>>;

/** A vCPU with VMX in SMM: an SMI clears CR4.VMXE, and RSM sets it again. */
export const VMX_IN_SMM = { inSmm: true, cr4: 0x20n } as const satisfies SettableFacts;

/** A changed copy. */
export function changed(bytes: Uint8Array, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes);
  change(copy);
  return copy;
}

function* rows(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at + size <= bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** A register of a CPUID leaf (subleaf 0, or the only one); 0 where the table lacks it. */
function cpuidRegister(cpuid: Buffer, leaf: number, register: 'eax'): number {
  for (const row of rows(cpuid, CPUID.bytes)) {
    if (row.readUInt32LE(CPUID.leaf) === leaf && row.readUInt32LE(CPUID.index) === 0) {
      return row.readUInt32LE(CPUID[register]);
    }
  }
  return 0;
}

function withCpuidBit(cpuid: Buffer, fact: CpuidFact, wanted: boolean): Buffer {
  const [leaf, register, bit] = CPUID_FACTS[fact];
  return changed(cpuid, (copy) => {
    for (const row of rows(copy, CPUID.bytes)) {
      if (row.readUInt32LE(CPUID.leaf) !== leaf) continue;
      const others = row.readUInt32LE(CPUID[register]) & ~(1 << bit);
      row.writeUInt32LE((others | (wanted ? 1 << bit : 0)) >>> 0, CPUID[register]);
    }
  });
}

const isVmxMsr = (index: number): boolean =>
  index === MSR.IA32_FEATURE_CONTROL || (index >= MSR.VMX_FIRST && index <= MSR.VMX_LAST);

/** The MSRs of a state by number. */
export function msrsOf({ msrs }: VcpuState__Output): Map<number, bigint> {
  const found = new Map<number, bigint>();
  for (const row of rows(msrs, MSR_ENTRY.bytes)) {
    found.set(row.readUInt32LE(MSR_ENTRY.index), row.readBigUInt64LE(MSR_ENTRY.value));
  }
  return found;
}

/** Without the MSRs that a vCPU without VMX does not have. */
function withoutVmxMsrs(msrs: Buffer): Buffer {
  return Buffer.concat(
    [...rows(msrs, MSR_ENTRY.bytes)].filter((row) => !isVmxMsr(row.readUInt32LE(MSR_ENTRY.index))),
  );
}

/** The special registers of a state, by whichever of the two structures it has. */
export const sregsOf = (state: VcpuState__Output): Buffer =>
  state.sregs2.length > 0 ? state.sregs2 : state.sregs;

/** A copy of a state with other registers and CPUID bits. */
export function withFacts(state: VcpuState__Output, facts: SettableFacts): VcpuState__Output {
  const registers = changed(sregsOf(state), (copy) => {
    for (const [register, offset] of Object.entries(SREGS) as Array<[RegisterName, number]>) {
      const value = facts[register];
      if (value !== undefined) copy.writeBigUInt64LE(value, offset);
    }
  });
  const events = changed(state.events, (copy) => {
    if (facts.inSmm !== undefined) copy.writeUInt8(facts.inSmm ? 1 : 0, EVENTS.smm);
  });
  let { cpuid } = state;
  for (const fact of Object.keys(CPUID_FACTS) as CpuidFact[]) {
    const wanted = facts[fact];
    if (wanted !== undefined) cpuid = withCpuidBit(cpuid, fact, wanted);
  }
  const msrs = facts.hasVmx === false ? withoutVmxMsrs(state.msrs) : state.msrs;
  const special = state.sregs2.length > 0 ? { sregs2: registers } : { sregs: registers };
  return { ...state, ...special, events, cpuid, msrs };
}

const DEFAULT_PHYSICAL_ADDRESS_BITS = 36;

/** Bits of a physical address of the guest. */
export function maxPhyAddrOf({ cpuid }: VcpuState__Output): number {
  const width = cpuidRegister(cpuid, 0x8000_0008, 'eax') & 0xff;
  return width === 0 ? DEFAULT_PHYSICAL_ADDRESS_BITS : width;
}

const BYTE_PARTS = [
  'cpuid',
  'sregs2',
  'sregs',
  'xsave',
  'xcrs',
  'lapic',
  'events',
  'debugregs',
  'regs',
] as const satisfies ReadonlyArray<keyof VcpuState__Output>;

/** In which parts two states of a vCPU that did not run differ, counters apart; the nested state to the byte. */
export function differences(a: VcpuState__Output, b: VcpuState__Output): string[] {
  const unlike: string[] = BYTE_PARTS.filter((part) => !a[part].equals(b[part]));
  if (a.mpState !== b.mpState) unlike.push('mp_state');
  if (a.tscKhz !== b.tscKhz) unlike.push('tsc_khz');
  const other = msrsOf(b);
  for (const [index, value] of msrsOf(a)) {
    if (!COUNTING_MSRS.has(index) && other.get(index) !== value) unlike.push(`msr 0x${index.toString(16)}`);
  }
  if (!nestedBytes(a).equals(nestedBytes(b))) unlike.push('nested_state');
  return unlike;
}

export const nestedBytes = ({ nestedState }: VcpuState__Output): Buffer =>
  nestedState?.data ?? Buffer.alloc(0);

/** The state with that nested state; only its data is read on input. */
export const withNestedState = (state: VcpuState__Output, data: Uint8Array): VcpuState__Output => ({
  ...state,
  nestedState: { data: Buffer.from(data) } as VcpuState__Output['nestedState'],
});
