// Original file: protos/vcpud/v1/migration.proto


/**
 * All of a round was sent.
 */
export interface ReceiveVmRoundEnd {
  /**
   * The round, from 1 on.
   */
  'round'?: (number);
}

/**
 * All of a round was sent.
 */
export interface ReceiveVmRoundEnd__Output {
  /**
   * The round, from 1 on.
   */
  'round': (number);
}
