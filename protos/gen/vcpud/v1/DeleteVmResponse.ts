// Original file: protos/vcpud/v1/vm.proto


/**
 * The VM is gone; there is nothing to say of it.
 */
export interface DeleteVmResponse {
}

/**
 * The VM is gone; there is nothing to say of it.
 */
export interface DeleteVmResponse__Output {
}
