// What the rules ask of a vCPU, out of its captured parts: of one that is there, of one that is only described, and of
// a new one of a host.

import { read, viewOf } from '../nested/codec.js';
import { FLAG, FORMAT, HEADER, VMCS12 } from '../nested/layout.js';
import { hasFlag, type Need, type ReadGuest, type VcpuFacts } from '../nested/rule.js';
import { EVENTS_LAYOUT, MSR, SREGS_LAYOUT } from './abi.js';
import { type CpuidRegister, cpuidRegister, cpuidSubleaf, hasSvm, hasVmx, maxPhyAddr } from './cpuid.js';
import { type MsrRow, msrRows } from './msrs.js';
import { debugctlReserved, perfGlobalCtrlReserved } from './reserved-bits.js';

/** CR4 bits that hang on a feature: the bit, and where CPUID has the features of which the guest needs one. */
const CR4_FEATURES: ReadonlyArray<
  readonly [
    bit: bigint,
    ...features: ReadonlyArray<readonly [leaf: number, register: CpuidRegister, bit: number]>,
  ]
> = [
  [1n << 11n, [7, 'ecx', 2]], // UMIP
  [1n << 12n, [7, 'ecx', 16]], // LA57
  [1n << 13n, [1, 'ecx', 5]], // VMXE
  [1n << 16n, [7, 'ebx', 0]], // FSGSBASE
  [1n << 17n, [1, 'ecx', 17]], // PCIDE
  [1n << 18n, [1, 'ecx', 26]], // OSXSAVE
  [1n << 20n, [7, 'ebx', 7]], // SMEP
  [1n << 21n, [7, 'ebx', 20]], // SMAP
  [1n << 22n, [7, 'ecx', 3]], // PKE
  [1n << 23n, [7, 'ecx', 7], [7, 'edx', 20]], // CET: shadow stacks or branch tracking
];
const CR4_LAM_SUP = 1n << 28n;

const bit = (value: number, n: number): boolean => ((value >>> n) & 1) === 1;

/** The vCPU's registers and modes, as the rules ask of them. */
type RegisterFacts = Pick<VcpuFacts, 'efer' | 'cr0' | 'cr3' | 'cr4' | 'inSmm'>;

/** What the vCPU's CPUID says to the rules, and what vcpud switches on or off for no vCPU. */
export type CpuidFacts = Omit<VcpuFacts, keyof RegisterFacts | 'vmxCapabilityMsrs' | 'readGuest'>;

/** The parts of a captured vCPU that facts are read from, as the kernel gives them. */
type Parts = Readonly<Partial<Record<'sregs2' | 'sregs' | 'events' | 'cpuid' | 'msrs', Buffer>>>;

/** A vCPU as KVM makes it: real mode, caches off. */
const AT_RESET: RegisterFacts = { efer: 0n, cr0: 0x6000_0010n, cr3: 0n, cr4: 0n, inSmm: false };

/** An L1 in 64-bit mode with SVM on, as it is when it executes VMRUN. */
const L1_IN_LONG_MODE: RegisterFacts = {
  efer: 0x1500n,
  cr0: 0x8001_0033n,
  cr3: 0n,
  cr4: 0x20n,
  inSmm: false,
};

function registerFacts(parts: Parts): RegisterFacts {
  const sregs = parts.sregs2 ?? parts.sregs;
  if (sregs === undefined) return AT_RESET;
  return {
    efer: sregs.readBigUInt64LE(SREGS_LAYOUT.efer),
    cr0: sregs.readBigUInt64LE(SREGS_LAYOUT.cr0),
    cr3: sregs.readBigUInt64LE(SREGS_LAYOUT.cr3),
    cr4: sregs.readBigUInt64LE(SREGS_LAYOUT.cr4),
    inSmm: parts.events?.[EVENTS_LAYOUT.smm] === 1,
  };
}

