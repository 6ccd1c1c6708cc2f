// Original file: protos/vcpud/v1/vcpu.proto

import type { VcpuState as _vcpud_v1_VcpuState, VcpuState__Output as _vcpud_v1_VcpuState__Output } from '../../vcpud/v1/VcpuState.js';

/**
 * Gives a vCPU a whole state.
 */
export interface SetVcpuStateRequest {
  /**
   * vms/{vm}/vcpus/{index}; its VM must be paused.
   */
  'name'?: (string);
  /**
   * All parts that GetVcpuState gave.
   */
  'state'?: (_vcpud_v1_VcpuState | null);
}

/**
 * Gives a vCPU a whole state.
 */
export interface SetVcpuStateRequest__Output {
  /**
   * vms/{vm}/vcpus/{index}; its VM must be paused.
   */
  'name': (string);
  /**
   * All parts that GetVcpuState gave.
   */
  'state': (_vcpud_v1_VcpuState__Output | null);
}
