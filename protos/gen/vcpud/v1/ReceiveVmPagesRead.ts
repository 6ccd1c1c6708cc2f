// Original file: protos/vcpud/v1/migration.proto


/**
 * Pages were read from the source's memory; has no content.
 */
export interface ReceiveVmPagesRead {
}

/**
 * Pages were read from the source's memory; has no content.
 */
export interface ReceiveVmPagesRead__Output {
}
