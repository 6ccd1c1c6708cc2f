// Original file: protos/vcpud/v1/migration.proto

import type { SwitchPart as _vcpud_v1_SwitchPart, SwitchPart__Output as _vcpud_v1_SwitchPart__Output } from '../../vcpud/v1/SwitchPart.js';

/**
 * The guest goes on here.
 */
export interface ReceiveVmArrived {
  /**
   * How long it took, in order.
   */
  'parts'?: (_vcpud_v1_SwitchPart)[];
}

/**
 * The guest goes on here.
 */
export interface ReceiveVmArrived__Output {
  /**
   * How long it took, in order.
   */
  'parts': (_vcpud_v1_SwitchPart__Output)[];
}
