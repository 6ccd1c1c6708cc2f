// Every check that a VM goes through before it is moved, one row each: docs/compatibility.md is made from this table, and
// compare.ts walks it. Pure: what is compared comes in facts.ts.

import { CAP, type CapName } from '../kvm/abi.js';
import { cpuidRegister, maxPhyAddr, type Register } from '../kvm/cpuid.js';
import { allowsPreemptionTimer, CAPABILITY_MSRS, unmetDemands } from '../nested/vmx-capability-demands.js';
import { VMX_MSR } from '../nested/vmx-conditions.js';
import {
  CPUID_VALUES,
  FEATURES,
  FEATURES_BY_REGISTER,
  type Feature,
  placeOf,
  xsaveComponentName,
} from './cpuid-features.js';
import type { DestinationFacts, HostFacts, NestedFormat, VmFacts } from './facts.js';
import { KERNEL_BUGS, mayHave } from './kernel-bugs.js';

export type Severity = 'BLOCKER' | 'WARNING' | 'INFO';

/** One way in which the host is not what the VM asks for. */
export interface Difference {
  /** Such as the name of a feature; empty where the reason says it all. */
  readonly subject: string;
  /** One sentence for a person. */
  readonly message: string;
  /** What the VM, or its host, has. */
  readonly source: string;
  /** What the destination has. */
  readonly destination: string;
}

/** Which checks make no sense beside a finding: on a host of another vendor every feature differs. */
export type Scope = 'any host' | 'same vendor' | 'nesting';

export interface Check {
  /** Stable: programs branch on it. */
  readonly reason: string;
  readonly severity: Severity;
  /** `same vendor`: left out beside VENDOR_DIFFERS. `nesting`: beside NESTED_DISABLED too. */
  readonly scope: Scope;
  /** What is compared. */
  readonly compares: string;
  /** Why it matters, one sentence. */
  readonly why: string;
  /** Where that is known from. */
  readonly source: string;
  find(vm: VmFacts, host: DestinationFacts): Difference[];
}

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;
const when = (condition: boolean, difference: () => Difference): Difference[] =>
  condition ? [difference()] : [];

const registerOf = (
  entries: Buffer,
  { leaf, subleaf, register }: { leaf: number; subleaf: number; register: Register },
): number => cpuidRegister(entries, leaf, register, subleaf);

const bitOf = (value: number, bit: number): boolean => ((value >>> bit) & 1) === 1;

const hasBit = (entries: Buffer, feature: Feature): boolean =>
  bitOf(registerOf(entries, feature), feature.bit);

/** Whether some vCPU of the VM has the feature. */
const vmHas = ({ cpuids }: VmFacts, feature: Feature): boolean =>
  cpuids.some((entries) => hasBit(entries, feature));

/** Features by what is in the register that they are in: of the VM's vCPUs together, and of others' tables. */
function featuresWhere(
  { cpuids }: VmFacts,
  others: readonly Buffer[],
  wanted: (feature: Feature, vmHasIt: boolean, othersHaveIt: readonly boolean[]) => boolean,
): Feature[] {
  return FEATURES_BY_REGISTER.flatMap(({ at, features }) => {
    const ofVm = cpuids.reduce((value, entries) => value | registerOf(entries, at), 0);
    const ofOthers = others.map((entries) => registerOf(entries, at));
    return features.filter((feature) =>
      wanted(
        feature,
        bitOf(ofVm, feature.bit),
        ofOthers.map((value) => bitOf(value, feature.bit)),
      ),
    );
  });
}

// ---------------------------------------------------------------------------------------------------------
// CPUID

/** SVM and VMX themselves, and what SVM offers to L1: of no meaning where nesting is off. */
const isNested = ({ leaf, name }: { leaf: number; name: string }): boolean =>
  leaf === 0x8000000a || name === 'SVM' || name === 'VMX';

/** Features that KVM has without saying so in KVM_GET_SUPPORTED_CPUID, by the capability that says so. */
const BY_CAPABILITY: Readonly<Record<string, CapName>> = {
  // Listed among the supported ones since 6.14 alone; it needs an in-kernel irqchip.
  TSC_DEADLINE_TIMER: 'TSC_DEADLINE_TIMER',
};

