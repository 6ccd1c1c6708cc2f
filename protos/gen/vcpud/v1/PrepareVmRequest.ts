// Original file: protos/vcpud/v1/migration.proto

import type { Vm as _vcpud_v1_Vm, Vm__Output as _vcpud_v1_Vm__Output } from '../../vcpud/v1/Vm.js';

/**
 * Makes a VM that waits for another one's memory and state.
 */
export interface PrepareVmRequest {
  /**
   * The id it is to have, as in CreateVm; the source's VM has the same.
   */
  'vmId'?: (string);
  /**
   * Its shape: the source's Vm, as GetVm gave it. linux_boot is not looked at.
   */
  'vm'?: (_vcpud_v1_Vm | null);
  /**
   * The migration's id, which the orchestrator chooses: 1 to 64 letters, digits and -.
   */
  'migrationId'?: (string);
}

/**
 * Makes a VM that waits for another one's memory and state.
 */
export interface PrepareVmRequest__Output {
  /**
   * The id it is to have, as in CreateVm; the source's VM has the same.
   */
  'vmId': (string);
  /**
   * Its shape: the source's Vm, as GetVm gave it. linux_boot is not looked at.
   */
  'vm': (_vcpud_v1_Vm__Output | null);
  /**
   * The migration's id, which the orchestrator chooses: 1 to 64 letters, digits and -.
   */
  'migrationId': (string);
}
