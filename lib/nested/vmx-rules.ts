// The rules of vmx_set_nested_state (arch/x86/kvm/vmx/nested.c), one row a rule, in the kernel's order.
// Read by rules.ts, whose head says what a row means and what is left to the kernel.

import { read } from './codec.js';
import {
  FLAG,
  FORMAT,
  HEADER,
  HEADER_BYTES,
  KNOWN_SMM_FLAGS,
  KNOWN_VMX_HEADER_FLAGS,
  NO_ADDRESS,
  SHADOW_VMCS12,
  SMM_FLAG,
  VMCS12,
  VMCS12_REVISION,
  VMCS12_STRUCT_BYTES,
  VMX_CURRENT_BYTES,
  VMX_HEADER,
} from './layout.js';
import {
  always,
  CR0,
  hasFlag,
  legalCr3,
  legalGpa,
  legalPage,
  PAGE_MASK,
  type Rule,
  type RuleContext,
  type Section,
  type VcpuFacts,
  varying,
} from './rule.js';

/** Bits of the VMCS controls (SDM volume 3, 25.6). */
const PIN = { NMI_EXITING: 1 << 3, VIRTUAL_NMIS: 1 << 5 } as const;
const PROC = { TPR_SHADOW: 1 << 21, NMI_WINDOW: 1 << 22, IO_BITMAPS: 1 << 25, MSR_BITMAPS: 1 << 28 } as const;
const PROC_SECONDARY = 1 << 31;
const SECONDARY = {
  APIC_ACCESSES: 1 << 0,
  VPID: 1 << 5,
  UNRESTRICTED_GUEST: 1 << 7,
  SHADOW_VMCS: 1 << 14,
} as const;
const SHADOW_INDICATOR = 1 << 31;
const ACTIVITY_SHUTDOWN = 2;
const ACTIVITY_LAST = 3;

/** VMX capability MSRs (SDM volume 3, appendix A). For controls: low half must be 1, high half may be 1. */
const MSR = {
  MISC: 0x485,
  CR0_FIXED0: 0x486,
  CR0_FIXED1: 0x487,
  CR4_FIXED0: 0x488,
  CR4_FIXED1: 0x489,
  PROCBASED_CTLS2: 0x48b,
  TRUE_PINBASED_CTLS: 0x48d,
  TRUE_PROCBASED_CTLS: 0x48e,
  TRUE_EXIT_CTLS: 0x48f,
  TRUE_ENTRY_CTLS: 0x490,
} as const;

const VMX_FORMAT_RULES = [
  always({
    reason: 'VMX_FORMAT_MISMATCH',
    field: 'format',
    message:
      'This is an AMD state (format 1, SVM) and the host an Intel one, whose kvm_intel takes format 0 (VMX) only.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => read(view, HEADER.format) === FORMAT.SVM,
  }),
] as const satisfies readonly Rule[];

const VMX_OFF_RULES = [
  always({
    reason: 'VMX_SMM_FLAGS_WITHOUT_VMXON',
    field: 'hdr.vmx.smm.flags',
    message: 'Without a VMXON region the SMM flags must be 0.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => read(view, VMX_HEADER['smm.flags']) !== 0,
  }),
  always({
    reason: 'VMX_VMCS12_PA_WITHOUT_VMXON',
    field: 'hdr.vmx.vmcs12_pa',
    message: 'Without a VMXON region there is no current VMCS: its address must be ~0.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => read(view, VMX_HEADER.vmcs12_pa) !== NO_ADDRESS,
  }),
  always({
    reason: 'VMX_FLAGS_WITHOUT_VMXON',
    field: 'flags',
    message: 'Without a VMXON region the only legal flag is EVMCS.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => (read(view, HEADER.flags) & ~FLAG.EVMCS) !== 0,
  }),
] as const satisfies readonly Rule[];