const byCapability = (host: DestinationFacts, { name }: Feature): boolean => {
  const capability = BY_CAPABILITY[name];
  return capability !== undefined && ability(host, capability) > 0;
};

function missingFeatures(nested: boolean): Check['find'] {
  return (vm, host) =>
    featuresWhere(
      vm,
      [host.cpuid],
      (feature, has, [offered]) =>
        has && offered === false && isNested(feature) === nested && !byCapability(host, feature),
    ).map((feature) => ({
      subject: feature.name,
      message: `The VM has ${feature.name} (${placeOf(feature)}), which this host does not offer.`,
      source: 'yes',
      destination: 'no',
    }));
}

function lowerValues(nested: boolean): Check['find'] {
  return (vm, host) =>
    CPUID_VALUES.filter((value) => isNested(value) === nested).flatMap((value) => {
      const read = (entries: Buffer) => (registerOf(entries, value) >>> value.shift) % 2 ** value.width;
      const wanted = Math.max(0, ...vm.cpuids.map(read));
      const offered = read(host.cpuid);
      return when(offered < wanted, () => ({
        subject: value.name,
        message: `The VM was told ${wanted} for ${value.name}, this host has ${offered}.`,
        source: String(wanted),
        destination: String(offered),
      }));
    });
}

const physicalAddressBits = ({ cpuids }: VmFacts): number => Math.max(0, ...cpuids.map(maxPhyAddr));

const signature = (entries: Buffer): number => cpuidRegister(entries, 1, 'eax');

// ---------------------------------------------------------------------------------------------------------
// XSAVE

/** Components of XCR0 (CPUID 0xD.0) and of IA32_XSS (0xD.1), as one mask: no component is in both. */
function components(entries: Buffer): bigint {
  const mask = (subleaf: number, low: Register, high: Register): bigint =>
    (BigInt(cpuidRegister(entries, 0xd, high, subleaf)) << 32n) |
    BigInt(cpuidRegister(entries, 0xd, low, subleaf));
  return mask(0, 'eax', 'edx') | mask(1, 'ecx', 'edx');
}

const componentsOf = ({ cpuids }: VmFacts): bigint =>
  cpuids.reduce((mask, entries) => mask | components(entries), 0n);

const bitsOf = (mask: bigint): number[] =>
  Array.from({ length: 64 }, (_, bit) => bit).filter((bit) => ((mask >> BigInt(bit)) & 1n) === 1n);

/** X87 and SSE stand where FXSAVE put them; the others have a subleaf of 0xD that says size and offset. */
const FIRST_LAID_OUT = 2;

const layoutOf = (entries: Buffer, component: number): string =>
  `${cpuidRegister(entries, 0xd, 'eax', component)} bytes at ${cpuidRegister(entries, 0xd, 'ebx', component)}`;

// ---------------------------------------------------------------------------------------------------------
// Capabilities

/** What of a state can't be set without them: the part, and what becomes of it. */
const NEEDED_CAPABILITIES: ReadonlyArray<readonly [cap: CapName, what: string]> = [
  ['EXCEPTION_PAYLOAD', 'the CR2 or DR6 of an exception that is pending in L2'],
  ['TRIPLE_FAULT_EVENT', 'a triple fault that is pending in L2'],
  ['X86_SMM', 'a vCPU in system management mode'],
];

/** What decides which parts a vCPU's state has: both sides must have it, or neither. */
const PART_CAPABILITIES: ReadonlyArray<readonly [cap: CapName, part: string]> = [
  ['SREGS2', 'special registers with the PDPTRs'],
  ['XCRS', 'XCR0'],
  ['DEBUGREGS', 'debug registers'],
];

const DEVICES: ReadonlyArray<readonly [cap: CapName, name: 'irqchip' | 'pit', what: string]> = [
  ['IRQCHIP', 'irqchip', 'an in-kernel irqchip'],
  ['PIT2', 'pit', 'an in-kernel PIT'],
];

/** undefined for what a vcpud didn't ask for. */
const answer = (value: number | undefined): string => (value === undefined ? 'not known' : String(value));

/** What KVM_CHECK_EXTENSION answers; 0, "no", for what a vcpud didn't ask for. */
const ability = ({ capabilities }: HostFacts, cap: CapName): number => capabilities.get(cap) ?? 0;

// ---------------------------------------------------------------------------------------------------------
// TSC

