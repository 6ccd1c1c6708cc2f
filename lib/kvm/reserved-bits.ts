// Which bits of CR3, CR4, IA32_DEBUGCTL and IA32_PERF_GLOBAL_CTRL KVM reserves for want of a CPUID feature: of a vCPU by
// its own CPUID, of the kernel by what it supports. Asked by vcpu-facts.ts and, for the kernel, by lib/vm/host-rules.ts.

import type { ReservedBits } from '../nested/rule.js';
import { cpuidRegister } from './cpuid.js';

type Feature = readonly [leaf: number, subleaf: number, register: 'eax' | 'ebx' | 'ecx' | 'edx', bit: number];

const CR3_LAM = 3n << 61n;
const LAM: Feature = [7, 1, 'eax', 26];

/** CR4 bits by the features that they need, any of those named (__cr4_reserved_bits, x86.h). */
const CR4_FEATURES: ReadonlyArray<readonly [bit: number, name: string, features: readonly Feature[]]> = [
  [12, 'LA57', [[7, 0, 'ecx', 16]]],
  [13, 'VMXE', [[1, 0, 'ecx', 5]]],
  [14, 'SMXE', []], // no kernel lets a guest have it
  [16, 'FSGSBASE', [[7, 0, 'ebx', 0]]],
  [17, 'PCIDE', [[1, 0, 'ecx', 17]]],
  [18, 'OSXSAVE', [[1, 0, 'ecx', 26]]],
  [20, 'SMEP', [[7, 0, 'ebx', 7]]],
  [21, 'SMAP', [[7, 0, 'ebx', 20]]],
  [22, 'PKE', [[7, 0, 'ecx', 3]]],
  [11, 'UMIP', [[7, 0, 'ecx', 2]]],
  [
    23,
    'CET',
    [
      [7, 0, 'ecx', 7],
      [7, 0, 'edx', 20],
    ],
  ],
  [28, 'LAM_SUP', [LAM]],
];

/** IA32_DEBUGCTL: BTF and LBR are let pass whatever the guest has, and FREEZE_IN_SMM has a rule of its own. */
const DEBUGCTL_NOT_JUDGED = (1n << 0n) | (1n << 1n) | (1n << 14n);
const DEBUGCTL_FREEZE_LBRS_ON_PMI = 1n << 11n;
const DEBUGCTL_FEATURES: ReadonlyArray<readonly [bit: number, name: string, feature: Feature]> = [
  [2, 'BUS_LOCK_DETECT', [7, 0, 'ecx', 24]],
  [15, 'RTM_DEBUG', [7, 0, 'ebx', 11]],
];

const PDCM: Feature = [1, 0, 'ecx', 15];
/** IA32_PERF_CAPABILITIES: the format of LBR records; 0 where there are none. */
const PERF_CAPABILITIES_LBR_FORMAT = 0x3fn;

/** Bits that a CPUID table's features leave reserved; for a vCPU see lastBranchRecords beside. */
export function reservedBits(cpuid: Buffer): ReservedBits {
  // Bits below 2^31, as numbers: in loops, and without a BigInt each, as a guest stands still for it.
  let cr4 = 0;
  for (const [bit, , features] of CR4_FEATURES) if (!hasAny(cpuid, features)) cr4 |= 1 << bit;
  let debug = 0;
  for (const [bit, , feature] of DEBUGCTL_FEATURES) if (has(cpuid, feature)) debug |= 1 << bit;
  return {
    cr3: has(cpuid, LAM) ? 0n : CR3_LAM,
    cr4: BigInt(cr4),
    debugctl: inverse(DEBUGCTL_NOT_JUDGED | BigInt(debug)),
    perfGlobalCtrl: inverse(counters(cpuid)),
  };
}

/**
 * The same of a kernel, by the CPUID that it supports. FREEZE_LBRS_ON_PMI hangs on the vCPU alone: only a kernel that
 * has last-branch records gives a vCPU an IA32_PERF_CAPABILITIES that has them.
 */
export function kernelReservedBits(supportedCpuid: Buffer): ReservedBits {
  const reserved = reservedBits(supportedCpuid);
  return { ...reserved, debugctl: reserved.debugctl & ~DEBUGCTL_FREEZE_LBRS_ON_PMI };
}

/** Bits of IA32_DEBUGCTL that a vCPU has by its last-branch records. `perfCapabilities`: its IA32_PERF_CAPABILITIES. */
export function lastBranchRecords(cpuid: Buffer, perfCapabilities: bigint): bigint {
  const enabled = (perfCapabilities & PERF_CAPABILITIES_LBR_FORMAT) !== 0n && has(cpuid, PDCM);
  return enabled ? DEBUGCTL_FREEZE_LBRS_ON_PMI : 0n;
}

function hasAny(cpuid: Buffer, features: readonly Feature[]): boolean {
  for (const feature of features) if (has(cpuid, feature)) return true;
  return false;
}

function has(cpuid: Buffer, [leaf, subleaf, register, bit]: Feature): boolean {
  return ((cpuidRegister(cpuid, leaf, register, subleaf) >>> bit) & 1) === 1;
}

/** The counters that CPUID 0Ah names, as IA32_PERF_GLOBAL_CTRL enables them (intel_pmu_refresh). */
function counters(cpuid: Buffer): bigint {
  const eax = cpuidRegister(cpuid, 0xa, 'eax');
  const version = eax & 0xff;
  if (version === 0) return 0n;
  const general = (eax >>> 8) & 0xff;
  const fixed = version === 1 ? 0 : cpuidRegister(cpuid, 0xa, 'edx') & 0x1f;
  return ones(general) | (ones(fixed) << 32n);
}

function ones(count: number): bigint {
  return (1n << BigInt(count)) - 1n;
}

function inverse(value: bigint): bigint {
  return BigInt.asUintN(64, ~value);
}
