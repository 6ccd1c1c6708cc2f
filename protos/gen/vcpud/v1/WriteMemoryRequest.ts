// Original file: protos/vcpud/v1/memory.proto

import type { Long } from '@grpc/proto-loader';

/**
 * A chunk to write.
 */
export interface WriteMemoryRequest {
  /**
   * vms/{vm}: required in the first message, the same or empty in later ones.
   */
  'name'?: (string);
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
   * What to write there.
   */
  'content'?: "data"|"zeroBytes";
}

/**
 * A chunk to write.
 */
export interface WriteMemoryRequest__Output {
  /**
   * vms/{vm}: required in the first message, the same or empty in later ones.
   */
  'name': (string);
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
   * What to write there.
   */
  'content'?: "data"|"zeroBytes";
}
