// Original file: protos/vcpud/v1/nested_state.proto

/**
 * The flags of struct kvm_nested_state.
 */
export const NestedStateFlag = {
  /**
   * Not known.
   */
  NESTED_STATE_FLAG_UNSPECIFIED: 'NESTED_STATE_FLAG_UNSPECIFIED',
  /**
   * 0x1: the vCPU is in L2.
   */
  NESTED_STATE_FLAG_GUEST_MODE: 'NESTED_STATE_FLAG_GUEST_MODE',
  /**
   * 0x2: L1's VMRUN, VMLAUNCH or VMRESUME has been taken but L2 has not yet run an instruction.
   */
  NESTED_STATE_FLAG_RUN_PENDING: 'NESTED_STATE_FLAG_RUN_PENDING',
  /**
   * 0x4 (VMX): the current VMCS is an enlightened one (Hyper-V).
   */
  NESTED_STATE_FLAG_EVMCS: 'NESTED_STATE_FLAG_EVMCS',
  /**
   * 0x8 (VMX): a monitor trap flag VM exit is pending.
   */
  NESTED_STATE_FLAG_MTF_PENDING: 'NESTED_STATE_FLAG_MTF_PENDING',
  /**
   * 0x100 (SVM): the global interrupt flag is set.
   */
  NESTED_STATE_FLAG_GIF_SET: 'NESTED_STATE_FLAG_GIF_SET',
} as const;

/**
 * The flags of struct kvm_nested_state.
 */
export type NestedStateFlag =
  /**
   * Not known.
   */
  | 'NESTED_STATE_FLAG_UNSPECIFIED'
  | 0
  /**
   * 0x1: the vCPU is in L2.
   */
  | 'NESTED_STATE_FLAG_GUEST_MODE'
  | 1
  /**
   * 0x2: L1's VMRUN, VMLAUNCH or VMRESUME has been taken but L2 has not yet run an instruction.
   */
  | 'NESTED_STATE_FLAG_RUN_PENDING'
  | 2
  /**
   * 0x4 (VMX): the current VMCS is an enlightened one (Hyper-V).
   */
  | 'NESTED_STATE_FLAG_EVMCS'
  | 3
  /**
   * 0x8 (VMX): a monitor trap flag VM exit is pending.
   */
  | 'NESTED_STATE_FLAG_MTF_PENDING'
  | 4
  /**
   * 0x100 (SVM): the global interrupt flag is set.
   */
  | 'NESTED_STATE_FLAG_GIF_SET'
  | 5

/**
 * The flags of struct kvm_nested_state.
 */
export type NestedStateFlag__Output = typeof NestedStateFlag[keyof typeof NestedStateFlag]
