// Original file: protos/vcpud/v1/migration.proto

import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../../google/protobuf/Duration.js';
import type { Long } from '@grpc/proto-loader';

/**
 * What a round sent.
 */
export interface SendVmRoundDone {
  /**
   * The round, from 1 on.
   */
  'round'?: (number);
  /**
   * Pages sent, zero ones included.
   */
  'pages'?: (number | string | Long);
  /**
   * Those of them that were all zero, which cost no payload.
   */
  'zeroPages'?: (number | string | Long);
  /**
   * Bytes sent.
   */
  'sentBytes'?: (number | string | Long);
  /**
   * How long it took, until the destination had written it.
   */
  'duration'?: (_google_protobuf_Duration | null);
  /**
   * Pages that were written again meanwhile: what the next round, or the switch, would have to send at this moment.
   */
  'dirtyPages'?: (number | string | Long);
}

/**
 * What a round sent.
 */
export interface SendVmRoundDone__Output {
  /**
   * The round, from 1 on.
   */
  'round': (number);
  /**
   * Pages sent, zero ones included.
   */
  'pages': (string);
  /**
   * Those of them that were all zero, which cost no payload.
   */
  'zeroPages': (string);
  /**
   * Bytes sent.
   */
  'sentBytes': (string);
  /**
   * How long it took, until the destination had written it.
   */
  'duration': (_google_protobuf_Duration__Output | null);
  /**
   * Pages that were written again meanwhile: what the next round, or the switch, would have to send at this moment.
   */
  'dirtyPages': (string);
}
