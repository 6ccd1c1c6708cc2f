// Original file: protos/vcpud/v1/nested_state.proto

import type { NestedStateFormat as _vcpud_v1_NestedStateFormat, NestedStateFormat__Output as _vcpud_v1_NestedStateFormat__Output } from '../../vcpud/v1/NestedStateFormat.js';

/**
 * A vCPU that may take a nested state, as far as the rules ask. Parts that are left empty leave the rules that need them
 * unjudged. Every part is as other calls give it: of the host by GetHost, of the vCPU by GetVcpuState or GetVmState.
 */
export interface NestedStateTarget {
  /**
   * Host.nested.format of the host. Required.
   */
  'format'?: (_vcpud_v1_NestedStateFormat);
  /**
   * Host.enforced_rules of the host: of the rules on which kernels differ, those that its kernel enforces.
   */
  'enforcedRules'?: (string)[];
  /**
   * VcpuState.cpuid: struct kvm_cpuid_entry2, 40 bytes each.
   */
  'cpuid'?: (Buffer | Uint8Array | string);
  /**
   * VcpuState.sregs2 or sregs, 320 or 312 bytes: the registers that the vCPU will hold when it is given the state.
   */
  'sregs'?: (Buffer | Uint8Array | string);
  /**
   * VcpuState.msrs: struct kvm_msr_entry, 16 bytes each; IA32_VMX_* are read.
   */
  'msrs'?: (Buffer | Uint8Array | string);
  /**
   * VcpuState.events, 64 bytes: whether the vCPU is in SMM.
   */
  'events'?: (Buffer | Uint8Array | string);
}

/**
 * A vCPU that may take a nested state, as far as the rules ask. Parts that are left empty leave the rules that need them
 * unjudged. Every part is as other calls give it: of the host by GetHost, of the vCPU by GetVcpuState or GetVmState.
 */
export interface NestedStateTarget__Output {
  /**
   * Host.nested.format of the host. Required.
   */
  'format': (_vcpud_v1_NestedStateFormat__Output);
  /**
   * Host.enforced_rules of the host: of the rules on which kernels differ, those that its kernel enforces.
   */
  'enforcedRules': (string)[];
  /**
   * VcpuState.cpuid: struct kvm_cpuid_entry2, 40 bytes each.
   */
  'cpuid': (Buffer);
  /**
   * VcpuState.sregs2 or sregs, 320 or 312 bytes: the registers that the vCPU will hold when it is given the state.
   */
  'sregs': (Buffer);
  /**
   * VcpuState.msrs: struct kvm_msr_entry, 16 bytes each; IA32_VMX_* are read.
   */
  'msrs': (Buffer);
  /**
   * VcpuState.events, 64 bytes: whether the vCPU is in SMM.
   */
  'events': (Buffer);
}
