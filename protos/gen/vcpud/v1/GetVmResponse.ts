// Original file: protos/vcpud/v1/vm.proto

import type { Vm as _vcpud_v1_Vm, Vm__Output as _vcpud_v1_Vm__Output } from '../../vcpud/v1/Vm.js';

/**
 * A VM.
 */
export interface GetVmResponse {
  /**
   * The VM.
   */
  'vm'?: (_vcpud_v1_Vm | null);
}

/**
 * A VM.
 */
export interface GetVmResponse__Output {
  /**
   * The VM.
   */
  'vm': (_vcpud_v1_Vm__Output | null);
}
