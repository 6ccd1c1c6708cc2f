// Original file: protos/vcpud/v1/migration.proto

import type { Vm as _vcpud_v1_Vm, Vm__Output as _vcpud_v1_Vm__Output } from '../../vcpud/v1/Vm.js';

/**
 * What became of the VM.
 */
export interface ResolveMigrationResponse {
  /**
   * The VM where it goes on here; absent where it was deleted.
   */
  'vm'?: (_vcpud_v1_Vm | null);
}

/**
 * What became of the VM.
 */
export interface ResolveMigrationResponse__Output {
  /**
   * The VM where it goes on here; absent where it was deleted.
   */
  'vm': (_vcpud_v1_Vm__Output | null);
}