const VMX_ON_RULES = [
  always({
    reason: 'VMX_CPUID_VMX_CLEAR',
    field: 'hdr.vmx.vmxon_pa',
    message: "There is a VMXON region, but the guest's CPUID lacks VMX: set CPUID first.",
    source: 'vmx_set_nested_state',
    needs: ['cpuid'],
    violated: ({ vcpu }) => !vcpu.hasVmx,
  }),
  always({
    reason: 'VMX_VMXON_PA_UNALIGNED',
    field: 'hdr.vmx.vmxon_pa',
    message: 'The address of the VMXON region must be a multiple of 4096, or ~0 for none.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => (read(view, VMX_HEADER.vmxon_pa) & PAGE_MASK) !== 0n,
  }),
  always({
    reason: 'VMX_VMXON_PA_ILLEGAL',
    field: 'hdr.vmx.vmxon_pa',
    message: "The address of the VMXON region is beyond the guest's physical address width.",
    source: 'vmx_set_nested_state',
    needs: ['cpuid'],
    violated: ({ view, vcpu }) => !legalGpa(vcpu, read(view, VMX_HEADER.vmxon_pa)),
  }),
] as const satisfies readonly Rule[];

const VMX_HEADER_RULES = [
  always({
    reason: 'VMX_SMM_GUEST_MODE_IN_GUEST_MODE',
    field: 'hdr.vmx.smm.flags',
    message: 'SMM_GUEST_MODE (L2 was interrupted by an SMI) excludes GUEST_MODE (L2 is running).',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => hasSmmFlag(view, SMM_FLAG.SMM_GUEST_MODE) && hasFlag(view, FLAG.GUEST_MODE),
  }),
  always({
    reason: 'VMX_SMM_FLAGS_UNKNOWN',
    field: 'hdr.vmx.smm.flags',
    message: 'Only SMM_GUEST_MODE and SMM_VMXON are SMM flags.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => (read(view, VMX_HEADER['smm.flags']) & ~KNOWN_SMM_FLAGS) !== 0,
  }),
  varying({
    reason: 'VMX_HEADER_FLAGS_UNKNOWN',
    kernels: 'a later kernel may know more',
    field: 'hdr.vmx.flags',
    message: 'Only PREEMPTION_TIMER_DEADLINE is a flag of the VMX header.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => (read(view, VMX_HEADER.flags) & ~KNOWN_VMX_HEADER_FLAGS) !== 0,
  }),
  always({
    reason: 'VMX_GUEST_MODE_IN_SMM',
    field: 'flags',
    message: 'The vCPU is in SMM, which suspends VMX: neither GUEST_MODE nor RUN_PENDING is legal.',
    source: 'vmx_set_nested_state',
    needs: ['registers'],
    violated: ({ view, vcpu }) => vcpu.inSmm && hasFlag(view, FLAG.GUEST_MODE | FLAG.RUN_PENDING),
  }),
  always({
    reason: 'VMX_SMM_FLAGS_OUTSIDE_SMM',
    field: 'hdr.vmx.smm.flags',
    message:
      'The vCPU is not in SMM, so the SMM flags must be 0: set its events (SMM) before the nested state.',
    source: 'vmx_set_nested_state',
    needs: ['registers'],
    violated: ({ view, vcpu }) => !vcpu.inSmm && read(view, VMX_HEADER['smm.flags']) !== 0,
  }),
  always({
    reason: 'VMX_SMM_GUEST_MODE_WITHOUT_SMM_VMXON',
    field: 'hdr.vmx.smm.flags',
    message: 'SMM_GUEST_MODE needs SMM_VMXON.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) =>
      hasSmmFlag(view, SMM_FLAG.SMM_GUEST_MODE) && !hasSmmFlag(view, SMM_FLAG.SMM_VMXON),
  }),
  always({
    reason: 'VMX_EVMCS_WITHOUT_CPUID_VMX',
    field: 'flags',
    message: "EVMCS needs VMX in the guest's CPUID.",
    source: 'vmx_set_nested_state',
    needs: ['cpuid'],
    violated: ({ view, vcpu }) => hasFlag(view, FLAG.EVMCS) && !vcpu.hasVmx,
  }),
  always({
    reason: 'VMX_EVMCS_NOT_ENABLED',
    field: 'flags',
    message: 'EVMCS needs KVM_CAP_HYPERV_ENLIGHTENED_VMCS, which is not enabled on this vCPU.',
    source: 'vmx_set_nested_state',
    needs: ['registers'],
    violated: ({ view, vcpu }) => hasFlag(view, FLAG.EVMCS) && !vcpu.enlightenedVmcs,
  }),
  // From here on a refusal by the kernel leaves the vCPU out of guest mode, most likely in VMX operation.
] as const satisfies readonly Rule[];

