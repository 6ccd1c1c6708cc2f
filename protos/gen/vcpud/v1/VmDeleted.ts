// Original file: protos/vcpud/v1/vm.proto


/**
 * A VM's end; carries nothing.
 */
export interface VmDeleted {
}

/**
 * A VM's end; carries nothing.
 */
export interface VmDeleted__Output {
}
