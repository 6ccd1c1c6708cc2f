// Original file: protos/vcpud/v1/migration.proto

import type { Long } from '@grpc/proto-loader';

/**
 * The destination waits for memory.
 */
export interface SendVmStarted {
  /**
   * All memory of the VM.
   */
  'memoryBytes'?: (number | string | Long);
}

/**
 * The destination waits for memory.
 */
export interface SendVmStarted__Output {
  /**
   * All memory of the VM.
   */
  'memoryBytes': (string);
}