const VMX_SIZE_RULES = [
  always({
    reason: 'VMX_SIZE_BELOW_VMCS12',
    field: 'size',
    message:
      'GUEST_MODE, EVMCS or an address of a current VMCS needs a vmcs12, for which the size field is too small.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) =>
      !sizeHoldsVmcs12(view) &&
      (hasFlag(view, FLAG.GUEST_MODE | FLAG.EVMCS) || read(view, VMX_HEADER.vmcs12_pa) !== NO_ADDRESS),
  }),
] as const satisfies readonly Rule[];

const VMX_CURRENT_RULES = [
  always({
    reason: 'VMX_VMCS12_PA_IS_VMXON_PA',
    field: 'hdr.vmx.vmcs12_pa',
    message: 'The current VMCS cannot be the VMXON region.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => read(view, VMX_HEADER.vmcs12_pa) === read(view, VMX_HEADER.vmxon_pa),
  }),
  always({
    reason: 'VMX_VMCS12_PA_UNALIGNED',
    field: 'hdr.vmx.vmcs12_pa',
    message: 'The address of the current VMCS must be a multiple of 4096, or ~0 for none.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => {
      const vmcs12Pa = read(view, VMX_HEADER.vmcs12_pa);
      return vmcs12Pa !== NO_ADDRESS && (vmcs12Pa & PAGE_MASK) !== 0n;
    },
  }),
  always({
    reason: 'VMX_VMCS12_PA_ILLEGAL',
    field: 'hdr.vmx.vmcs12_pa',
    message: "The address of the current VMCS is beyond the guest's physical address width.",
    source: 'vmx_set_nested_state',
    needs: ['cpuid'],
    violated: ({ view, vcpu }) => {
      const vmcs12Pa = read(view, VMX_HEADER.vmcs12_pa);
      return vmcs12Pa !== NO_ADDRESS && !legalGpa(vcpu, vmcs12Pa);
    },
  }),
  always({
    reason: 'VMX_VMCS12_PA_MISSING',
    field: 'hdr.vmx.vmcs12_pa',
    message: 'The state has a vmcs12, but neither an address for it nor EVMCS.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => read(view, VMX_HEADER.vmcs12_pa) === NO_ADDRESS && !hasFlag(view, FLAG.EVMCS),
  }),
  always({
    reason: 'VMX_VMCS12_REVISION_UNKNOWN',
    field: 'vmcs12.revision_id',
    message: 'The revision id of the vmcs12 must be 0x11e57ed0.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => (read(view, VMCS12.revision_id) & ~SHADOW_INDICATOR) !== VMCS12_REVISION,
  }),
] as const satisfies readonly Rule[];

const VMX_SHADOW_SIZE_RULES = [
  always({
    reason: 'VMX_SIZE_BELOW_SHADOW_VMCS12',
    field: 'size',
    message: 'L2 has a shadow VMCS linked, for which the size field is too small.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => shadowLinked(view) && !sizeHoldsShadow(view),
  }),
] as const satisfies readonly Rule[];

const VMX_SHADOW_RULES = [
  always({
    reason: 'VMX_SHADOW_REVISION_UNKNOWN',
    field: 'shadow_vmcs12.revision_id',
    message: 'The revision id of the shadow vmcs12 must be 0x11e57ed0.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => (read(view, SHADOW_VMCS12.revision_id) & ~SHADOW_INDICATOR) !== VMCS12_REVISION,
  }),
  always({
    reason: 'VMX_SHADOW_INDICATOR_CLEAR',
    field: 'shadow_vmcs12.revision_id',
    message: 'The shadow vmcs12 must have its shadow-VMCS indicator (bit 31) set.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => (read(view, SHADOW_VMCS12.revision_id) & SHADOW_INDICATOR) === 0,
  }),
] as const satisfies readonly Rule[];

