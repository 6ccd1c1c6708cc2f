// What the VMX rows are written with: bits of the VMCS controls, VMX capability MSRs, and conditions that read like
// the kernel's own (arch/x86/kvm/vmx/nested.h). Used by the vmx-*-rules.ts files and by the model of kvm_intel.

import { read } from './codec.js';
import { type Field, VMCS12 } from './layout.js';
import type { RuleContext, VcpuFacts } from './rule.js';

/** Pin-based controls (SDM volume 3, 25.6.1). */
export const PIN = {
  EXTERNAL_INTERRUPT_EXITING: 1 << 0,
  NMI_EXITING: 1 << 3,
  VIRTUAL_NMIS: 1 << 5,
  PREEMPTION_TIMER: 1 << 6,
  POSTED_INTERRUPTS: 1 << 7,
} as const;

/** Primary processor-based controls (25.6.2). */
export const PROC = {
  TPR_SHADOW: 1 << 21,
  NMI_WINDOW: 1 << 22,
  IO_BITMAPS: 1 << 25,
  MONITOR_TRAP_FLAG: 1 << 27,
  MSR_BITMAPS: 1 << 28,
  SECONDARY: 1 << 31,
} as const;

/** Secondary processor-based controls (25.6.2); they count only if PROC.SECONDARY activates them. */
export const SECONDARY = {
  APIC_ACCESSES: 1 << 0,
  EPT: 1 << 1,
  X2APIC_MODE: 1 << 4,
  VPID: 1 << 5,
  UNRESTRICTED_GUEST: 1 << 7,
  APIC_REGISTERS: 1 << 8,
  INTERRUPT_DELIVERY: 1 << 9,
  VMFUNC: 1 << 13,
  SHADOW_VMCS: 1 << 14,
  PML: 1 << 17,
  MODE_BASED_EPT: 1 << 22,
  TSC_SCALING: 1 << 25,
} as const;

/** VM-exit controls (25.7.1). */
export const EXIT = {
  SAVE_DEBUG: 1 << 2,
  HOST_64_BIT: 1 << 9,
  LOAD_PERF_GLOBAL_CTRL: 1 << 12,
  ACK_INTERRUPT: 1 << 15,
  SAVE_PAT: 1 << 18,
  LOAD_PAT: 1 << 19,
  SAVE_EFER: 1 << 20,
  LOAD_EFER: 1 << 21,
  SAVE_PREEMPTION_TIMER: 1 << 22,
  CLEAR_BNDCFGS: 1 << 23,
  LOAD_CET: 1 << 28,
} as const;

/** VM-entry controls (25.8.1). */
export const ENTRY = {
  LOAD_DEBUG: 1 << 2,
  GUEST_64_BIT: 1 << 9,
  LOAD_PERF_GLOBAL_CTRL: 1 << 13,
  LOAD_PAT: 1 << 14,
  LOAD_EFER: 1 << 15,
  LOAD_BNDCFGS: 1 << 16,
  LOAD_CET: 1 << 20,
} as const;

/** VMX capability MSRs (appendix A). For controls: low half must be 1, high half may be 1. */
export const VMX_MSR = {
  BASIC: 0x480,
  MISC: 0x485,
  CR0_FIXED0: 0x486,
  CR0_FIXED1: 0x487,
  CR4_FIXED0: 0x488,
  CR4_FIXED1: 0x489,
  PROCBASED_CTLS2: 0x48b,
  EPT_VPID_CAP: 0x48c,
  TRUE_PINBASED_CTLS: 0x48d,
  TRUE_PROCBASED_CTLS: 0x48e,
  TRUE_EXIT_CTLS: 0x48f,
  TRUE_ENTRY_CTLS: 0x490,
  VMFUNC: 0x491,
} as const;

export const SHADOW_INDICATOR = 1 << 31;
export const CR0_WP = 1n << 16n;
export const CR4 = {
  PAE: 1n << 5n,
  LA57: 1n << 12n,
  VMXE: 1n << 13n,
  PCIDE: 1n << 17n,
  CET: 1n << 23n,
} as const;
export const EFER = { LME: 1n << 8n, LMA: 1n << 10n, NX: 1n << 11n } as const;

export function hasPin(view: DataView, control: number): boolean {
  return (read(view, VMCS12.pin_based_vm_exec_control) & control) !== 0;
}

/** nested_cpu_has */
export function hasProc(view: DataView, control: number): boolean {
  return (read(view, VMCS12.cpu_based_vm_exec_control) & control) !== 0;
}

/** nested_cpu_has2: any of the given bits, and the secondary controls activated. */
export function hasSecondary(view: DataView, control: number): boolean {
  return hasProc(view, PROC.SECONDARY) && (read(view, VMCS12.secondary_vm_exec_control) & control) !== 0;
}

