// Original file: protos/vcpud/v1/migration.proto

import type { SourceMemory as _vcpud_v1_SourceMemory, SourceMemory__Output as _vcpud_v1_SourceMemory__Output } from '../../vcpud/v1/SourceMemory.js';

/**
 * Begins to send.
 */
export interface ReceiveVmBegin {
  /**
   * vms/{vm}.
   */
  'name'?: (string);
  /**
   * The id that the VM was prepared with.
   */
  'migrationId'?: (string);
  /**
   * PrepareVm's token.
   */
  'token'?: (string);
  /**
   * Where the destination may read the source's memory itself: for one on the same host. It does where it can, see ReceiveVmReady.
   */
  'memory'?: (_vcpud_v1_SourceMemory | null);
}

/**
 * Begins to send.
 */
export interface ReceiveVmBegin__Output {
  /**
   * vms/{vm}.
   */
  'name': (string);
  /**
   * The id that the VM was prepared with.
   */
  'migrationId': (string);
  /**
   * PrepareVm's token.
   */
  'token': (string);
  /**
   * Where the destination may read the source's memory itself: for one on the same host. It does where it can, see ReceiveVmReady.
   */
  'memory': (_vcpud_v1_SourceMemory__Output | null);
}
