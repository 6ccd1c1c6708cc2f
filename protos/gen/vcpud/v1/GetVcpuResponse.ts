// Original file: protos/vcpud/v1/vcpu.proto

import type { Vcpu as _vcpud_v1_Vcpu, Vcpu__Output as _vcpud_v1_Vcpu__Output } from '../../vcpud/v1/Vcpu.js';

/**
 * A vCPU.
 */
export interface GetVcpuResponse {
  /**
   * The vCPU.
   */
  'vcpu'?: (_vcpud_v1_Vcpu | null);
}

/**
 * A vCPU.
 */
export interface GetVcpuResponse__Output {
  /**
   * The vCPU.
   */
  'vcpu': (_vcpud_v1_Vcpu__Output | null);
}
