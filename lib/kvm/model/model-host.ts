// What a modelled host is: data, captured from a real one. amd-host.ts and intel-host.ts have the two that there are.

import type { KernelFacts } from '../../nested/rule.js';
import type { VendorModelFactory } from './nested-model.js';

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

/**
 * An MSR as it was captured: a write with a bit beyond `accepts` is refused, and of another `keeps` is held.
 * msrs.ts and the vendor's model put others in the place of those that don't behave so.
 */
export type MsrRow = readonly [index: number, atPowerOn: bigint, accepts: bigint, keeps: bigint];

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
  /** KVM_GET_MSR_FEATURE_INDEX_LIST, with what KVM_GET_MSRS on /dev/kvm answers, in its order. */
  readonly featureMsrs: ReadonlyMap<number, bigint>;
  /** MSRs of a new vCPU with the host's CPUID. */
  readonly msrs: readonly MsrRow[];
  /** KVM_GET_TSC_KHZ of a new vCPU. */
  readonly tscKhz: number;
  /** XCR0 bits that a guest may have. */
  readonly xcr0: bigint;
  /** XCR0 of the host's own programs. */
  readonly hostXcr0: bigint;
  /** MXCSR bits that may be set. */
  readonly mxcsrMask: number;
  readonly vendorModel: VendorModelFactory;
}
