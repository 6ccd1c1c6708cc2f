// Original file: protos/vcpud/v1/vm.proto

import type { Long } from '@grpc/proto-loader';

/**
 * What the guest wrote to the debug console, I/O port 0xE9.
 */
export interface ConsoleOutput {
  /**
   * The vCPU that wrote.
   */
  'vcpuIndex'?: (number);
  /**
   * The bytes, in order.
   */
  'data'?: (Buffer | Uint8Array | string);
  /**
   * How many bytes that vCPU had written before these.
   */
  'offset'?: (number | string | Long);
}

/**
 * What the guest wrote to the debug console, I/O port 0xE9.
 */
export interface ConsoleOutput__Output {
  /**
   * The vCPU that wrote.
   */
  'vcpuIndex': (number);
  /**
   * The bytes, in order.
   */
  'data': (Buffer);
  /**
   * How many bytes that vCPU had written before these.
   */
  'offset': (string);
}
