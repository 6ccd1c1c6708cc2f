// Original file: protos/vcpud/v1/vm.proto

import type { Vm as _vcpud_v1_Vm, Vm__Output as _vcpud_v1_Vm__Output } from '../../vcpud/v1/Vm.js';

/**
 * The VM that was made.
 */
export interface CreateVmResponse {
  /**
   * The VM, paused.
   */
  'vm'?: (_vcpud_v1_Vm | null);
}

/**
 * The VM that was made.
 */
export interface CreateVmResponse__Output {
  /**
   * The VM, paused.
   */
  'vm': (_vcpud_v1_Vm__Output | null);
}
