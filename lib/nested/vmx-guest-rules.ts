// nested_vmx_check_guest_state and nested_vmx_enter_non_root_mode (arch/x86/kvm/vmx/nested.c) as rows, in the
// kernel's order: L2's own state, the shadow VMCS that it is linked to, and what makes entering it fail. Read by
// vmx-rules.ts.

import { read, viewOf } from './codec.js';
import { FLAG, NO_ADDRESS, VMCS12, VMCS12_REVISION } from './layout.js';
import {
  always,
  CR0,
  hasFlag,
  legalCr3,
  legalPage,
  type Rule,
  type RuleContext,
  refused,
  returning,
  setsReserved,
  varying,
} from './rule.js';
import {
  CR0_WP,
  CR4,
  canonical,
  EFER,
  ENTRY,
  hasEntry,
  hasSecondary,
  legalFixed,
  legalPat,
  mostAddressBits,
  neverCanonical,
  SECONDARY,
  SHADOW_INDICATOR,
  unsupportedEfer,
  validCet,
} from './vmx-conditions.js';

const SOURCE = 'nested_vmx_check_guest_state';
const LINK_SOURCE = 'nested_vmx_check_vmcs_link_ptr';
const ACTIVITY_SHUTDOWN = 2;
const ACTIVITY_LAST = 3;
const DEBUGCTL_FREEZE_IN_SMM = 1n << 14n;
/** IA32_BNDCFGS: the base is above bit 11, and bits 11:2 are reserved. */
const BNDCFGS = { BASE: ~0xfffn, RESERVED: 0xffcn } as const;
/** NVMX_VMENTRY_VMEXIT: what the ioctl returns where entering L2 fails. */
const ENTRY_FAILED = 2;

