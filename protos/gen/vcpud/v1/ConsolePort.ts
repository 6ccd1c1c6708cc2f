// Original file: protos/vcpud/v1/vm.proto

/**
 * Where console output was written.
 */
export const ConsolePort = {
  /**
   * Not known.
   */
  CONSOLE_PORT_UNSPECIFIED: 'CONSOLE_PORT_UNSPECIFIED',
  /**
   * The debug console, I/O port 0xE9.
   */
  CONSOLE_PORT_DEBUG: 'CONSOLE_PORT_DEBUG',
  /**
   * The serial port of a VM with PC devices.
   */
  CONSOLE_PORT_SERIAL: 'CONSOLE_PORT_SERIAL',
} as const;

/**
 * Where console output was written.
 */
export type ConsolePort =
  /**
   * Not known.
   */
  | 'CONSOLE_PORT_UNSPECIFIED'
  | 0
  /**
   * The debug console, I/O port 0xE9.
   */
  | 'CONSOLE_PORT_DEBUG'
  | 1
  /**
   * The serial port of a VM with PC devices.
   */
  | 'CONSOLE_PORT_SERIAL'
  | 2

/**
 * Where console output was written.
 */
export type ConsolePort__Output = typeof ConsolePort[keyof typeof ConsolePort]
