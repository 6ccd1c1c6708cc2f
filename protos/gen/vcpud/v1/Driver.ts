// Original file: protos/vcpud/v1/host.proto

/**
 * What carries an ioctl to the kernel.
 */
export const Driver = {
  /**
   * Not known.
   */
  DRIVER_UNSPECIFIED: 'DRIVER_UNSPECIFIED',
  /**
   * vcpud's own process made the VM.
   */
  DRIVER_NATIVE: 'DRIVER_NATIVE',
} as const;

/**
 * What carries an ioctl to the kernel.
 */
export type Driver =
  /**
   * Not known.
   */
  | 'DRIVER_UNSPECIFIED'
  | 0
  /**
   * vcpud's own process made the VM.
   */
  | 'DRIVER_NATIVE'
  | 1

/**
 * What carries an ioctl to the kernel.
 */
export type Driver__Output = typeof Driver[keyof typeof Driver]
