// Original file: protos/vcpud/v1/migration.proto

/**
 * What is to be of a VM whose migration broke off.
 */
export const MigrationOutcome = {
  /**
   * Not said.
   */
  MIGRATION_OUTCOME_UNSPECIFIED: 'MIGRATION_OUTCOME_UNSPECIFIED',
  /**
   * At a source whose phase is HANDED_OVER or MOVED: the guest goes on here; one that was paused stays paused. For one who knows that it
   * doesn't at the destination.
   */
  MIGRATION_OUTCOME_RUN_HERE: 'MIGRATION_OUTCOME_RUN_HERE',
  /**
   * The VM is deleted here: at a source whose phase is HANDED_OVER or MOVED, at a destination before ARRIVED.
   */
  MIGRATION_OUTCOME_ABANDON: 'MIGRATION_OUTCOME_ABANDON',
} as const;

/**
 * What is to be of a VM whose migration broke off.
 */
export type MigrationOutcome =
  /**
   * Not said.
   */
  | 'MIGRATION_OUTCOME_UNSPECIFIED'
  | 0
  /**
   * At a source whose phase is HANDED_OVER or MOVED: the guest goes on here; one that was paused stays paused. For one who knows that it
   * doesn't at the destination.
   */
  | 'MIGRATION_OUTCOME_RUN_HERE'
  | 1
  /**
   * The VM is deleted here: at a source whose phase is HANDED_OVER or MOVED, at a destination before ARRIVED.
   */
  | 'MIGRATION_OUTCOME_ABANDON'
  | 2

/**
 * What is to be of a VM whose migration broke off.
 */
export type MigrationOutcome__Output = typeof MigrationOutcome[keyof typeof MigrationOutcome]
