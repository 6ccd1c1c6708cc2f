// Original file: protos/vcpud/v1/vm.proto

import type { Long } from '@grpc/proto-loader';

/**
 * What the guest's serial port took.
 */
export interface WriteConsoleResponse {
  /**
   * How many bytes.
   */
  'writtenBytes'?: (number | string | Long);
}

/**
 * What the guest's serial port took.
 */
export interface WriteConsoleResponse__Output {
  /**
   * How many bytes.
   */
  'writtenBytes': (string);
}
