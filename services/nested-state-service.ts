// NestedStateService: the nested state of a vCPU, got, set, reset, and got of many at once.

import type { Logger } from 'pino';
import { nestedState } from '../lib/api/vcpu-state.js';
import { VcpudError } from '../lib/errors/vcpud-error.js';
import type { Vm } from '../lib/vm/vm.js';
import type { VmRegistry } from '../lib/vm/vm-registry.js';
import type { NestedStateServiceHandlers } from '../protos/gen/vcpud/v1/NestedStateService.js';
import { unary } from './handlers.js';
import { byteRanges, duration, timestamp } from './messages.js';
import { parseVcpuName, parseVmName, vcpuName } from './names.js';

const MOST_NAMES = 1024;
const ANY_VM = 'vms/-';

export function nestedStateService(vms: VmRegistry, log: Logger): NestedStateServiceHandlers {
  const named = (name: string, field = 'name') => {
    const { vm: id, index } = parseVcpuName(name, field);
    const vm = vms.get(id);
    vm.vcpu(index);
    return { name, vm, index };
  };
  return {
    GetNestedState: unary(log, async ({ name }) => {
      const { vm, index } = named(name);
      const { bytes, outMs, time } = await vm.getNestedState(index);
      return { nestedState: nestedState(bytes), stopDuration: duration(outMs), captureTime: timestamp(time) };
    }),
    SetNestedState: unary(log, async ({ name, nestedState: given, validateOnly }, caller) => {
      const { vm, index } = named(name);
      if (given === null) {
        throw VcpudError.of('FIELD_REQUIRED', 'nested_state is required', { field: 'nested_state' });
      }
      const { held, ignored } = await vm.setNestedState(caller, index, given.data, validateOnly);
      return { nestedState: nestedState(held), ignored: byteRanges(ignored) };
    }),
    Reset: unary(log, async ({ name }, caller) => {
      const { vm, index } = named(name);
      const held = await vm.reset(caller, index);
      return { nestedState: held === undefined ? null : nestedState(held) };
    }),
    BatchGetNestedStates: unary(log, async ({ parent, names }) => {
      const targets = batchNames(vms, parent, names).map((name, i) => named(name, `names[${i}]`));
      const states = await Promise.all(targets.map(({ vm, index }) => vm.getNestedState(index)));
      return {
        nestedStates: states.map(({ bytes }, i) => ({
          name: targets[i]?.name ?? '',
          nestedState: nestedState(bytes),
        })),
      };
    }),
  };
}

/** The names that a batch asks for, checked against its parent. */
function batchNames(vms: VmRegistry, parent: string, names: readonly string[]): readonly string[] {
  if (names.length > MOST_NAMES) {
    throw VcpudError.of('TOO_MANY_NAMES', `a batch takes at most ${MOST_NAMES} names, not ${names.length}`, {
      field: 'names',
      metadata: { names: String(names.length) },
    });
  }
  if (parent === ANY_VM) {
    if (names.length > 0) return names;
    throw VcpudError.of('FIELD_REQUIRED', `names is required with the parent ${ANY_VM}`, { field: 'names' });
  }
  const vm: Vm = vms.get(parseVmName(parent, 'parent'));
  if (names.length === 0) return vm.vcpus.map(({ index }) => vcpuName(vm.config.id, index));
  const stray = names.findIndex((name) => !name.startsWith(`${parent}/vcpus/`));
  if (stray < 0) return names;
  throw VcpudError.of('NAME_MALFORMED', `names[${stray}] is not below ${parent}`, {
    field: `names[${stray}]`,
  });
}
