// States of a vCPU to give to a kernel: one that was captured, changed in one place.

import { SREGS_LAYOUT } from '../../lib/kvm/abi.js';
import { msrEntries, msrRows } from '../../lib/kvm/msrs.js';
import type { NestedState__Output } from '../../protos/gen/vcpud/v1/NestedState.js';
import type { VcpuState__Output } from '../../protos/gen/vcpud/v1/VcpuState.js';
import { svmGuestMode } from '../vectors/nested-states.js';

export const EFER_SVME = 1n << 12n;

/** A changed copy. */
export function changed(bytes: Uint8Array, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes);
  change(copy);
  return copy;
}

/** The message as a request takes it: only its data is read. */
export function nestedOf(bytes: Uint8Array): NestedState__Output {
  return { data: Buffer.from(bytes) } as NestedState__Output;
}

/** The state with EFER.SVME set, in which the kernel takes a nested state in guest mode. */
export function withSvme(state: VcpuState__Output): VcpuState__Output {
  const sregs2 = changed(state.sregs2, (copy) => {
    copy.writeBigUInt64LE(copy.readBigUInt64LE(SREGS_LAYOUT.efer) | EFER_SVME, SREGS_LAYOUT.efer);
  });
  return { ...state, sregs2 };
}

/** The state with EFER.SVME set and that nested state, by default the plainest in guest mode. */
export function inGuestMode(
  state: VcpuState__Output,
  nested: Uint8Array = svmGuestMode(),
): VcpuState__Output {
  return { ...withSvme(state), nestedState: nestedOf(nested) };
}

/** The state with another value of an MSR, or with an MSR that it did not have. */
export function withMsr(state: VcpuState__Output, index: number, value: bigint): VcpuState__Output {
  const rows = msrRows(state.msrs).filter((row) => row.index !== index);
  return { ...state, msrs: msrEntries([...rows, { index, value }]) };
}
