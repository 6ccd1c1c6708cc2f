// What the checks compare: what a VM asks of a host, as GetVmRequirements says it, and what the host has that it is to
// move to. Plain data; services/ fills it from messages and from the host.

import type { CapName } from '../kvm/abi.js';

/** Who made the CPU, as far as it decides whose virtualization extension there is. */
export type CpuVendor = 'AMD' | 'INTEL' | 'UNKNOWN';

export type NestedFormat = 'SVM' | 'VMX';

/** What is known of either host. */
export interface HostFacts {
  readonly vendor: CpuVendor;
  /** uname -r. */
  readonly kernelRelease: string;
  readonly cpuModel: string;
  readonly nested: {
    readonly enabled: boolean;
    readonly format: NestedFormat | undefined;
    /** KVM_CAP_NESTED_STATE, bytes. */
    readonly maxBytes: number;
    /** Why not enabled; empty where it is. */
    readonly disabledReason: string;
  };
  /** KVM_CHECK_EXTENSION's answers; what the host's vcpud doesn't ask for is missing. */
  readonly capabilities: ReadonlyMap<CapName, number>;
  /** Whether guests run there. */
  readonly runsGuests: boolean;
  /** Rules about nested state on which kernels differ and that this one enforces. */
  readonly enforcedRules: readonly string[];
  /** KVM_GET_SUPPORTED_CPUID, entries of 40 bytes. */
  readonly cpuid: Buffer;
}

/** What a VM asks of a host. */
export interface VmFacts {
  readonly id: string;
  readonly host: HostFacts;
  readonly vcpuCount: number;
  readonly regions: ReadonlyArray<{ readonly gpa: bigint; readonly bytes: bigint }>;
  readonly irqchip: boolean;
  readonly pit: boolean;
  /** KVM_GET_CPUID2 of its vCPUs, entries of 40 bytes: one of all that differ in APIC id and register-driven bits alone. */
  readonly cpuids: readonly Buffer[];
  /** Components enabled in some vCPU's XCR0. */
  readonly xcr0: bigint;
  /** Of a vCPU's XSAVE area. */
  readonly xsaveBytes: number;
  readonly tscKhz: number;
  /** As its vCPUs hold them: rows, of which one MSR has several where vCPUs differ. */
  readonly vmxCapabilityMsrs: ReadonlyArray<{ readonly index: number; readonly value: bigint }>;
  /** Of the nested states that its vCPUs hold; undefined where the host has none. */
  readonly nestedFormat: NestedFormat | undefined;
  /** MSRs that hold something other than 0 in some vCPU, each once; without the VMX capability MSRs. */
  readonly msrs: ReadonlyArray<{ readonly index: number; readonly value: bigint }>;
}

/** The host that a VM is to move to. */
export interface DestinationFacts extends HostFacts {
  /** Of a new vCPU. */
  readonly tscKhz: number;
  /** What KVM offers to a new vCPU. */
  readonly vmxCapabilityMsrs: ReadonlyArray<{ readonly index: number; readonly value: bigint }>;
  /** MSRs that a state has here. */
  readonly msrIndices: readonly number[];
  readonly xsaveBytes: number;
  readonly maxVcpus: number;
  readonly physicalAddressBits: number;
  /** MemAvailable of /proc/meminfo. */
  readonly memoryAvailableBytes: bigint;
  /** Whether there is a VM of the id that the VM is to have. */
  readonly vmExists: boolean;
}
