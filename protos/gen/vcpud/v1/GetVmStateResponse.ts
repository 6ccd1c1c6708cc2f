// Original file: protos/vcpud/v1/vm.proto

import type { VmState as _vcpud_v1_VmState, VmState__Output as _vcpud_v1_VmState__Output } from '../../vcpud/v1/VmState.js';
import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../../google/protobuf/Duration.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';

/**
 * Everything that a VM holds beside its memory.
 */
export interface GetVmStateResponse {
  /**
   * The state.
   */
  'state'?: (_vcpud_v1_VmState | null);
  /**
   * For how long the VM was kept from running; zero where it was not running.
   */
  'stopDuration'?: (_google_protobuf_Duration | null);
  /**
   * When it was taken.
   */
  'captureTime'?: (_google_protobuf_Timestamp | null);
}

/**
 * Everything that a VM holds beside its memory.
 */
export interface GetVmStateResponse__Output {
  /**
   * The state.
   */
  'state': (_vcpud_v1_VmState__Output | null);
  /**
   * For how long the VM was kept from running; zero where it was not running.
   */
  'stopDuration': (_google_protobuf_Duration__Output | null);
  /**
   * When it was taken.
   */
  'captureTime': (_google_protobuf_Timestamp__Output | null);
}
