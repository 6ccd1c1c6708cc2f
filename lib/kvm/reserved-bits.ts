// Which bits of IA32_DEBUGCTL and IA32_PERF_GLOBAL_CTRL a vCPU lacks for want of a CPUID feature or of a counter; those
// that its kernel gives no vCPU are another matter (lib/vm/host-rules.ts). Asked by vcpu-facts.ts.

import { type CpuidRegister, cpuidSubleaf } from './cpuid.js';

type Feature = readonly [leaf: number, register: CpuidRegister, bit: number];

/** vmx_get_supported_debugctl, vmx.c. */
const DEBUGCTL_FEATURES: ReadonlyArray<readonly [bit: bigint, name: string, feature: Feature]> = [
  [1n << 2n, 'BUS_LOCK_DETECT', [7, 'ecx', 24]],
  [1n << 15n, 'RTM_DEBUG', [7, 'ebx', 11]],
];
const DEBUGCTL_FREEZE_LBRS_ON_PMI = 1n << 11n;

const PDCM: Feature = [1, 'ecx', 15];
/** IA32_PERF_CAPABILITIES: the format of last-branch records; 0 where there are none. */
const PERF_CAPABILITIES_LBR_FORMAT = 0x3fn;

/** IA32_DEBUGCTL bits of features that a vCPU lacks. `perfCapabilities`: its IA32_PERF_CAPABILITIES (345h), 0 if it has none. */
export function debugctlReserved(cpuid: Buffer, perfCapabilities: bigint): bigint {
  const records = has(cpuid, PDCM) && (perfCapabilities & PERF_CAPABILITIES_LBR_FORMAT) !== 0n;
  return DEBUGCTL_FEATURES.filter(([, , feature]) => !has(cpuid, feature)).reduce(
    (mask, [bit]) => mask | bit,
    records ? 0n : DEBUGCTL_FREEZE_LBRS_ON_PMI,
  );
}

/** IA32_PERF_GLOBAL_CTRL bits that enable no counter of CPUID 0Ah (intel_pmu_refresh, pmu_intel.c). */
export function perfGlobalCtrlReserved(cpuid: Buffer): bigint {
  const eax = cpuidSubleaf(cpuid, 0xa, 0, 'eax');
  const version = eax & 0xff;
  const general = version === 0 ? 0 : (eax >>> 8) & 0xff;
  const fixed = version <= 1 ? 0 : cpuidSubleaf(cpuid, 0xa, 0, 'edx') & 0x1f;
  return BigInt.asUintN(64, ~(ones(general) | (ones(fixed) << 32n)));
}

function has(cpuid: Buffer, [leaf, register, bit]: Feature): boolean {
  return ((cpuidSubleaf(cpuid, leaf, 0, register) >>> bit) & 1) === 1;
}

function ones(count: number): bigint {
  return (1n << BigInt(count)) - 1n;
}
