// Original file: protos/vcpud/v1/migration.proto

import type { VmState as _vcpud_v1_VmState, VmState__Output as _vcpud_v1_VmState__Output } from '../../vcpud/v1/VmState.js';
import type { MemoryPages as _vcpud_v1_MemoryPages, MemoryPages__Output as _vcpud_v1_MemoryPages__Output } from '../../vcpud/v1/MemoryPages.js';
import type { MemoryPatches as _vcpud_v1_MemoryPatches, MemoryPatches__Output as _vcpud_v1_MemoryPatches__Output } from '../../vcpud/v1/MemoryPatches.js';
import type { NestedState as _vcpud_v1_NestedState, NestedState__Output as _vcpud_v1_NestedState__Output } from '../../vcpud/v1/NestedState.js';

/**
 * The state, and the guest goes on.
 */
export interface ReceiveVmCommit {
  /**
   * Everything that the VM holds beside its memory, from one stop.
   */
  'state'?: (_vcpud_v1_VmState | null);
  /**
   * Whether the guest runs from here on; else it stays paused, as it was at the source.
   */
  'run'?: (boolean);
  /**
   * SHA-256 of each 16 MiB of memory (the last range of a region may be shorter), region by region; empty not to compare.
   */
  'memoryHashes'?: (Buffer | Uint8Array | string)[];
  /**
   * The last of the memory, where it is not much: a message less while the guest stands still.
   */
  'pages'?: (_vcpud_v1_MemoryPages | null);
  /**
   * What changed within pages that were sent before.
   */
  'patches'?: (_vcpud_v1_MemoryPatches | null);
  /**
   * In a rehearsal: a nested state of the guest, as it was a moment ago. Examined and compared as a commit's is, and not set.
   */
  'nestedExample'?: (_vcpud_v1_NestedState | null);
}

/**
 * The state, and the guest goes on.
 */
export interface ReceiveVmCommit__Output {
  /**
   * Everything that the VM holds beside its memory, from one stop.
   */
  'state': (_vcpud_v1_VmState__Output | null);
  /**
   * Whether the guest runs from here on; else it stays paused, as it was at the source.
   */
  'run': (boolean);
  /**
   * SHA-256 of each 16 MiB of memory (the last range of a region may be shorter), region by region; empty not to compare.
   */
  'memoryHashes': (Buffer)[];
  /**
   * The last of the memory, where it is not much: a message less while the guest stands still.
   */
  'pages': (_vcpud_v1_MemoryPages__Output | null);
  /**
   * What changed within pages that were sent before.
   */
  'patches': (_vcpud_v1_MemoryPatches__Output | null);
  /**
   * In a rehearsal: a nested state of the guest, as it was a moment ago. Examined and compared as a commit's is, and not set.
   */
  'nestedExample': (_vcpud_v1_NestedState__Output | null);
}
