// What the host beneath can do, found out once when vcpud starts: asked of /dev/kvm, of a scratch VM and of the
// CPU, not of version numbers.

import { existsSync, readFileSync } from 'node:fs';
import type { CpuVendor } from '../compat/facts.js';
import { CAP, type CapName, KVM } from '../kvm/abi.js';
import { getSupportedCpuid, hasSvm, hasVmx, maxPhyAddr, setCpuid, vendorString } from '../kvm/cpuid.js';
import { getMsrIndices, isVmxCapability, type MsrRow, msrRows, readMsrs } from '../kvm/msrs.js';
import { checkExtension, type KvmDriver, type SystemPort, type VmPort } from '../kvm/port.js';
import { getTscKhz } from '../kvm/tsc.js';

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
  /** What carries the ioctls, and whether guests run by it. */
  readonly driver: KvmDriver['name'];
  readonly runsGuests: boolean;
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
  readonly maxVcpus: number;
  /** KVM_GET_TSC_KHZ of a new vCPU; 0 where KVM knows no rate. */
  readonly tscKhz: number;
  /** MSRs worth moving that a vCPU can have; each vCPU drops those that it can't read. */
  readonly msrIndices: readonly number[];
}

/** MSRs that are listed but not moved, each with its reason. */
const NOT_MOVED: ReadonlyMap<number, string> = new Map([
  [0x40000020, 'HV_X64_MSR_TIME_REF_COUNT: read-only, it is derived from the clock'],
  [0x40000010, 'HV_X64_MSR_VP_RUNTIME: counts the host thread’s time'],
  [0x40000022, 'HV_X64_MSR_TSC_FREQUENCY: read-only, it is what the host measured at its boot'],
  [0x40000023, 'HV_X64_MSR_APIC_FREQUENCY: read-only, it is KVM’s own'],
]);

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
function vmxCapabilityMsrs(kvm: SystemPort, capabilities: ReadonlyMap<CapName, number>): MsrRow[] {
  if ((capabilities.get('GET_MSR_FEATURES') ?? 0) === 0) return [];
  const indices = getMsrIndices(kvm, KVM.GET_MSR_FEATURE_INDEX_LIST);
  return msrRows(readMsrs(kvm, indices.filter(isVmxCapability)).entries);
}

/** Asks the host. Throws KVM_UNAVAILABLE where its KVM can't be used. */
export function probeHost(driver: KvmDriver): { kvm: SystemPort; profile: HostProfile } {
  const kvm = driver.open();
  const vm = kvm.createVm();
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
      driver: driver.name,
      runsGuests: driver.runsGuests,
      kernelRelease: driver.kernelRelease,
      vendor,
      cpuModel: driver.cpuModel,
      capabilities,
      nested,
      vmxCapabilityMsrs: vmxMsrs,
      supportedCpuid,
      physicalAddressBits: maxPhyAddr(supportedCpuid),
      maxVcpus: Math.min(capabilities.get('MAX_VCPUS') ?? 1, 288),
      ...askVcpu(vm, supportedCpuid, [...new Set([...listed, ...vmxMsrs.map(({ index }) => index)])]),
    };
    return { kvm, profile };
  } catch (error) {
    kvm.close();
    throw error;
  } finally {
    vm.close();
  }
}

/** Asked of a scratch vCPU with the host's CPUID: which of the MSRs it can read, and the rate of its TSC. */
function askVcpu(
  vm: VmPort,
  cpuid: Buffer,
  indices: readonly number[],
): Pick<HostProfile, 'msrIndices' | 'tscKhz'> {
  const vcpu = vm.createVcpu(0);
  try {
    setCpuid(vcpu, cpuid);
    const unreadable = new Set(readMsrs(vcpu, indices).unreadable);
    return { msrIndices: indices.filter((index) => !unreadable.has(index)), tscKhz: getTscKhz(vcpu) };
  } finally {
    vcpu.close();
  }
}
