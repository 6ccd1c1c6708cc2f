// Original file: protos/vcpud/v1/vm.proto


/**
 * The registers of a 16550A, as last written, and what was received and not read yet.
 */
export interface SerialPortState {
  /**
   * Interrupt enable register, 8 bits.
   */
  'ier'?: (number);
  /**
   * Line control register, 8 bits.
   */
  'lcr'?: (number);
  /**
   * Modem control register, 8 bits.
   */
  'mcr'?: (number);
  /**
   * Scratch register, 8 bits.
   */
  'scr'?: (number);
  /**
   * FIFO control register, 8 bits: only bit 0, the FIFOs' enable.
   */
  'fcr'?: (number);
  /**
   * Divisor latch, 16 bits.
   */
  'divisor'?: (number);
  /**
   * Whether the transmitter-empty interrupt is pending.
   */
  'thrEmptyPending'?: (boolean);
  /**
   * Whether the port's interrupt line is up.
   */
  'irqLevel'?: (boolean);
  /**
   * Bytes that wait to be read, at most 1024.
   */
  'received'?: (Buffer | Uint8Array | string);
}

/**
 * The registers of a 16550A, as last written, and what was received and not read yet.
 */
export interface SerialPortState__Output {
  /**
   * Interrupt enable register, 8 bits.
   */
  'ier': (number);
  /**
   * Line control register, 8 bits.
   */
  'lcr': (number);
  /**
   * Modem control register, 8 bits.
   */
  'mcr': (number);
  /**
   * Scratch register, 8 bits.
   */
  'scr': (number);
  /**
   * FIFO control register, 8 bits: only bit 0, the FIFOs' enable.
   */
  'fcr': (number);
  /**
   * Divisor latch, 16 bits.
   */
  'divisor': (number);
  /**
   * Whether the transmitter-empty interrupt is pending.
   */
  'thrEmptyPending': (boolean);
  /**
   * Whether the port's interrupt line is up.
   */
  'irqLevel': (boolean);
  /**
   * Bytes that wait to be read, at most 1024.
   */
  'received': (Buffer);
}