/** kvm.tsc_tolerance_ppm's default: KVM takes rates as near as this for its own (kvm_set_tsc_khz). */
const TSC_TOLERANCE_PPM = 250;

const INVARIANT_TSC = FEATURES.find(({ name }) => name === 'INVARIANT_TSC') as Feature;

/** Whether rates differ by more than KVM tolerates; unknown ones (0) don't. */
const otherRate = ({ tscKhz }: VmFacts, host: DestinationFacts): boolean =>
  tscKhz !== 0 &&
  host.tscKhz !== 0 &&
  Math.abs(tscKhz - host.tscKhz) * 1_000_000 > host.tscKhz * TSC_TOLERANCE_PPM;

/** The rate travels with a state only from a host that can scale, and only such a host keeps it. */
const scales = (vm: VmFacts, host: DestinationFacts): boolean =>
  ability(vm.host, 'TSC_CONTROL') > 0 && ability(host, 'TSC_CONTROL') > 0;

const rates = (vm: VmFacts, host: DestinationFacts, message: string): Difference => ({
  subject: '',
  message,
  source: `${vm.tscKhz} kHz`,
  destination: `${host.tscKhz} kHz`,
});

const TSC_SOURCE = 'kvm_set_tsc_khz and set_tsc_khz in arch/x86/kvm/x86.c';

// ---------------------------------------------------------------------------------------------------------

const format = (known: NestedFormat | undefined): string => known ?? 'none';

const VENDOR_WORDS = { AMD: 'an AMD', INTEL: 'an Intel', UNKNOWN: 'an unknown' } as const;

const total = (regions: VmFacts['regions']): bigint => regions.reduce((sum, { bytes }) => sum + bytes, 0n);

