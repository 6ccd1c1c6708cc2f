// Original file: protos/vcpud/v1/nested_state.proto

/**
 * The two layouts of struct kvm_nested_state's header and data.
 */
export const NestedStateFormat = {
  /**
   * Not known.
   */
  NESTED_STATE_FORMAT_UNSPECIFIED: 'NESTED_STATE_FORMAT_UNSPECIFIED',
  /**
   * AMD: KVM_STATE_NESTED_FORMAT_SVM (1 in the kernel's bytes).
   */
  NESTED_STATE_FORMAT_SVM: 'NESTED_STATE_FORMAT_SVM',
  /**
   * Intel: KVM_STATE_NESTED_FORMAT_VMX (0 in the kernel's bytes).
   */
  NESTED_STATE_FORMAT_VMX: 'NESTED_STATE_FORMAT_VMX',
} as const;

/**
 * The two layouts of struct kvm_nested_state's header and data.
 */
export type NestedStateFormat =
  /**
   * Not known.
   */
  | 'NESTED_STATE_FORMAT_UNSPECIFIED'
  | 0
  /**
   * AMD: KVM_STATE_NESTED_FORMAT_SVM (1 in the kernel's bytes).
   */
  | 'NESTED_STATE_FORMAT_SVM'
  | 1
  /**
   * Intel: KVM_STATE_NESTED_FORMAT_VMX (0 in the kernel's bytes).
   */
  | 'NESTED_STATE_FORMAT_VMX'
  | 2

/**
 * The two layouts of struct kvm_nested_state's header and data.
 */
export type NestedStateFormat__Output = typeof NestedStateFormat[keyof typeof NestedStateFormat]
