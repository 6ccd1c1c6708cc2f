// Original file: protos/vcpud/v1/migration.proto


/**
 * Memory can come.
 */
export interface ReceiveVmReady {
  /**
   * How many rehearsals the destination would have, to be quick at the switch.
   */
  'rehearsals'?: (number);
}

/**
 * Memory can come.
 */
export interface ReceiveVmReady__Output {
  /**
   * How many rehearsals the destination would have, to be quick at the switch.
   */
  'rehearsals': (number);
}
