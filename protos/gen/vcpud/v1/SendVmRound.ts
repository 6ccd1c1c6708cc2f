// Original file: protos/vcpud/v1/migration.proto


/**
 * Copies what was written since the round before; has no parameters.
 */
export interface SendVmRound {
}

/**
 * Copies what was written since the round before; has no parameters.
 */
export interface SendVmRound__Output {
}
