// Hosts and VMs for tests of the checks: those that the models were captured from, on a kernel without known bugs, as facts.

import type { DestinationFacts, VmFacts } from '../../../lib/compat/facts.js';
import { CPUID_ENTRY, SIZE } from '../../../lib/kvm/abi.js';
import type { Register } from '../../../lib/kvm/cpuid.js';
import { type ModelVendor, modelDriver } from '../../../lib/kvm/model/model-driver.js';
import '../../../lib/os/libc.js';
import { xsaveBytes } from '../../../lib/state/vcpu-components.js';
import { probeHost } from '../../../lib/vm/host.js';

/** Newer than every kernel bug in the table. */
const SOUND_KERNEL = '7.4.0';

/** Which every host has. */
const PAT = 0x277;

export function hostOf(vendor: ModelVendor): DestinationFacts {
  const { kvm, profile } = probeHost(modelDriver(vendor));
  kvm.close();
  return {
    vendor: profile.vendor,
    kernelRelease: SOUND_KERNEL,
    cpuModel: profile.cpuModel,
    nested: profile.nested,
    capabilities: profile.capabilities,
    runsGuests: true,
    enforcedRules: ['NESTED_FLAGS_UNKNOWN'],
    cpuid: profile.supportedCpuid,
    tscKhz: profile.tscKhz,
    vmxCapabilityMsrs: profile.vmxCapabilityMsrs,
    msrIndices: profile.msrIndices,
    xsaveBytes: xsaveBytes(profile),
    maxVcpus: profile.maxVcpus,
    physicalAddressBits: profile.physicalAddressBits,
    memoryAvailableBytes: 8n << 30n,
    vmExists: false,
  };
}

/** A VM made on a host, as it is when it is new. */
export function vmOn(host: DestinationFacts): VmFacts {
  return {
    id: 'web',
    host,
    vcpuCount: 1,
    regions: [{ gpa: 0n, bytes: 1n << 30n }],
    irqchip: true,
    pit: true,
    cpuids: [host.cpuid],
    xcr0: 1n,
    xsaveBytes: host.xsaveBytes,
    tscKhz: host.tscKhz,
    vmxCapabilityMsrs: host.vmxCapabilityMsrs,
    nestedFormat: host.nested.format,
    msrs: [{ index: PAT, value: 0x7_0406_0007_0406n }],
  };
}

export interface Place {
  readonly leaf: number;
  readonly subleaf: number;
  readonly register: Register;
}

/** A copy of a CPUID table with another value in one register; the entry is added where the table lacks it. */
export function withRegister(entries: Buffer, place: Place, change: (value: number) => number): Buffer {
  const { leaf, subleaf, register } = place;
  const copy = Buffer.from(entries);
  for (let at = 0; at < copy.length; at += SIZE.cpuidEntry) {
    if (copy.readUInt32LE(at + CPUID_ENTRY.function) !== leaf) continue;
    if (copy.readUInt32LE(at + CPUID_ENTRY.index) !== subleaf) continue;
    const offset = at + CPUID_ENTRY[register];
    copy.writeUInt32LE(change(copy.readUInt32LE(offset)) >>> 0, offset);
    return copy;
  }
  const entry = Buffer.alloc(SIZE.cpuidEntry);
  entry.writeUInt32LE(leaf, CPUID_ENTRY.function);
  entry.writeUInt32LE(subleaf, CPUID_ENTRY.index);
  entry.writeUInt32LE(change(0) >>> 0, CPUID_ENTRY[register]);
  return Buffer.concat([copy, entry]);
}
