// What KVM demands of a VMX capability MSR that a vCPU is given, against what it offers itself (vmx_set_vmx_msr and the
// vmx_restore_* functions in arch/x86/kvm/vmx/nested.c). Used by the checks before a move and by the model of kvm_intel.

import { PIN, VMX_MSR } from './vmx-conditions.js';

const LOW = 0xffff_ffffn;
const HIGH = LOW << 32n;
const ALL = HIGH | LOW;

interface Demand {
  /** What is wrong where it isn't met, as the end of a sentence about the value. */
  readonly otherwise: string;
  /** Whether the kernel takes the value. `timed`: the vCPU's pin controls allow the preemption timer. */
  met(value: bigint, offered: bigint, timed: boolean): boolean;
}

/** is_bitwise_subset, within a mask. */
const within = (superset: bigint, subset: bigint, mask: bigint): boolean =>
  (subset & mask & ~superset) === 0n;

const same = (mask: bigint) => (value: bigint, offered: bigint) => ((value ^ offered) & mask) === 0n;
const noMore = (mask: bigint) => (value: bigint, offered: bigint) => (value & mask) <= (offered & mask);
const subset = (mask: bigint) => (value: bigint, offered: bigint) => within(offered, value, mask);
const superset = (mask: bigint) => (value: bigint, offered: bigint) => within(value, offered, mask);

/** Low half: controls that must be 1. High half: controls that may be 1. */
const CONTROLS: readonly Demand[] = [
  { otherwise: 'leaves controls optional that must be 1 there', met: superset(LOW) },
  { otherwise: 'allows controls that are not allowed there', met: subset(HIGH) },
];
const FIXED0: readonly Demand[] = [
  { otherwise: 'leaves bits optional that must be 1 there', met: superset(ALL) },
];
const FEATURES: readonly Demand[] = [{ otherwise: 'has bits that are not offered there', met: subset(ALL) }];

const BASIC: readonly Demand[] = [
  {
    otherwise: 'has features that are not offered there',
    met: subset((1n << 49n) | (1n << 54n) | (1n << 55n) | (1n << 31n) | (7n << 45n) | (0xffn << 56n)),
  },
  {
    otherwise: 'limits addresses to 32 bits, which KVM takes from nobody',
    met: (value) => (value & (1n << 48n)) === 0n,
  },
  { otherwise: 'has another VMCS revision', met: same(0x7fff_ffffn) },
  {
    otherwise: 'has a VMCS smaller than there',
    met: (value, offered) => (offered & (0x1fffn << 32n)) <= (value & (0x1fffn << 32n)),
  },
];

const MISC: readonly Demand[] = [
  { otherwise: 'has features that are not offered there', met: subset(0xf000_ffe0n) }, // 5, 8:6, 13:9, 14, 15, 28-31
  {
    otherwise: 'has another rate of the preemption timer',
    met: (value, offered, timed) => !timed || same(0x1fn)(value, offered),
  },
  { otherwise: 'has more CR3 targets than there', met: noMore(0x1ffn << 16n) },
  { otherwise: 'allows longer MSR lists than there', met: noMore(7n << 25n) },
  { otherwise: 'has another MSEG revision', met: same(HIGH) },
];

interface CapabilityMsr {
  readonly name: string;
  readonly demands: readonly Demand[];
}

/** IA32_VMX_VMCS_ENUM, which KVM takes with any value. */
const VMCS_ENUM = 0x48a;

/**
 * MSRs that can be given. The others in the range follow these (the controls without TRUE_) or CPUID (CR0_FIXED1, CR4_FIXED1),
 * and KVM takes them from nobody.
 */
export const CAPABILITY_MSRS: ReadonlyMap<number, CapabilityMsr> = new Map([
  [VMX_MSR.BASIC, { name: 'IA32_VMX_BASIC', demands: BASIC }],
  [VMX_MSR.MISC, { name: 'IA32_VMX_MISC', demands: MISC }],
  [VMX_MSR.CR0_FIXED0, { name: 'IA32_VMX_CR0_FIXED0', demands: FIXED0 }],
  [VMX_MSR.CR4_FIXED0, { name: 'IA32_VMX_CR4_FIXED0', demands: FIXED0 }],
  [VMCS_ENUM, { name: 'IA32_VMX_VMCS_ENUM', demands: [] }],
  [VMX_MSR.PROCBASED_CTLS2, { name: 'IA32_VMX_PROCBASED_CTLS2', demands: CONTROLS }],
  [VMX_MSR.EPT_VPID_CAP, { name: 'IA32_VMX_EPT_VPID_CAP', demands: FEATURES }],
  [VMX_MSR.TRUE_PINBASED_CTLS, { name: 'IA32_VMX_TRUE_PINBASED_CTLS', demands: CONTROLS }],
  [VMX_MSR.TRUE_PROCBASED_CTLS, { name: 'IA32_VMX_TRUE_PROCBASED_CTLS', demands: CONTROLS }],
  [VMX_MSR.TRUE_EXIT_CTLS, { name: 'IA32_VMX_TRUE_EXIT_CTLS', demands: CONTROLS }],
  [VMX_MSR.TRUE_ENTRY_CTLS, { name: 'IA32_VMX_TRUE_ENTRY_CTLS', demands: CONTROLS }],
  [VMX_MSR.VMFUNC, { name: 'IA32_VMX_VMFUNC', demands: FEATURES }],
]);

/** Whether pin controls, as IA32_VMX_TRUE_PINBASED_CTLS has them, allow the preemption timer. */
export const allowsPreemptionTimer = (pinControls: bigint): boolean =>
  (pinControls & (BigInt(PIN.PREEMPTION_TIMER) << 32n)) !== 0n;

/** Why KVM would refuse the value; empty where it takes it. The MSR must be one of CAPABILITY_MSRS. */
export function unmetDemands(
  { demands }: CapabilityMsr,
  value: bigint,
  offered: bigint,
  timed: boolean,
): string[] {
  return demands.filter(({ met }) => !met(value, offered, timed)).map(({ otherwise }) => otherwise);
}
