// Original file: protos/vcpud/v1/memory_region.proto

import type { Long } from '@grpc/proto-loader';

/**
 * A region of guest-physical memory.
 */
export interface MemoryRegion {
  /**
   * Guest-physical address of its first byte; a multiple of 4096.
   */
  'gpa'?: (number | string | Long);
  /**
   * Its size; a multiple of 4096, not 0.
   */
  'sizeBytes'?: (number | string | Long);
}

/**
 * A region of guest-physical memory.
 */
export interface MemoryRegion__Output {
  /**
   * Guest-physical address of its first byte; a multiple of 4096.
   */
  'gpa': (string);
  /**
   * Its size; a multiple of 4096, not 0.
   */
  'sizeBytes': (string);
}
