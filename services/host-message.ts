// A host as the API describes it: in GetHost, and in what a VM asks of another.

import { nestedFormat, u64 } from '../lib/api/vcpu-state.js';
import { VERSION } from '../lib/api/version.js';
import { CAP } from '../lib/kvm/abi.js';
import { cpuidRegister } from '../lib/kvm/cpuid.js';
import { availableMemoryBytes } from '../lib/os/available-memory.js';
import { xsaveBytes } from '../lib/state/vcpu-components.js';
import type { VmRegistry } from '../lib/vm/vm-registry.js';
import type { Host } from '../protos/gen/vcpud/v1/Host.js';
import type { MsrValue } from '../protos/gen/vcpud/v1/MsrValue.js';

const VENDORS = {
  AMD: 'CPU_VENDOR_AMD',
  INTEL: 'CPU_VENDOR_INTEL',
  UNKNOWN: 'CPU_VENDOR_UNSPECIFIED',
} as const;

const DRIVERS = { native: 'DRIVER_NATIVE', model: 'DRIVER_MODEL' } as const;

export const msrValues = (
  rows: ReadonlyArray<{ readonly index: number; readonly value: bigint }>,
): MsrValue[] => rows.map(({ index, value }) => ({ index, value: u64(value) }));

/** The XCR0 that CPUID 0xD offers. */
function xcr0Supported(cpuid: Buffer): bigint {
  const high = BigInt(cpuidRegister(cpuid, 0xd, 'edx'));
  return (high << 32n) | BigInt(cpuidRegister(cpuid, 0xd, 'eax'));
}

export function hostMessage({ host, rules }: VmRegistry): Host {
  return {
    vcpudVersion: VERSION,
    kvmApiVersion: host.apiVersion,
    kernelRelease: host.kernelRelease,
    cpuVendor: VENDORS[host.vendor],
    cpuModel: host.cpuModel,
    nested: {
      enabled: host.nested.enabled,
      format: nestedFormat(host.nested.format),
      maxSizeBytes: host.nested.maxBytes,
      disabledReason: host.nested.disabledReason,
    },
    capabilities: [...host.capabilities].map(([name, value]) => ({ name, number: CAP[name], value })),
    vmxCapabilityMsrs: msrValues(host.vmxCapabilityMsrs),
    drivers: [DRIVERS[host.driver]],
    enforcedRules: [...rules.enforced].sort(),
    unexplainedRejections: rules.unexplained.count,
    tscKhz: host.tscKhz,
    memoryAvailableBytes: u64(availableMemoryBytes()),
    xcr0Supported: u64(xcr0Supported(host.supportedCpuid)),
    xsaveBytes: xsaveBytes(host),
    maxVcpus: host.maxVcpus,
    physicalAddressBits: host.physicalAddressBits,
    supportedCpuid: host.supportedCpuid,
  };
}
