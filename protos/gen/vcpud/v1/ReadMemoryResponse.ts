// Original file: protos/vcpud/v1/memory.proto

import type { Long } from '@grpc/proto-loader';

/**
 * A chunk of guest memory.
 */
export interface ReadMemoryResponse {
  /**
   * Guest-physical address of its first byte.
   */
  'gpa'?: (number | string | Long);
  /**
   * These bytes.
   */
  'data'?: (Buffer | Uint8Array | string);
  /**
   * This many zero bytes.
   */
  'zeroBytes'?: (number | string | Long);
  /**
   * What stands there.
   */
  'content'?: "data"|"zeroBytes";
}

/**
 * A chunk of guest memory.
 */
export interface ReadMemoryResponse__Output {
  /**
   * Guest-physical address of its first byte.
   */
  'gpa': (string);
  /**
   * These bytes.
   */
  'data'?: (Buffer);
  /**
   * This many zero bytes.
   */
  'zeroBytes'?: (string);
  /**
   * What stands there.
   */
  'content'?: "data"|"zeroBytes";
}
