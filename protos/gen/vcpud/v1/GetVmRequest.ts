// Original file: protos/vcpud/v1/vm.proto


/**
 * Asks for a VM.
 */
export interface GetVmRequest {
  /**
   * vms/{vm}.
   */
  'name'?: (string);
}

/**
 * Asks for a VM.
 */
export interface GetVmRequest__Output {
  /**
   * vms/{vm}.
   */
  'name': (string);
}
