// Original file: protos/vcpud/v1/vm.proto

/**
 * Why a VM stopped by itself.
 */
export const VmStopReason = {
  /**
   * Not known.
   */
  VM_STOP_REASON_UNSPECIFIED: 'VM_STOP_REASON_UNSPECIFIED',
  /**
   * Every vCPU executed HLT, and without an in-kernel irqchip nothing can wake them.
   */
  VM_STOP_REASON_HALTED: 'VM_STOP_REASON_HALTED',
  /**
   * KVM_EXIT_SHUTDOWN: a triple fault, or KVM_EXIT_SYSTEM_EVENT.
   */
  VM_STOP_REASON_SHUTDOWN: 'VM_STOP_REASON_SHUTDOWN',
  /**
   * KVM_EXIT_FAIL_ENTRY: the CPU refused to enter the guest.
   */
  VM_STOP_REASON_ENTRY_FAILED: 'VM_STOP_REASON_ENTRY_FAILED',
  /**
   * KVM_EXIT_INTERNAL_ERROR: KVM could not go on, for example with a nested state whose pages are not there.
   */
  VM_STOP_REASON_INTERNAL_ERROR: 'VM_STOP_REASON_INTERNAL_ERROR',
  /**
   * An exit that vcpud does not serve, such as I/O to a port other than the debug console's, or MMIO.
   */
  VM_STOP_REASON_UNSUPPORTED_EXIT: 'VM_STOP_REASON_UNSUPPORTED_EXIT',
  /**
   * KVM_RUN itself failed.
   */
  VM_STOP_REASON_RUN_FAILED: 'VM_STOP_REASON_RUN_FAILED',
  /**
   * The guest asked for a reset, by the keyboard controller or by port 0xCF9.
   */
  VM_STOP_REASON_RESET: 'VM_STOP_REASON_RESET',
} as const;

/**
 * Why a VM stopped by itself.
 */
export type VmStopReason =
  /**
   * Not known.
   */
  | 'VM_STOP_REASON_UNSPECIFIED'
  | 0
  /**
   * Every vCPU executed HLT, and without an in-kernel irqchip nothing can wake them.
   */
  | 'VM_STOP_REASON_HALTED'
  | 1
  /**
   * KVM_EXIT_SHUTDOWN: a triple fault, or KVM_EXIT_SYSTEM_EVENT.
   */
  | 'VM_STOP_REASON_SHUTDOWN'
  | 2
  /**
   * KVM_EXIT_FAIL_ENTRY: the CPU refused to enter the guest.
   */
  | 'VM_STOP_REASON_ENTRY_FAILED'
  | 3
  /**
   * KVM_EXIT_INTERNAL_ERROR: KVM could not go on, for example with a nested state whose pages are not there.
   */
  | 'VM_STOP_REASON_INTERNAL_ERROR'
  | 4
  /**
   * An exit that vcpud does not serve, such as I/O to a port other than the debug console's, or MMIO.
   */
  | 'VM_STOP_REASON_UNSUPPORTED_EXIT'
  | 5
  /**
   * KVM_RUN itself failed.
   */
  | 'VM_STOP_REASON_RUN_FAILED'
  | 6
  /**
   * The guest asked for a reset, by the keyboard controller or by port 0xCF9.
   */
  | 'VM_STOP_REASON_RESET'
  | 7

/**
 * Why a VM stopped by itself.
 */
export type VmStopReason__Output = typeof VmStopReason[keyof typeof VmStopReason]
