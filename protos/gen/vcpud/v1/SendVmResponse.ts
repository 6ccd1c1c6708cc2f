// Original file: protos/vcpud/v1/migration.proto

import type { SendVmStarted as _vcpud_v1_SendVmStarted, SendVmStarted__Output as _vcpud_v1_SendVmStarted__Output } from '../../vcpud/v1/SendVmStarted.js';
import type { SendVmProgress as _vcpud_v1_SendVmProgress, SendVmProgress__Output as _vcpud_v1_SendVmProgress__Output } from '../../vcpud/v1/SendVmProgress.js';
import type { SendVmRoundDone as _vcpud_v1_SendVmRoundDone, SendVmRoundDone__Output as _vcpud_v1_SendVmRoundDone__Output } from '../../vcpud/v1/SendVmRoundDone.js';
import type { SendVmSwitched as _vcpud_v1_SendVmSwitched, SendVmSwitched__Output as _vcpud_v1_SendVmSwitched__Output } from '../../vcpud/v1/SendVmSwitched.js';

/**
 * What a source says of a migration.
 */
export interface SendVmResponse {
  /**
   * The start is done: the destination waits for memory.
   */
  'started'?: (_vcpud_v1_SendVmStarted | null);
  /**
   * Twice a second in a round: how far it is.
   */
  'progress'?: (_vcpud_v1_SendVmProgress | null);
  /**
   * A round is done, and the destination has written all of it.
   */
  'roundDone'?: (_vcpud_v1_SendVmRoundDone | null);
  /**
   * The guest goes on at the destination; it is stopped here for good.
   */
  'switched'?: (_vcpud_v1_SendVmSwitched | null);
  /**
   * What happened.
   */
  'event'?: "started"|"progress"|"roundDone"|"switched";
}

/**
 * What a source says of a migration.
 */
export interface SendVmResponse__Output {
  /**
   * The start is done: the destination waits for memory.
   */
  'started'?: (_vcpud_v1_SendVmStarted__Output | null);
  /**
   * Twice a second in a round: how far it is.
   */
  'progress'?: (_vcpud_v1_SendVmProgress__Output | null);
  /**
   * A round is done, and the destination has written all of it.
   */
  'roundDone'?: (_vcpud_v1_SendVmRoundDone__Output | null);
  /**
   * The guest goes on at the destination; it is stopped here for good.
   */
  'switched'?: (_vcpud_v1_SendVmSwitched__Output | null);
  /**
   * What happened.
   */
  'event'?: "started"|"progress"|"roundDone"|"switched";
}
