// Original file: protos/vcpud/v1/nested_state.proto

import type { NestedState as _vcpud_v1_NestedState, NestedState__Output as _vcpud_v1_NestedState__Output } from '../../vcpud/v1/NestedState.js';

/**
 * The vCPU after its reset.
 */
export interface ResetResponse {
  /**
   * The nested state that the vCPU now holds: header only, out of guest mode. Unset where the host's KVM has none.
   */
  'nestedState'?: (_vcpud_v1_NestedState | null);
}

/**
 * The vCPU after its reset.
 */
export interface ResetResponse__Output {
  /**
   * The nested state that the vCPU now holds: header only, out of guest mode. Unset where the host's KVM has none.
   */
  'nestedState': (_vcpud_v1_NestedState__Output | null);
}
