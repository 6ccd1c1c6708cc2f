// Original file: protos/vcpud/v1/vm.proto


/**
 * Ends a VM.
 */
export interface DeleteVmRequest {
  /**
   * vms/{vm}.
   */
  'name'?: (string);
}

/**
 * Ends a VM.
 */
export interface DeleteVmRequest__Output {
  /**
   * vms/{vm}.
   */
  'name': (string);
}
