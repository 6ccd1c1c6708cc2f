// What a VM asks of a host, to and from the API's messages, and what this host has.

import { nestedFormat, u64 } from '../lib/api/vcpu-state.js';
import type { Finding } from '../lib/compat/compare.js';
import type { CpuVendor, DestinationFacts, HostFacts, NestedFormat, VmFacts } from '../lib/compat/facts.js';
import { VcpudError } from '../lib/errors/vcpud-error.js';
import { CAP, type CapName, MSR, SIZE } from '../lib/kvm/abi.js';
import { availableMemoryBytes } from '../lib/os/available-memory.js';
import { xsaveBytes } from '../lib/state/vcpu-components.js';
import { MOST_REGIONS } from '../lib/vm/guest-memory.js';
import type { Vm } from '../lib/vm/vm.js';
import type { VcpuNeeds } from '../lib/vm/vm-needs.js';
import type { VmRegistry } from '../lib/vm/vm-registry.js';
import type { CompatibilityFinding } from '../protos/gen/vcpud/v1/CompatibilityFinding.js';
import type { CpuVendor__Output } from '../protos/gen/vcpud/v1/CpuVendor.js';
import type { Host__Output } from '../protos/gen/vcpud/v1/Host.js';
import type { NestedStateFormat__Output } from '../protos/gen/vcpud/v1/NestedStateFormat.js';
import type { VmRequirements, VmRequirements__Output } from '../protos/gen/vcpud/v1/VmRequirements.js';
import { hostMessage, msrValues } from './host-message.js';
import { memoryRegions } from './messages.js';
import { parseVmName, vmName } from './names.js';

/** What a VM asks of a host. */
export function requirementsMessage(vms: VmRegistry, { config }: Vm, needs: VcpuNeeds): VmRequirements {
  return {
    name: vmName(config.id),
    host: hostMessage(vms),
    vcpuCount: config.vcpuCount,
    memoryRegions: memoryRegions(config.regions),
    memoryBytes: u64(config.regions.reduce((sum, { bytes }) => sum + bytes, 0n)),
    irqchip: config.irqchip,
    pit: config.pit,
    cpuids: [...needs.cpuids],
    xcr0: u64(needs.xcr0),
    xsaveBytes: needs.xsaveBytes,
    tscKhz: needs.tscKhz,
    vmxCapabilityMsrs: msrValues(needs.vmxCapabilityMsrs),
    nestedFormat: nestedFormat(needs.nestedFormat),
    msrs: msrValues(needs.msrs),
  };
}

const VENDORS: Readonly<Partial<Record<CpuVendor__Output, CpuVendor>>> = {
  CPU_VENDOR_AMD: 'AMD',
  CPU_VENDOR_INTEL: 'INTEL',
};

const FORMATS: Readonly<Partial<Record<NestedStateFormat__Output, NestedFormat>>> = {
  NESTED_STATE_FORMAT_SVM: 'SVM',
  NESTED_STATE_FORMAT_VMX: 'VMX',
};

const missing = (field: string): VcpudError =>
  VcpudError.of('FIELD_REQUIRED', `${field} is required`, { field });

function required<T>(value: T | null | undefined, field: string): T {
  if (value === null || value === undefined) throw missing(field);
  return value;
}

function wrongSize(field: string, expected: string, given: string): VcpudError {
  return VcpudError.of('STATE_SIZE_WRONG', `${field} must be ${expected}, not ${given}`, {
    field,
    metadata: { expected, given },
  });
}

/** KVM_MAX_CPUID_ENTRIES: no vCPU has more. */
const MOST_CPUID_ENTRIES = 256;
/** One table a vCPU, at most. */
const MOST_VCPUS = 288;
/** One row of each MSR and vCPU, at most. */
const MOST_VMX_MSRS = MOST_VCPUS * (MSR.VMX_LAST - MSR.VMX_FIRST + 1);
/** Several times what a kernel lists. */
const MOST_MSRS = 4096;

/** A CPUID table of whole entries. Throws FIELD_REQUIRED, STATE_SIZE_WRONG. */
function cpuidTable(entries: Buffer, field: string): Buffer {
  if (entries.length === 0) throw missing(field);
  if (entries.length % SIZE.cpuidEntry !== 0)
    throw wrongSize(field, `a multiple of ${SIZE.cpuidEntry} bytes`, `${entries.length} bytes`);
  const most = MOST_CPUID_ENTRIES * SIZE.cpuidEntry;
  if (entries.length > most) throw wrongSize(field, `at most ${most} bytes`, `${entries.length} bytes`);
  return entries;
}

