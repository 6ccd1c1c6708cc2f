// Original file: protos/vcpud/v1/migration.proto

import type { Long } from '@grpc/proto-loader';

/**
 * How far a round is.
 */
export interface SendVmProgress {
  /**
   * The round, from 1 on.
   */
  'round'?: (number);
  /**
   * Pages sent in it so far, zero ones included.
   */
  'pages'?: (number | string | Long);
  /**
   * Pages that the round has as far as known; 0 in the first one.
   */
  'ofPages'?: (number | string | Long);
  /**
   * Bytes sent in it so far.
   */
  'sentBytes'?: (number | string | Long);
}

/**
 * How far a round is.
 */
export interface SendVmProgress__Output {
  /**
   * The round, from 1 on.
   */
  'round': (number);
  /**
   * Pages sent in it so far, zero ones included.
   */
  'pages': (string);
  /**
   * Pages that the round has as far as known; 0 in the first one.
   */
  'ofPages': (string);
  /**
   * Bytes sent in it so far.
   */
  'sentBytes': (string);
}
