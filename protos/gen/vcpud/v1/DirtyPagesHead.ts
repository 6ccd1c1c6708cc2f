// Original file: protos/vcpud/v1/memory.proto

import type { Long } from '@grpc/proto-loader';

/**
 * What a collect is going to hand out. A client that cancels after it has taken nothing.
 */
export interface DirtyPagesHead {
  /**
   * Counts the collects since tracking was started, from 1 on: a number left out tells that somebody else has collected.
   */
  'round'?: (number | string | Long);
  /**
   * How many pages follow.
   */
  'pageCount'?: (number | string | Long);
}

/**
 * What a collect is going to hand out. A client that cancels after it has taken nothing.
 */
export interface DirtyPagesHead__Output {
  /**
   * Counts the collects since tracking was started, from 1 on: a number left out tells that somebody else has collected.
   */
  'round': (string);
  /**
   * How many pages follow.
   */
  'pageCount': (string);
}
