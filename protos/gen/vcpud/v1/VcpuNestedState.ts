// Original file: protos/vcpud/v1/nested_state.proto

import type { NestedState as _vcpud_v1_NestedState, NestedState__Output as _vcpud_v1_NestedState__Output } from '../../vcpud/v1/NestedState.js';

/**
 * The nested state of the vCPU of that name.
 */
export interface VcpuNestedState {
  /**
   * vms/{vm}/vcpus/{index}.
   */
  'name'?: (string);
  /**
   * Its state.
   */
  'nestedState'?: (_vcpud_v1_NestedState | null);
}

/**
 * The nested state of the vCPU of that name.
 */
export interface VcpuNestedState__Output {
  /**
   * vms/{vm}/vcpus/{index}.
   */
  'name': (string);
  /**
   * Its state.
   */
  'nestedState': (_vcpud_v1_NestedState__Output | null);
}
