// Original file: protos/vcpud/v1/migration.proto

import type { ReceiveVmBegin as _vcpud_v1_ReceiveVmBegin, ReceiveVmBegin__Output as _vcpud_v1_ReceiveVmBegin__Output } from '../../vcpud/v1/ReceiveVmBegin.js';
import type { MemoryPages as _vcpud_v1_MemoryPages, MemoryPages__Output as _vcpud_v1_MemoryPages__Output } from '../../vcpud/v1/MemoryPages.js';
import type { ReceiveVmRoundEnd as _vcpud_v1_ReceiveVmRoundEnd, ReceiveVmRoundEnd__Output as _vcpud_v1_ReceiveVmRoundEnd__Output } from '../../vcpud/v1/ReceiveVmRoundEnd.js';
import type { ReceiveVmCommit as _vcpud_v1_ReceiveVmCommit, ReceiveVmCommit__Output as _vcpud_v1_ReceiveVmCommit__Output } from '../../vcpud/v1/ReceiveVmCommit.js';

/**
 * What a source sends.
 */
export interface ReceiveVmRequest {
  /**
   * First, and once.
   */
  'begin'?: (_vcpud_v1_ReceiveVmBegin | null);
  /**
   * Memory.
   */
  'pages'?: (_vcpud_v1_MemoryPages | null);
  /**
   * All of a round was sent.
   */
  'roundEnd'?: (_vcpud_v1_ReceiveVmRoundEnd | null);
  /**
   * Last: the state, and the guest goes on.
   */
  'commit'?: (_vcpud_v1_ReceiveVmCommit | null);
  /**
   * A commit for practice, any number before the real one: its state is set, read back and compared, and nothing runs. What the
   * destination does while a guest stands still it has then done before, which makes it several times faster. One with memory in it,
   * which changes nothing that counts, may be the last: the destination puts all else off for the commit then, for two seconds at most.
   */
  'rehearsal'?: (_vcpud_v1_ReceiveVmCommit | null);
  /**
   * The kinds.
   */
  'message'?: "begin"|"pages"|"roundEnd"|"commit"|"rehearsal";
}

/**
 * What a source sends.
 */
export interface ReceiveVmRequest__Output {
  /**
   * First, and once.
   */
  'begin'?: (_vcpud_v1_ReceiveVmBegin__Output | null);
  /**
   * Memory.
   */
  'pages'?: (_vcpud_v1_MemoryPages__Output | null);
  /**
   * All of a round was sent.
   */
  'roundEnd'?: (_vcpud_v1_ReceiveVmRoundEnd__Output | null);
  /**
   * Last: the state, and the guest goes on.
   */
  'commit'?: (_vcpud_v1_ReceiveVmCommit__Output | null);
  /**
   * A commit for practice, any number before the real one: its state is set, read back and compared, and nothing runs. What the
   * destination does while a guest stands still it has then done before, which makes it several times faster. One with memory in it,
   * which changes nothing that counts, may be the last: the destination puts all else off for the commit then, for two seconds at most.
   */
  'rehearsal'?: (_vcpud_v1_ReceiveVmCommit__Output | null);
  /**
   * The kinds.
   */
  'message'?: "begin"|"pages"|"roundEnd"|"commit"|"rehearsal";
}
