// Original file: protos/vcpud/v1/vm.proto

import type { Vm as _vcpud_v1_Vm, Vm__Output as _vcpud_v1_Vm__Output } from '../../vcpud/v1/Vm.js';

/**
 * The VM that is paused.
 */
export interface PauseVmResponse {
  /**
   * The VM.
   */
  'vm'?: (_vcpud_v1_Vm | null);
}

/**
 * The VM that is paused.
 */
export interface PauseVmResponse__Output {
  /**
   * The VM.
   */
  'vm': (_vcpud_v1_Vm__Output | null);
}
