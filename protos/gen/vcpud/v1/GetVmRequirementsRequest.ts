// Original file: protos/vcpud/v1/vm.proto


/**
 * Asks for what a VM asks of a host.
 */
export interface GetVmRequirementsRequest {
  /**
   * vms/{vm}.
   */
  'name'?: (string);
}

/**
 * Asks for what a VM asks of a host.
 */
export interface GetVmRequirementsRequest__Output {
  /**
   * vms/{vm}.
   */
  'name': (string);
}
