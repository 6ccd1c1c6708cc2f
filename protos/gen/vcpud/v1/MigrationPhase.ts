// Original file: protos/vcpud/v1/vm.proto

/**
 * How far a migration is, as one side knows.
 */
export const MigrationPhase = {
  /**
   * Not known.
   */
  MIGRATION_PHASE_UNSPECIFIED: 'MIGRATION_PHASE_UNSPECIFIED',
  /**
   * Destination: the VM waits for a source. It can't run.
   */
  MIGRATION_PHASE_PREPARED: 'MIGRATION_PHASE_PREPARED',
  /**
   * Destination: memory arrives. It can't run.
   */
  MIGRATION_PHASE_RECEIVING: 'MIGRATION_PHASE_RECEIVING',
  /**
   * Destination: all arrived; the VM is this side's, as any other.
   */
  MIGRATION_PHASE_ARRIVED: 'MIGRATION_PHASE_ARRIVED',
  /**
   * Source: memory is sent; the VM is this side's, and may run.
   */
  MIGRATION_PHASE_SENDING: 'MIGRATION_PHASE_SENDING',
  /**
   * Source: all was sent, and the destination has not said whether the guest runs there. It can't run here until that is resolved.
   */
  MIGRATION_PHASE_HANDED_OVER: 'MIGRATION_PHASE_HANDED_OVER',
  /**
   * Source: the guest goes on at the destination. It can't run here; delete it.
   */
  MIGRATION_PHASE_MOVED: 'MIGRATION_PHASE_MOVED',
} as const;

/**
 * How far a migration is, as one side knows.
 */
export type MigrationPhase =
  /**
   * Not known.
   */
  | 'MIGRATION_PHASE_UNSPECIFIED'
  | 0
  /**
   * Destination: the VM waits for a source. It can't run.
   */
  | 'MIGRATION_PHASE_PREPARED'
  | 1
  /**
   * Destination: memory arrives. It can't run.
   */
  | 'MIGRATION_PHASE_RECEIVING'
  | 2
  /**
   * Destination: all arrived; the VM is this side's, as any other.
   */
  | 'MIGRATION_PHASE_ARRIVED'
  | 3
  /**
   * Source: memory is sent; the VM is this side's, and may run.
   */
  | 'MIGRATION_PHASE_SENDING'
  | 4
  /**
   * Source: all was sent, and the destination has not said whether the guest runs there. It can't run here until that is resolved.
   */
  | 'MIGRATION_PHASE_HANDED_OVER'
  | 5
  /**
   * Source: the guest goes on at the destination. It can't run here; delete it.
   */
  | 'MIGRATION_PHASE_MOVED'
  | 6

/**
 * How far a migration is, as one side knows.
 */
export type MigrationPhase__Output = typeof MigrationPhase[keyof typeof MigrationPhase]
