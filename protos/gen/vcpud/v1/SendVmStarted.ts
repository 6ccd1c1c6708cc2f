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
  /**
   * Whether the destination reads the VM's memory itself, as one on the same host can: pages are named to it then, not sent, and what is
   * counted as sent is what it read.
   */
  'readsSource'?: (boolean);
}

/**
 * The destination waits for memory.
 */
export interface SendVmStarted__Output {
  /**
   * All memory of the VM.
   */
  'memoryBytes': (string);
  /**
   * Whether the destination reads the VM's memory itself, as one on the same host can: pages are named to it then, not sent, and what is
   * counted as sent is what it read.
   */
  'readsSource': (boolean);
}
