// VcpuService: vCPUs, and everything that one holds.

import type { Logger } from 'pino';
import { vcpuSnapshot, vcpuState } from '../lib/api/vcpu-state.js';
import { VcpudError } from '../lib/errors/vcpud-error.js';
import type { VmRegistry } from '../lib/vm/vm-registry.js';
import type { VcpuServiceHandlers } from '../protos/gen/vcpud/v1/VcpuService.js';
import { unary } from './handlers.js';
import { byteRanges, duration, timestamp, vcpuMessage } from './messages.js';
import { page, parseVcpuName, parseVmName } from './names.js';

/** Page keys sort as text: indices are padded so that they sort as numbers. */
const indexKey = ({ index }: { index: number }): string => String(index).padStart(4, '0');

export function vcpuService(vms: VmRegistry, log: Logger): VcpuServiceHandlers {
  const named = ({ name }: { name: string }) => {
    const { vm: id, index } = parseVcpuName(name);
    const vm = vms.get(id);
    return { vm, vcpu: vm.vcpu(index), index };
  };
  return {
    GetVcpu: unary(log, (request) => {
      const { vm, vcpu } = named(request);
      return { vcpu: vcpuMessage(vm, vcpu) };
    }),
    ListVcpus: unary(log, (request) => {
      const vm = vms.get(parseVmName(request.parent, 'parent'));
      const { items, nextPageToken } = page(vm.vcpus, indexKey, request);
      return { vcpus: items.map((vcpu) => vcpuMessage(vm, vcpu)), nextPageToken };
    }),
    GetVcpuState: unary(log, async (request, caller) => {
      const { vm, index } = named(request);
      const { state, outMs, time } = await vm.captureVcpu(caller, index);
      return { state: vcpuState(state), stopDuration: duration(outMs), captureTime: timestamp(time) };
    }),
    SetVcpuState: unary(log, async (request, caller) => {
      const { vm, vcpu, index } = named(request);
      if (request.state === null)
        throw VcpudError.of('FIELD_REQUIRED', 'state is required', { field: 'state' });
      const ignored = await vm.restoreVcpu(caller, index, vcpuSnapshot(request.state));
      return { vcpu: vcpuMessage(vm, vcpu), ignored: byteRanges(ignored) };
    }),
  };
}
