// Original file: protos/vcpud/v1/vm.proto

import type { ConsolePort as _vcpud_v1_ConsolePort, ConsolePort__Output as _vcpud_v1_ConsolePort__Output } from '../../vcpud/v1/ConsolePort.js';
import type { Long } from '@grpc/proto-loader';

/**
 * What the guest wrote to the debug console, I/O port 0xE9, or to the serial port.
 */
export interface ConsoleOutput {
  /**
   * The vCPU that wrote to the debug console; 0 for the serial port.
   */
  'vcpuIndex'?: (number);
  /**
   * The bytes, in order.
   */
  'data'?: (Buffer | Uint8Array | string);
  /**
   * How many bytes had been written there before these: by that vCPU to the debug console, or by all to the serial port.
   */
  'offset'?: (number | string | Long);
  /**
   * Where it was written.
   */
  'port'?: (_vcpud_v1_ConsolePort);
}

/**
 * What the guest wrote to the debug console, I/O port 0xE9, or to the serial port.
 */
export interface ConsoleOutput__Output {
  /**
   * The vCPU that wrote to the debug console; 0 for the serial port.
   */
  'vcpuIndex': (number);
  /**
   * The bytes, in order.
   */
  'data': (Buffer);
  /**
   * How many bytes had been written there before these: by that vCPU to the debug console, or by all to the serial port.
   */
  'offset': (string);
  /**
   * Where it was written.
   */
  'port': (_vcpud_v1_ConsolePort__Output);
}
