// What a modelled host is: data, captured from a real one. amd-host.ts and intel-host.ts have the two that there are.

import type { KernelFacts } from '../../nested/rule.js';
import type { ModelMsr, VendorModelFactory } from './nested-model.js';
import type { VcpuState } from './vcpu-state.js';

/** An entry of struct kvm_cpuid_entry2. */
export type CpuidRow = readonly [
  leaf: number,
  index: number,
  flags: number,
  eax: number,
  ebx: number,
  ecx: number,
  edx: number,
];

/** A structure that is mostly zero: what stands where, as hexadecimal digits. */
export type SparseBytes = ReadonlyArray<readonly [offset: number, hex: string]>;

export interface ModelHost {
  /** uname -r of the host that this was captured from. */
  readonly kernelRelease: string;
  readonly cpuModel: string;
  /** Which rules its kernel applies. */
  readonly kernel: KernelFacts;
  /** KVM_CHECK_EXTENSION: every capability that it does not answer 0 to. */
  readonly capabilities: ReadonlyMap<number, number>;
  /** KVM_GET_SUPPORTED_CPUID. */
  readonly supportedCpuid: readonly CpuidRow[];
  /** KVM_GET_MSR_INDEX_LIST, in its order. */
  readonly msrIndices: readonly number[];
  /** KVM_GET_MSR_FEATURE_INDEX_LIST, with what KVM_GET_MSRS on /dev/kvm answers. */
  readonly featureMsrs: ReadonlyMap<number, bigint>;
  /** KVM_GET_TSC_KHZ of a new vCPU. */
  readonly tscKhz: number;
  /** XCR0 bits that a guest may set. */
  readonly xcr0: bigint;
  /** MSRs of both vendors whose power-on value is this host's: by number. */
  readonly msrsAtPowerOn: ReadonlyMap<number, bigint>;
  /** MXCSR bits that may be set. */
  readonly mxcsrMask: number;
  readonly vendorModel: VendorModelFactory;
}

/** Makes one MSR of a vCPU. */
export type MsrFactory = (vcpu: VcpuState) => ModelMsr;
