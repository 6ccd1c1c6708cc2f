// The API's NestedState and VcpuState messages, to and from the kernel's bytes. Server and clients share it.

import type { NestedState } from '../../protos/gen/vcpud/v1/NestedState.js';
import type { NestedStateFlag } from '../../protos/gen/vcpud/v1/NestedStateFlag.js';
import type { VcpuState, VcpuState__Output } from '../../protos/gen/vcpud/v1/VcpuState.js';
import { describeNestedState, type NestedStateView } from '../nested/describe.js';
import type { FlagName } from '../nested/layout.js';
import type { VcpuSnapshot } from '../state/vcpu-components.js';

/** Exact for every u64, and cheap for those that fit a double. */
export function u64(value: bigint): number | string {
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value.toString();
}

const FORMATS = {
  SVM: 'NESTED_STATE_FORMAT_SVM',
  VMX: 'NESTED_STATE_FORMAT_VMX',
  UNKNOWN: 'NESTED_STATE_FORMAT_UNSPECIFIED',
} as const;

export const nestedFormat = (format: NestedStateView['format'] | undefined) => FORMATS[format ?? 'UNKNOWN'];

const flagValue = (name: FlagName): NestedStateFlag => `NESTED_STATE_FLAG_${name}`;

/** The kernel's bytes and what they say. */
export function nestedState(bytes: Buffer): NestedState {
  const view = describeNestedState(bytes);
  const message: NestedState = {
    data: bytes,
    format: FORMATS[view.format],
    flags: view.flags.map(flagValue),
    unknownFlags: view.unknownFlags,
    sizeBytes: view.size,
  };
  if (view.svm !== undefined) {
    message.svm = { vmcbPa: u64(view.svm.vmcbPa), gpat: u64(view.svm.gpat) };
  } else if (view.vmx !== undefined) {
    message.vmx = {
      vmxonPa: u64(view.vmx.vmxonPa),
      vmcs12Pa: u64(view.vmx.vmcs12Pa),
      smmFlags: view.vmx.smmBits,
      flags: view.vmx.headerBits,
      preemptionTimerDeadline: u64(view.vmx.preemptionTimerDeadline),
    };
  }
  return message;
}

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

/** Parts that are plain bytes in the API. */
const BYTE_PARTS = [
  'cpuid',
  'sregs2',
  'sregs',
  'xsave',
  'xcrs',
  'msrs',
  'lapic',
  'events',
  'debugregs',
  'regs',
] as const;

/** A vCPU's snapshot as the API sends it: absent parts are empty. */
export function vcpuState(snapshot: VcpuSnapshot): VcpuState {
  const state: VcpuState = {
    tscKhz: snapshot.tscKhz?.readUInt32LE(0) ?? 0,
    mpState: snapshot.mpState?.readUInt32LE(0) ?? 0,
    nestedState: snapshot.nested === undefined ? null : nestedState(snapshot.nested),
  };
  for (const name of BYTE_PARTS) {
    const bytes = snapshot[name];
    if (bytes !== undefined) state[name] = bytes;
  }
  return state;
}

/** The snapshot that a message of the API holds. */
export function vcpuSnapshot(state: VcpuState__Output): VcpuSnapshot {
  const parts: Partial<Record<keyof VcpuSnapshot, Buffer>> = {
    tscKhz: u32(state.tscKhz),
    mpState: u32(state.mpState),
  };
  for (const name of BYTE_PARTS) if (state[name].length > 0) parts[name] = state[name];
  if (state.nestedState !== null && state.nestedState.data.length > 0) parts.nested = state.nestedState.data;
  return parts;
}
