// Original file: protos/vcpud/v1/host.proto

import type { VmRequirements as _vcpud_v1_VmRequirements, VmRequirements__Output as _vcpud_v1_VmRequirements__Output } from '../../vcpud/v1/VmRequirements.js';

/**
 * Asks whether a VM can move here.
 */
export interface CheckCompatibilityRequest {
  /**
   * GetVmRequirementsResponse.requirements of the source.
   */
  'requirements'?: (_vcpud_v1_VmRequirements | null);
}

/**
 * Asks whether a VM can move here.
 */
export interface CheckCompatibilityRequest__Output {
  /**
   * GetVmRequirementsResponse.requirements of the source.
   */
  'requirements': (_vcpud_v1_VmRequirements__Output | null);
}
