// Original file: protos/vcpud/v1/vcpu.proto

/**
 * What a vCPU is doing.
 */
export const VcpuRunState = {
  /**
   * Not known.
   */
  VCPU_RUN_STATE_UNSPECIFIED: 'VCPU_RUN_STATE_UNSPECIFIED',
  /**
   * Out of KVM_RUN; goes on when its VM runs.
   */
  VCPU_RUN_STATE_PAUSED: 'VCPU_RUN_STATE_PAUSED',
  /**
   * In KVM_RUN, or about to be.
   */
  VCPU_RUN_STATE_RUNNING: 'VCPU_RUN_STATE_RUNNING',
  /**
   * Halted with nothing that could wake it: HLT in a VM without an in-kernel irqchip.
   */
  VCPU_RUN_STATE_HALTED: 'VCPU_RUN_STATE_HALTED',
} as const;

/**
 * What a vCPU is doing.
 */
export type VcpuRunState =
  /**
   * Not known.
   */
  | 'VCPU_RUN_STATE_UNSPECIFIED'
  | 0
  /**
   * Out of KVM_RUN; goes on when its VM runs.
   */
  | 'VCPU_RUN_STATE_PAUSED'
  | 1
  /**
   * In KVM_RUN, or about to be.
   */
  | 'VCPU_RUN_STATE_RUNNING'
  | 2
  /**
   * Halted with nothing that could wake it: HLT in a VM without an in-kernel irqchip.
   */
  | 'VCPU_RUN_STATE_HALTED'
  | 3

/**
 * What a vCPU is doing.
 */
export type VcpuRunState__Output = typeof VcpuRunState[keyof typeof VcpuRunState]
