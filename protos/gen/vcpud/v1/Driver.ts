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
  /**
   * No kernel at all: a model of one, in vcpud's process. It takes and gives states as that kernel does, and runs no guest.
   */
  DRIVER_MODEL: 'DRIVER_MODEL',
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
   * No kernel at all: a model of one, in vcpud's process. It takes and gives states as that kernel does, and runs no guest.
   */
  | 'DRIVER_MODEL'
  | 2

/**
 * What carries an ioctl to the kernel.
 */
export type Driver__Output = typeof Driver[keyof typeof Driver]
