// Original file: protos/vcpud/v1/migration.proto

import type { Vm as _vcpud_v1_Vm, Vm__Output as _vcpud_v1_Vm__Output } from '../../vcpud/v1/Vm.js';

/**
 * The VM that waits.
 */
export interface PrepareVmResponse {
  /**
   * The VM.
   */
  'vm'?: (_vcpud_v1_Vm | null);
  /**
   * What the source must show to send to it: for SendVm's destination.
   */
  'token'?: (string);
}

/**
 * The VM that waits.
 */
export interface PrepareVmResponse__Output {
  /**
   * The VM.
   */
  'vm': (_vcpud_v1_Vm__Output | null);
  /**
   * What the source must show to send to it: for SendVm's destination.
   */
  'token': (string);
}
