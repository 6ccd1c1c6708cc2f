// What the vCPUs of a VM ask of a host, read off them: the part of GetVmRequirements that the kernel knows. They must be
// out of KVM_RUN.

import { commonCpuid, getCpuid } from '../kvm/cpuid.js';
import { isVmxCapability, MSR_NOT_THERE, type MsrRow, msrRows, readMsrs } from '../kvm/msrs.js';
import { getTscKhz } from '../kvm/tsc.js';
import type { KernelVcpu } from '../state/state-vcpu.js';
import { COMPONENTS, readPart, xsaveBytes } from '../state/vcpu-components.js';

export interface VcpuNeeds {
  /** One CPUID table of all that differ in APIC id and register-driven bits alone, as the first of them has it. */
  readonly cpuids: readonly Buffer[];
  /** Components enabled in some vCPU's XCR0. */
  readonly xcr0: bigint;
  /** Of an XSAVE area. */
  readonly xsaveBytes: number;
  /** Of vCPU 0; 0 where KVM knows no rate. */
  readonly tscKhz: number;
  /** Rows, of which one MSR has several where vCPUs differ. */
  readonly vmxCapabilityMsrs: readonly MsrRow[];
  readonly nestedFormat: 'SVM' | 'VMX' | undefined;
  /** MSRs that are not 0 in some vCPU, each once; without the VMX capability MSRs. */
  readonly msrs: readonly MsrRow[];
}

/** struct kvm_xcrs: the first row, which is XCR0 on every CPU there is. */
const XCR0_VALUE = 16;
/** X87, which can't be switched off. */
const XCR0_AT_RESET = 1n;

function xcr0Of(vcpu: KernelVcpu): bigint {
  const { xcrs } = COMPONENTS;
  return xcrs.present(vcpu.shape) ? readPart(vcpu, 'xcrs').readBigUInt64LE(XCR0_VALUE) : XCR0_AT_RESET;
}

function msrsOf({ port, shape }: KernelVcpu, wanted: (index: number) => boolean): MsrRow[] {
  return msrRows(readMsrs(port, shape.msrIndices.filter(wanted)).entries);
}

function vmxMsrsOf(vcpu: KernelVcpu): MsrRow[] {
  return vcpu.shape.nested?.format === 'VMX' ? msrsOf(vcpu, isVmxCapability) : [];
}

function msrsInUse(vcpu: KernelVcpu): MsrRow[] {
  return msrsOf(vcpu, (index) => !isVmxCapability(index)).filter(({ value }) => value !== MSR_NOT_THERE);
}

/** The first of all that are alike by their keys. */
function distinct<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  const byKey = new Map<string, T>();
  for (const item of items) {
    const key = keyOf(item);
    if (!byKey.has(key)) byKey.set(key, item);
  }
  return [...byKey.values()];
}

export function vcpuNeeds(vcpus: readonly [KernelVcpu, ...KernelVcpu[]]): VcpuNeeds {
  const [first] = vcpus;
  return {
    cpuids: distinct(
      vcpus.map(({ port }) => Buffer.from(getCpuid(port))),
      (entries) => commonCpuid(entries).toString('latin1'),
    ),
    xcr0: vcpus.reduce((mask, vcpu) => mask | xcr0Of(vcpu), 0n),
    xsaveBytes: xsaveBytes(first.shape),
    tscKhz: getTscKhz(first.port),
    vmxCapabilityMsrs: distinct(vcpus.flatMap(vmxMsrsOf), ({ index, value }) => `${index} ${value}`),
    nestedFormat: first.shape.nested?.format,
    msrs: distinct(vcpus.flatMap(msrsInUse), ({ index }) => String(index)),
  };
}
