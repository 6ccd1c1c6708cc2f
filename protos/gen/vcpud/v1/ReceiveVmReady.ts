// Original file: protos/vcpud/v1/migration.proto


/**
 * Memory can come; carries nothing.
 */
export interface ReceiveVmReady {
}

/**
 * Memory can come; carries nothing.
 */
export interface ReceiveVmReady__Output {
}
