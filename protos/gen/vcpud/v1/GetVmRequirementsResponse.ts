// Original file: protos/vcpud/v1/vm.proto

import type { VmRequirements as _vcpud_v1_VmRequirements, VmRequirements__Output as _vcpud_v1_VmRequirements__Output } from '../../vcpud/v1/VmRequirements.js';
import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../../google/protobuf/Duration.js';

/**
 * What a VM asks of a host.
 */
export interface GetVmRequirementsResponse {
  /**
   * The VM's requirements, for CheckCompatibility.
   */
  'requirements'?: (_vcpud_v1_VmRequirements | null);
  /**
   * For how long the guest was kept from running for it; 0 for a VM that did not run.
   */
  'stopDuration'?: (_google_protobuf_Duration | null);
}

/**
 * What a VM asks of a host.
 */
export interface GetVmRequirementsResponse__Output {
  /**
   * The VM's requirements, for CheckCompatibility.
   */
  'requirements': (_vcpud_v1_VmRequirements__Output | null);
  /**
   * For how long the guest was kept from running for it; 0 for a VM that did not run.
   */
  'stopDuration': (_google_protobuf_Duration__Output | null);
}
