// What the host beneath can do, found out once when vcpud starts: asked of /dev/kvm, of a scratch VM and of the
// CPU, not of version numbers.

import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { CAP, type CapName, KVM, MSR } from '../kvm/abi.js';
import { getSupportedCpuid, hasSvm, hasVmx, maxPhyAddr, setCpuid, vendorString } from '../kvm/cpuid.js';
import { getMsrIndices, type MsrRow, msrRows, readMsrs } from '../kvm/msrs.js';
import { checkExtension, closePort, createVm, openKvm } from '../kvm/native/kvm-device.js';
import { NativePort } from '../kvm/native/native-port.js';

export type CpuVendor = 'AMD' | 'INTEL' | 'UNKNOWN';

/** Vendor strings of CPUID leaf 0, and whose virtualization extension they mean. */
const VENDORS: Readonly<Record<string, CpuVendor>> = {
  AuthenticAMD: 'AMD',
  HygonGenuine: 'AMD',
  GenuineIntel: 'INTEL',
  '  Shanghai  ': 'INTEL',
  CentaurHauls: 'INTEL',
};

export interface NestedCapability {
  readonly enabled: boolean;
  readonly format: 'SVM' | 'VMX' | undefined;
  /** KVM_CAP_NESTED_STATE, bytes; 0 where not enabled. */
  readonly maxBytes: number;
  /** Why not enabled, and what to do; empty where it is. */
  readonly disabledReason: string;
}

export interface HostProfile {
  readonly apiVersion: number;
  readonly kernelRelease: string;
  readonly vendor: CpuVendor;
  readonly cpuModel: string;
  /** As KVM_CHECK_EXTENSION answers on a VM. */
  readonly capabilities: ReadonlyMap<CapName, number>;
  readonly nested: NestedCapability;
  /** VMX capability MSRs as KVM offers them to guests; empty on AMD. */
  readonly vmxCapabilityMsrs: readonly MsrRow[];
  readonly supportedCpuid: Buffer;
  readonly physicalAddressBits: number;
  /** Bytes of a mapped kvm_run. */
  readonly runBytes: number;
  readonly maxVcpus: number;
  /** MSRs worth moving that a vCPU can have; each vCPU drops those that it can't read. */
  readonly msrIndices: readonly number[];
}

/** MSRs that are listed but not moved, each with its reason. */
const NOT_MOVED: ReadonlyMap<number, string> = new Map([
  [0x40000020, 'HV_X64_MSR_TIME_REF_COUNT: read-only, it is derived from the clock'],
  [0x40000010, 'HV_X64_MSR_VP_RUNTIME: counts the host thread’s time'],
]);

function cpuModel(): string {
  const line = /^model name\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'));
  return line?.[1]?.trim() ?? 'unknown';
}

/** What the module parameter says about nesting: the sentence's second half. */
function nestedHint(vendor: CpuVendor): string {
  const module = vendor === 'INTEL' ? 'kvm_intel' : 'kvm_amd';
  const path = `/sys/module/${module}/parameters/nested`;
  if (!existsSync(path)) return `the KVM module in use offers none (no ${module} module is loaded)`;
  const value = readFileSync(path, 'utf8').trim();
  if (value === '1' || value === 'Y') return `the CPU does not offer it to ${module}`;
  return `${module} was loaded with nested=${value}: load it with nested=1`;
}

/**
 * KVM_CAP_NESTED_STATE alone does not tell: kvm_amd answers 4224 even when it was loaded with nested=0, and GET then
 * works but says nothing. What a guest can have is what the supported CPUID says.
 */
function nestedCapability(capability: number, cpuid: Buffer, vendor: CpuVendor): NestedCapability {
  const format = hasSvm(cpuid) ? 'SVM' : hasVmx(cpuid) ? 'VMX' : undefined;
  if (capability > 0 && format !== undefined)
    return { enabled: true, format, maxBytes: capability, disabledReason: '' };
  const what = capability > 0 ? 'guests are offered neither SVM nor VMX' : 'KVM_CAP_NESTED_STATE is 0';
  return { enabled: false, format: undefined, maxBytes: 0, disabledReason: `${what}; ${nestedHint(vendor)}` };
}

/** VMX capability MSRs that KVM emulates for guests: those of the feature list that lie in their range. */
function vmxCapabilityMsrs(kvm: NativePort, capabilities: ReadonlyMap<CapName, number>): MsrRow[] {
  if ((capabilities.get('GET_MSR_FEATURES') ?? 0) === 0) return [];
  const indices = getMsrIndices(kvm, KVM.GET_MSR_FEATURE_INDEX_LIST);
  const vmx = indices.filter((index) => index >= MSR.VMX_FIRST && index <= MSR.VMX_LAST);
  return msrRows(readMsrs(kvm, vmx).entries);
}

/** Asks the host. Throws KVM_UNAVAILABLE where /dev/kvm can't be used. */
export function probeHost(): { kvm: NativePort; profile: HostProfile } {
  const kvm = openKvm();
  const vm = createVm(kvm);
  try {
    const names = Object.keys(CAP) as CapName[];
    const capabilities = new Map(names.map((name) => [name, checkExtension(vm, CAP[name])] as const));
    const supportedCpuid = getSupportedCpuid(kvm);
    const vendor = VENDORS[vendorString(supportedCpuid)] ?? 'UNKNOWN';
    const nested = nestedCapability(capabilities.get('NESTED_STATE') ?? 0, supportedCpuid, vendor);
    const vmxMsrs = nested.format === 'VMX' ? vmxCapabilityMsrs(kvm, capabilities) : [];
    const listed = getMsrIndices(kvm, KVM.GET_MSR_INDEX_LIST).filter((index) => !NOT_MOVED.has(index));
    const profile: HostProfile = {
      apiVersion: kvm.ioctl(KVM.GET_API_VERSION, 0),
      kernelRelease: release(),
      vendor,
      cpuModel: cpuModel(),
      capabilities,
      nested,
      vmxCapabilityMsrs: vmxMsrs,
      supportedCpuid,
      physicalAddressBits: maxPhyAddr(supportedCpuid),
      runBytes: kvm.ioctl(KVM.GET_VCPU_MMAP_SIZE, 0),
      maxVcpus: Math.min(capabilities.get('MAX_VCPUS') ?? 1, 288),
      msrIndices: readableMsrs(vm, supportedCpuid, [
        ...new Set([...listed, ...vmxMsrs.map(({ index }) => index)]),
      ]),
    };
    return { kvm, profile };
  } catch (error) {
    closePort(kvm);
    throw error;
  } finally {
    closePort(vm);
  }
}

/** Those of the MSRs that a vCPU with the host's CPUID can read: asked of a scratch vCPU. */
function readableMsrs(vm: NativePort, cpuid: Buffer, indices: readonly number[]): number[] {
  const vcpu = new NativePort(vm.ioctl(KVM.CREATE_VCPU, 0));
  try {
    setCpuid(vcpu, cpuid);
    const unreadable = new Set(readMsrs(vcpu, indices).unreadable);
    return indices.filter((index) => !unreadable.has(index));
  } finally {
    closePort(vcpu);
  }
}
