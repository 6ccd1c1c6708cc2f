// Original file: protos/vcpud/v1/nested_state.proto


/**
 * Asks for the nested state of one vCPU.
 */
export interface GetNestedStateRequest {
  /**
   * vms/{vm}/vcpus/{index}.
   */
  'name'?: (string);
}

/**
 * Asks for the nested state of one vCPU.
 */
export interface GetNestedStateRequest__Output {
  /**
   * vms/{vm}/vcpus/{index}.
   */
  'name': (string);
}
