// Original file: protos/vcpud/v1/migration.proto


/**
 * Has the guest go on at the destination.
 */
export interface SendVmSwitch {
  /**
   * Whether to compare all memory, by SHA-256 of each 16 MiB, before the guest goes on: its blackout grows by that.
   */
  'verifyMemory'?: (boolean);
}

/**
 * Has the guest go on at the destination.
 */
export interface SendVmSwitch__Output {
  /**
   * Whether to compare all memory, by SHA-256 of each 16 MiB, before the guest goes on: its blackout grows by that.
   */
  'verifyMemory': (boolean);
}
