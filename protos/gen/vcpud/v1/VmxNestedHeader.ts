// Original file: protos/vcpud/v1/nested_state.proto

import type { Long } from '@grpc/proto-loader';

/**
 * struct kvm_vmx_nested_state_hdr.
 */
export interface VmxNestedHeader {
  /**
   * Guest-physical address of the VMXON region; all ones where VMXON has not been executed.
   */
  'vmxonPa'?: (number | string | Long);
  /**
   * Guest-physical address of the current VMCS (vmcs12); all ones where there is none.
   */
  'vmcs12Pa'?: (number | string | Long);
  /**
   * Bit 0: the vCPU was in L2 when it entered SMM; bit 1: it was in VMX operation then.
   */
  'smmFlags'?: (number);
  /**
   * Bit 0: preemption_timer_deadline is valid.
   */
  'flags'?: (number);
  /**
   * When L2's VMX preemption timer ends, in TSC ticks of the guest.
   */
  'preemptionTimerDeadline'?: (number | string | Long);
}

/**
 * struct kvm_vmx_nested_state_hdr.
 */
export interface VmxNestedHeader__Output {
  /**
   * Guest-physical address of the VMXON region; all ones where VMXON has not been executed.
   */
  'vmxonPa': (string);
  /**
   * Guest-physical address of the current VMCS (vmcs12); all ones where there is none.
   */
  'vmcs12Pa': (string);
  /**
   * Bit 0: the vCPU was in L2 when it entered SMM; bit 1: it was in VMX operation then.
   */
  'smmFlags': (number);
  /**
   * Bit 0: preemption_timer_deadline is valid.
   */
  'flags': (number);
  /**
   * When L2's VMX preemption timer ends, in TSC ticks of the guest.
   */
  'preemptionTimerDeadline': (string);
}