/** A list that no VM has longer. Throws STATE_SIZE_WRONG. */
function atMost<T>(most: number, items: readonly T[], field: string): readonly T[] {
  if (items.length <= most) return items;
  throw wrongSize(field, `at most ${most} items`, `${items.length} items`);
}

const isCapName = (name: string): name is CapName => name in CAP;

const rows = (
  values: ReadonlyArray<{ readonly index: number; readonly value: string }>,
): Array<{ index: number; value: bigint }> =>
  values.map(({ index, value }) => ({ index, value: BigInt(value) }));

function hostFacts(host: Host__Output): HostFacts {
  const nested = required(host.nested, 'requirements.host.nested');
  return {
    vendor: VENDORS[host.cpuVendor] ?? 'UNKNOWN',
    kernelRelease: host.kernelRelease,
    cpuModel: host.cpuModel,
    nested: {
      enabled: nested.enabled,
      format: FORMATS[nested.format],
      maxBytes: nested.maxSizeBytes,
      disabledReason: nested.disabledReason,
    },
    capabilities: new Map(
      host.capabilities.flatMap(({ name, value }) => (isCapName(name) ? [[name, value]] : [])),
    ),
    runsGuests: host.drivers.some((driver) => driver !== 'DRIVER_MODEL'),
    enforcedRules: host.enforcedRules,
    cpuid: cpuidTable(host.supportedCpuid, 'requirements.host.supported_cpuid'),
  };
}

/** What the message says that a VM asks for. Throws FIELD_REQUIRED, NAME_MALFORMED, STATE_SIZE_WRONG. */
export function vmFacts(message: VmRequirements__Output | null): VmFacts {
  const needs = required(message, 'requirements');
  const id = parseVmName(needs.name, 'requirements.name');
  const host = hostFacts(required(needs.host, 'requirements.host'));
  required(needs.cpuids[0], 'requirements.cpuids');
  return {
    id,
    host,
    vcpuCount: needs.vcpuCount,
    regions: atMost(MOST_REGIONS, needs.memoryRegions, 'requirements.memory_regions').map(
      ({ gpa, sizeBytes }) => ({
        gpa: BigInt(gpa),
        bytes: BigInt(sizeBytes),
      }),
    ),
    irqchip: needs.irqchip,
    pit: needs.pit,
    cpuids: atMost(MOST_VCPUS, needs.cpuids, 'requirements.cpuids').map((entries, i) =>
      cpuidTable(entries, `requirements.cpuids[${i}]`),
    ),
    xcr0: BigInt(needs.xcr0),
    xsaveBytes: needs.xsaveBytes,
    tscKhz: needs.tscKhz,
    vmxCapabilityMsrs: rows(
      atMost(MOST_VMX_MSRS, needs.vmxCapabilityMsrs, 'requirements.vmx_capability_msrs'),
    ),
    nestedFormat: FORMATS[needs.nestedFormat],
    msrs: rows(atMost(MOST_MSRS, needs.msrs, 'requirements.msrs')),
  };
}

/** This host, for a VM that is to have that id. */
export function destinationFacts(vms: VmRegistry, id: string): DestinationFacts {
  const { host, rules } = vms;
  return {
    vendor: host.vendor,
    kernelRelease: host.kernelRelease,
    cpuModel: host.cpuModel,
    nested: host.nested,
    capabilities: host.capabilities,
    runsGuests: host.runsGuests,
    enforcedRules: [...rules.enforced].sort(),
    cpuid: host.supportedCpuid,
    tscKhz: host.tscKhz,
    vmxCapabilityMsrs: host.vmxCapabilityMsrs,
    msrIndices: host.msrIndices,
    xsaveBytes: xsaveBytes(host),
    maxVcpus: host.maxVcpus,
    physicalAddressBits: host.physicalAddressBits,
    memoryAvailableBytes: availableMemoryBytes(),
    vmExists: vms.has(id),
  };
}

export const findingMessage = ({
  severity,
  reason,
  message,
  subject,
  source,
  destination,
}: Finding): CompatibilityFinding => ({
  severity: `COMPATIBILITY_SEVERITY_${severity}`,
  reason,
  message,
  subject,
  sourceValue: source,
  destinationValue: destination,
});