export function hasExit(view: DataView, control: number): boolean {
  return (read(view, VMCS12.vm_exit_controls) & control) !== 0;
}

export function hasEntry(view: DataView, control: number): boolean {
  return (read(view, VMCS12.vm_entry_controls) & control) !== 0;
}

/**
 * fixed_bits_valid: bits of `mustBeOne` are set, bits outside `mayBeOne` are clear. The first come before the second: a
 * capability MSR that was restored, or followed the guest's CPUID, may have a bit in one and not in the other.
 */
function fixedBitsValid(value: bigint, mustBeOne: bigint, mayBeOne: bigint): boolean {
  return ((value & mayBeOne) | mustBeOne) === value;
}

/** vmx_control_verify: by the low and the high half of the MSR. */
export function legalControl({ view, vcpu }: RuleContext, msr: number, field: Field<'u32'>): boolean {
  const capability = vcpu.vmxCapabilityMsrs.get(msr);
  if (capability === undefined) return true;
  return fixedBitsValid(BigInt(read(view, field)), capability & 0xffff_ffffn, capability >> 32n);
}

/** nested_host_cr0_valid and its like: by the FIXED0 MSR (but for `waived` bits) and the FIXED1 MSR. */
export function legalFixed(
  vmxCapabilityMsrs: ReadonlyMap<number, bigint>,
  register: 'CR0' | 'CR4',
  value: bigint,
  waived = 0n,
): boolean {
  const fixed0 = vmxCapabilityMsrs.get(VMX_MSR[`${register}_FIXED0`]);
  const fixed1 = vmxCapabilityMsrs.get(VMX_MSR[`${register}_FIXED1`]);
  if (fixed0 === undefined || fixed1 === undefined) return true;
  return fixedBitsValid(value, fixed0 & ~waived, fixed1);
}

/** An MSR of the vCPU lacks the bit; false where the MSR is not known. */
export function lacks(vcpu: VcpuFacts, msr: number, bit: bigint): boolean {
  const value = vcpu.vmxCapabilityMsrs.get(msr);
  return value !== undefined && (value & bit) === 0n;
}

/** kvm_pat_valid: eight memory types, each 0, 1, 4, 5, 6 or 7. */
export function legalPat(pat: bigint): boolean {
  if ((pat & 0xf8f8_f8f8_f8f8_f8f8n) !== 0n) return false;
  return (pat | ((pat & 0x0202_0202_0202_0202n) << 1n)) === pat;
}

/** __is_canonical_address: all bits from the highest of a linear address upwards are the same. */
export function canonical(address: bigint, addressBits: number): boolean {
  return BigInt.asUintN(64, BigInt.asIntN(addressBits, address)) === address;
}

/** Most bits of a linear address that the kernel gives any guest: 48 where it gives none LA57. */
export function mostAddressBits({ kernel }: RuleContext): 48 | 57 {
  return kernel.reserved !== undefined && (kernel.reserved.cr4 & CR4.LA57) !== 0n ? 48 : 57;
}

/** Not canonical whatever CR4.LA57 is. */
export function neverCanonical(c: RuleContext, address: bigint): boolean {
  return !canonical(address, mostAddressBits(c));
}

/** __kvm_valid_efer, of the bits that are not reserved on Intel. */
export function unsupportedEfer(vcpu: VcpuFacts, efer: bigint): boolean {
  return (
    ((efer & (EFER.LME | EFER.LMA)) !== 0n && !vcpu.hasLongMode) || ((efer & EFER.NX) !== 0n && !vcpu.hasNx)
  );
}

/** IA32_S_CET (SDM volume 1, 17.1.2). */
const S_CET = {
  SHADOW_STACK: 3n,
  BRANCH_TRACKING: 0xffff_ffff_ffff_fc3cn, // 5:2 and 63:10
  RESERVED: 0xfn << 6n,
  LEGACY_BITMAP_LOW_BITS: 3n << 12n,
  SUPPRESS: 1n << 10n,
  WAIT_ENDBR: 1n << 11n,
} as const;

/** nested_vmx_check_cet_state_common */
export function validCet(
  c: RuleContext,
  sCet: Field<'u64'>,
  ssp: Field<'u64'>,
  sspTable: Field<'u64'>,
): boolean {
  const value = read(c.view, sCet);
  const illegal =
    S_CET.RESERVED |
    S_CET.LEGACY_BITMAP_LOW_BITS |
    (c.vcpu.hasShstk ? 0n : S_CET.SHADOW_STACK) |
    (c.vcpu.hasIbt ? 0n : S_CET.BRANCH_TRACKING);
  const both = S_CET.SUPPRESS | S_CET.WAIT_ENDBR;
  if ((value & illegal) !== 0n || (value & both) === both) return false;
  return (read(c.view, ssp) & 3n) === 0n && !neverCanonical(c, read(c.view, sspTable));
}