export const VMX_GUEST_RULES = [
  always({
    reason: 'VMX_GUEST_CR0_UNSUPPORTED',
    field: 'vmcs12.guest_cr0',
    message: "L2's CR0 is not one that IA32_VMX_CR0_FIXED0 and _FIXED1 (486h, 487h) of this vCPU allow.",
    source: SOURCE,
    needs: ['vmx-msrs'],
    violated: ({ view, vcpu }) => {
      const waived = hasSecondary(view, SECONDARY.UNRESTRICTED_GUEST) ? CR0.PE | CR0.PG : 0n;
      return !legalFixed(vcpu.vmxCapabilityMsrs, 'CR0', read(view, VMCS12.guest_cr0), waived);
    },
  }),
  always({
    reason: 'VMX_GUEST_CR4_UNSUPPORTED',
    field: 'vmcs12.guest_cr4',
    message: "L2's CR4 is not one that IA32_VMX_CR4_FIXED0 and _FIXED1 (488h, 489h) of this vCPU allow.",
    source: SOURCE,
    needs: ['vmx-msrs'],
    violated: ({ view, vcpu }) => !legalFixed(vcpu.vmxCapabilityMsrs, 'CR4', read(view, VMCS12.guest_cr4)),
  }),
  always({
    reason: 'VMX_GUEST_CR4_RESERVED',
    field: 'vmcs12.guest_cr4',
    message: "L2's CR4 has bits that the guest's CPUID or the kernel lacks.",
    source: SOURCE,
    needs: ['cpuid'],
    violated: (c) => {
      const cr4 = read(c.view, VMCS12.guest_cr4);
      return setsReserved(c, 'cr4', cr4) || (cr4 & refused(c.kernel).cr4) !== 0n;
    },
  }),
  // As VMX_HOST_CET_WITHOUT_WP.
  always({
    reason: 'VMX_GUEST_CET_WITHOUT_WP',
    field: 'vmcs12.guest_cr4',
    message: "L2's CR4 has CET set and its CR0 WP clear.",
    source: SOURCE,
    needs: [],
    violated: ({ view }) =>
      (read(view, VMCS12.guest_cr4) & CR4.CET) !== 0n && (read(view, VMCS12.guest_cr0) & CR0_WP) === 0n,
  }),
  always({
    reason: 'VMX_GUEST_DR7_HIGH_BITS',
    field: 'vmcs12.guest_dr7',
    message: "L2's DR7, which VM entries load, has bits above 31.",
    source: SOURCE,
    needs: [],
    violated: ({ view }) => hasEntry(view, ENTRY.LOAD_DEBUG) && read(view, VMCS12.guest_dr7) >> 32n !== 0n,
  }),
  varying({
    reason: 'VMX_GUEST_DEBUGCTL_UNSUPPORTED',
    kernels: 'since 6.16, and stable kernels since mid-2025',
    field: 'vmcs12.guest_ia32_debugctl',
    message:
      "L2's IA32_DEBUGCTL, which VM entries load, has bits that are reserved or whose features the guest lacks.",
    source: SOURCE,
    needs: ['cpuid'],
    violated: (c) =>
      hasEntry(c.view, ENTRY.LOAD_DEBUG) &&
      setsReserved(c, 'debugctl', read(c.view, VMCS12.guest_ia32_debugctl)),
  }),
  varying({
    reason: 'VMX_GUEST_DEBUGCTL_FREEZE_IN_SMM',
    kernels: 'from mid-2025 until a quirk of 2026 lets the bit pass again',
    field: 'vmcs12.guest_ia32_debugctl',
    message: "L2's IA32_DEBUGCTL, which VM entries load, has FREEZE_WHILE_SMM set.",
    source: SOURCE,
    needs: [],
    violated: ({ view }) =>
      hasEntry(view, ENTRY.LOAD_DEBUG) &&
      (read(view, VMCS12.guest_ia32_debugctl) & DEBUGCTL_FREEZE_IN_SMM) !== 0n,
  }),
  always({
    reason: 'VMX_GUEST_PAT_INVALID',
    field: 'vmcs12.guest_ia32_pat',
    message: "L2's PAT, which VM entries load, has a reserved memory type.",
    source: SOURCE,
    needs: [],
    violated: ({ view }) => hasEntry(view, ENTRY.LOAD_PAT) && !legalPat(read(view, VMCS12.guest_ia32_pat)),
  }),
  always({
    reason: 'VMX_LINK_POINTER_ILLEGAL',
    field: 'vmcs12.vmcs_link_pointer',
    message: "The VMCS link pointer is neither ~0 nor a page within the guest's physical address width.",
    source: LINK_SOURCE,
    needs: ['cpuid'],
    violated: ({ view, vcpu }) => linked(view) && !legalPage(vcpu, read(view, VMCS12.vmcs_link_pointer)),
  }),
  always({
    reason: 'VMX_LINK_POINTER_UNBACKED',
    field: 'vmcs12.vmcs_link_pointer',
    message: 'The VMCS link pointer is outside of guest memory.',
    source: LINK_SOURCE,
    needs: ['memory'],
    violated: ({ view, vcpu }) =>
      linked(view) &&
      vcpu.readGuest !== undefined &&
      vcpu.readGuest(read(view, VMCS12.vmcs_link_pointer), 4) === undefined,
  }),
  always({
    reason: 'VMX_LINK_REVISION_UNKNOWN',
    field: 'vmcs12.vmcs_link_pointer',
    message:
      "The guest's memory at the VMCS link pointer does not start with the revision id 0x11e57ed0: load memory first.",
    source: LINK_SOURCE,
    needs: ['memory'],
    violated: (c) => {
      const header = linkedHeader(c);
      return header !== undefined && (header & ~SHADOW_INDICATOR) !== VMCS12_REVISION;
    },
  }),
  always({
    reason: 'VMX_LINK_SHADOW_INDICATOR_MISMATCH',
    field: 'vmcs12.vmcs_link_pointer',
    message:
      "The shadow-VMCS indicator in the guest's memory at the VMCS link pointer must be as the VMCS-shadowing control is.",
    source: LINK_SOURCE,
    needs: ['memory'],
    violated: (c) => {
      const header = linkedHeader(c);
      const shadowing = hasSecondary(c.view, SECONDARY.SHADOW_VMCS);
      return header !== undefined && ((header & SHADOW_INDICATOR) !== 0) !== shadowing;
    },
  }),
  always({
    reason: 'VMX_GUEST_PERF_GLOBAL_CTRL_UNSUPPORTED',
    field: 'vmcs12.guest_ia32_perf_global_ctrl',
    message:
      "L2's IA32_PERF_GLOBAL_CTRL, which VM entries load, enables counters that the guest's PMU does not have.",
    source: SOURCE,
    needs: ['cpuid'],
    violated: (c) =>
      hasEntry(c.view, ENTRY.LOAD_PERF_GLOBAL_CTRL) &&
      setsReserved(c, 'perfGlobalCtrl', read(c.view, VMCS12.guest_ia32_perf_global_ctrl)),
  }),
  always({
    reason: 'VMX_GUEST_PAGING_WITHOUT_PROTECTION',
    field: 'vmcs12.guest_cr0',
    message: "L2's CR0 has PG set and PE clear.",
    source: SOURCE,
    needs: [],
    violated: ({ view }) => (read(view, VMCS12.guest_cr0) & (CR0.PG | CR0.PE)) === CR0.PG,
  }),
  always({
    reason: 'VMX_GUEST_64_BIT_WITHOUT_PAE',
    field: 'vmcs12.guest_cr4',
    message: 'L2 is in 64-bit mode, but its CR4 has PAE clear.',
    source: SOURCE,
    needs: [],
    violated: ({ view }) => in64Bit(view) && (read(view, VMCS12.guest_cr4) & CR4.PAE) === 0n,
  }),
  always({
    reason: 'VMX_GUEST_64_BIT_WITHOUT_PAGING',
    field: 'vmcs12.guest_cr0',
    message: 'L2 is in 64-bit mode, but its CR0 has PG clear.',
    source: SOURCE,
    needs: [],
    violated: ({ view }) => in64Bit(view) && (read(view, VMCS12.guest_cr0) & CR0.PG) === 0n,
  }),
  // EFER counts only before L2's first instruction: afterwards it is with the vCPU's registers.
  always({
    reason: 'VMX_GUEST_EFER_RESERVED_BITS',
    field: 'vmcs12.guest_ia32_efer',
    message:
      "L2's EFER, which the pending VM entry loads, has bits that this host's kernel lets no guest set.",
    source: 'kvm_valid_efer',
    needs: [],
    violated: ({ view, kernel }) =>
      loadsEfer(view) && (read(view, VMCS12.guest_ia32_efer) & refused(kernel).efer) !== 0n,
  }),
  always({
    reason: 'VMX_GUEST_EFER_UNSUPPORTED',
    field: 'vmcs12.guest_ia32_efer',
    message: "L2's EFER, which the pending VM entry loads, has bits whose features the guest's CPUID lacks.",
    source: SOURCE,
    needs: ['cpuid'],
    violated: ({ view, vcpu }) =>
      loadsEfer(view) && unsupportedEfer(vcpu, read(view, VMCS12.guest_ia32_efer)),
  }),
  always({
    reason: 'VMX_GUEST_EFER_LMA_MISMATCH',
    field: 'vmcs12.guest_ia32_efer',
    message: "LMA of L2's EFER must be as the VM-entry control for 64-bit mode is.",
    source: SOURCE,
    needs: [],
    violated: ({ view }) =>
      loadsEfer(view) && in64Bit(view) !== ((read(view, VMCS12.guest_ia32_efer) & EFER.LMA) !== 0n),
  }),
  always({
    reason: 'VMX_GUEST_EFER_LME_MISMATCH',
    field: 'vmcs12.guest_ia32_efer',
    message: "With paging, LME of L2's EFER must be as the VM-entry control for 64-bit mode is.",
    source: SOURCE,
    needs: [],
    violated: ({ view }) =>
      loadsEfer(view) &&
      (read(view, VMCS12.guest_cr0) & CR0.PG) !== 0n &&
      in64Bit(view) !== ((read(view, VMCS12.guest_ia32_efer) & EFER.LME) !== 0n),
  }),
  always({
    reason: 'VMX_GUEST_BNDCFGS_NONCANONICAL',
    field: 'vmcs12.guest_bndcfgs',
    message: "The base in L2's IA32_BNDCFGS, which VM entries load, is not a canonical address.",
    source: SOURCE,
    needs: [],
    violated: (c) => hasEntry(c.view, ENTRY.LOAD_BNDCFGS) && neverCanonical(c, boundBase(c.view)),
  }),
  varying({
    reason: 'VMX_GUEST_BNDCFGS_NEEDS_LA57',
    kernels: 'up to 6.12',
    field: 'vcpu.cr4',
    message:
      "The base in L2's IA32_BNDCFGS is canonical with 57 bits only, and CR4.LA57 of the vCPU is clear.",
    source: SOURCE,
    needs: ['registers'],
    violated: ({ view, vcpu }) =>
      hasEntry(view, ENTRY.LOAD_BNDCFGS) && (vcpu.cr4 & CR4.LA57) === 0n && !canonical(boundBase(view), 48),
  }),
  always({
    reason: 'VMX_GUEST_BNDCFGS_RESERVED_BITS',
    field: 'vmcs12.guest_bndcfgs',
    message: "L2's IA32_BNDCFGS, which VM entries load, has bits of 11:2 set.",
    source: SOURCE,
    needs: [],
    violated: ({ view }) =>
      hasEntry(view, ENTRY.LOAD_BNDCFGS) && (read(view, VMCS12.guest_bndcfgs) & BNDCFGS.RESERVED) !== 0n,
  }),
  // As VMX_HOST_CET_INVALID.
  always({
    reason: 'VMX_GUEST_CET_INVALID',
    field: 'vmcs12.guest_s_cet',
    message: "L2's IA32_S_CET, SSP or interrupt-SSP table, which VM entries load, is not valid.",
    source: 'nested_vmx_check_cet_state_common',
    needs: ['cpuid'],
    violated: (c) =>
      hasEntry(c.view, ENTRY.LOAD_CET) &&
      !validCet(c, VMCS12.guest_s_cet, VMCS12.guest_ssp, VMCS12.guest_ssp_tbl),
  }),
  always({
    reason: 'VMX_GUEST_SSP_ILLEGAL',
    field: 'vmcs12.guest_ssp',
    message: "L2's SSP, which VM entries load, must have the same value in all bits above a linear address.",
    source: SOURCE,
    needs: [],
    violated: (c) =>
      hasEntry(c.view, ENTRY.LOAD_CET) &&
      !canonical(read(c.view, VMCS12.guest_ssp), mostAddressBits(c) === 48 ? 49 : 58),
  }),
  always({
    reason: 'VMX_GUEST_ACTIVITY_STATE_ILLEGAL',
    field: 'vmcs12.guest_activity_state',
    message: "L2's activity state must be active (0), HLT (1) or wait-for-SIPI (3).",
    source: 'nested_check_guest_non_reg_state',
    needs: [],
    violated: ({ view }) => {
      const activity = read(view, VMCS12.guest_activity_state);
      return activity === ACTIVITY_SHUTDOWN || activity > ACTIVITY_LAST;
    },
  }),
] as const satisfies readonly Rule[];

