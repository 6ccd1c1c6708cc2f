// Original file: protos/vcpud/v1/vm.proto


/**
 * Lets a VM run.
 */
export interface RunVmRequest {
  /**
   * vms/{vm}.
   */
  'name'?: (string);
}

/**
 * Lets a VM run.
 */
export interface RunVmRequest__Output {
  /**
   * vms/{vm}.
   */
  'name': (string);
}
