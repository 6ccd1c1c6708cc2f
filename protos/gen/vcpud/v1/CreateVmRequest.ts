// Original file: protos/vcpud/v1/vm.proto

import type { Vm as _vcpud_v1_Vm, Vm__Output as _vcpud_v1_Vm__Output } from '../../vcpud/v1/Vm.js';

/**
 * Makes a VM.
 */
export interface CreateVmRequest {
  /**
   * The id it is to have: 1 to 63 of a-z, 0-9 and -, begins with a letter, doesn't end with -.
   */
  'vmId'?: (string);
  /**
   * Its shape.
   */
  'vm'?: (_vcpud_v1_Vm | null);
}

/**
 * Makes a VM.
 */
export interface CreateVmRequest__Output {
  /**
   * The id it is to have: 1 to 63 of a-z, 0-9 and -, begins with a letter, doesn't end with -.
   */
  'vmId': (string);
  /**
   * Its shape.
   */
  'vm': (_vcpud_v1_Vm__Output | null);
}