/**
 * The state is sound by the kernel's checks, and VM entry itself fails. Of what else may fail in there nothing can on
 * this way: PDPTRs are not read, L2's registers not checked, and IA32_PERF_GLOBAL_CTRL was.
 */
export const VMX_ENTRY_FAILURES = [
  returning(ENTRY_FAILED, {
    reason: 'VMX_GUEST_CR3_ILLEGAL',
    field: 'vmcs12.guest_cr3',
    message: "L2's CR3 is beyond the guest's physical address width, and VM entry fails by it.",
    source: 'nested_vmx_load_cr3',
    needs: ['cpuid'],
    violated: (c) => {
      const cr3 = read(c.view, VMCS12.guest_cr3);
      return !legalCr3(c.vcpu, cr3) || setsReserved(c, 'cr3', cr3);
    },
  }),
] as const satisfies readonly Rule[];

// ---------------------------------------------------------------------------------------------------------
// Conditions

function in64Bit(view: DataView): boolean {
  return hasEntry(view, ENTRY.GUEST_64_BIT);
}

/** The VM entry is still to happen, and loads EFER. */
function loadsEfer(view: DataView): boolean {
  return hasFlag(view, FLAG.RUN_PENDING) && hasEntry(view, ENTRY.LOAD_EFER);
}

function boundBase(view: DataView): bigint {
  return BigInt.asUintN(64, read(view, VMCS12.guest_bndcfgs) & BNDCFGS.BASE);
}

function linked(view: DataView): boolean {
  return read(view, VMCS12.vmcs_link_pointer) !== NO_ADDRESS;
}

/** The first 4 bytes of guest memory at the link pointer; undefined without a link, or where they can't be read. */
function linkedHeader({ view, vcpu }: RuleContext): number | undefined {
  if (!linked(view)) return undefined;
  const bytes = vcpu.readGuest?.(read(view, VMCS12.vmcs_link_pointer), 4);
  return bytes === undefined ? undefined : viewOf(bytes).getUint32(0, true);
}
