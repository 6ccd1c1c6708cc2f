// Original file: protos/vcpud/v1/memory.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Asks for a range of guest-physical memory.
 */
export interface ReadMemoryRequest {
  /**
   * vms/{vm}.
   */
  'name'?: (string);
  /**
   * Guest-physical address of the first byte.
   */
  'gpa'?: (number | string | Long);
  /**
   * How many bytes. The range must lie within one region of the VM.
   */
  'sizeBytes'?: (number | string | Long);
  /**
   * The most data bytes in one message; 0 for 1 MiB, at most 2 MiB.
   */
  'chunkBytes'?: (number);
}

/**
 * Asks for a range of guest-physical memory.
 */
export interface ReadMemoryRequest__Output {
  /**
   * vms/{vm}.
   */
  'name': (string);
  /**
   * Guest-physical address of the first byte.
   */
  'gpa': (string);
  /**
   * How many bytes. The range must lie within one region of the VM.
   */
  'sizeBytes': (string);
  /**
   * The most data bytes in one message; 0 for 1 MiB, at most 2 MiB.
   */
  'chunkBytes': (number);
}
