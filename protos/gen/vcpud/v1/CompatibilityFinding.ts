// Original file: protos/vcpud/v1/host.proto

import type { CompatibilitySeverity as _vcpud_v1_CompatibilitySeverity, CompatibilitySeverity__Output as _vcpud_v1_CompatibilitySeverity__Output } from '../../vcpud/v1/CompatibilitySeverity.js';

/**
 * One way in which a host is not what a VM asks for.
 */
export interface CompatibilityFinding {
  /**
   * What it means for a move.
   */
  'severity'?: (_vcpud_v1_CompatibilitySeverity);
  /**
   * Which check found it: stable, programs may branch on it. docs/compatibility.md lists them.
   */
  'reason'?: (string);
  /**
   * One sentence for a person.
   */
  'message'?: (string);
  /**
   * What it is about, such as the name of a CPUID feature or MSR; empty where the reason says it.
   */
  'subject'?: (string);
  /**
   * What the VM, or its host, has.
   */
  'sourceValue'?: (string);
  /**
   * What this host has.
   */
  'destinationValue'?: (string);
}

/**
 * One way in which a host is not what a VM asks for.
 */
export interface CompatibilityFinding__Output {
  /**
   * What it means for a move.
   */
  'severity': (_vcpud_v1_CompatibilitySeverity__Output);
  /**
   * Which check found it: stable, programs may branch on it. docs/compatibility.md lists them.
   */
  'reason': (string);
  /**
   * One sentence for a person.
   */
  'message': (string);
  /**
   * What it is about, such as the name of a CPUID feature or MSR; empty where the reason says it.
   */
  'subject': (string);
  /**
   * What the VM, or its host, has.
   */
  'sourceValue': (string);
  /**
   * What this host has.
   */
  'destinationValue': (string);
}