export function cpuidFacts(cpuid: Buffer): CpuidFacts {
  const extended = cpuidRegister(cpuid, 0x80000001, 'edx');
  const hasLam = bit(cpuidSubleaf(cpuid, 7, 1, 'eax'), 26);
  return {
    maxPhyAddr: maxPhyAddr(cpuid),
    hasSvm: hasSvm(cpuid),
    hasVmx: hasVmx(cpuid),
    hasNpt: bit(cpuidRegister(cpuid, 0x8000000a, 'edx'), 0),
    hasLongMode: bit(extended, 29),
    hasNx: bit(extended, 20),
    hasFxsrOpt: bit(extended, 25),
    hasShstk: bit(cpuidRegister(cpuid, 7, 'ecx'), 7),
    hasIbt: bit(cpuidRegister(cpuid, 7, 'edx'), 20),
    hasLam,
    cr4Reserved: CR4_FEATURES.filter(
      ([, ...features]) =>
        !features.some(([leaf, register, at]) => bit(cpuidRegister(cpuid, leaf, register), at)),
    ).reduce((mask, [reserved]) => mask | reserved, hasLam ? 0n : CR4_LAM_SUP),
    debugctlReserved: debugctlReserved(cpuid, 0n),
    perfGlobalCtrlReserved: perfGlobalCtrlReserved(cpuid),
    separateL2Pat: false, // vcpud leaves KVM_X86_QUIRK_NESTED_SVM_SHARED_PAT as it is
    enlightenedVmcs: false, // vcpud never enables KVM_CAP_HYPERV_ENLIGHTENED_VMCS
  };
}

function factsOf(registers: RegisterFacts, cpuid: Buffer, msrs: readonly MsrRow[]): VcpuFacts {
  const perfCapabilities = msrs.find(({ index }) => index === MSR.IA32_PERF_CAPABILITIES)?.value ?? 0n;
  return {
    ...registers,
    ...cpuidFacts(cpuid),
    debugctlReserved: debugctlReserved(cpuid, perfCapabilities),
    vmxCapabilityMsrs: new Map(
      msrs
        .filter(({ index }) => index >= MSR.VMX_FIRST && index <= MSR.VMX_LAST)
        .map(({ index, value }) => [index, value]),
    ),
  };
}

/** What the rules ask of a vCPU, from what it holds or is about to hold. */
export function vcpuFacts(parts: Parts): VcpuFacts {
  return factsOf(
    registerFacts(parts),
    parts.cpuid ?? Buffer.alloc(0),
    msrRows(parts.msrs ?? Buffer.alloc(0)),
  );
}

/**
 * The same of a vCPU that holds these parts now, and that the kernel takes out of L2 first: of a VMX one, CR4 is then
 * what its vmcs12 has for L1 (load_vmcs12_host_state).
 */
export function liveVcpuFacts(parts: Parts & { readonly nested?: Buffer }, readGuest: ReadGuest): VcpuFacts {
  const facts = { ...vcpuFacts(parts), readGuest };
  if (parts.nested === undefined) return facts;
  const view = viewOf(parts.nested);
  const inL2 = read(view, HEADER.format) === FORMAT.VMX && hasFlag(view, FLAG.GUEST_MODE);
  return inL2 ? { ...facts, cr4: read(view, VMCS12.host_cr4) } : facts;
}

/** A new vCPU of a host, in the mode in which L1 gives up the CPU to L2. */
export function newVcpuFacts(cpuid: Buffer, vmxCapabilityMsrs: readonly MsrRow[]): VcpuFacts {
  return factsOf(L1_IN_LONG_MODE, cpuid, vmxCapabilityMsrs);
}

/** What is known of a vCPU whose description may lack parts. Its guest's memory is not part of any description. */
export function knownOf(parts: Parts): ReadonlySet<Need> {
  const known = new Set<Need>();
  if ((parts.sregs2 ?? parts.sregs) !== undefined && parts.events !== undefined) known.add('registers');
  if (parts.cpuid !== undefined) known.add('cpuid');
  if (parts.msrs !== undefined) known.add('vmx-msrs');
  return known;
}
