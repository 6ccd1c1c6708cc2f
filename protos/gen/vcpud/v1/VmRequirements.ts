// Original file: protos/vcpud/v1/host.proto

import type { Host as _vcpud_v1_Host, Host__Output as _vcpud_v1_Host__Output } from '../../vcpud/v1/Host.js';
import type { MemoryRegion as _vcpud_v1_MemoryRegion, MemoryRegion__Output as _vcpud_v1_MemoryRegion__Output } from '../../vcpud/v1/MemoryRegion.js';
import type { MsrValue as _vcpud_v1_MsrValue, MsrValue__Output as _vcpud_v1_MsrValue__Output } from '../../vcpud/v1/MsrValue.js';
import type { NestedStateFormat as _vcpud_v1_NestedStateFormat, NestedStateFormat__Output as _vcpud_v1_NestedStateFormat__Output } from '../../vcpud/v1/NestedStateFormat.js';
import type { Long } from '@grpc/proto-loader';

/**
 * Everything that a VM asks of a host. Made by VmService.GetVmRequirements, read by HostService.CheckCompatibility; whoever is in
 * between need not look into it.
 */
export interface VmRequirements {
  /**
   * vms/{vm}: the name that it has, and is to have.
   */
  'name'?: (string);
  /**
   * The host it is on.
   */
  'host'?: (_vcpud_v1_Host | null);
  /**
   * How many vCPUs it has.
   */
  'vcpuCount'?: (number);
  /**
   * Its memory.
   */
  'memoryRegions'?: (_vcpud_v1_MemoryRegion)[];
  /**
   * Together, in bytes.
   */
  'memoryBytes'?: (number | string | Long);
  /**
   * Whether it has KVM's in-kernel irqchip.
   */
  'irqchip'?: (boolean);
  /**
   * Whether it has KVM's in-kernel PIT.
   */
  'pit'?: (boolean);
  /**
   * The CPUID tables of its vCPUs (KVM_GET_CPUID2), struct kvm_cpuid_entry2, 40 bytes each: one of all that differ in no more than
   * the APIC id and the bits that follow registers (OSXSAVE, OSPKE, APIC), so most often one.
   */
  'cpuids'?: (Buffer | Uint8Array | string)[];
  /**
   * Components that are enabled in some vCPU's XCR0 now.
   */
  'xcr0'?: (number | string | Long);
  /**
   * The size of a vCPU's XSAVE area, in bytes.
   */
  'xsaveBytes'?: (number);
  /**
   * The rate of its TSC (KVM_GET_TSC_KHZ of vCPU 0), in kHz.
   */
  'tscKhz'?: (number);
  /**
   * The VMX capability MSRs (0x480 to 0x491) as its vCPUs hold them; empty on AMD. Of vCPUs that differ, each row that there is.
   */
  'vmxCapabilityMsrs'?: (_vcpud_v1_MsrValue)[];
  /**
   * The format of the nested states that its vCPUs hold; unspecified where the host has none.
   */
  'nestedFormat'?: (_vcpud_v1_NestedStateFormat);
  /**
   * MSRs that hold something other than 0 in some vCPU, of those that a state has; not the VMX capability MSRs. Of vCPUs that
   * differ, the first value that there is.
   */
  'msrs'?: (_vcpud_v1_MsrValue)[];
}

/**
 * Everything that a VM asks of a host. Made by VmService.GetVmRequirements, read by HostService.CheckCompatibility; whoever is in
 * between need not look into it.
 */
export interface VmRequirements__Output {
  /**
   * vms/{vm}: the name that it has, and is to have.
   */
  'name': (string);
  /**
   * The host it is on.
   */
  'host': (_vcpud_v1_Host__Output | null);
  /**
   * How many vCPUs it has.
   */
  'vcpuCount': (number);
  /**
   * Its memory.
   */
  'memoryRegions': (_vcpud_v1_MemoryRegion__Output)[];
  /**
   * Together, in bytes.
   */
  'memoryBytes': (string);
  /**
   * Whether it has KVM's in-kernel irqchip.
   */
  'irqchip': (boolean);
  /**
   * Whether it has KVM's in-kernel PIT.
   */
  'pit': (boolean);
  /**
   * The CPUID tables of its vCPUs (KVM_GET_CPUID2), struct kvm_cpuid_entry2, 40 bytes each: one of all that differ in no more than
   * the APIC id and the bits that follow registers (OSXSAVE, OSPKE, APIC), so most often one.
   */
  'cpuids': (Buffer)[];
  /**
   * Components that are enabled in some vCPU's XCR0 now.
   */
  'xcr0': (string);
  /**
   * The size of a vCPU's XSAVE area, in bytes.
   */
  'xsaveBytes': (number);
  /**
   * The rate of its TSC (KVM_GET_TSC_KHZ of vCPU 0), in kHz.
   */
  'tscKhz': (number);
  /**
   * The VMX capability MSRs (0x480 to 0x491) as its vCPUs hold them; empty on AMD. Of vCPUs that differ, each row that there is.
   */
  'vmxCapabilityMsrs': (_vcpud_v1_MsrValue__Output)[];
  /**
   * The format of the nested states that its vCPUs hold; unspecified where the host has none.
   */
  'nestedFormat': (_vcpud_v1_NestedStateFormat__Output);
  /**
   * MSRs that hold something other than 0 in some vCPU, of those that a state has; not the VMX capability MSRs. Of vCPUs that
   * differ, the first value that there is.
   */
  'msrs': (_vcpud_v1_MsrValue__Output)[];
}
