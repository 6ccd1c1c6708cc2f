// Original file: protos/vcpud/v1/vm.proto

import type { VmState as _vcpud_v1_VmState, VmState__Output as _vcpud_v1_VmState__Output } from '../../vcpud/v1/VmState.js';

/**
 * Gives a VM what another held.
 */
export interface SetVmStateRequest {
  /**
   * vms/{vm}; it must be paused.
   */
  'name'?: (string);
  /**
   * All parts that GetVmState gave.
   */
  'state'?: (_vcpud_v1_VmState | null);
}

/**
 * Gives a VM what another held.
 */
export interface SetVmStateRequest__Output {
  /**
   * vms/{vm}; it must be paused.
   */
  'name': (string);
  /**
   * All parts that GetVmState gave.
   */
  'state': (_vcpud_v1_VmState__Output | null);
}
