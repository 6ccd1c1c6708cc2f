// The decoded view of a nested state, for answers of the API and for logs; the bytes stay the truth.
// Called on every GetNestedState, so it reads the header only and builds no list: flag names come from tables
// of all combinations, made once.

import { headerView, read } from './codec.js';
import {
  FLAG,
  type FlagName,
  FORMAT,
  HEADER,
  HEADER_BYTES,
  KNOWN_FLAGS,
  KNOWN_SMM_FLAGS,
  KNOWN_VMX_HEADER_FLAGS,
  type NestedFormat,
  SMM_FLAG,
  type SmmFlagName,
  SVM_HEADER,
  VMX_HEADER,
  VMX_HEADER_FLAG,
  type VmxHeaderFlagName,
} from './layout.js';

export interface NestedStateView {
  readonly format: NestedFormat | 'UNKNOWN';
  /** Names of the flags that are set, lowest bit first. */
  readonly flags: readonly FlagName[];
  /** Bits of `flags` that have no name here; 0 normally. */
  readonly unknownFlags: number;
  /** The header's size field, bytes. */
  readonly size: number;
  /** Bytes after the header that are both announced by `size` and present. */
  readonly dataBytes: number;
  /** Present if and only if format is SVM. */
  readonly svm?: SvmView;
  /** Present if and only if format is VMX. */
  readonly vmx?: VmxView;
}

export interface SvmView {
  /** Guest physical address of the vmcb12 that L2 runs from; meaningless outside guest mode. */
  readonly vmcbPa: bigint;
  /** L2's PAT where the kernel keeps one apart from L1's; 0 otherwise. */
  readonly gpat: bigint;
}

export interface VmxView {
  /** Guest physical address of the VMXON region; ~0 means that the vCPU is not in VMX operation. */
  readonly vmxonPa: bigint;
  /** Guest physical address of the current VMCS; ~0 means none. */
  readonly vmcs12Pa: bigint;
  readonly smmFlags: readonly SmmFlagName[];
  readonly unknownSmmFlags: number;
  /** smm.flags as it stands: bit 0 GUEST_MODE, bit 1 VMXON. */
  readonly smmBits: number;
  readonly headerFlags: readonly VmxHeaderFlagName[];
  readonly unknownHeaderFlags: number;
  /** hdr.vmx.flags as it stands: bit 0 PREEMPTION_TIMER_DEADLINE. */
  readonly headerBits: number;
  /** L1's TSC value at which L2's preemption timer fires; meaningless without its header flag. */
  readonly preemptionTimerDeadline: bigint;
}

/** For every combination of the known bits, the names of those that are set. */
function namesByBits<N extends string>(
  bits: Readonly<Record<N, number>>,
  known: number,
): readonly (readonly N[])[] {
  const names = Object.keys(bits) as N[];
  return Array.from({ length: known + 1 }, (_, value) =>
    Object.freeze(names.filter((name) => (value & bits[name]) !== 0)),
  );
}

/** The names of a combination: of known bits every one is in its table. */
const namesIn = <N>(table: readonly (readonly N[])[], bits: number): readonly N[] =>
  table[bits] as readonly N[];

const FLAG_NAMES = namesByBits(FLAG, KNOWN_FLAGS);
const SMM_FLAG_NAMES = namesByBits(SMM_FLAG, KNOWN_SMM_FLAGS);
const VMX_HEADER_FLAG_NAMES = namesByBits(VMX_HEADER_FLAG, KNOWN_VMX_HEADER_FLAGS);

/**
 * Decodes the header (128 bytes) of a nested state; data after it is counted, not read. Takes states that the
 * kernel would refuse too. RangeError below 128 bytes.
 */
export function describeNestedState(bytes: Uint8Array): NestedStateView {
  const view = headerView(bytes);
  const flags = read(view, HEADER.flags);
  const format = read(view, HEADER.format);
  const size = read(view, HEADER.size);
  const common = {
    flags: namesIn(FLAG_NAMES, flags & KNOWN_FLAGS),
    unknownFlags: flags & ~KNOWN_FLAGS,
    size,
    dataBytes: Math.max(0, Math.min(size, bytes.length) - HEADER_BYTES),
  };
  if (format === FORMAT.SVM) return { format: 'SVM', ...common, svm: describeSvm(view) };
  if (format === FORMAT.VMX) return { format: 'VMX', ...common, vmx: describeVmx(view) };
  return { format: 'UNKNOWN', ...common };
}

function describeSvm(view: DataView): SvmView {
  return { vmcbPa: read(view, SVM_HEADER.vmcb_pa), gpat: read(view, SVM_HEADER.gpat) };
}

function describeVmx(view: DataView): VmxView {
  const smmFlags = read(view, VMX_HEADER['smm.flags']);
  const headerFlags = read(view, VMX_HEADER.flags);
  return {
    vmxonPa: read(view, VMX_HEADER.vmxon_pa),
    vmcs12Pa: read(view, VMX_HEADER.vmcs12_pa),
    smmFlags: namesIn(SMM_FLAG_NAMES, smmFlags & KNOWN_SMM_FLAGS),
    smmBits: smmFlags,
    unknownSmmFlags: smmFlags & ~KNOWN_SMM_FLAGS,
    headerFlags: namesIn(VMX_HEADER_FLAG_NAMES, headerFlags & KNOWN_VMX_HEADER_FLAGS),
    headerBits: headerFlags,
    unknownHeaderFlags: (headerFlags & ~KNOWN_VMX_HEADER_FLAGS) >>> 0,
    preemptionTimerDeadline: read(view, VMX_HEADER.preemption_timer_deadline),
  };
}
