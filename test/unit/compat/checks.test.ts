// Every check of the table: the nearest case that it lets pass, and the one that it finds, and nothing beside it.

import { describe, expect, test } from 'vitest';
import { CHECKS } from '../../../lib/compat/checks.js';
import { compare, isCompatible } from '../../../lib/compat/compare.js';
import type { DestinationFacts, VmFacts } from '../../../lib/compat/facts.js';
import type { CapName } from '../../../lib/kvm/abi.js';
import type { ModelVendor } from '../../../lib/kvm/model/model-driver.js';
import { hostOf, type Place, vmOn, withRegister } from './hosts.js';

interface Pair {
  readonly vm: VmFacts;
  readonly host: DestinationFacts;
}

interface Case {
  readonly reason: string;
  readonly vendor: ModelVendor;
  readonly subject?: string;
  /** The nearest that is not found, and what is. */
  readonly passes: (pair: Pair) => Pair;
  readonly found: (pair: Pair) => Pair;
}

const HOSTS = { amd: hostOf('amd'), intel: hostOf('intel') } as const;

const host =
  (change: (host: DestinationFacts) => Partial<DestinationFacts>) =>
  (pair: Pair): Pair => ({ ...pair, host: { ...pair.host, ...change(pair.host) } });
const vm =
  (change: (vm: VmFacts) => Partial<VmFacts>) =>
  (pair: Pair): Pair => ({ ...pair, vm: { ...pair.vm, ...change(pair.vm) } });
const source = (change: (host: VmFacts['host']) => Partial<VmFacts['host']>) =>
  vm((one) => ({ host: { ...one.host, ...change(one.host) } }));
const both =
  (...changes: ReadonlyArray<(pair: Pair) => Pair>) =>
  (pair: Pair): Pair =>
    changes.reduce((changed, change) => change(changed), pair);
const asItIs = (pair: Pair): Pair => pair;

const hostCpuid = (place: Place, change: (value: number) => number) =>
  host(({ cpuid }) => ({ cpuid: withRegister(cpuid, place, change) }));
/** Of the vCPUs; the host that the VM is on has it too. */
const vmCpuid = (place: Place, change: (value: number) => number) =>
  both(
    vm(({ cpuids }) => ({ cpuids: cpuids.map((entries) => withRegister(entries, place, change)) })),
    source(({ cpuid }) => ({ cpuid: withRegister(cpuid, place, change) })),
  );
const without = (bit: number) => (value: number) => value & ~(1 << bit);
const plus = (bit: number) => (value: number) => value | (1 << bit);

const capability = (name: CapName, value: number) => (from: VmFacts['host']) => ({
  capabilities: new Map([...from.capabilities, [name, value] as const]),
});

const LEAF_1_ECX = { leaf: 1, subleaf: 0, register: 'ecx' } as const;
const LEAF_7_ECX = { leaf: 7, subleaf: 0, register: 'ecx' } as const;
const SVM_FEATURES = { leaf: 0x8000_000a, subleaf: 0, register: 'edx' } as const;
const SVM_ASIDS = { leaf: 0x8000_000a, subleaf: 0, register: 'ebx' } as const;
const ADDRESS_BITS = { leaf: 0x8000_0008, subleaf: 0, register: 'eax' } as const;
const XCR0 = { leaf: 0xd, subleaf: 0, register: 'eax' } as const;
const XSS = { leaf: 0xd, subleaf: 1, register: 'ecx' } as const;
const PKRU_OFFSET = { leaf: 0xd, subleaf: 9, register: 'ebx' } as const;
const POWER = { leaf: 0x8000_0007, subleaf: 0, register: 'edx' } as const;
const INVARIANT_TSC = 8;
const PKRU = 9;

const physicalBits = (bits: number) => (value: number) => (value & ~0xff) | bits;

const PROCBASED_CTLS2 = 0x48b;
const EPT = 1n << 33n;
const msrOf = (index: number, change: (value: bigint) => bigint) => (from: DestinationFacts) => ({
  vmxCapabilityMsrs: from.vmxCapabilityMsrs.map((row) =>
    row.index === index ? { index, value: change(row.value) } : row,
  ),
});

