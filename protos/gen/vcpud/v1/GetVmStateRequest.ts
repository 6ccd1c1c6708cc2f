// Original file: protos/vcpud/v1/vm.proto


/**
 * Asks for everything that a VM holds beside its memory.
 */
export interface GetVmStateRequest {
  /**
   * vms/{vm}.
   */
  'name'?: (string);
}

/**
 * Asks for everything that a VM holds beside its memory.
 */
export interface GetVmStateRequest__Output {
  /**
   * vms/{vm}.
   */
  'name': (string);
}
