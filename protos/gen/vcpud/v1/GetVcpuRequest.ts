// Original file: protos/vcpud/v1/vcpu.proto


/**
 * Asks for a vCPU.
 */
export interface GetVcpuRequest {
  /**
   * vms/{vm}/vcpus/{index}.
   */
  'name'?: (string);
}

/**
 * Asks for a vCPU.
 */
export interface GetVcpuRequest__Output {
  /**
   * vms/{vm}/vcpus/{index}.
   */
  'name': (string);
}
