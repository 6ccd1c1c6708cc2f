// Original file: protos/vcpud/v1/host.proto

import type { CpuVendor as _vcpud_v1_CpuVendor, CpuVendor__Output as _vcpud_v1_CpuVendor__Output } from '../../vcpud/v1/CpuVendor.js';
import type { NestedCapability as _vcpud_v1_NestedCapability, NestedCapability__Output as _vcpud_v1_NestedCapability__Output } from '../../vcpud/v1/NestedCapability.js';
import type { KvmCapability as _vcpud_v1_KvmCapability, KvmCapability__Output as _vcpud_v1_KvmCapability__Output } from '../../vcpud/v1/KvmCapability.js';
import type { MsrValue as _vcpud_v1_MsrValue, MsrValue__Output as _vcpud_v1_MsrValue__Output } from '../../vcpud/v1/MsrValue.js';
import type { Driver as _vcpud_v1_Driver, Driver__Output as _vcpud_v1_Driver__Output } from '../../vcpud/v1/Driver.js';
import type { Long } from '@grpc/proto-loader';

/**
 * One Linux host with KVM.
 */
export interface Host {
  /**
   * The version of vcpud that answers, such as "0.1.0".
   */
  'vcpudVersion'?: (string);
  /**
   * KVM_GET_API_VERSION; 12 on every kernel since 2007.
   */
  'kvmApiVersion'?: (number);
  /**
   * uname -r, such as "6.1.0-41-amd64".
   */
  'kernelRelease'?: (string);
  /**
   * Who made the CPU: decides the format of the nested state.
   */
  'cpuVendor'?: (_vcpud_v1_CpuVendor);
  /**
   * The CPU's brand string, from /proc/cpuinfo.
   */
  'cpuModel'?: (string);
  /**
   * What the host's KVM can do with nested state.
   */
  'nested'?: (_vcpud_v1_NestedCapability | null);
  /**
   * The KVM capabilities that matter for moving a vCPU, as KVM_CHECK_EXTENSION answers for a VM.
   */
  'capabilities'?: (_vcpud_v1_KvmCapability)[];
  /**
   * The VMX capability MSRs (0x480 to 0x491) as KVM_GET_MSRS on /dev/kvm gives them; empty on AMD. A destination whose values
   * allow less than the source's refuses the state.
   */
  'vmxCapabilityMsrs'?: (_vcpud_v1_MsrValue)[];
  /**
   * The drivers through which this vcpud can reach vCPUs.
   */
  'drivers'?: (_vcpud_v1_Driver)[];
  /**
   * The rules about nested state on which kernels differ and which this kernel was seen to enforce, by the reason that an error
   * would carry. Found out by asking the kernel, with a scratch vCPU.
   */
  'enforcedRules'?: (string)[];
  /**
   * How often, since this vcpud started, the kernel refused a nested state that every rule let pass (reason KERNEL_REJECTED).
   * Each is a bug in vcpud's table of rules, worth a report.
   */
  'unexplainedRejections'?: (number | string | Long);
  /**
   * The rate of a new vCPU's TSC (KVM_GET_TSC_KHZ), in kHz.
   */
  'tscKhz'?: (number);
  /**
   * How much memory new VMs can have before the host swaps: MemAvailable of /proc/meminfo, in bytes, at the time of the call.
   */
  'memoryAvailableBytes'?: (number | string | Long);
  /**
   * XSAVE components that a guest can have, as bits of XCR0: CPUID 0xD.0 EDX:EAX as KVM offers it.
   */
  'xcr0Supported'?: (number | string | Long);
  /**
   * The size of a vCPU's XSAVE area, as KVM_GET_XSAVE2 or KVM_GET_XSAVE gives it, in bytes.
   */
  'xsaveBytes'?: (number);
  /**
   * The most vCPUs that a VM can have here.
   */
  'maxVcpus'?: (number);
  /**
   * Bits of a guest-physical address.
   */
  'physicalAddressBits'?: (number);
  /**
   * What KVM offers to a new vCPU: KVM_GET_SUPPORTED_CPUID, struct kvm_cpuid_entry2, 40 bytes each.
   */
  'supportedCpuid'?: (Buffer | Uint8Array | string);
}

/**
 * One Linux host with KVM.
 */
export interface Host__Output {
  /**
   * The version of vcpud that answers, such as "0.1.0".
   */
  'vcpudVersion': (string);
  /**
   * KVM_GET_API_VERSION; 12 on every kernel since 2007.
   */
  'kvmApiVersion': (number);
  /**
   * uname -r, such as "6.1.0-41-amd64".
   */
  'kernelRelease': (string);
  /**
   * Who made the CPU: decides the format of the nested state.
   */
  'cpuVendor': (_vcpud_v1_CpuVendor__Output);
  /**
   * The CPU's brand string, from /proc/cpuinfo.
   */
  'cpuModel': (string);
  /**
   * What the host's KVM can do with nested state.
   */
  'nested': (_vcpud_v1_NestedCapability__Output | null);
  /**
   * The KVM capabilities that matter for moving a vCPU, as KVM_CHECK_EXTENSION answers for a VM.
   */
  'capabilities': (_vcpud_v1_KvmCapability__Output)[];
  /**
   * The VMX capability MSRs (0x480 to 0x491) as KVM_GET_MSRS on /dev/kvm gives them; empty on AMD. A destination whose values
   * allow less than the source's refuses the state.
   */
  'vmxCapabilityMsrs': (_vcpud_v1_MsrValue__Output)[];
  /**
   * The drivers through which this vcpud can reach vCPUs.
   */
  'drivers': (_vcpud_v1_Driver__Output)[];
  /**
   * The rules about nested state on which kernels differ and which this kernel was seen to enforce, by the reason that an error
   * would carry. Found out by asking the kernel, with a scratch vCPU.
   */
  'enforcedRules': (string)[];
  /**
   * How often, since this vcpud started, the kernel refused a nested state that every rule let pass (reason KERNEL_REJECTED).
   * Each is a bug in vcpud's table of rules, worth a report.
   */
  'unexplainedRejections': (string);
  /**
   * The rate of a new vCPU's TSC (KVM_GET_TSC_KHZ), in kHz.
   */
  'tscKhz': (number);
  /**
   * How much memory new VMs can have before the host swaps: MemAvailable of /proc/meminfo, in bytes, at the time of the call.
   */
  'memoryAvailableBytes': (string);
  /**
   * XSAVE components that a guest can have, as bits of XCR0: CPUID 0xD.0 EDX:EAX as KVM offers it.
   */
  'xcr0Supported': (string);
  /**
   * The size of a vCPU's XSAVE area, as KVM_GET_XSAVE2 or KVM_GET_XSAVE gives it, in bytes.
   */
  'xsaveBytes': (number);
  /**
   * The most vCPUs that a VM can have here.
   */
  'maxVcpus': (number);
  /**
   * Bits of a guest-physical address.
   */
  'physicalAddressBits': (number);
  /**
   * What KVM offers to a new vCPU: KVM_GET_SUPPORTED_CPUID, struct kvm_cpuid_entry2, 40 bytes each.
   */
  'supportedCpuid': (Buffer);
}
