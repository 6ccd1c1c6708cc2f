// Original file: protos/vcpud/v1/vm.proto

import type { VmStopReason as _vcpud_v1_VmStopReason, VmStopReason__Output as _vcpud_v1_VmStopReason__Output } from '../../vcpud/v1/VmStopReason.js';

/**
 * Why a VM stopped by itself.
 */
export interface VmStop {
  /**
   * The kind.
   */
  'reason'?: (_vcpud_v1_VmStopReason);
  /**
   * The vCPU whose exit stopped it.
   */
  'vcpuIndex'?: (number);
  /**
   * One sentence for a person, with the exit's details.
   */
  'message'?: (string);
}

/**
 * Why a VM stopped by itself.
 */
export interface VmStop__Output {
  /**
   * The kind.
   */
  'reason': (_vcpud_v1_VmStopReason__Output);
  /**
   * The vCPU whose exit stopped it.
   */
  'vcpuIndex': (number);
  /**
   * One sentence for a person, with the exit's details.
   */
  'message': (string);
}
