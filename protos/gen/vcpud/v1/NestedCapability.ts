// Original file: protos/vcpud/v1/host.proto

import type { NestedStateFormat as _vcpud_v1_NestedStateFormat, NestedStateFormat__Output as _vcpud_v1_NestedStateFormat__Output } from '../../vcpud/v1/NestedStateFormat.js';

/**
 * What a host's KVM can do with nested state.
 */
export interface NestedCapability {
  /**
   * Whether KVM_GET_NESTED_STATE works: KVM_CAP_NESTED_STATE is not 0.
   */
  'enabled'?: (boolean);
  /**
   * The one format that this host's KVM takes and gives; unspecified where not enabled.
   */
  'format'?: (_vcpud_v1_NestedStateFormat);
  /**
   * KVM_CAP_NESTED_STATE: the largest state in bytes, header included (SVM 4224, VMX 8320); 0 where not enabled.
   */
  'maxSizeBytes'?: (number);
  /**
   * Where not enabled: why, and what to do about it, in one sentence.
   */
  'disabledReason'?: (string);
}

/**
 * What a host's KVM can do with nested state.
 */
export interface NestedCapability__Output {
  /**
   * Whether KVM_GET_NESTED_STATE works: KVM_CAP_NESTED_STATE is not 0.
   */
  'enabled': (boolean);
  /**
   * The one format that this host's KVM takes and gives; unspecified where not enabled.
   */
  'format': (_vcpud_v1_NestedStateFormat__Output);
  /**
   * KVM_CAP_NESTED_STATE: the largest state in bytes, header included (SVM 4224, VMX 8320); 0 where not enabled.
   */
  'maxSizeBytes': (number);
  /**
   * Where not enabled: why, and what to do about it, in one sentence.
   */
  'disabledReason': (string);
}
