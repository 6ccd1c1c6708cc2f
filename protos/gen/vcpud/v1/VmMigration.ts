// Original file: protos/vcpud/v1/vm.proto

import type { MigrationPhase as _vcpud_v1_MigrationPhase, MigrationPhase__Output as _vcpud_v1_MigrationPhase__Output } from '../../vcpud/v1/MigrationPhase.js';

/**
 * A VM's part in a migration.
 */
export interface VmMigration {
  /**
   * The id that the orchestrator chose.
   */
  'id'?: (string);
  /**
   * How far it is, and on which side.
   */
  'phase'?: (_vcpud_v1_MigrationPhase);
  /**
   * At the source: the destination's endpoint. Empty at the destination.
   */
  'peer'?: (string);
}

/**
 * A VM's part in a migration.
 */
export interface VmMigration__Output {
  /**
   * The id that the orchestrator chose.
   */
  'id': (string);
  /**
   * How far it is, and on which side.
   */
  'phase': (_vcpud_v1_MigrationPhase__Output);
  /**
   * At the source: the destination's endpoint. Empty at the destination.
   */
  'peer': (string);
}
