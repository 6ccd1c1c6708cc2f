// Original file: protos/vcpud/v1/nested_state.proto

import type { NestedState as _vcpud_v1_NestedState, NestedState__Output as _vcpud_v1_NestedState__Output } from '../../vcpud/v1/NestedState.js';
import type { ByteRange as _vcpud_v1_ByteRange, ByteRange__Output as _vcpud_v1_ByteRange__Output } from '../../vcpud/v1/ByteRange.js';

/**
 * What the vCPU holds now.
 */
export interface SetNestedStateResponse {
  /**
   * The state as read back; with validate_only, as given.
   */
  'nestedState'?: (_vcpud_v1_NestedState | null);
  /**
   * Bytes of the input that were not zero and that the kernel does not hold, by its design: reserved fields, and
   * data of a state that isn't in guest mode.
   */
  'ignored'?: (_vcpud_v1_ByteRange)[];
}

/**
 * What the vCPU holds now.
 */
export interface SetNestedStateResponse__Output {
  /**
   * The state as read back; with validate_only, as given.
   */
  'nestedState': (_vcpud_v1_NestedState__Output | null);
  /**
   * Bytes of the input that were not zero and that the kernel does not hold, by its design: reserved fields, and
   * data of a state that isn't in guest mode.
   */
  'ignored': (_vcpud_v1_ByteRange__Output)[];
}
