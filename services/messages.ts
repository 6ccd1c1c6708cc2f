// Messages that more than one service sends or takes, to and from what lib knows.

import { u64 } from '../lib/api/vcpu-state.js';
import type { ByteRange } from '../lib/nested/compare.js';
import type { Vcpu } from '../lib/vm/vcpu.js';
import type { Vm, VmConfig } from '../lib/vm/vm.js';
import type { Duration } from '../protos/gen/google/protobuf/Duration.js';
import type { Timestamp } from '../protos/gen/google/protobuf/Timestamp.js';
import type { ByteRange as ByteRangeMessage } from '../protos/gen/vcpud/v1/ByteRange.js';
import type { MemoryRegion } from '../protos/gen/vcpud/v1/MemoryRegion.js';
import type { Vcpu as VcpuMessage } from '../protos/gen/vcpud/v1/Vcpu.js';
import type { Vm__Output, Vm as VmMessage } from '../protos/gen/vcpud/v1/Vm.js';
import type { VmMigration } from '../protos/gen/vcpud/v1/VmMigration.js';
import { checkVmId, vcpuName, vmName } from './names.js';

/** google.protobuf.Timestamp of milliseconds since 1970, fractions kept. */
export function timestamp(ms: number): Timestamp {
  return secondsAndNanos(ms);
}

/** google.protobuf.Duration of milliseconds, fractions kept; not negative. */
export function duration(ms: number): Duration {
  return secondsAndNanos(Math.max(0, ms));
}

function secondsAndNanos(ms: number): { seconds: number; nanos: number } {
  const seconds = Math.floor(ms / 1000);
  const nanos = Math.round((ms - seconds * 1000) * 1e6);
  // Rounded up to a whole second: a billion nanoseconds is not a legal Duration.
  return nanos === 1e9 ? { seconds: seconds + 1, nanos: 0 } : { seconds, nanos };
}

export const byteRanges = (ranges: readonly ByteRange[]): ByteRangeMessage[] =>
  ranges.map(({ offset, length, field }) => ({ offset, length, field }));

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

/** The VM that a client asks for. Throws VM_ID_MALFORMED. */
export function vmConfig(vmId: string, vm: Vm__Output): VmConfig {
  return {
    id: checkVmId(vmId),
    vcpuCount: vm.vcpuCount === 0 ? 1 : vm.vcpuCount,
    regions: vm.memoryRegions.map(({ gpa, sizeBytes }) => ({ gpa: BigInt(gpa), bytes: BigInt(sizeBytes) })),
    irqchip: vm.irqchip,
    pit: vm.pit,
    pc: vm.pc,
    linuxBoot: vm.linuxBoot ?? undefined,
  };
}

export const memoryRegions = (regions: Vm['config']['regions']): MemoryRegion[] =>
  regions.map(({ gpa, bytes }) => ({ gpa: u64(gpa), sizeBytes: u64(bytes) }));

export function vmMessage(vm: Vm): VmMessage {
  const { stop } = vm;
  return {
    name: vmName(vm.config.id),
    vcpuCount: vm.config.vcpuCount,
    memoryRegions: memoryRegions(vm.config.regions),
    irqchip: vm.config.irqchip,
    pit: vm.config.pit,
    pc: vm.config.pc,
    linuxBoot: vm.config.linuxBoot ?? null,
    migration: migrationMessage(vm),
    runState: `VM_RUN_STATE_${vm.runState}`,
    stop:
      stop === undefined
        ? null
        : { reason: `VM_STOP_REASON_${stop.reason}`, vcpuIndex: stop.vcpuIndex, message: stop.message },
    driver: 'DRIVER_NATIVE',
    createTime: timestamp(vm.createTime),
    updateTime: timestamp(vm.updateTime),
    dirtyTracking: vm.dirty.isOn,
  };
}

function migrationMessage({ migration }: Vm): VmMigration | null {
  if (migration === undefined) return null;
  const { id, phase, peer } = migration;
  return { id, phase: `MIGRATION_PHASE_${phase}`, peer };
}
