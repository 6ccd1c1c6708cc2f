// Original file: protos/vcpud/v1/migration.proto

import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../../google/protobuf/Duration.js';

/**
 * A part of a blackout.
 */
export interface SwitchPart {
  /**
   * Such as "stop" or "restore".
   */
  'name'?: (string);
  /**
   * How long it took.
   */
  'duration'?: (_google_protobuf_Duration | null);
}

/**
 * A part of a blackout.
 */
export interface SwitchPart__Output {
  /**
   * Such as "stop" or "restore".
   */
  'name': (string);
  /**
   * How long it took.
   */
  'duration': (_google_protobuf_Duration__Output | null);
}