/** The least that is out of tolerance: 250 ppm of the AMD host's 2,445,385 kHz are 611.3. */
const TOLERATED_KHZ = 611;
const slower = (khz: number) => vm(({ tscKhz }) => ({ tscKhz: tscKhz - khz }));
const invariant = (change: (bit: number) => (value: number) => number) =>
  both(vmCpuid(POWER, change(INVARIANT_TSC)), hostCpuid(POWER, change(INVARIANT_TSC)));
const scaling = both(source(capability('TSC_CONTROL', 1)), host(capability('TSC_CONTROL', 1)));

const CASES: readonly Case[] = [
  {
    reason: 'VM_EXISTS',
    vendor: 'amd',
    subject: 'vms/web',
    passes: asItIs,
    found: host(() => ({ vmExists: true })),
  },
  {
    reason: 'GUESTS_NOT_RUN',
    vendor: 'amd',
    passes: both(
      source(() => ({ runsGuests: false })),
      host(() => ({ runsGuests: false })),
    ),
    found: host(() => ({ runsGuests: false })),
  },
  {
    reason: 'VENDOR_DIFFERS',
    vendor: 'amd',
    passes: asItIs,
    // With all that differs besides: of which nothing is said.
    found: (pair) => ({ ...pair, host: HOSTS.intel }),
  },
  {
    reason: 'VENDOR_DIFFERS',
    vendor: 'intel',
    passes: asItIs,
    found: host(() => ({ vendor: 'UNKNOWN' })),
  },
  {
    reason: 'NESTED_DISABLED',
    vendor: 'amd',
    // A VM of a host without nesting asks for none.
    passes: both(
      host(() => ({ nested: { enabled: false, format: undefined, maxBytes: 0, disabledReason: 'off' } })),
      vm(() => ({ nestedFormat: undefined })),
      vmCpuid({ leaf: 0x8000_0001, subleaf: 0, register: 'ecx' }, without(2)),
    ),
    found: both(
      host(() => ({ nested: { enabled: false, format: undefined, maxBytes: 0, disabledReason: 'off' } })),
      hostCpuid({ leaf: 0x8000_0001, subleaf: 0, register: 'ecx' }, without(2)),
      hostCpuid(SVM_FEATURES, () => 0),
      hostCpuid(SVM_ASIDS, () => 0),
    ),
  },
  {
    reason: 'NESTED_FORMAT_DIFFERS',
    vendor: 'amd',
    passes: asItIs,
    found: host(({ nested }) => ({ nested: { ...nested, format: 'VMX' } })),
  },
  {
    reason: 'NESTED_FORMAT_DIFFERS',
    vendor: 'amd',
    passes: asItIs,
    found: host(({ nested }) => ({ nested: { ...nested, format: undefined } })),
  },
  {
    reason: 'NESTED_SIZE_SMALLER',
    vendor: 'intel',
    passes: host(({ nested }) => ({ nested: { ...nested, maxBytes: nested.maxBytes + 1 } })),
    found: host(({ nested }) => ({ nested: { ...nested, maxBytes: nested.maxBytes - 1 } })),
  },
  {
    reason: 'NESTED_RULE_STRICTER',
    vendor: 'amd',
    subject: 'SVM_HOST_CS_L_AND_D',
    passes: source(({ enforcedRules }) => ({ enforcedRules: [...enforcedRules, 'SVM_HOST_CS_L_AND_D'] })),
    found: host(({ enforcedRules }) => ({ enforcedRules: [...enforcedRules, 'SVM_HOST_CS_L_AND_D'] })),
  },
  {
    reason: 'CPUID_FEATURE_MISSING',
    vendor: 'amd',
    subject: 'AES',
    // OSXSAVE follows the guest's CR4, and no host offers it; HYPERVISOR every host gives, and none lists.
    passes: both(vmCpuid(LEAF_1_ECX, plus(27)), vmCpuid(LEAF_1_ECX, plus(31))),
    found: hostCpuid(LEAF_1_ECX, without(25)),
  },
  {
    reason: 'CPUID_FEATURE_MISSING',
    vendor: 'amd',
    subject: '0x7.0.ECX[15]',
    passes: both(vmCpuid(LEAF_7_ECX, plus(15)), hostCpuid(LEAF_7_ECX, plus(15))),
    found: vmCpuid(LEAF_7_ECX, plus(15)),
  },
  {
    reason: 'CPUID_FEATURE_MISSING',
    vendor: 'amd',
    subject: 'TSC_DEADLINE_TIMER',
    // Kernels before 6.14 say so by a capability alone.
    passes: vmCpuid(LEAF_1_ECX, plus(24)),
    found: both(vmCpuid(LEAF_1_ECX, plus(24)), host(capability('TSC_DEADLINE_TIMER', 0))),
  },
  {
    reason: 'NESTED_FEATURE_MISSING',
    vendor: 'amd',
    subject: 'NPT',
    passes: hostCpuid(SVM_FEATURES, plus(3)),
    found: hostCpuid(SVM_FEATURES, without(0)),
  },
  {
    reason: 'NESTED_FEATURE_MISSING',
    vendor: 'intel',
    subject: 'VMX',
    passes: asItIs,
    found: hostCpuid(LEAF_1_ECX, without(5)),
  },
  {
    reason: 'CPUID_VALUE_LOWER',
    vendor: 'amd',
    subject: 'LINEAR_ADDRESS_BITS',
    passes: hostCpuid(ADDRESS_BITS, (value) => value + 0x100),
    found: hostCpuid(ADDRESS_BITS, (value) => value - 0x100),
  },
  {
    reason: 'NESTED_VALUE_LOWER',
    vendor: 'amd',
    subject: 'SVM_ASIDS',
    passes: hostCpuid(SVM_ASIDS, (value) => value + 1),
    found: hostCpuid(SVM_ASIDS, (value) => value - 1),
  },
  {
    reason: 'PHYSICAL_ADDRESS_BITS_FEWER',
    vendor: 'amd',
    passes: both(hostCpuid(ADDRESS_BITS, physicalBits(39)), vmCpuid(ADDRESS_BITS, physicalBits(39))),
    found: hostCpuid(ADDRESS_BITS, physicalBits(39)),
  },
  {
    reason: 'PHYSICAL_ADDRESS_BITS_MORE',
    vendor: 'amd',
    passes: both(hostCpuid(ADDRESS_BITS, physicalBits(41)), vmCpuid(ADDRESS_BITS, physicalBits(41))),
    found: hostCpuid(ADDRESS_BITS, physicalBits(41)),
  },
  {
    reason: 'MEMORY_REGION_TOO_HIGH',
    vendor: 'amd',
    subject: '0xfffffff000',
    passes: vm(() => ({ regions: [{ gpa: (1n << 40n) - 4096n, bytes: 4096n }] })),
    found: vm(() => ({ regions: [{ gpa: (1n << 40n) - 4096n, bytes: 8192n }] })),
  },
  {
    reason: 'XSAVE_COMPONENT_MISSING',
    vendor: 'amd',
    subject: 'PKRU',
    passes: hostCpuid(XCR0, plus(5)),
    found: hostCpuid(XCR0, without(PKRU)),
  },
  {
    reason: 'XSAVE_COMPONENT_MISSING',
    vendor: 'amd',
    subject: 'YMM',
    passes: vm(() => ({ xcr0: 7n })),
    found: both(
      vm(() => ({ xcr0: 7n })),
      hostCpuid(XCR0, without(2)),
    ),
  },
  {
    reason: 'XSAVE_COMPONENT_MISSING',
    vendor: 'amd',
    subject: 'XSAVE_COMPONENT_25',
    passes: both(vmCpuid(XSS, plus(25)), hostCpuid(XSS, plus(25))),
    found: vmCpuid(XSS, plus(25)),
  },
  {
    reason: 'XSAVE_LAYOUT_DIFFERS',
    vendor: 'amd',
    subject: 'PKRU',
    passes: both(
      hostCpuid(PKRU_OFFSET, () => 0x980),
      vmCpuid(PKRU_OFFSET, () => 0x980),
    ),
    found: hostCpuid(PKRU_OFFSET, () => 0x980),
  },
  {
    reason: 'XSAVE_SIZE_DIFFERS',
    vendor: 'amd',
    passes: both(
      host(() => ({ xsaveBytes: 11_008 })),
      vm(() => ({ xsaveBytes: 11_008 })),
    ),
    found: host(() => ({ xsaveBytes: 11_008 })),
  },
  {
    reason: 'VMX_CAPABILITY_MISSING',
    vendor: 'intel',
    subject: 'IA32_VMX_PROCBASED_CTLS2',
    passes: vm(({ vmxCapabilityMsrs }) => ({
      vmxCapabilityMsrs: vmxCapabilityMsrs.map(({ index, value }) => ({
        index,
        value: index === PROCBASED_CTLS2 ? value & ~EPT : value,
      })),
    })),
    found: host(msrOf(PROCBASED_CTLS2, (value) => value & ~EPT)),
  },
  {
    reason: 'VMX_CAPABILITY_MISSING',
    vendor: 'intel',
    subject: 'IA32_VMX_VMFUNC',
    // The controls without TRUE_ follow the others: of them nothing is asked.
    passes: host(msrOf(0x482, () => 0n)),
    found: host(({ vmxCapabilityMsrs }) => ({
      vmxCapabilityMsrs: vmxCapabilityMsrs.filter(({ index }) => index !== 0x491),
    })),
  },
  {
    reason: 'MSR_MISSING',
    vendor: 'amd',
    subject: '0x277',
    // What is 0 is not in the list: then nothing is asked.
    passes: both(
      host(() => ({ msrIndices: [] })),
      vm(() => ({ msrs: [] })),
    ),
    found: host(({ msrIndices }) => ({ msrIndices: msrIndices.filter((index) => index !== 0x277) })),
  },
  ...(['EXCEPTION_PAYLOAD', 'TRIPLE_FAULT_EVENT', 'X86_SMM'] as const).map(
    (name): Case => ({
      reason: 'CAPABILITY_MISSING',
      vendor: 'amd',
      subject: name,
      passes: both(source(capability(name, 0)), host(capability(name, 0))),
      found: both(source(capability(name, 1)), host(capability(name, 0))),
    }),
  ),
  {
    reason: 'CAPABILITY_MISSING',
    vendor: 'amd',
    subject: 'X86_SMM',
    passes: both(
      source(() => ({ capabilities: new Map() })),
      host(capability('X86_SMM', 0)),
    ),
    found: host(({ capabilities }) => ({
      capabilities: new Map([...capabilities].filter(([name]) => name !== 'X86_SMM')),
    })),
  },
  ...(['SREGS2', 'XCRS', 'DEBUGREGS'] as const).flatMap((name): Case[] => [
    {
      reason: 'STATE_PARTS_DIFFER',
      vendor: 'amd',
      subject: name,
      passes: both(source(capability(name, 1)), host(capability(name, 2))),
      found: both(source(capability(name, 1)), host(capability(name, 0))),
    },
    {
      reason: 'STATE_PARTS_DIFFER',
      vendor: 'amd',
      subject: name,
      passes: both(source(capability(name, 0)), host(capability(name, 0))),
      found: both(source(capability(name, 0)), host(capability(name, 1))),
    },
  ]),
  {
    reason: 'DEVICE_MISSING',
    vendor: 'amd',
    subject: 'irqchip',
    passes: both(
      host(capability('IRQCHIP', 0)),
      vm(() => ({ irqchip: false })),
    ),
    found: host(capability('IRQCHIP', 0)),
  },
  {
    reason: 'DEVICE_MISSING',
    vendor: 'amd',
    subject: 'pit',
    passes: both(
      host(capability('PIT2', 0)),
      vm(() => ({ pit: false })),
    ),
    found: host(({ capabilities }) => ({
      capabilities: new Map([...capabilities].filter(([name]) => name !== 'PIT2')),
    })),
  },
  {
    reason: 'TSC_RATE_BROKEN',
    vendor: 'amd',
    passes: both(invariant(plus), slower(TOLERATED_KHZ)),
    found: both(invariant(plus), slower(TOLERATED_KHZ + 1)),
  },
  {
    reason: 'TSC_RATE_BROKEN',
    vendor: 'amd',
    passes: both(invariant(plus), slower(-TOLERATED_KHZ)),
    // The source's states have no rate, where it can't scale: the destination keeps none.
    found: both(invariant(plus), slower(-TOLERATED_KHZ - 1), host(capability('TSC_CONTROL', 1))),
  },
  {
    reason: 'TSC_RATE_CHANGES',
    vendor: 'amd',
    passes: both(
      invariant(without),
      vm(() => ({ tscKhz: 0 })),
    ),
    found: both(invariant(without), slower(TOLERATED_KHZ + 1)),
  },
  {
    reason: 'TSC_SCALED',
    vendor: 'amd',
    passes: both(scaling, invariant(plus), slower(TOLERATED_KHZ)),
    found: both(scaling, invariant(plus), slower(TOLERATED_KHZ + 1)),
  },
  {
    reason: 'VCPU_COUNT_TOO_HIGH',
    vendor: 'amd',
    passes: both(
      host(() => ({ maxVcpus: 2 })),
      vm(() => ({ vcpuCount: 2 })),
    ),
    found: both(
      host(() => ({ maxVcpus: 2 })),
      vm(() => ({ vcpuCount: 3 })),
    ),
  },
  {
    reason: 'VCPUS_SHARE_CPUS',
    vendor: 'amd',
    // Where they share CPUs already, nothing becomes worse.
    passes: both(
      source(capability('NR_VCPUS', 2)),
      host(capability('NR_VCPUS', 2)),
      vm(() => ({ vcpuCount: 3 })),
    ),
    found: both(
      source(capability('NR_VCPUS', 4)),
      host(capability('NR_VCPUS', 2)),
      vm(() => ({ vcpuCount: 3 })),
    ),
  },
  {
    reason: 'MEMORY_SHORT',
    vendor: 'amd',
    passes: host(() => ({ memoryAvailableBytes: 1n << 30n })),
    found: host(() => ({ memoryAvailableBytes: (1n << 30n) - 1n })),
  },
  {
    reason: 'KERNEL_NESTED_BUG',
    vendor: 'amd',
    subject: 'SVM_NEXT_RIP_STALE',
    // What the source's kernel has harms nobody here.
    passes: both(
      source(() => ({ kernelRelease: '6.1.0-56-amd64' })),
      host(() => ({ kernelRelease: '7.1.0' })),
    ),
    found: host(() => ({ kernelRelease: '6.1.0-56-amd64' })),
  },
  {
    reason: 'KERNEL_NESTED_BUG',
    vendor: 'intel',
    subject: 'VMX_PREEMPTION_TIMER_RESTARTED',
    passes: source(() => ({ kernelRelease: '5.8.0' })),
    found: source(() => ({ kernelRelease: '5.7.19' })),
  },
  {
    reason: 'FEATURE_LOST_TO_NEW_VMS',
    vendor: 'amd',
    subject: 'AES',
    passes: both(
      vm(({ cpuids }) => ({ cpuids: cpuids.map((one) => withRegister(one, LEAF_1_ECX, without(25))) })),
      source(({ cpuid }) => ({ cpuid: withRegister(cpuid, LEAF_1_ECX, without(25)) })),
      hostCpuid(LEAF_1_ECX, without(25)),
    ),
    found: both(
      vm(({ cpuids }) => ({ cpuids: cpuids.map((one) => withRegister(one, LEAF_1_ECX, without(25))) })),
      hostCpuid(LEAF_1_ECX, without(25)),
    ),
  },
  {
    reason: 'CPU_MODEL_DIFFERS',
    vendor: 'amd',
    passes: both(
      source(() => ({ cpuModel: 'An AMD CPU' })),
      host(() => ({ cpuModel: 'An AMD CPU' })),
    ),
    found: host(() => ({ cpuModel: 'An AMD CPU' })),
  },
  {
    reason: 'CPU_MODEL_DIFFERS',
    vendor: 'amd',
    passes: asItIs,
    found: hostCpuid({ leaf: 1, subleaf: 0, register: 'eax' }, (value) => value + 1),
  },
];

