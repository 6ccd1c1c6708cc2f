// Original file: protos/vcpud/v1/vm.proto


/**
 * Stops a VM's vCPUs.
 */
export interface PauseVmRequest {
  /**
   * vms/{vm}.
   */
  'name'?: (string);
}

/**
 * Stops a VM's vCPUs.
 */
export interface PauseVmRequest__Output {
  /**
   * vms/{vm}.
   */
  'name': (string);
}
