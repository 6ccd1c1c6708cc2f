// Original file: protos/vcpud/v1/vm.proto


/**
 * An exit to vcpud.
 */
export interface VcpuExit {
  /**
   * The vCPU.
   */
  'vcpuIndex'?: (number);
  /**
   * The exit, such as "HLT".
   */
  'exit'?: (string);
}

/**
 * An exit to vcpud.
 */
export interface VcpuExit__Output {
  /**
   * The vCPU.
   */
  'vcpuIndex': (number);
  /**
   * The exit, such as "HLT".
   */
  'exit': (string);
}
