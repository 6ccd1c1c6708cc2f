// Original file: protos/vcpud/v1/host.proto

/**
 * What a finding means for a move.
 */
export const CompatibilitySeverity = {
  /**
   * Not known.
   */
  COMPATIBILITY_SEVERITY_UNSPECIFIED: 'COMPATIBILITY_SEVERITY_UNSPECIFIED',
  /**
   * The VM must not be moved here: it would be refused, or go on damaged.
   */
  COMPATIBILITY_SEVERITY_BLOCKER: 'COMPATIBILITY_SEVERITY_BLOCKER',
  /**
   * The VM can be moved, and something can go wrong or become worse that the sentence names.
   */
  COMPATIBILITY_SEVERITY_WARNING: 'COMPATIBILITY_SEVERITY_WARNING',
  /**
   * Nothing of the VM is lost.
   */
  COMPATIBILITY_SEVERITY_INFO: 'COMPATIBILITY_SEVERITY_INFO',
} as const;

/**
 * What a finding means for a move.
 */
export type CompatibilitySeverity =
  /**
   * Not known.
   */
  | 'COMPATIBILITY_SEVERITY_UNSPECIFIED'
  | 0
  /**
   * The VM must not be moved here: it would be refused, or go on damaged.
   */
  | 'COMPATIBILITY_SEVERITY_BLOCKER'
  | 1
  /**
   * The VM can be moved, and something can go wrong or become worse that the sentence names.
   */
  | 'COMPATIBILITY_SEVERITY_WARNING'
  | 2
  /**
   * Nothing of the VM is lost.
   */
  | 'COMPATIBILITY_SEVERITY_INFO'
  | 3

/**
 * What a finding means for a move.
 */
export type CompatibilitySeverity__Output = typeof CompatibilitySeverity[keyof typeof CompatibilitySeverity]
