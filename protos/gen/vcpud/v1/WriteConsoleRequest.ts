// Original file: protos/vcpud/v1/vm.proto


/**
 * Bytes for the guest to read from its serial port.
 */
export interface WriteConsoleRequest {
  /**
   * vms/{vm}: required in the first message, the same or empty in later ones.
   */
  'name'?: (string);
  /**
   * The bytes.
   */
  'data'?: (Buffer | Uint8Array | string);
}

/**
 * Bytes for the guest to read from its serial port.
 */
export interface WriteConsoleRequest__Output {
  /**
   * vms/{vm}: required in the first message, the same or empty in later ones.
   */
  'name': (string);
  /**
   * The bytes.
   */
  'data': (Buffer);
}
