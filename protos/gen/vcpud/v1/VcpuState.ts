// Original file: protos/vcpud/v1/vcpu.proto

import type { NestedState as _vcpud_v1_NestedState, NestedState__Output as _vcpud_v1_NestedState__Output } from '../../vcpud/v1/NestedState.js';

/**
 * Everything that one vCPU holds: the kernel's structures as bytes, exactly as its ioctls give them on x86-64.
 */
export interface VcpuState {
  /**
   * KVM_GET_CPUID2: the entries, 40 bytes each.
   */
  'cpuid'?: (Buffer | Uint8Array | string);
  /**
   * KVM_GET_TSC_KHZ; 0 where the kernel does not say.
   */
  'tscKhz'?: (number);
  /**
   * KVM_GET_SREGS2, 320 bytes; empty where the kernel lacks it.
   */
  'sregs2'?: (Buffer | Uint8Array | string);
  /**
   * KVM_GET_SREGS, 312 bytes; empty where sregs2 is there.
   */
  'sregs'?: (Buffer | Uint8Array | string);
  /**
   * KVM_GET_XSAVE2 (or KVM_GET_XSAVE), 4096 bytes or more.
   */
  'xsave'?: (Buffer | Uint8Array | string);
  /**
   * KVM_GET_XCRS, 392 bytes; empty where the kernel lacks it.
   */
  'xcrs'?: (Buffer | Uint8Array | string);
  /**
   * KVM_GET_MSRS of those that KVM_GET_MSR_INDEX_LIST names and the vCPU has, and of the VMX capability MSRs: struct
   * kvm_msr_entry, 16 bytes each (index u32, reserved u32, value u64, little-endian).
   */
  'msrs'?: (Buffer | Uint8Array | string);
  /**
   * KVM_GET_LAPIC, 1024 bytes; empty without an in-kernel irqchip.
   */
  'lapic'?: (Buffer | Uint8Array | string);
  /**
   * KVM_GET_VCPU_EVENTS, 64 bytes.
   */
  'events'?: (Buffer | Uint8Array | string);
  /**
   * KVM_GET_MP_STATE: 0 runnable, 1 uninitialised, 2 INIT received, 3 halted, 4 SIPI received.
   */
  'mpState'?: (number);
  /**
   * KVM_GET_DEBUGREGS, 128 bytes.
   */
  'debugregs'?: (Buffer | Uint8Array | string);
  /**
   * KVM_GET_REGS, 144 bytes: L2's where the vCPU is in L2.
   */
  'regs'?: (Buffer | Uint8Array | string);
  /**
   * KVM_GET_NESTED_STATE; unset where the host's KVM has none.
   */
  'nestedState'?: (_vcpud_v1_NestedState | null);
}

/**
 * Everything that one vCPU holds: the kernel's structures as bytes, exactly as its ioctls give them on x86-64.
 */
export interface VcpuState__Output {
  /**
   * KVM_GET_CPUID2: the entries, 40 bytes each.
   */
  'cpuid': (Buffer);
  /**
   * KVM_GET_TSC_KHZ; 0 where the kernel does not say.
   */
  'tscKhz': (number);
  /**
   * KVM_GET_SREGS2, 320 bytes; empty where the kernel lacks it.
   */
  'sregs2': (Buffer);
  /**
   * KVM_GET_SREGS, 312 bytes; empty where sregs2 is there.
   */
  'sregs': (Buffer);
  /**
   * KVM_GET_XSAVE2 (or KVM_GET_XSAVE), 4096 bytes or more.
   */
  'xsave': (Buffer);
  /**
   * KVM_GET_XCRS, 392 bytes; empty where the kernel lacks it.
   */
  'xcrs': (Buffer);
  /**
   * KVM_GET_MSRS of those that KVM_GET_MSR_INDEX_LIST names and the vCPU has, and of the VMX capability MSRs: struct
   * kvm_msr_entry, 16 bytes each (index u32, reserved u32, value u64, little-endian).
   */
  'msrs': (Buffer);
  /**
   * KVM_GET_LAPIC, 1024 bytes; empty without an in-kernel irqchip.
   */
  'lapic': (Buffer);
  /**
   * KVM_GET_VCPU_EVENTS, 64 bytes.
   */
  'events': (Buffer);
  /**
   * KVM_GET_MP_STATE: 0 runnable, 1 uninitialised, 2 INIT received, 3 halted, 4 SIPI received.
   */
  'mpState': (number);
  /**
   * KVM_GET_DEBUGREGS, 128 bytes.
   */
  'debugregs': (Buffer);
  /**
   * KVM_GET_REGS, 144 bytes: L2's where the vCPU is in L2.
   */
  'regs': (Buffer);
  /**
   * KVM_GET_NESTED_STATE; unset where the host's KVM has none.
   */
  'nestedState': (_vcpud_v1_NestedState__Output | null);
}
