// Original file: protos/vcpud/v1/migration.proto

import type { ReceiveVmReady as _vcpud_v1_ReceiveVmReady, ReceiveVmReady__Output as _vcpud_v1_ReceiveVmReady__Output } from '../../vcpud/v1/ReceiveVmReady.js';
import type { ReceiveVmRoundWritten as _vcpud_v1_ReceiveVmRoundWritten, ReceiveVmRoundWritten__Output as _vcpud_v1_ReceiveVmRoundWritten__Output } from '../../vcpud/v1/ReceiveVmRoundWritten.js';
import type { ReceiveVmArrived as _vcpud_v1_ReceiveVmArrived, ReceiveVmArrived__Output as _vcpud_v1_ReceiveVmArrived__Output } from '../../vcpud/v1/ReceiveVmArrived.js';
import type { ReceiveVmPagesRead as _vcpud_v1_ReceiveVmPagesRead, ReceiveVmPagesRead__Output as _vcpud_v1_ReceiveVmPagesRead__Output } from '../../vcpud/v1/ReceiveVmPagesRead.js';

/**
 * What a destination answers.
 */
export interface ReceiveVmResponse {
  /**
   * To begin: memory can come.
   */
  'ready'?: (_vcpud_v1_ReceiveVmReady | null);
  /**
   * To a round's end: all of it is written.
   */
  'roundWritten'?: (_vcpud_v1_ReceiveVmRoundWritten | null);
  /**
   * To the commit: the guest goes on here.
   */
  'arrived'?: (_vcpud_v1_ReceiveVmArrived | null);
  /**
   * To a rehearsal: all of it went well.
   */
  'rehearsed'?: (_vcpud_v1_ReceiveVmArrived | null);
  /**
   * To pages that were read from the source's memory.
   */
  'pagesRead'?: (_vcpud_v1_ReceiveVmPagesRead | null);
  /**
   * The kinds.
   */
  'message'?: "ready"|"roundWritten"|"arrived"|"rehearsed"|"pagesRead";
}

/**
 * What a destination answers.
 */
export interface ReceiveVmResponse__Output {
  /**
   * To begin: memory can come.
   */
  'ready'?: (_vcpud_v1_ReceiveVmReady__Output | null);
  /**
   * To a round's end: all of it is written.
   */
  'roundWritten'?: (_vcpud_v1_ReceiveVmRoundWritten__Output | null);
  /**
   * To the commit: the guest goes on here.
   */
  'arrived'?: (_vcpud_v1_ReceiveVmArrived__Output | null);
  /**
   * To a rehearsal: all of it went well.
   */
  'rehearsed'?: (_vcpud_v1_ReceiveVmArrived__Output | null);
  /**
   * To pages that were read from the source's memory.
   */
  'pagesRead'?: (_vcpud_v1_ReceiveVmPagesRead__Output | null);
  /**
   * The kinds.
   */
  'message'?: "ready"|"roundWritten"|"arrived"|"rehearsed"|"pagesRead";
}
