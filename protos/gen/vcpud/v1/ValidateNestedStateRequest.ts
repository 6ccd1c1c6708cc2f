// Original file: protos/vcpud/v1/nested_state.proto

import type { NestedState as _vcpud_v1_NestedState, NestedState__Output as _vcpud_v1_NestedState__Output } from '../../vcpud/v1/NestedState.js';
import type { NestedStateTarget as _vcpud_v1_NestedStateTarget, NestedStateTarget__Output as _vcpud_v1_NestedStateTarget__Output } from '../../vcpud/v1/NestedStateTarget.js';

/**
 * Asks which rules a nested state breaks.
 */
export interface ValidateNestedStateRequest {
  /**
   * The state; only its data is read.
   */
  'nestedState'?: (_vcpud_v1_NestedState | null);
  /**
   * vms/{vm}/vcpus/{index} of this host, as it is now, running or not.
   */
  'name'?: (string);
  /**
   * A vCPU of any host, by what is known of it: neither a VM nor a KVM is asked.
   */
  'described'?: (_vcpud_v1_NestedStateTarget | null);
  /**
   * The vCPU that is to take it. Unset: a new vCPU of this host, with EFER.SVME set where the state is an SVM one.
   */
  'target'?: "name"|"described";
}

/**
 * Asks which rules a nested state breaks.
 */
export interface ValidateNestedStateRequest__Output {
  /**
   * The state; only its data is read.
   */
  'nestedState': (_vcpud_v1_NestedState__Output | null);
  /**
   * vms/{vm}/vcpus/{index} of this host, as it is now, running or not.
   */
  'name'?: (string);
  /**
   * A vCPU of any host, by what is known of it: neither a VM nor a KVM is asked.
   */
  'described'?: (_vcpud_v1_NestedStateTarget__Output | null);
  /**
   * The vCPU that is to take it. Unset: a new vCPU of this host, with EFER.SVME set where the state is an SVM one.
   */
  'target'?: "name"|"described";
}
