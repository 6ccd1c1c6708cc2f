// Original file: protos/vcpud/v1/host.proto

import type { CompatibilityFinding as _vcpud_v1_CompatibilityFinding, CompatibilityFinding__Output as _vcpud_v1_CompatibilityFinding__Output } from '../../vcpud/v1/CompatibilityFinding.js';

/**
 * Whether a VM can move here.
 */
export interface CheckCompatibilityResponse {
  /**
   * What differs and matters: blockers, then warnings, then what is only worth knowing.
   */
  'findings'?: (_vcpud_v1_CompatibilityFinding)[];
  /**
   * Whether there is no blocker.
   */
  'compatible'?: (boolean);
}

/**
 * Whether a VM can move here.
 */
export interface CheckCompatibilityResponse__Output {
  /**
   * What differs and matters: blockers, then warnings, then what is only worth knowing.
   */
  'findings': (_vcpud_v1_CompatibilityFinding__Output)[];
  /**
   * Whether there is no blocker.
   */
  'compatible': (boolean);
}
