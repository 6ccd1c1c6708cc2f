// Original file: protos/vcpud/v1/nested_state.proto

import type { NestedState as _vcpud_v1_NestedState, NestedState__Output as _vcpud_v1_NestedState__Output } from '../../vcpud/v1/NestedState.js';
import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../../google/protobuf/Duration.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';

/**
 * One vCPU's nested state.
 */
export interface GetNestedStateResponse {
  /**
   * The state.
   */
  'nestedState'?: (_vcpud_v1_NestedState | null);
  /**
   * For how long the vCPU was kept from running, from the kick to going on; zero where it was not running.
   */
  'stopDuration'?: (_google_protobuf_Duration | null);
  /**
   * When it was taken.
   */
  'captureTime'?: (_google_protobuf_Timestamp | null);
}

/**
 * One vCPU's nested state.
 */
export interface GetNestedStateResponse__Output {
  /**
   * The state.
   */
  'nestedState': (_vcpud_v1_NestedState__Output | null);
  /**
   * For how long the vCPU was kept from running, from the kick to going on; zero where it was not running.
   */
  'stopDuration': (_google_protobuf_Duration__Output | null);
  /**
   * When it was taken.
   */
  'captureTime': (_google_protobuf_Timestamp__Output | null);
}
