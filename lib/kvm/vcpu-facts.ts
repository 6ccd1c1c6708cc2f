// What the rules ask of a vCPU, out of its captured parts: of one that is there, of one that is only described, and of
// a new one of a host.

import { read, viewOf } from '../nested/codec.js';
import { FLAG, FORMAT, HEADER, VMCS12 } from '../nested/layout.js';
import { hasFlag, type Need, type ReadGuest, type VcpuFacts } from '../nested/rule.js';
import { EVENTS_LAYOUT, MOST_CPUID_ENTRIES, MSR, SIZE, SREGS_LAYOUT } from './abi.js';
import { cpuidRegister, hasSvm, hasVmx, maxPhyAddr } from './cpuid.js';
import { isVmxCapability, type MsrRow, msrRows } from './msrs.js';
import { lastBranchRecords, reservedBits } from './reserved-bits.js';

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

/** What the rules ask of a vCPU's CPUID. */
export function cpuidFacts(cpuid: Buffer): CpuidFacts {
  const extended = cpuidRegister(cpuid, 0x80000001, 'edx');
  return {
    maxPhyAddr: maxPhyAddr(cpuid),
    hasSvm: hasSvm(cpuid),
    hasVmx: hasVmx(cpuid),
    hasNpt: bit(cpuidRegister(cpuid, 0x8000000a, 'edx'), 0),
    hasLongMode: bit(extended, 29),
    hasNx: bit(extended, 20),
    hasFxsrOpt: bit(extended, 25),
    hasAutoIbrs: bit(cpuidRegister(cpuid, 0x80000021, 'eax'), 8),
    hasShstk: bit(cpuidRegister(cpuid, 7, 'ecx'), 7),
    hasIbt: bit(cpuidRegister(cpuid, 7, 'edx'), 20),
    reserved: reservedBits(cpuid),
    separateL2Pat: false, // vcpud leaves KVM_X86_QUIRK_NESTED_SVM_SHARED_PAT as it is
    enlightenedVmcs: false, // vcpud never enables KVM_CAP_HYPERV_ENLIGHTENED_VMCS
  };
}

/** Of so many tables the facts are kept: vCPUs of one kind have the same ones, but for their APIC ids. */
const MOST_TABLES = 64;
/** Longer ones are no vCPU's: a caller may describe anything, and none of that is kept. */
const MOST_TABLE_BYTES = MOST_CPUID_ENTRIES * SIZE.cpuidEntry;
const known: Array<readonly [table: Buffer, facts: CpuidFacts]> = [];

/** The same, out of what is known where the table is: a guest may stand still for it. */
function knownCpuidFacts(table: Buffer): CpuidFacts {
  for (const [other, facts] of known) if (other.equals(table)) return facts;
  const facts = cpuidFacts(table);
  if (table.length > MOST_TABLE_BYTES) return facts;
  known.unshift([Buffer.from(table), facts]);
  known.length = Math.min(known.length, MOST_TABLES);
  return facts;
}

/** Whether factsOf looks at the MSR. */
const isAskedFor = (index: number): boolean => index === MSR.IA32_PERF_CAPABILITIES || isVmxCapability(index);

function factsOf(registers: RegisterFacts, table: Buffer, msrs: readonly MsrRow[]): VcpuFacts {
  const facts = knownCpuidFacts(table);
  const perfCapabilities = msrs.find(({ index }) => index === MSR.IA32_PERF_CAPABILITIES)?.value ?? 0n;
  const debugctl = facts.reserved.debugctl & ~lastBranchRecords(table, perfCapabilities);
  return {
    ...registers,
    ...facts,
    reserved: { ...facts.reserved, debugctl },
    vmxCapabilityMsrs: new Map(
      msrs.filter(({ index }) => isVmxCapability(index)).map(({ index, value }) => [index, value]),
    ),
  };
}

/** What the rules ask of a vCPU, from what it holds or is about to hold. */
export function vcpuFacts(parts: Parts): VcpuFacts {
  return factsOf(
    registerFacts(parts),
    parts.cpuid ?? Buffer.alloc(0),
    msrRows(parts.msrs ?? Buffer.alloc(0), isAskedFor),
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