/** The consistency checks that are decided by the vmcs12, the capability MSRs and the address width. */
const VMX_GUEST_RULES = [
  always({
    reason: 'VMX_PIN_CONTROLS_UNSUPPORTED',
    field: 'vmcs12.pin_based_vm_exec_control',
    message:
      'The pin-based controls are not ones that IA32_VMX_TRUE_PINBASED_CTLS (48Dh) of this vCPU allows.',
    source: 'nested_check_vm_execution_controls',
    needs: ['vmx-msrs'],
    violated: ({ view, vcpu }) =>
      !legalControl(vcpu, MSR.TRUE_PINBASED_CTLS, read(view, VMCS12.pin_based_vm_exec_control)),
  }),
  always({
    reason: 'VMX_PROC_CONTROLS_UNSUPPORTED',
    field: 'vmcs12.cpu_based_vm_exec_control',
    message:
      'The processor-based controls are not ones that IA32_VMX_TRUE_PROCBASED_CTLS (48Eh) of this vCPU allows.',
    source: 'nested_check_vm_execution_controls',
    needs: ['vmx-msrs'],
    violated: ({ view, vcpu }) =>
      !legalControl(vcpu, MSR.TRUE_PROCBASED_CTLS, read(view, VMCS12.cpu_based_vm_exec_control)),
  }),
  always({
    reason: 'VMX_SECONDARY_CONTROLS_UNSUPPORTED',
    field: 'vmcs12.secondary_vm_exec_control',
    message: 'The secondary controls are not ones that IA32_VMX_PROCBASED_CTLS2 (48Bh) of this vCPU allows.',
    source: 'nested_check_vm_execution_controls',
    needs: ['vmx-msrs'],
    violated: ({ view, vcpu }) =>
      hasProc(view, PROC_SECONDARY) && !legalControl(vcpu, MSR.PROCBASED_CTLS2, secondaryControls(view)),
  }),
  always({
    reason: 'VMX_CR3_TARGET_COUNT_UNSUPPORTED',
    field: 'vmcs12.cr3_target_count',
    message: 'There are more CR3-target values than IA32_VMX_MISC (485h) of this vCPU allows.',
    source: 'nested_check_vm_execution_controls',
    needs: ['vmx-msrs'],
    violated: ({ view, vcpu }) => {
      const misc = vcpu.vmxCapabilityMsrs.get(MSR.MISC);
      return misc !== undefined && read(view, VMCS12.cr3_target_count) > Number((misc >> 16n) & 0x1ffn);
    },
  }),
  always({
    reason: 'VMX_IO_BITMAP_A_ILLEGAL',
    field: 'vmcs12.io_bitmap_a',
    message: "The address of I/O bitmap A is not a page within the guest's physical address width.",
    source: 'nested_vmx_check_io_bitmap_controls',
    needs: ['cpuid'],
    violated: ({ view, vcpu }) =>
      hasProc(view, PROC.IO_BITMAPS) && !legalPage(vcpu, read(view, VMCS12.io_bitmap_a)),
  }),
  always({
    reason: 'VMX_IO_BITMAP_B_ILLEGAL',
    field: 'vmcs12.io_bitmap_b',
    message: "The address of I/O bitmap B is not a page within the guest's physical address width.",
    source: 'nested_vmx_check_io_bitmap_controls',
    needs: ['cpuid'],
    violated: ({ view, vcpu }) =>
      hasProc(view, PROC.IO_BITMAPS) && !legalPage(vcpu, read(view, VMCS12.io_bitmap_b)),
  }),
  always({
    reason: 'VMX_MSR_BITMAP_ILLEGAL',
    field: 'vmcs12.msr_bitmap',
    message: "The address of the MSR bitmap is not a page within the guest's physical address width.",
    source: 'nested_vmx_check_msr_bitmap_controls',
    needs: ['cpuid'],
    violated: ({ view, vcpu }) =>
      hasProc(view, PROC.MSR_BITMAPS) && !legalPage(vcpu, read(view, VMCS12.msr_bitmap)),
  }),
  always({
    reason: 'VMX_VIRTUAL_APIC_PAGE_ILLEGAL',
    field: 'vmcs12.virtual_apic_page_addr',
    message: "The address of the virtual-APIC page is not a page within the guest's physical address width.",
    source: 'nested_vmx_check_tpr_shadow_controls',
    needs: ['cpuid'],
    violated: ({ view, vcpu }) =>
      hasProc(view, PROC.TPR_SHADOW) && !legalPage(vcpu, read(view, VMCS12.virtual_apic_page_addr)),
  }),
  always({
    reason: 'VMX_APIC_ACCESS_PAGE_ILLEGAL',
    field: 'vmcs12.apic_access_addr',
    message: "The address of the APIC-access page is not a page within the guest's physical address width.",
    source: 'nested_vmx_check_apic_access_controls',
    needs: ['cpuid'],
    violated: ({ view, vcpu }) =>
      hasSecondary(view, SECONDARY.APIC_ACCESSES) && !legalPage(vcpu, read(view, VMCS12.apic_access_addr)),
  }),
  always({
    reason: 'VMX_VIRTUAL_NMIS_WITHOUT_NMI_EXITING',
    field: 'vmcs12.pin_based_vm_exec_control',
    message: 'Virtual NMIs need NMI exiting.',
    source: 'nested_vmx_check_nmi_controls',
    needs: [],
    violated: ({ view }) => hasPin(view, PIN.VIRTUAL_NMIS) && !hasPin(view, PIN.NMI_EXITING),
  }),
  always({
    reason: 'VMX_NMI_WINDOW_WITHOUT_VIRTUAL_NMIS',
    field: 'vmcs12.cpu_based_vm_exec_control',
    message: 'NMI-window exiting needs virtual NMIs.',
    source: 'nested_vmx_check_nmi_controls',
    needs: [],
    violated: ({ view }) => hasProc(view, PROC.NMI_WINDOW) && !hasPin(view, PIN.VIRTUAL_NMIS),
  }),
  always({
    reason: 'VMX_VPID_ZERO',
    field: 'vmcs12.virtual_processor_id',
    message: "L2's VPID must not be 0, which is the host's.",
    source: 'nested_check_vm_execution_controls',
    needs: [],
    violated: ({ view }) =>
      hasSecondary(view, SECONDARY.VPID) && read(view, VMCS12.virtual_processor_id) === 0,
  }),
  always({
    reason: 'VMX_EXIT_CONTROLS_UNSUPPORTED',
    field: 'vmcs12.vm_exit_controls',
    message: 'The VM-exit controls are not ones that IA32_VMX_TRUE_EXIT_CTLS (48Fh) of this vCPU allows.',
    source: 'nested_check_vm_exit_controls',
    needs: ['vmx-msrs'],
    violated: ({ view, vcpu }) =>
      !legalControl(vcpu, MSR.TRUE_EXIT_CTLS, read(view, VMCS12.vm_exit_controls)),
  }),
  always({
    reason: 'VMX_ENTRY_CONTROLS_UNSUPPORTED',
    field: 'vmcs12.vm_entry_controls',
    message: 'The VM-entry controls are not ones that IA32_VMX_TRUE_ENTRY_CTLS (490h) of this vCPU allows.',
    source: 'nested_check_vm_entry_controls',
    needs: ['vmx-msrs'],
    violated: ({ view, vcpu }) =>
      !legalControl(vcpu, MSR.TRUE_ENTRY_CTLS, read(view, VMCS12.vm_entry_controls)),
  }),
  always({
    reason: 'VMX_HOST_CR0_UNSUPPORTED',
    field: 'vmcs12.host_cr0',
    message: "L1's CR0 is not one that IA32_VMX_CR0_FIXED0 and _FIXED1 (486h, 487h) of this vCPU allow.",
    source: 'nested_vmx_check_host_state',
    needs: ['vmx-msrs'],
    violated: ({ view, vcpu }) =>
      !legalFixed(vcpu, MSR.CR0_FIXED0, MSR.CR0_FIXED1, read(view, VMCS12.host_cr0), 0n),
  }),
  always({
    reason: 'VMX_HOST_CR4_UNSUPPORTED',
    field: 'vmcs12.host_cr4',
    message: "L1's CR4 is not one that IA32_VMX_CR4_FIXED0 and _FIXED1 (488h, 489h) of this vCPU allow.",
    source: 'nested_vmx_check_host_state',
    needs: ['vmx-msrs'],
    violated: ({ view, vcpu }) =>
      !legalFixed(vcpu, MSR.CR4_FIXED0, MSR.CR4_FIXED1, read(view, VMCS12.host_cr4), 0n),
  }),
  always({
    reason: 'VMX_HOST_CR3_ILLEGAL',
    field: 'vmcs12.host_cr3',
    message: "L1's CR3 is beyond the guest's physical address width.",
    source: 'nested_vmx_check_host_state',
    needs: ['cpuid'],
    violated: (context) => !legalCr3(context, read(context.view, VMCS12.host_cr3)),
  }),
  always({
    reason: 'VMX_HOST_CS_SELECTOR_ZERO',
    field: 'vmcs12.host_cs_selector',
    message: "L1's CS selector must not be 0.",
    source: 'nested_vmx_check_host_state',
    needs: [],
    violated: ({ view }) => read(view, VMCS12.host_cs_selector) === 0,
  }),
  always({
    reason: 'VMX_HOST_TR_SELECTOR_ZERO',
    field: 'vmcs12.host_tr_selector',
    message: "L1's TR selector must not be 0.",
    source: 'nested_vmx_check_host_state',
    needs: [],
    violated: ({ view }) => read(view, VMCS12.host_tr_selector) === 0,
  }),
  always({
    reason: 'VMX_GUEST_CR0_UNSUPPORTED',
    field: 'vmcs12.guest_cr0',
    message: "L2's CR0 is not one that IA32_VMX_CR0_FIXED0 and _FIXED1 (486h, 487h) of this vCPU allow.",
    source: 'nested_vmx_check_guest_state',
    needs: ['vmx-msrs'],
    violated: ({ view, vcpu }) => {
      const waived = hasSecondary(view, SECONDARY.UNRESTRICTED_GUEST) ? CR0.PE | CR0.PG : 0n;
      return !legalFixed(vcpu, MSR.CR0_FIXED0, MSR.CR0_FIXED1, read(view, VMCS12.guest_cr0), waived);
    },
  }),
  always({
    reason: 'VMX_GUEST_CR4_UNSUPPORTED',
    field: 'vmcs12.guest_cr4',
    message: "L2's CR4 is not one that IA32_VMX_CR4_FIXED0 and _FIXED1 (488h, 489h) of this vCPU allow.",
    source: 'nested_vmx_check_guest_state',
    needs: ['vmx-msrs'],
    violated: ({ view, vcpu }) =>
      !legalFixed(vcpu, MSR.CR4_FIXED0, MSR.CR4_FIXED1, read(view, VMCS12.guest_cr4), 0n),
  }),
  always({
    reason: 'VMX_LINK_POINTER_ILLEGAL',
    field: 'vmcs12.vmcs_link_pointer',
    message: "The VMCS link pointer is neither ~0 nor a page within the guest's physical address width.",
    source: 'nested_vmx_check_vmcs_link_ptr',
    needs: ['cpuid'],
    violated: ({ view, vcpu }) => {
      const link = read(view, VMCS12.vmcs_link_pointer);
      return link !== NO_ADDRESS && !legalPage(vcpu, link);
    },
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

export const VMX_SECTIONS = [
  { reached: onVmx, rules: VMX_FORMAT_RULES },
  { reached: (c) => onVmx(c) && !vmxon(c.view), rules: VMX_OFF_RULES },
  { reached: (c) => onVmx(c) && vmxon(c.view), rules: VMX_ON_RULES },
  { reached: onVmx, rules: VMX_HEADER_RULES },
  { reached: (c) => onVmx(c) && vmxon(c.view), rules: VMX_SIZE_RULES },
  { reached: hasVmcs12, rules: VMX_CURRENT_RULES },
  { reached: hasGuestVmcs12, rules: VMX_SHADOW_SIZE_RULES },
  { reached: hasShadowVmcs12, rules: VMX_SHADOW_RULES },
  { reached: hasGuestVmcs12, rules: VMX_GUEST_RULES },
] as const satisfies readonly Section[];

function onVmx({ bytes, kernel }: RuleContext): boolean {
  return kernel.format === 'VMX' && bytes.length >= HEADER_BYTES;
}

function vmxon(view: DataView): boolean {
  return read(view, VMX_HEADER.vmxon_pa) !== NO_ADDRESS;
}

/** The kernel asks for its own struct vmcs12 to fit, not for the whole page. */
function sizeHoldsVmcs12(view: DataView): boolean {
  return read(view, HEADER.size) >= HEADER_BYTES + VMCS12_STRUCT_BYTES;
}

function sizeHoldsShadow(view: DataView): boolean {
  return read(view, HEADER.size) >= VMX_CURRENT_BYTES + VMCS12_STRUCT_BYTES;
}

/** The kernel copies a vmcs12. */
function copiesVmcs12(context: RuleContext): boolean {
  return onVmx(context) && vmxon(context.view) && sizeHoldsVmcs12(context.view);
}

/** The kernel copies a vmcs12, and it is here. */
function hasVmcs12(context: RuleContext): boolean {
  return copiesVmcs12(context) && context.bytes.length >= HEADER_BYTES + VMCS12_STRUCT_BYTES;
}

function hasGuestVmcs12(context: RuleContext): boolean {
  return hasVmcs12(context) && hasFlag(context.view, FLAG.GUEST_MODE);
}

/** The kernel copies a shadow vmcs12, and it is here. */
function hasShadowVmcs12(context: RuleContext): boolean {
  return (
    hasGuestVmcs12(context) &&
    shadowLinked(context.view) &&
    sizeHoldsShadow(context.view) &&
    context.bytes.length >= VMX_CURRENT_BYTES + VMCS12_STRUCT_BYTES
  );
}

function shadowLinked(view: DataView): boolean {
  return hasSecondary(view, SECONDARY.SHADOW_VMCS) && read(view, VMCS12.vmcs_link_pointer) !== NO_ADDRESS;
}

function hasSmmFlag(view: DataView, flag: number): boolean {
  return (read(view, VMX_HEADER['smm.flags']) & flag) !== 0;
}

function hasPin(view: DataView, control: number): boolean {
  return (read(view, VMCS12.pin_based_vm_exec_control) & control) !== 0;
}

function hasProc(view: DataView, control: number): boolean {
  return (read(view, VMCS12.cpu_based_vm_exec_control) & control) !== 0;
}

function hasSecondary(view: DataView, control: number): boolean {
  return (secondaryControls(view) & control) !== 0;
}

/** The secondary controls, all 0 unless the primary ones activate them. */
function secondaryControls(view: DataView): number {
  return hasProc(view, PROC_SECONDARY) ? read(view, VMCS12.secondary_vm_exec_control) : 0;
}

/** vmx_control_verify: bits of the MSR's low half are set, bits outside its high half are clear. */
function legalControl(vcpu: VcpuFacts, msr: number, control: number): boolean {
  const capability = vcpu.vmxCapabilityMsrs.get(msr);
  if (capability === undefined) return true;
  const mustBeOne = Number(capability & 0xffff_ffffn);
  const mayBeOne = Number((capability >> 32n) & 0xffff_ffffn);
  return (mustBeOne & ~control) === 0 && (control & ~mayBeOne) === 0;
}

/** fixed_bits_valid: bits of FIXED0 (but for `waived`) are set, bits outside FIXED1 are clear. */
function legalFixed(
  vcpu: VcpuFacts,
  fixed0Msr: number,
  fixed1Msr: number,
  value: bigint,
  waived: bigint,
): boolean {
  const fixed0 = vcpu.vmxCapabilityMsrs.get(fixed0Msr);
  const fixed1 = vcpu.vmxCapabilityMsrs.get(fixed1Msr);
  if (fixed0 === undefined || fixed1 === undefined) return true;
  return (fixed0 & ~waived & ~value) === 0n && (value & ~fixed1) === 0n;
}
