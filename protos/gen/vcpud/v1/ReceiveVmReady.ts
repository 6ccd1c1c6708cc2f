// Original file: protos/vcpud/v1/migration.proto


/**
 * Memory can come.
 */
export interface ReceiveVmReady {
  /**
   * How many rehearsals the destination would have, to be quick at the switch.
   */
  'rehearsals'?: (number);
  /**
   * Whether the destination has found the memory that begin named: pages may be sent by name then (MemoryPages.in_source).
   */
  'readsSource'?: (boolean);
}

/**
 * Memory can come.
 */
export interface ReceiveVmReady__Output {
  /**
   * How many rehearsals the destination would have, to be quick at the switch.
   */
  'rehearsals': (number);
  /**
   * Whether the destination has found the memory that begin named: pages may be sent by name then (MemoryPages.in_source).
   */
  'readsSource': (boolean);
}
