// Original file: protos/vcpud/v1/nested_state.proto


/**
 * Asks for the nested states of many vCPUs.
 */
export interface BatchGetNestedStatesRequest {
  /**
   * vms/{vm}: every name must be below it; vms/- for vCPUs of several VMs.
   */
  'parent'?: (string);
  /**
   * vms/{vm}/vcpus/{index}, 1 to 1024 of them. Empty with a parent other than vms/-: every vCPU of it.
   */
  'names'?: (string)[];
}

/**
 * Asks for the nested states of many vCPUs.
 */
export interface BatchGetNestedStatesRequest__Output {
  /**
   * vms/{vm}: every name must be below it; vms/- for vCPUs of several VMs.
   */
  'parent': (string);
  /**
   * vms/{vm}/vcpus/{index}, 1 to 1024 of them. Empty with a parent other than vms/-: every vCPU of it.
   */
  'names': (string)[];
}
