// Original file: protos/vcpud/v1/migration.proto

import type { MigrationOutcome as _vcpud_v1_MigrationOutcome, MigrationOutcome__Output as _vcpud_v1_MigrationOutcome__Output } from '../../vcpud/v1/MigrationOutcome.js';

/**
 * Ends what a migration left behind.
 */
export interface ResolveMigrationRequest {
  /**
   * vms/{vm}.
   */
  'name'?: (string);
  /**
   * The migration that the VM takes part in.
   */
  'migrationId'?: (string);
  /**
   * What is to be.
   */
  'outcome'?: (_vcpud_v1_MigrationOutcome);
}

/**
 * Ends what a migration left behind.
 */
export interface ResolveMigrationRequest__Output {
  /**
   * vms/{vm}.
   */
  'name': (string);
  /**
   * The migration that the VM takes part in.
   */
  'migrationId': (string);
  /**
   * What is to be.
   */
  'outcome': (_vcpud_v1_MigrationOutcome__Output);
}
