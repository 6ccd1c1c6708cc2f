// Original file: protos/vcpud/v1/nested_state.proto

import type { VcpuNestedState as _vcpud_v1_VcpuNestedState, VcpuNestedState__Output as _vcpud_v1_VcpuNestedState__Output } from '../../vcpud/v1/VcpuNestedState.js';

/**
 * Many nested states, in the order asked for.
 */
export interface BatchGetNestedStatesResponse {
  /**
   * One for each name.
   */
  'nestedStates'?: (_vcpud_v1_VcpuNestedState)[];
}

/**
 * Many nested states, in the order asked for.
 */
export interface BatchGetNestedStatesResponse__Output {
  /**
   * One for each name.
   */
  'nestedStates': (_vcpud_v1_VcpuNestedState__Output)[];
}
