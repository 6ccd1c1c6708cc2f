// Messages that more than one service sends or takes, to and from what lib knows.

import type { Duration } from '../protos/gen/google/protobuf/Duration.js';
import type { Timestamp } from '../protos/gen/google/protobuf/Timestamp.js';
import type { ByteRange as ByteRangeMessage } from '../protos/gen/vcpud/v1/ByteRange.js';
import type { NestedState } from '../protos/gen/vcpud/v1/NestedState.js';
import type { NestedStateFlag } from '../protos/gen/vcpud/v1/NestedStateFlag.js';
import type { Vcpu as VcpuMessage } from '../protos/gen/vcpud/v1/Vcpu.js';
import type { VcpuState, VcpuState__Output } from '../protos/gen/vcpud/v1/VcpuState.js';
import type { Vm as VmMessage } from '../protos/gen/vcpud/v1/Vm.js';
import type { ByteRange } from '../lib/nested/compare.js';
import { describeNestedState, type NestedStateView } from '../lib/nested/describe.js';
import type { FlagName } from '../lib/nested/layout.js';
import type { VcpuSnapshot } from '../lib/state/vcpu-components.js';
import type { Vcpu } from '../lib/vm/vcpu.js';
import type { Vm } from '../lib/vm/vm.js';
import { vcpuName, vmName } from './names.js';

/** google.protobuf.Timestamp of milliseconds since 1970, fractions kept. */
export function timestamp(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

/** google.protobuf.Duration of milliseconds, fractions kept; not negative. */
export function duration(ms: number): Duration {
  const whole = Math.max(0, ms);
  const seconds = Math.floor(whole / 1000);
  return { seconds, nanos: Math.round((whole - seconds * 1000) * 1e6) };
}

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

export const byteRanges = (ranges: readonly ByteRange[]): ByteRangeMessage[] =>
  ranges.map(({ offset, length, field }) => ({ offset, length, field }));

/** A vCPU's snapshot as the API sends it: absent parts are empty. */
export function vcpuState(snapshot: VcpuSnapshot): VcpuState {
  const { tscKhz, mpState, nested, ...parts } = snapshot;
  return {
    ...parts,
    tscKhz: tscKhz?.readUInt32LE(0) ?? 0,
    mpState: mpState?.readUInt32LE(0) ?? 0,
    nestedState: nested === undefined ? null : nestedState(nested),
  };
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

/** The snapshot that a message of the API holds. */
export function vcpuSnapshot(state: VcpuState__Output): VcpuSnapshot {
  const parts: Partial<Record<keyof VcpuSnapshot, Buffer>> = { tscKhz: u32(state.tscKhz), mpState: u32(state.mpState) };
  for (const name of BYTE_PARTS) if (state[name].length > 0) parts[name] = state[name];
  if (state.nestedState !== null && state.nestedState.data.length > 0) parts.nested = state.nestedState.data;
  return parts;
}

export function vcpuMessage(vm: Vm, vcpu: Vcpu): VcpuMessage {
  return {
    name: vcpuName(vm.config.id, vcpu.index),
    index: vcpu.index,
    runState:
      vcpu.ended?.kind === 'halted'
        ? 'VCPU_RUN_STATE_HALTED'
        : vcpu.isParked
          ? 'VCPU_RUN_STATE_PAUSED'
          : 'VCPU_RUN_STATE_RUNNING',
    lastExit: vcpu.lastExit,
    entries: vcpu.entries,
  };
}

export function vmMessage(vm: Vm): VmMessage {
  const { stop } = vm;
  return {
    name: vmName(vm.config.id),
    vcpuCount: vm.config.vcpuCount,
    memoryRegions: vm.config.regions.map(({ gpa, bytes }) => ({ gpa: u64(gpa), sizeBytes: u64(bytes) })),
    irqchip: vm.config.irqchip,
    pit: vm.config.pit,
    runState: `VM_RUN_STATE_${vm.runState}`,
    stop:
      stop === undefined
        ? null
        : { reason: `VM_STOP_REASON_${stop.reason}`, vcpuIndex: stop.vcpuIndex, message: stop.message },
    driver: 'DRIVER_NATIVE',
    createTime: timestamp(vm.createTime),
    updateTime: timestamp(vm.updateTime),
  };
}
