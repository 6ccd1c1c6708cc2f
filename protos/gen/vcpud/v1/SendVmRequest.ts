// Original file: protos/vcpud/v1/migration.proto

import type { SendVmStart as _vcpud_v1_SendVmStart, SendVmStart__Output as _vcpud_v1_SendVmStart__Output } from '../../vcpud/v1/SendVmStart.js';
import type { SendVmRound as _vcpud_v1_SendVmRound, SendVmRound__Output as _vcpud_v1_SendVmRound__Output } from '../../vcpud/v1/SendVmRound.js';
import type { SendVmSwitch as _vcpud_v1_SendVmSwitch, SendVmSwitch__Output as _vcpud_v1_SendVmSwitch__Output } from '../../vcpud/v1/SendVmSwitch.js';

/**
 * Leads a source through a migration.
 */
export interface SendVmRequest {
  /**
   * First, and once.
   */
  'start'?: (_vcpud_v1_SendVmStart | null);
  /**
   * Copy what was written since the round before.
   */
  'round'?: (_vcpud_v1_SendVmRound | null);
  /**
   * Stop the guest here and have it go on at the destination.
   */
  'switchOver'?: (_vcpud_v1_SendVmSwitch | null);
  /**
   * What to do.
   */
  'command'?: "start"|"round"|"switchOver";
}

/**
 * Leads a source through a migration.
 */
export interface SendVmRequest__Output {
  /**
   * First, and once.
   */
  'start'?: (_vcpud_v1_SendVmStart__Output | null);
  /**
   * Copy what was written since the round before.
   */
  'round'?: (_vcpud_v1_SendVmRound__Output | null);
  /**
   * Stop the guest here and have it go on at the destination.
   */
  'switchOver'?: (_vcpud_v1_SendVmSwitch__Output | null);
  /**
   * What to do.
   */
  'command'?: "start"|"round"|"switchOver";
}
