// What of a Vm message makes a VM alike: every field that CreateVm reads for a VM that is given a state. The others are
// named here, so that a field of a VM's shape that is new travels without a change.

import type { Vm, Vm__Output } from '../../protos/gen/vcpud/v1/Vm.js';

/** Fields of vcpud.v1.Vm that are no shape. */
const NO_SHAPE: ReadonlySet<string> = new Set<keyof Vm__Output>([
  // Output only.
  'name',
  'runState',
  'stop',
  'driver',
  'createTime',
  'updateTime',
  'migration',
  'dirtyTracking',
  // How the VM began, by files of its first host; the kernel is in its memory since.
  'linuxBoot',
]);

/** For CreateVmRequest.vm: a VM of the same shape, to be given a state. */
export function vmShape(vm: Vm__Output): Vm {
  return Object.fromEntries(Object.entries(vm).filter(([field]) => !NO_SHAPE.has(field)));
}
