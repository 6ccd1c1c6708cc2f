// Original file: protos/vcpud/v1/vm.proto

/**
 * What a VM is doing.
 */
export const VmRunState = {
  /**
   * Not known.
   */
  VM_RUN_STATE_UNSPECIFIED: 'VM_RUN_STATE_UNSPECIFIED',
  /**
   * Every vCPU is out of the guest, with no I/O pending; as it is after CreateVm too.
   */
  VM_RUN_STATE_PAUSED: 'VM_RUN_STATE_PAUSED',
  /**
   * vCPUs run.
   */
  VM_RUN_STATE_RUNNING: 'VM_RUN_STATE_RUNNING',
  /**
   * It stopped by itself, and stop says why.
   */
  VM_RUN_STATE_STOPPED: 'VM_RUN_STATE_STOPPED',
} as const;

/**
 * What a VM is doing.
 */
export type VmRunState =
  /**
   * Not known.
   */
  | 'VM_RUN_STATE_UNSPECIFIED'
  | 0
  /**
   * Every vCPU is out of the guest, with no I/O pending; as it is after CreateVm too.
   */
  | 'VM_RUN_STATE_PAUSED'
  | 1
  /**
   * vCPUs run.
   */
  | 'VM_RUN_STATE_RUNNING'
  | 2
  /**
   * It stopped by itself, and stop says why.
   */
  | 'VM_RUN_STATE_STOPPED'
  | 3

/**
 * What a VM is doing.
 */
export type VmRunState__Output = typeof VmRunState[keyof typeof VmRunState]
