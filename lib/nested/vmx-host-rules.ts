// nested_vmx_check_host_state (arch/x86/kvm/vmx/nested.c) as rows, in the kernel's order: the state that L1 gets at
// its next VM exit. Read by vmx-rules.ts.

import { read } from './codec.js';
import { type Field, VMCS12 } from './layout.js';
import { always, legalCr3, type Rule, type RuleContext, refused, setsReserved, varying } from './rule.js';
import {
  CR0_WP,
  CR4,
  canonical,
  EFER,
  ENTRY,
  EXIT,
  hasEntry,
  hasExit,
  legalFixed,
  legalPat,
  neverCanonical,
  unsupportedEfer,
  validCet,
} from './vmx-conditions.js';

const SOURCE = 'nested_vmx_check_host_state';
/** RPL and TI of a selector. */
const SELECTOR_LOW_BITS = 7;

export const VMX_HOST_RULES = [
  always({
    reason: 'VMX_HOST_CR0_UNSUPPORTED',
    field: 'vmcs12.host_cr0',
    message: "L1's CR0 is not one that IA32_VMX_CR0_FIXED0 and _FIXED1 (486h, 487h) of this vCPU allow.",
    source: SOURCE,
    needs: ['vmx-msrs'],
    violated: ({ view, vcpu }) => !legalFixed(vcpu.vmxCapabilityMsrs, 'CR0', read(view, VMCS12.host_cr0)),
  }),
  always({
    reason: 'VMX_HOST_CR4_UNSUPPORTED',
    field: 'vmcs12.host_cr4',
    message: "L1's CR4 is not one that IA32_VMX_CR4_FIXED0 and _FIXED1 (488h, 489h) of this vCPU allow.",
    source: SOURCE,
    needs: ['vmx-msrs'],
    violated: ({ view, vcpu }) => !legalFixed(vcpu.vmxCapabilityMsrs, 'CR4', read(view, VMCS12.host_cr4)),
  }),
  always({
    reason: 'VMX_HOST_CR4_RESERVED',
    field: 'vmcs12.host_cr4',
    message: "L1's CR4 has bits that the guest's CPUID or the kernel lacks.",
    source: SOURCE,
    needs: ['cpuid'],
    violated: (c) => {
      const cr4 = read(c.view, VMCS12.host_cr4);
      return setsReserved(c, 'cr4', cr4) || (cr4 & refused(c.kernel).cr4) !== 0n;
    },
  }),
  always({
    reason: 'VMX_HOST_CR3_ILLEGAL',
    field: 'vmcs12.host_cr3',
    message: "L1's CR3 is beyond the guest's physical address width.",
    source: SOURCE,
    needs: ['cpuid'],
    violated: (c) => {
      const cr3 = read(c.view, VMCS12.host_cr3);
      return !legalCr3(c.vcpu, cr3) || setsReserved(c, 'cr3', cr3);
    },
  }),
  // CR4.CET passes the rows above only with kernels that know it, 6.18 and later, and those have this one.
  always({
    reason: 'VMX_HOST_CET_WITHOUT_WP',
    field: 'vmcs12.host_cr4',
    message: "L1's CR4 has CET set and its CR0 WP clear.",
    source: SOURCE,
    needs: [],
    violated: ({ view }) =>
      (read(view, VMCS12.host_cr4) & CR4.CET) !== 0n && (read(view, VMCS12.host_cr0) & CR0_WP) === 0n,
  }),
  nonCanonical('VMX_HOST_SYSENTER_ESP_NONCANONICAL', 'IA32_SYSENTER_ESP', VMCS12.host_ia32_sysenter_esp),
  nonCanonical('VMX_HOST_SYSENTER_EIP_NONCANONICAL', 'IA32_SYSENTER_EIP', VMCS12.host_ia32_sysenter_eip),
  always({
    reason: 'VMX_HOST_PAT_INVALID',
    field: 'vmcs12.host_ia32_pat',
    message: "L1's PAT, which VM exits load, has a reserved memory type.",
    source: SOURCE,
    needs: [],
    violated: ({ view }) => hasExit(view, EXIT.LOAD_PAT) && !legalPat(read(view, VMCS12.host_ia32_pat)),
  }),
  always({
    reason: 'VMX_HOST_PERF_GLOBAL_CTRL_UNSUPPORTED',
    field: 'vmcs12.host_ia32_perf_global_ctrl',
    message:
      "L1's IA32_PERF_GLOBAL_CTRL, which VM exits load, enables counters that the guest's PMU does not have.",
    source: SOURCE,
    needs: ['cpuid'],
    violated: (c) =>
      hasExit(c.view, EXIT.LOAD_PERF_GLOBAL_CTRL) &&
      setsReserved(c, 'perfGlobalCtrl', read(c.view, VMCS12.host_ia32_perf_global_ctrl)),
  }),
  always({
    reason: 'VMX_HOST_64_BIT_WITHOUT_PAE',
    field: 'vmcs12.host_cr4',
    message: 'L1 is to be in 64-bit mode, but its CR4 has PAE clear.',
    source: SOURCE,
    needs: [],
    violated: ({ view }) => to64Bit(view) && (read(view, VMCS12.host_cr4) & CR4.PAE) === 0n,
  }),
  always({
    reason: 'VMX_HOST_32_BIT_GUEST_64_BIT',
    field: 'vmcs12.vm_entry_controls',
    message: 'L1 is to be out of 64-bit mode, and then L2 must be so too.',
    source: SOURCE,
    needs: [],
    violated: ({ view }) => !to64Bit(view) && hasEntry(view, ENTRY.GUEST_64_BIT),
  }),
  always({
    reason: 'VMX_HOST_32_BIT_WITH_PCIDE',
    field: 'vmcs12.host_cr4',
    message: 'L1 is to be out of 64-bit mode, but its CR4 has PCIDE set.',
    source: SOURCE,
    needs: [],
    violated: ({ view }) => !to64Bit(view) && (read(view, VMCS12.host_cr4) & CR4.PCIDE) !== 0n,
  }),
  always({
    reason: 'VMX_HOST_32_BIT_RIP_TOO_HIGH',
    field: 'vmcs12.host_rip',
    message: 'L1 is to be out of 64-bit mode, but its RIP has bits above 31.',
    source: SOURCE,
    needs: [],
    violated: ({ view }) => !to64Bit(view) && read(view, VMCS12.host_rip) >> 32n !== 0n,
  }),
  lowBits('VMX_HOST_CS_SELECTOR_LOW_BITS', 'CS', VMCS12.host_cs_selector),
  lowBits('VMX_HOST_SS_SELECTOR_LOW_BITS', 'SS', VMCS12.host_ss_selector),
  lowBits('VMX_HOST_DS_SELECTOR_LOW_BITS', 'DS', VMCS12.host_ds_selector),
  lowBits('VMX_HOST_ES_SELECTOR_LOW_BITS', 'ES', VMCS12.host_es_selector),
  lowBits('VMX_HOST_FS_SELECTOR_LOW_BITS', 'FS', VMCS12.host_fs_selector),
  lowBits('VMX_HOST_GS_SELECTOR_LOW_BITS', 'GS', VMCS12.host_gs_selector),
  lowBits('VMX_HOST_TR_SELECTOR_LOW_BITS', 'TR', VMCS12.host_tr_selector),
  always({
    reason: 'VMX_HOST_CS_SELECTOR_ZERO',
    field: 'vmcs12.host_cs_selector',
    message: "L1's CS selector must not be 0.",
    source: SOURCE,
    needs: [],
    violated: ({ view }) => read(view, VMCS12.host_cs_selector) === 0,
  }),
  always({
    reason: 'VMX_HOST_TR_SELECTOR_ZERO',
    field: 'vmcs12.host_tr_selector',
    message: "L1's TR selector must not be 0.",
    source: SOURCE,
    needs: [],
    violated: ({ view }) => read(view, VMCS12.host_tr_selector) === 0,
  }),
  always({
    reason: 'VMX_HOST_SS_SELECTOR_ZERO',
    field: 'vmcs12.host_ss_selector',
    message: "L1's SS selector must not be 0 out of 64-bit mode.",
    source: SOURCE,
    needs: [],
    violated: ({ view }) => !to64Bit(view) && read(view, VMCS12.host_ss_selector) === 0,
  }),
  nonCanonical('VMX_HOST_FS_BASE_NONCANONICAL', 'FS base', VMCS12.host_fs_base),
  nonCanonical('VMX_HOST_GS_BASE_NONCANONICAL', 'GS base', VMCS12.host_gs_base),
  nonCanonical('VMX_HOST_GDTR_BASE_NONCANONICAL', 'GDTR base', VMCS12.host_gdtr_base),
  nonCanonical('VMX_HOST_IDTR_BASE_NONCANONICAL', 'IDTR base', VMCS12.host_idtr_base),
  nonCanonical('VMX_HOST_TR_BASE_NONCANONICAL', 'TR base', VMCS12.host_tr_base),
  nonCanonical('VMX_HOST_RIP_NONCANONICAL', 'RIP', VMCS12.host_rip),
  // On a CPU without LA57 the rows above say it all. With it, kernels up to 6.12 go by CR4 as the vCPU has it now;
  // later ones take 57 bits, and of RIP as many as the CR4 that comes with it says.
  varying({
    reason: 'VMX_HOST_ADDRESS_NEEDS_LA57',
    kernels: 'up to 6.12',
    field: 'vcpu.cr4',
    message: "An address of L1's is canonical with 57 bits only, and CR4.LA57 of the vCPU is clear.",
    source: SOURCE,
    needs: ['registers'],
    violated: ({ view, vcpu }) =>
      (vcpu.cr4 & CR4.LA57) === 0n && LINEAR_ADDRESSES.some((field) => !canonical(read(view, field), 48)),
  }),
  varying({
    reason: 'VMX_HOST_RIP_NEEDS_HOST_LA57',
    kernels: 'since 6.13',
    field: 'vmcs12.host_rip',
    message: "L1's RIP is canonical with 57 bits only, and LA57 is clear in the CR4 that L1 gets.",
    source: SOURCE,
    needs: [],
    violated: ({ view, kernel }) =>
      !kernel.enforced.has('VMX_HOST_ADDRESS_NEEDS_LA57') &&
      (read(view, VMCS12.host_cr4) & CR4.LA57) === 0n &&
      !canonical(read(view, VMCS12.host_rip), 48),
  }),
  always({
    reason: 'VMX_HOST_EFER_RESERVED_BITS',
    field: 'vmcs12.host_ia32_efer',
    message: "L1's EFER, which VM exits load, has bits that this host's kernel lets no guest set.",
    source: 'kvm_valid_efer',
    needs: [],
    violated: ({ view, kernel }) =>
      loadsEfer(view) && (read(view, VMCS12.host_ia32_efer) & refused(kernel).efer) !== 0n,
  }),
  always({
    reason: 'VMX_HOST_EFER_UNSUPPORTED',
    field: 'vmcs12.host_ia32_efer',
    message: "L1's EFER, which VM exits load, has bits whose features the guest's CPUID lacks.",
    source: SOURCE,
    needs: ['cpuid'],
    violated: ({ view, vcpu }) => loadsEfer(view) && unsupportedEfer(vcpu, read(view, VMCS12.host_ia32_efer)),
  }),
  always({
    reason: 'VMX_HOST_EFER_LMA_MISMATCH',
    field: 'vmcs12.host_ia32_efer',
    message: "LMA of L1's EFER must be as the VM-exit control for 64-bit mode is.",
    source: SOURCE,
    needs: [],
    violated: ({ view }) =>
      loadsEfer(view) && to64Bit(view) !== ((read(view, VMCS12.host_ia32_efer) & EFER.LMA) !== 0n),
  }),
  always({
    reason: 'VMX_HOST_EFER_LME_MISMATCH',
    field: 'vmcs12.host_ia32_efer',
    message: "LME of L1's EFER must be as the VM-exit control for 64-bit mode is.",
    source: SOURCE,
    needs: [],
    violated: ({ view }) =>
      loadsEfer(view) && to64Bit(view) !== ((read(view, VMCS12.host_ia32_efer) & EFER.LME) !== 0n),
  }),
  // Only kernels that know CET, 6.18 and later, let the control pass that these are about.
  always({
    reason: 'VMX_HOST_CET_INVALID',
    field: 'vmcs12.host_s_cet',
    message: "L1's IA32_S_CET, SSP or interrupt-SSP table, which VM exits load, is not valid.",
    source: 'nested_vmx_check_cet_state_common',
    needs: ['cpuid'],
    violated: (c) =>
      hasExit(c.view, EXIT.LOAD_CET) && !validCet(c, VMCS12.host_s_cet, VMCS12.host_ssp, VMCS12.host_ssp_tbl),
  }),
  always({
    reason: 'VMX_HOST_CET_ADDRESS_ILLEGAL',
    field: 'vmcs12.host_ssp',
    message: "L1's IA32_S_CET and SSP must be canonical in 64-bit mode, and have 32 bits out of it.",
    source: SOURCE,
    needs: [],
    violated: (c) =>
      hasExit(c.view, EXIT.LOAD_CET) &&
      [VMCS12.host_s_cet, VMCS12.host_ssp].some((field) => {
        const value = read(c.view, field);
        return to64Bit(c.view) ? neverCanonical(c, value) : value >> 32n !== 0n;
      }),
  }),
] as const satisfies readonly Rule[];

