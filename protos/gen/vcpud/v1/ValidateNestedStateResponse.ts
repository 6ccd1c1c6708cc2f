// Original file: protos/vcpud/v1/nested_state.proto

import type { NestedStateViolation as _vcpud_v1_NestedStateViolation, NestedStateViolation__Output as _vcpud_v1_NestedStateViolation__Output } from '../../vcpud/v1/NestedStateViolation.js';
import type { NestedState as _vcpud_v1_NestedState, NestedState__Output as _vcpud_v1_NestedState__Output } from '../../vcpud/v1/NestedState.js';

/**
 * What the rules say of a nested state.
 */
export interface ValidateNestedStateResponse {
  /**
   * Every rule that the state breaks, in the kernel's order. Empty: no rule refuses it. Those after the first judge what the
   * kernel would not have looked at any more.
   */
  'violations'?: (_vcpud_v1_NestedStateViolation)[];
  /**
   * Reasons of rules that could not be judged, as the target's description lacks what they need.
   */
  'unjudgedRules'?: (string)[];
  /**
   * The state as given, and what it says; unset where it is shorter than a header.
   */
  'nestedState'?: (_vcpud_v1_NestedState | null);
}

/**
 * What the rules say of a nested state.
 */
export interface ValidateNestedStateResponse__Output {
  /**
   * Every rule that the state breaks, in the kernel's order. Empty: no rule refuses it. Those after the first judge what the
   * kernel would not have looked at any more.
   */
  'violations': (_vcpud_v1_NestedStateViolation__Output)[];
  /**
   * Reasons of rules that could not be judged, as the target's description lacks what they need.
   */
  'unjudgedRules': (string)[];
  /**
   * The state as given, and what it says; unset where it is shorter than a header.
   */
  'nestedState': (_vcpud_v1_NestedState__Output | null);
}
