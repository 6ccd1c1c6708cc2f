// Original file: protos/vcpud/v1/nested_state.proto

import type { NestedState as _vcpud_v1_NestedState, NestedState__Output as _vcpud_v1_NestedState__Output } from '../../vcpud/v1/NestedState.js';

/**
 * Gives a vCPU a nested state.
 */
export interface SetNestedStateRequest {
  /**
   * vms/{vm}/vcpus/{index}; its VM must be paused.
   */
  'name'?: (string);
  /**
   * The state; only its data is read.
   */
  'nestedState'?: (_vcpud_v1_NestedState | null);
  /**
   * Only check: answer what would be refused, change nothing. What only the kernel can judge is not covered.
   */
  'validateOnly'?: (boolean);
  /**
   * Ask for the kernel's verdict alone: the bytes (128 to 8320 of them) go to the kernel unchecked, padded with zeroes to the
   * size of its buffer. A refusal carries the reason of the rule that explains it, or KERNEL_REJECTED where none does.
   */
  'kernelVerdict'?: (boolean);
}

/**
 * Gives a vCPU a nested state.
 */
export interface SetNestedStateRequest__Output {
  /**
   * vms/{vm}/vcpus/{index}; its VM must be paused.
   */
  'name': (string);
  /**
   * The state; only its data is read.
   */
  'nestedState': (_vcpud_v1_NestedState__Output | null);
  /**
   * Only check: answer what would be refused, change nothing. What only the kernel can judge is not covered.
   */
  'validateOnly': (boolean);
  /**
   * Ask for the kernel's verdict alone: the bytes (128 to 8320 of them) go to the kernel unchecked, padded with zeroes to the
   * size of its buffer. A refusal carries the reason of the rule that explains it, or KERNEL_REJECTED where none does.
   */
  'kernelVerdict': (boolean);
}
