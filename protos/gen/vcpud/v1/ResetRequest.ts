// Original file: protos/vcpud/v1/nested_state.proto


/**
 * Asks for a vCPU to be taken to power-on state.
 */
export interface ResetRequest {
  /**
   * vms/{vm}/vcpus/{index}.
   */
  'name'?: (string);
}

/**
 * Asks for a vCPU to be taken to power-on state.
 */
export interface ResetRequest__Output {
  /**
   * vms/{vm}/vcpus/{index}.
   */
  'name': (string);
}
