// Original file: protos/vcpud/v1/memory.proto

import type { Vm as _vcpud_v1_Vm, Vm__Output as _vcpud_v1_Vm__Output } from '../../vcpud/v1/Vm.js';

/**
 * Tracking is on.
 */
export interface StartDirtyTrackingResponse {
  /**
   * The VM.
   */
  'vm'?: (_vcpud_v1_Vm | null);
}

/**
 * Tracking is on.
 */
export interface StartDirtyTrackingResponse__Output {
  /**
   * The VM.
   */
  'vm': (_vcpud_v1_Vm__Output | null);
}
