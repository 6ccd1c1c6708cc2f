// Original file: protos/vcpud/v1/migration.proto


/**
 * All of a round is written.
 */
export interface ReceiveVmRoundWritten {
  /**
   * The round.
   */
  'round'?: (number);
}

/**
 * All of a round is written.
 */
export interface ReceiveVmRoundWritten__Output {
  /**
   * The round.
   */
  'round': (number);
}
