// Original file: protos/vcpud/v1/vcpu.proto


/**
 * Asks for everything that a vCPU holds.
 */
export interface GetVcpuStateRequest {
  /**
   * vms/{vm}/vcpus/{index}.
   */
  'name'?: (string);
}

/**
 * Asks for everything that a vCPU holds.
 */
export interface GetVcpuStateRequest__Output {
  /**
   * vms/{vm}/vcpus/{index}.
   */
  'name': (string);
}