// ---------------------------------------------------------------------------------------------------------
// Rows of a kind, and conditions

const LINEAR_ADDRESSES: readonly Field<'u64'>[] = [
  VMCS12.host_ia32_sysenter_esp,
  VMCS12.host_ia32_sysenter_eip,
  VMCS12.host_fs_base,
  VMCS12.host_gs_base,
  VMCS12.host_gdtr_base,
  VMCS12.host_idtr_base,
  VMCS12.host_tr_base,
  VMCS12.host_rip,
];

function nonCanonical<const R extends string>(reason: R, what: string, field: Field<'u64'>): Rule<R> {
  return always({
    reason,
    field: field.path,
    message: `L1's ${what} is not a canonical address.`,
    source: SOURCE,
    needs: [],
    violated: (c: RuleContext) => neverCanonical(c, read(c.view, field)),
  });
}

function lowBits<const R extends string>(reason: R, register: string, field: Field<'u16'>): Rule<R> {
  return always({
    reason,
    field: field.path,
    message: `RPL and TI of L1's ${register} selector must be 0.`,
    source: SOURCE,
    needs: [],
    violated: ({ view }) => (read(view, field) & SELECTOR_LOW_BITS) !== 0,
  });
}

function to64Bit(view: DataView): boolean {
  return hasExit(view, EXIT.HOST_64_BIT);
}

function loadsEfer(view: DataView): boolean {
  return hasExit(view, EXIT.LOAD_EFER);
}
