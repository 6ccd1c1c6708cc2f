// Original file: protos/vcpud/v1/memory.proto

import type { Long } from '@grpc/proto-loader';

/**
 * How much was written.
 */
export interface WriteMemoryResponse {
  /**
   * Bytes of data and zero_bytes.
   */
  'writtenBytes'?: (number | string | Long);
}

/**
 * How much was written.
 */
export interface WriteMemoryResponse__Output {
  /**
   * Bytes of data and zero_bytes.
   */
  'writtenBytes': (string);
}
