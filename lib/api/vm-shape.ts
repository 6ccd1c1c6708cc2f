// What of a Vm message makes a VM alike: every field that CreateVm reads. Those that vcpud alone fills are named here,
// so that a field of a VM's shape that is new travels without a change.

import type { Vm, Vm__Output } from '../../protos/gen/vcpud/v1/Vm.js';

/** Fields of vcpud.v1.Vm that are output only. */
const OUTPUT_ONLY: ReadonlySet<string> = new Set<keyof Vm__Output>([
  'name',
  'runState',
  'stop',
  'driver',
  'createTime',
  'updateTime',
]);

/** For CreateVmRequest.vm: a VM of the same shape. */
export function vmShape(vm: Vm__Output): Vm {
  return Object.fromEntries(Object.entries(vm).filter(([field]) => !OUTPUT_ONLY.has(field)));
}
