// Original file: protos/vcpud/v1/vcpu.proto

import type { VcpuState as _vcpud_v1_VcpuState, VcpuState__Output as _vcpud_v1_VcpuState__Output } from '../../vcpud/v1/VcpuState.js';
import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../../google/protobuf/Duration.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';

/**
 * Everything that a vCPU holds.
 */
export interface GetVcpuStateResponse {
  /**
   * The state.
   */
  'state'?: (_vcpud_v1_VcpuState | null);
  /**
   * For how long the vCPU was kept from running; zero where it was not running.
   */
  'stopDuration'?: (_google_protobuf_Duration | null);
  /**
   * When it was taken.
   */
  'captureTime'?: (_google_protobuf_Timestamp | null);
}

/**
 * Everything that a vCPU holds.
 */
export interface GetVcpuStateResponse__Output {
  /**
   * The state.
   */
  'state': (_vcpud_v1_VcpuState__Output | null);
  /**
   * For how long the vCPU was kept from running; zero where it was not running.
   */
  'stopDuration': (_google_protobuf_Duration__Output | null);
  /**
   * When it was taken.
   */
  'captureTime': (_google_protobuf_Timestamp__Output | null);
}
