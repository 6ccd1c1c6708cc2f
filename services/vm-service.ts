// VmService: making, running, pausing, watching and deleting VMs, and what a VM holds beside its memory.

import type { Logger } from 'pino';
import { VcpudError } from '../lib/errors/vcpud-error.js';
import { vmSnapshot, vmState } from '../lib/transfer/vm-state.js';
import type { Vm } from '../lib/vm/vm.js';
import { SERIAL, type VmEvent } from '../lib/vm/vm-events.js';
import type { VmRegistry } from '../lib/vm/vm-registry.js';
import type { VmServiceHandlers } from '../protos/gen/vcpud/v1/VmService.js';
import type { WatchVmResponse } from '../protos/gen/vcpud/v1/WatchVmResponse.js';
import type { WriteConsoleRequest__Output } from '../protos/gen/vcpud/v1/WriteConsoleRequest.js';
import { requirementsMessage } from './compatibility.js';
import { clientStream, type Push, pushStream, unary } from './handlers.js';
import { duration, timestamp, vmConfig, vmMessage } from './messages.js';
import { page, parseVmName } from './names.js';
import { ofOneVm } from './one-vm.js';

/** What an event costs in a watcher's backlog beside its bytes. */
const EVENT_BYTES = 128;

export function vmService(vms: VmRegistry, log: Logger): VmServiceHandlers {
  const named = ({ name }: { name: string }): Vm => vms.get(parseVmName(name));
  return {
    CreateVm: unary(log, async ({ vmId, vm }) => {
      if (vm === null) throw VcpudError.of('FIELD_REQUIRED', 'vm is required', { field: 'vm' });
      const made = await vms.create(vmConfig(vmId, vm));
      return { vm: vmMessage(made) };
    }),
    GetVm: unary(log, (request) => ({ vm: vmMessage(named(request)) })),
    ListVms: unary(log, (request) => {
      const { items, nextPageToken } = page(vms.list(), (vm) => vm.config.id, request);
      return { vms: items.map(vmMessage), nextPageToken };
    }),
    DeleteVm: unary(log, async ({ name }) => {
      await vms.delete(parseVmName(name));
      return {};
    }),
    RunVm: unary(log, async (request, caller) => {
      const vm = named(request);
      await vm.run(caller);
      return { vm: vmMessage(vm) };
    }),
    PauseVm: unary(log, async (request, caller) => {
      const vm = named(request);
      await vm.pause(caller);
      return { vm: vmMessage(vm) };
    }),
    WriteConsole: clientStream(log, (requests) => writeConsole(vms, requests)),
    WatchVm: pushStream(log, (request, push) => watch(named(request), request.consoleHistory, push)),
    GetVmState: unary(log, async (request, caller) => {
      const { state, outMs, time } = await named(request).capture(caller);
      return {
        state: vmState(state),
        stopDuration: duration(outMs),
        captureTime: timestamp(time),
      };
    }),
    SetVmState: unary(log, async (request, caller) => {
      const vm = named(request);
      if (request.state === null)
        throw VcpudError.of('FIELD_REQUIRED', 'state is required', { field: 'state' });
      await vm.restore(caller, vmSnapshot(request.state));
      return { vm: vmMessage(vm) };
    }),
    GetVmRequirements: unary(log, async (request, caller) => {
      const vm = named(request);
      const { state, outMs } = await vm.needs(caller);
      return { requirements: requirementsMessage(vms, vm, state), stopDuration: duration(outMs) };
    }),
  };
}

/** How often WriteConsole looks whether its VM is still there while the guest reads nothing, ms. */
const CONSOLE_LOOK_MS = 1000;

async function writeConsole(
  vms: VmRegistry,
  requests: AsyncIterable<WriteConsoleRequest__Output>,
): Promise<{ writtenBytes: number }> {
  let written = 0;
  for await (const { vm, request } of ofOneVm(vms, requests)) {
    written += request.data.length;
    await vm.writeConsole(request.data, CONSOLE_LOOK_MS);
  }
  return { writtenBytes: written };
}

function watch(vm: Vm, consoleHistory: boolean, push: Push<WatchVmResponse>): () => void {
  const current = (time: number) => push.send({ eventTime: timestamp(time), vm: vmMessage(vm) }, EVENT_BYTES);
  const tell = (event: VmEvent) => {
    if (event.kind === 'ending') {
      push.fail(VcpudError.of('SHUTTING_DOWN', 'vcpud is ending'));
      return;
    }
    const eventTime = timestamp(event.time);
    switch (event.kind) {
      case 'changed':
        current(event.time);
        return;
      case 'console': {
        const { data, offset } = event;
        const serial = event.vcpuIndex === SERIAL;
        const port = serial ? 'CONSOLE_PORT_SERIAL' : 'CONSOLE_PORT_DEBUG';
        const vcpuIndex = serial ? 0 : event.vcpuIndex;
        push.send({ eventTime, console: { vcpuIndex, data, offset, port } }, EVENT_BYTES + data.length);
        return;
      }
      case 'exit':
        push.send({ eventTime, exit: { vcpuIndex: event.vcpuIndex, exit: event.exit } }, EVENT_BYTES);
        return;
      case 'deleted':
        push.send({ eventTime, deleted: {} }, EVENT_BYTES);
        push.end();
        return;
    }
  };
  // Nothing happens between these lines: a watcher misses no change.
  current(Date.now());
  if (consoleHistory) for (const event of vm.consoleHistory.all()) tell(event);
  return vm.watch(tell);
}