export const CHECKS: readonly Check[] = [
  {
    reason: 'VM_EXISTS',
    severity: 'BLOCKER',
    scope: 'any host',
    compares: "the VM's id with those of the VMs that are there",
    why: 'CreateVm refuses an id that is taken.',
    source: 'CreateVm',
    find: ({ id }, { vmExists }) =>
      when(vmExists, () => ({
        subject: `vms/${id}`,
        message: `There is a VM ${id} on this host already.`,
        source: `vms/${id}`,
        destination: `vms/${id}`,
      })),
  },
  {
    reason: 'GUESTS_NOT_RUN',
    severity: 'BLOCKER',
    scope: 'any host',
    compares: 'the drivers',
    why: 'A model of a kernel takes states and runs no guest.',
    source: 'RunVm',
    find: (vm, host) =>
      when(vm.host.runsGuests && !host.runsGuests, () => ({
        subject: '',
        message: 'This vcpud serves a model of a kernel: the guest would not go on here.',
        source: 'runs guests',
        destination: 'runs none',
      })),
  },
  {
    reason: 'VENDOR_DIFFERS',
    severity: 'BLOCKER',
    scope: 'any host',
    compares: 'who made the CPU, and so SVM or VMX',
    why: 'A guest that has seen one vendor’s CPU can’t go on on another’s, and nested states have two formats.',
    source: 'KVM_STATE_NESTED_FORMAT_* in arch/x86/include/uapi/asm/kvm.h',
    find: (vm, host) =>
      when(vm.host.vendor !== host.vendor, () => ({
        subject: '',
        message: `The VM is of a host with ${VENDOR_WORDS[vm.host.vendor]} CPU, this one has ${VENDOR_WORDS[host.vendor]} CPU; nothing else of the CPUs is compared.`,
        source: vm.host.vendor,
        destination: host.vendor,
      })),
  },
  {
    reason: 'NESTED_DISABLED',
    severity: 'BLOCKER',
    scope: 'same vendor',
    compares: 'whether KVM has nested state at all',
    why: 'Every vCPU of a host with nesting has a nested state, be it only that it is in no L2, and SetVmState refuses it elsewhere.',
    source: 'NESTED_NOT_SUPPORTED of SetVmState',
    find: (vm, host) =>
      when(vm.nestedFormat !== undefined && !host.nested.enabled, () => ({
        subject: '',
        message: `This host's KVM has no nested state: ${host.nested.disabledReason}.`,
        source: format(vm.nestedFormat),
        destination: 'none',
      })),
  },
  {
    reason: 'NESTED_FORMAT_DIFFERS',
    severity: 'BLOCKER',
    scope: 'nesting',
    compares: 'the format of nested states',
    why: 'KVM takes nested states of its own format alone.',
    source: 'svm_set_nested_state, vmx_set_nested_state',
    find: (vm, host) =>
      when(vm.nestedFormat !== undefined && vm.nestedFormat !== host.nested.format, () => ({
        subject: '',
        message: `The VM's nested states are of format ${format(vm.nestedFormat)}, this host takes ${format(host.nested.format)}.`,
        source: format(vm.nestedFormat),
        destination: format(host.nested.format),
      })),
  },
  {
    reason: 'NESTED_SIZE_SMALLER',
    severity: 'BLOCKER',
    scope: 'nesting',
    compares: 'KVM_CAP_NESTED_STATE, the size of the largest nested state',
    why: 'A state of the size that the source’s kernel may give would not fit.',
    source: 'KVM_CAP_NESTED_STATE in Documentation/virt/kvm/api.rst',
    find: (vm, host) =>
      when(vm.nestedFormat !== undefined && host.nested.maxBytes < vm.host.nested.maxBytes, () => ({
        subject: '',
        message: `Nested states have up to ${vm.host.nested.maxBytes} bytes at the source, ${host.nested.maxBytes} here.`,
        source: `${vm.host.nested.maxBytes} bytes`,
        destination: `${host.nested.maxBytes} bytes`,
      })),
  },
  {
    reason: 'NESTED_RULE_STRICTER',
    severity: 'WARNING',
    scope: 'nesting',
    compares: 'rules about nested state on which kernels differ',
    why: 'A state that the source’s kernel holds can break a rule that this one enforces, and be refused.',
    source: 'GetHost.enforced_rules, docs/errors.md',
    find: (vm, host) =>
      host.enforcedRules
        .filter((rule) => !vm.host.enforcedRules.includes(rule))
        .map((rule) => ({
          subject: rule,
          message: `This kernel enforces ${rule}, that of the source does not: a state that breaks it would be refused.`,
          source: 'not enforced',
          destination: 'enforced',
        })),
  },
  {
    reason: 'CPUID_FEATURE_MISSING',
    severity: 'BLOCKER',
    scope: 'same vendor',
    compares: 'CPUID, feature by feature',
    why: 'KVM sets any CPUID, also of features that the CPU has not: the guest would fault when it uses them, or lose a protection that it counts on.',
    source: 'KVM_GET_SUPPORTED_CPUID and KVM_SET_CPUID2 in Documentation/virt/kvm/api.rst',
    find: missingFeatures(false),
  },
  {
    reason: 'NESTED_FEATURE_MISSING',
    severity: 'BLOCKER',
    scope: 'nesting',
    compares: 'SVM, VMX and the features of SVM (CPUID 0x8000000A)',
    why: 'L1 has seen what its L2 may use, and set it up: without, VMRUN fails or does less.',
    source: 'nested_svm_check_controls, kvm_set_cpu_caps',
    find: missingFeatures(true),
  },
  {
    reason: 'CPUID_VALUE_LOWER',
    severity: 'BLOCKER',
    scope: 'same vendor',
    compares: 'numbers in CPUID: linear address bits, PMU version and counters, AVX10 version',
    why: 'The guest counts on as many as it was told.',
    source: 'Intel SDM volume 2 CPUID, AMD APM volume 3 appendix E',
    find: lowerValues(false),
  },
  {
    reason: 'NESTED_VALUE_LOWER',
    severity: 'BLOCKER',
    scope: 'nesting',
    compares: 'the number of ASIDs that L1 has for its L2s (CPUID 0x8000000A EBX)',
    why: 'L1 hands out as many as it was told.',
    source: 'AMD APM volume 3 appendix E.4.9',
    find: lowerValues(true),
  },
  {
    reason: 'PHYSICAL_ADDRESS_BITS_FEWER',
    severity: 'BLOCKER',
    scope: 'same vendor',
    compares: 'MAXPHYADDR (CPUID 0x80000008 EAX)',
    why: 'Addresses that the guest may put into page tables are reserved bits to this CPU.',
    source: 'KVM_CAP_SMALLER_MAXPHYADDR in Documentation/virt/kvm/api.rst',
    find: (vm, host) =>
      when(physicalAddressBits(vm) > maxPhyAddr(host.cpuid), () => ({
        subject: '',
        message: `The VM's physical addresses have ${physicalAddressBits(vm)} bits, this host's ${maxPhyAddr(host.cpuid)}.`,
        source: String(physicalAddressBits(vm)),
        destination: String(maxPhyAddr(host.cpuid)),
      })),
  },
  {
    reason: 'PHYSICAL_ADDRESS_BITS_MORE',
    severity: 'INFO',
    scope: 'same vendor',
    compares: 'MAXPHYADDR, the other way round',
    why: 'A guest that sets bits above its MAXPHYADDR on purpose gets no reserved-bit fault from a CPU that has them.',
    source: 'KVM_CAP_SMALLER_MAXPHYADDR in Documentation/virt/kvm/api.rst',
    find: (vm, host) =>
      when(physicalAddressBits(vm) < maxPhyAddr(host.cpuid), () => ({
        subject: '',
        message: `The VM's physical addresses have ${physicalAddressBits(vm)} bits, this host's ${maxPhyAddr(host.cpuid)}: reserved bits between them do not fault.`,
        source: String(physicalAddressBits(vm)),
        destination: String(maxPhyAddr(host.cpuid)),
      })),
  },
  {
    reason: 'MEMORY_REGION_TOO_HIGH',
    severity: 'BLOCKER',
    scope: 'any host',
    compares: "where the VM's memory ends with what a guest can address here",
    why: 'CreateVm refuses memory that no guest could reach.',
    source: 'MEMORY_REGION_INVALID of CreateVm',
    find: ({ regions }, host) => {
      const end = 1n << BigInt(host.physicalAddressBits);
      return regions
        .filter(({ gpa, bytes }) => gpa + bytes > end)
        .map(({ gpa, bytes }) => ({
          subject: hex(gpa),
          message: `The VM's memory at ${hex(gpa)} ends at ${hex(gpa + bytes)}, above the ${hex(end)} that a guest can address here.`,
          source: hex(gpa + bytes),
          destination: hex(end),
        }));
    },
  },
  {
    reason: 'XSAVE_COMPONENT_MISSING',
    severity: 'BLOCKER',
    scope: 'same vendor',
    compares: 'XSAVE components of XCR0 and IA32_XSS (CPUID 0xD)',
    why: 'KVM_SET_XCRS refuses a component that it does not know, and XSAVE areas hold it.',
    source: '__kvm_set_xcr in arch/x86/kvm/x86.c',
    find: (vm, host) =>
      bitsOf(componentsOf(vm) & ~components(host.cpuid)).map((bit) => {
        const enabled = ((vm.xcr0 >> BigInt(bit)) & 1n) === 1n;
        const use = enabled ? 'and has it enabled now' : 'and may enable it';
        return {
          subject: xsaveComponentName(bit),
          message: `The VM has the XSAVE component ${xsaveComponentName(bit)} (bit ${bit}) ${use}; this host does not offer it.`,
          source: enabled ? 'enabled' : 'yes',
          destination: 'no',
        };
      }),
  },
  {
    reason: 'XSAVE_LAYOUT_DIFFERS',
    severity: 'BLOCKER',
    scope: 'same vendor',
    compares: 'size and place of each XSAVE component (CPUID 0xD.n)',
    why: 'An XSAVE area travels as the bytes that the source’s CPU laid out: elsewhere they would be read as other registers.',
    source: 'KVM_GET_XSAVE in Documentation/virt/kvm/api.rst',
    find: (vm, host) =>
      bitsOf(componentsOf(vm) & components(host.cpuid))
        .filter((bit) => bit >= FIRST_LAID_OUT)
        .flatMap((bit) => {
          const there = layoutOf(host.cpuid, bit);
          const entries = vm.cpuids.find(
            (one) => ((components(one) >> BigInt(bit)) & 1n) === 1n && layoutOf(one, bit) !== there,
          );
          return entries === undefined
            ? []
            : [
                {
                  subject: xsaveComponentName(bit),
                  message: `The XSAVE component ${xsaveComponentName(bit)} (bit ${bit}) has ${layoutOf(entries, bit)} of the area in the VM, ${there} on this host.`,
                  source: layoutOf(entries, bit),
                  destination: there,
                },
              ];
        }),
  },
  {
    reason: 'XSAVE_SIZE_DIFFERS',
    severity: 'BLOCKER',
    scope: 'same vendor',
    compares: 'the size of an XSAVE area (KVM_CAP_XSAVE2, or 4096 without)',
    why: 'SetVmState takes areas of the size that its own kernel gives.',
    source: 'STATE_SIZE_WRONG of SetVmState; KVM_CAP_XSAVE2 in Documentation/virt/kvm/api.rst',
    find: (vm, host) =>
      when(vm.xsaveBytes !== host.xsaveBytes, () => ({
        subject: '',
        message: `The VM's XSAVE areas have ${vm.xsaveBytes} bytes, those of this host ${host.xsaveBytes}.`,
        source: `${vm.xsaveBytes} bytes`,
        destination: `${host.xsaveBytes} bytes`,
      })),
  },
  {
    reason: 'VMX_CAPABILITY_MISSING',
    severity: 'BLOCKER',
    scope: 'nesting',
    compares: 'VMX capability MSRs (0x480 to 0x491) by what KVM lets them be set to',
    why: 'L1 has built its VMCSs from them; KVM refuses values that it can’t keep, and vmcs12s whose controls they don’t allow.',
    source: 'vmx_set_vmx_msr in arch/x86/kvm/vmx/nested.c',
    find: (vm, host) => {
      const offered = new Map(host.vmxCapabilityMsrs.map(({ index, value }) => [index, value]));
      const timed = vm.vmxCapabilityMsrs.some(
        ({ index, value }) => index === VMX_MSR.TRUE_PINBASED_CTLS && allowsPreemptionTimer(value),
      );
      return vm.vmxCapabilityMsrs.flatMap(({ index, value }) => {
        const msr = CAPABILITY_MSRS.get(index);
        if (msr === undefined) return [];
        const there = offered.get(index) ?? 0n;
        const unmet = unmetDemands(msr, value, there, timed);
        return when(unmet.length > 0, () => ({
          subject: msr.name,
          message: `The VM's ${msr.name} (${hex(index)}) ${unmet.join(' and ')}.`,
          source: hex(value),
          destination: hex(there),
        }));
      });
    },
  },
  {
    reason: 'MSR_MISSING',
    severity: 'BLOCKER',
    scope: 'same vendor',
    compares:
      'MSRs that hold something other than 0 with those that this kernel moves (KVM_GET_MSR_INDEX_LIST)',
    why: 'KVM_SET_MSRS refuses an MSR that the kernel does not know; one of value 0 is left out, and nothing is lost with it.',
    source: 'kvm_init_msr_lists in arch/x86/kvm/x86.c',
    find: (vm, host) => {
      const known = new Set(host.msrIndices);
      return vm.msrs
        .filter(({ index }) => !known.has(index))
        .map(({ index, value }) => ({
          subject: hex(index),
          message: `The VM's MSR ${hex(index)} holds ${hex(value)}; this kernel does not have it.`,
          source: hex(value),
          destination: 'none',
        }));
    },
  },
  {
    reason: 'CAPABILITY_MISSING',
    severity: 'BLOCKER',
    scope: 'same vendor',
    compares: `KVM capabilities that a state can need: ${NEEDED_CAPABILITIES.map(([cap]) => cap).join(', ')}`,
    why: 'KVM_SET_VCPU_EVENTS refuses, or forgets, what it has no capability for.',
    source: 'KVM_SET_VCPU_EVENTS in Documentation/virt/kvm/api.rst',
    find: (vm, host) =>
      NEEDED_CAPABILITIES.flatMap(([cap, what]) => {
        const [has, offered] = [vm.host.capabilities.get(cap), host.capabilities.get(cap)];
        return when(ability(vm.host, cap) > 0 && ability(host, cap) === 0, () => ({
          subject: cap,
          message: `This host's KVM has no KVM_CAP_${cap} (${CAP[cap]}): it could not take ${what}.`,
          source: answer(has),
          destination: answer(offered),
        }));
      }),
  },
  {
    reason: 'STATE_PARTS_DIFFER',
    severity: 'BLOCKER',
    scope: 'same vendor',
    compares: `KVM capabilities that decide which parts a state has: ${PART_CAPABILITIES.map(([cap]) => cap).join(', ')}`,
    why: 'SetVmState takes states of the parts that its own kernel gives.',
    source: 'STATE_SIZE_WRONG of SetVmState',
    find: (vm, host) =>
      PART_CAPABILITIES.flatMap(([cap, part]) => {
        const [has, offered] = [vm.host.capabilities.get(cap), host.capabilities.get(cap)];
        return when(has !== undefined && has > 0 !== ability(host, cap) > 0, () => ({
          subject: cap,
          message: `KVM_CAP_${cap} (${CAP[cap]}) is on one side alone: states of vCPUs have another part for ${part}.`,
          source: answer(has),
          destination: answer(offered),
        }));
      }),
  },
  {
    reason: 'DEVICE_MISSING',
    severity: 'BLOCKER',
    scope: 'any host',
    compares: "the VM's in-kernel irqchip and PIT with what KVM was built with",
    why: 'KVM can be built without them (CONFIG_KVM_IOAPIC, since 6.17), and a VM’s devices can’t be swapped under it.',
    source: 'KVM_CAP_IRQCHIP and KVM_CAP_PIT2 in Documentation/virt/kvm/api.rst',
    find: (vm, host) =>
      DEVICES.flatMap(([cap, device, what]) =>
        when(vm[device] && ability(host, cap) === 0, () => ({
          subject: device,
          message: `The VM has ${what}; this host's KVM was built without.`,
          source: 'yes',
          destination: 'no',
        })),
      ),
  },
  {
    reason: 'TSC_RATE_BROKEN',
    severity: 'BLOCKER',
    scope: 'same vendor',
    compares:
      'TSC rates, where they are more than 250 ppm apart and can’t be scaled, of a VM that was promised a constant one (invariant TSC)',
    why: 'The guest reads time off a TSC that it was told never changes its rate, and it would change.',
    source: TSC_SOURCE,
    find: (vm, host) =>
      when(otherRate(vm, host) && !scales(vm, host) && vmHas(vm, INVARIANT_TSC), () =>
        rates(
          vm,
          host,
          `The guest was promised a constant TSC of ${vm.tscKhz} kHz; here it would run at ${host.tscKhz} kHz, as both hosts would have to scale it (KVM_CAP_TSC_CONTROL).`,
        ),
      ),
  },
  {
    reason: 'TSC_RATE_CHANGES',
    severity: 'WARNING',
    scope: 'same vendor',
    compares:
      'TSC rates, where they are more than 250 ppm apart and can’t be scaled, of a VM that was promised nothing',
    why: 'The guest’s TSC goes on at the host’s rate: kvmclock follows, and what measures time by RDTSC alone is wrong.',
    source: TSC_SOURCE,
    find: (vm, host) =>
      when(otherRate(vm, host) && !scales(vm, host) && !vmHas(vm, INVARIANT_TSC), () =>
        rates(
          vm,
          host,
          `The guest's TSC goes from ${vm.tscKhz} to ${host.tscKhz} kHz, as both hosts would have to scale it (KVM_CAP_TSC_CONTROL): kvmclock follows, and time measured by RDTSC alone is wrong.`,
        ),
      ),
  },
  {
    reason: 'TSC_SCALED',
    severity: 'INFO',
    scope: 'same vendor',
    compares: 'TSC rates, where they are more than 250 ppm apart and the CPUs scale them',
    why: 'The CPU makes the source’s rate of its own: reading it costs the same.',
    source: TSC_SOURCE,
    find: (vm, host) =>
      when(otherRate(vm, host) && scales(vm, host), () =>
        rates(
          vm,
          host,
          `The CPU scales the guest's TSC of ${vm.tscKhz} kHz from its own ${host.tscKhz} kHz.`,
        ),
      ),
  },
  {
    reason: 'VCPU_COUNT_TOO_HIGH',
    severity: 'BLOCKER',
    scope: 'any host',
    compares: 'how many vCPUs the VM has with KVM_CAP_MAX_VCPUS',
    why: 'CreateVm refuses more.',
    source: 'VCPU_COUNT_OUT_OF_RANGE of CreateVm',
    find: ({ vcpuCount }, { maxVcpus }) =>
      when(vcpuCount > maxVcpus, () => ({
        subject: '',
        message: `The VM has ${vcpuCount} vCPUs; a VM on this host has ${maxVcpus} at most.`,
        source: String(vcpuCount),
        destination: String(maxVcpus),
      })),
  },
  {
    reason: 'VCPUS_SHARE_CPUS',
    severity: 'WARNING',
    scope: 'any host',
    compares: 'how many vCPUs the VM has with KVM_CAP_NR_VCPUS, the CPUs of the host',
    why: 'vCPUs that share a CPU wait for one another, also while one holds a lock that the other spins on.',
    source: 'KVM_CAP_NR_VCPUS in Documentation/virt/kvm/api.rst',
    find: (vm, host) => {
      const [before, here] = [ability(vm.host, 'NR_VCPUS'), ability(host, 'NR_VCPUS')];
      return when(here > 0 && vm.vcpuCount > here && before > here, () => ({
        subject: '',
        message: `The VM has ${vm.vcpuCount} vCPUs, this host ${here} CPUs and the source ${before}.`,
        source: String(vm.vcpuCount),
        destination: String(here),
      }));
    },
  },
  {
    reason: 'MEMORY_SHORT',
    severity: 'BLOCKER',
    scope: 'any host',
    compares: "the VM's memory with MemAvailable",
    why: 'A host that runs out of memory while it takes the VM fails the move, or kills another VM.',
    source: 'MemAvailable in Documentation/filesystems/proc.rst',
    find: ({ regions }, { memoryAvailableBytes }) =>
      when(total(regions) > memoryAvailableBytes, () => ({
        subject: '',
        message: `The VM has ${total(regions)} bytes of memory; this host has ${memoryAvailableBytes} left.`,
        source: `${total(regions)} bytes`,
        destination: `${memoryAvailableBytes} bytes`,
      })),
  },
  {
    reason: 'KERNEL_NESTED_BUG',
    severity: 'WARNING',
    scope: 'nesting',
    compares: 'kernel releases with those that have a known bug with nested state (below)',
    why: 'Some kernels lose or break nested state in rare moments; whether a distribution’s kernel has the fix its release does not tell.',
    source: 'the commits below',
    find: (vm, host) =>
      KERNEL_BUGS.filter(({ format }) => format === vm.nestedFormat).flatMap((bug) => {
        const here = mayHave(bug, host.kernelRelease);
        const there = bug.side === 'either' && mayHave(bug, vm.host.kernelRelease);
        return when(here || there, () => ({
          subject: bug.id,
          message: `${here ? "This host's" : "The source's"} kernel may have ${bug.id}, fixed in ${bug.fixedIn.join('.')}. ${bug.harm}`,
          source: vm.host.kernelRelease,
          destination: host.kernelRelease,
        }));
      }),
  },
  {
    reason: 'FEATURE_LOST_TO_NEW_VMS',
    severity: 'INFO',
    scope: 'same vendor',
    compares: 'features that the source offers to new VMs and this VM does not have',
    why: 'Nothing changes for this VM; one made here would have less than one made at the source.',
    source: 'KVM_GET_SUPPORTED_CPUID in Documentation/virt/kvm/api.rst',
    find: (vm, host) =>
      featuresWhere(
        vm,
        [vm.host.cpuid, host.cpuid],
        (feature, has, [before, here]) =>
          !has && before === true && here === false && !byCapability(host, feature),
      ).map((feature) => ({
        subject: feature.name,
        message: `${feature.name} (${placeOf(feature)}) is offered at the source and not here; the VM does not have it.`,
        source: 'yes',
        destination: 'no',
      })),
  },
  {
    reason: 'CPU_MODEL_DIFFERS',
    severity: 'INFO',
    scope: 'same vendor',
    compares: "the CPUs' family, model and stepping (CPUID 1 EAX), or their names",
    why: 'The guest goes on seeing the CPU that it was made with.',
    source: 'KVM_SET_CPUID2 in Documentation/virt/kvm/api.rst',
    find: (vm, host) =>
      when(signature(vm.host.cpuid) !== signature(host.cpuid) || vm.host.cpuModel !== host.cpuModel, () => ({
        subject: '',
        message: `The CPU changes from ${vm.host.cpuModel} to ${host.cpuModel}; the guest goes on seeing the former.`,
        source: `${vm.host.cpuModel} (${hex(signature(vm.host.cpuid))})`,
        destination: `${host.cpuModel} (${hex(signature(host.cpuid))})`,
      })),
  },
];