const pairOf = (vendor: ModelVendor): Pair => ({ vm: vmOn(HOSTS[vendor]), host: HOSTS[vendor] });

const found = ({ vm: asked, host: there }: Pair): string[] =>
  compare(asked, there).map(({ reason, subject }) => `${reason} ${subject}`.trim());

describe('a check', () => {
  test.each(CASES.map((one, i) => [`${one.reason} ${one.subject ?? ''} (${i})`, one] as const))(
    '%s finds what it is for, and not its nearest neighbour',
    (_, { reason, vendor, subject = '', passes, found: finds }) => {
      expect(found(passes(pairOf(vendor)))).toEqual([]);
      expect(found(finds(pairOf(vendor)))).toEqual([`${reason} ${subject}`.trim()]);
    },
  );

  test('of the table has a case each', () => {
    const shown = new Set(CASES.map(({ reason }) => reason));
    expect(CHECKS.map(({ reason }) => reason).filter((reason) => !shown.has(reason))).toEqual([]);
    expect(new Set(CHECKS.map(({ reason }) => reason)).size).toBe(CHECKS.length);
  });

  test('has a reason as google.rpc.ErrorInfo wants it, and says what it compares, why, and from where', () => {
    for (const { reason, compares, why, source: from } of CHECKS) {
      expect(reason).toMatch(/^[A-Z][A-Z0-9_]+[A-Z0-9]$/);
      expect(reason.length).toBeLessThanOrEqual(63);
      expect(compares.length).toBeGreaterThan(10);
      expect(why).toMatch(/\.$/);
      expect(from.length).toBeGreaterThan(3);
    }
  });

  test.each(CASES.map((one, i) => [`${one.reason} (${i})`, one] as const))(
    '%s says it in one sentence or two, with both values',
    (_, { reason, vendor, found: finds }) => {
      const { vm: asked, host: there } = finds(pairOf(vendor));
      const [finding] = compare(asked, there);
      expect(finding?.severity).toBe(CHECKS.find((check) => check.reason === reason)?.severity);
      expect(finding?.message).toMatch(/^[A-Z'].*\.$/s);
      expect(finding?.source).not.toBe('');
      expect(finding?.destination).not.toBe('');
      expect(isCompatible(compare(asked, there))).toBe(finding?.severity !== 'BLOCKER');
    },
  );
});

test('findings come by severity', () => {
  const { vm: asked, host: there } = both(
    host(() => ({ cpuModel: 'Another', vmExists: true, kernelRelease: '6.1.0' })),
    hostCpuid(LEAF_1_ECX, without(25)),
  )(pairOf('amd'));
  expect(compare(asked, there).map(({ severity, reason }) => `${severity} ${reason}`)).toEqual([
    'BLOCKER VM_EXISTS',
    'BLOCKER CPUID_FEATURE_MISSING',
    'WARNING KERNEL_NESTED_BUG',
    'INFO CPU_MODEL_DIFFERS',
  ]);
});

test('a VM whose vCPUs differ asks for what any of them has', () => {
  const { vm: asked, host: there } = pairOf('amd');
  const second = withRegister(there.cpuid, LEAF_7_ECX, plus(15));
  const uneven = { ...asked, cpuids: [...asked.cpuids, second] };
  expect(found({ vm: uneven, host: there })).toEqual(['CPUID_FEATURE_MISSING 0x7.0.ECX[15]']);
});
