// Original file: protos/vcpud/v1/vcpu.proto

import type { Vcpu as _vcpud_v1_Vcpu, Vcpu__Output as _vcpud_v1_Vcpu__Output } from '../../vcpud/v1/Vcpu.js';
import type { ByteRange as _vcpud_v1_ByteRange, ByteRange__Output as _vcpud_v1_ByteRange__Output } from '../../vcpud/v1/ByteRange.js';

/**
 * The vCPU that took the state.
 */
export interface SetVcpuStateResponse {
  /**
   * The vCPU.
   */
  'vcpu'?: (_vcpud_v1_Vcpu | null);
  /**
   * Bytes of the nested state that were not zero and that the kernel does not hold, by its design.
   */
  'ignored'?: (_vcpud_v1_ByteRange)[];
}

/**
 * The vCPU that took the state.
 */
export interface SetVcpuStateResponse__Output {
  /**
   * The vCPU.
   */
  'vcpu': (_vcpud_v1_Vcpu__Output | null);
  /**
   * Bytes of the nested state that were not zero and that the kernel does not hold, by its design.
   */
  'ignored': (_vcpud_v1_ByteRange__Output)[];
}
