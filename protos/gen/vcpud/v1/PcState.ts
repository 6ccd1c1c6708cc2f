// Original file: protos/vcpud/v1/vm.proto

import type { SerialPortState as _vcpud_v1_SerialPortState, SerialPortState__Output as _vcpud_v1_SerialPortState__Output } from '../../vcpud/v1/SerialPortState.js';

/**
 * What the PC devices of a VM hold.
 */
export interface PcState {
  /**
   * The CMOS index register.
   */
  'cmosIndex'?: (number);
  /**
   * The first serial port.
   */
  'serial'?: (_vcpud_v1_SerialPortState | null);
}

/**
 * What the PC devices of a VM hold.
 */
export interface PcState__Output {
  /**
   * The CMOS index register.
   */
  'cmosIndex': (number);
  /**
   * The first serial port.
   */
  'serial': (_vcpud_v1_SerialPortState__Output | null);
}
