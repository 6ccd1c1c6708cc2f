// nested_vmx_check_controls (arch/x86/kvm/vmx/nested.c) as rows, in the kernel's order: the execution, VM-exit and
// VM-entry controls that L1 set for L2, against what this vCPU's VMX capability MSRs offer L1. Read by vmx-rules.ts.
//
// The controls of an enlightened VMCS (nested_evmcs_check_controls) have no rows.

import { read } from './codec.js';
import { type Field, VMCS12 } from './layout.js';
import { always, legalGpa, legalPage, type Rule, type VcpuFacts, varying } from './rule.js';
import {
  EXIT,
  hasExit,
  hasPin,
  hasProc,
  hasSecondary,
  lacks,
  legalControl,
  PIN,
  PROC,
  SECONDARY,
  VMX_MSR,
} from './vmx-conditions.js';

/** EPT pointer (SDM volume 3, 25.6.11) and what IA32_VMX_EPT_VPID_CAP (appendix A.10) says about it. */
const EPTP = { TYPE: 7n, WALK: 7n << 3n, ACCESSED_DIRTY: 1n << 6n, RESERVED: 0x1fn << 7n } as const;
const EPT_TYPES: ReadonlyMap<bigint, bigint> = new Map([
  [0n, 1n << 8n], // uncacheable
  [6n, 1n << 14n], // write-back
]);
const EPT_WALKS: ReadonlyMap<bigint, bigint> = new Map([
  [3n << 3n, 1n << 6n], // 4 levels
  [4n << 3n, 1n << 7n], // 5 levels
]);
const EPT_CAP_ACCESSED_DIRTY = 1n << 21n;

const VMFUNC_EPTP_SWITCHING = 1n;
/** IA32_VMX_BASIC: an exception may be injected with or without an error code. */
const BASIC_NO_HW_ERROR_CODE_CC = 1n << 56n;
/** IA32_VMX_MISC: software events may be injected with instruction length 0. */
const MISC_ZERO_LENGTH_INJECTION = 1n << 30n;
/** An entry of an MSR list: index, reserved, value. */
const MSR_ENTRY_BYTES = 16n;

/** VM-entry interruption-information field (25.8.3). */
const EVENT = {
  VECTOR: 0xff,
  TYPE: 7 << 8,
  ERROR_CODE: 1 << 11,
  VALID: 1 << 31,
  RESERVED: 0x7fff_f000,
} as const;
const EVENT_TYPE = {
  RESERVED: 1 << 8,
  NMI: 2 << 8,
  HARDWARE_EXCEPTION: 3 << 8,
  SOFTWARE_INTERRUPT: 4 << 8,
  PRIVILEGED_SOFTWARE_EXCEPTION: 5 << 8,
  SOFTWARE_EXCEPTION: 6 << 8,
  OTHER: 7 << 8,
} as const;
const SOFTWARE_EVENTS: readonly number[] = [
  EVENT_TYPE.SOFTWARE_INTERRUPT,
  EVENT_TYPE.PRIVILEGED_SOFTWARE_EXCEPTION,
  EVENT_TYPE.SOFTWARE_EXCEPTION,
];
const NMI_VECTOR = 2;
const CP_VECTOR = 21;
/** Exceptions that every kernel knows to push an error code: #DF #TS #NP #SS #GP #PF #AC. */
const WITH_ERROR_CODE: readonly number[] = [8, 10, 11, 12, 13, 14, 17];
const MOST_INSTRUCTION_BYTES = 15;

const EXECUTION_RULES = [
  always({
    reason: 'VMX_PIN_CONTROLS_UNSUPPORTED',
    field: 'vmcs12.pin_based_vm_exec_control',
    message:
      'The pin-based controls are not ones that IA32_VMX_TRUE_PINBASED_CTLS (48Dh) of this vCPU allows.',
    source: 'nested_check_vm_execution_controls',
    needs: ['vmx-msrs'],
    violated: (c) => !legalControl(c, VMX_MSR.TRUE_PINBASED_CTLS, VMCS12.pin_based_vm_exec_control),
  }),
  always({
    reason: 'VMX_PROC_CONTROLS_UNSUPPORTED',
    field: 'vmcs12.cpu_based_vm_exec_control',
    message:
      'The processor-based controls are not ones that IA32_VMX_TRUE_PROCBASED_CTLS (48Eh) of this vCPU allows.',
    source: 'nested_check_vm_execution_controls',
    needs: ['vmx-msrs'],
    violated: (c) => !legalControl(c, VMX_MSR.TRUE_PROCBASED_CTLS, VMCS12.cpu_based_vm_exec_control),
  }),
  always({
    reason: 'VMX_SECONDARY_CONTROLS_UNSUPPORTED',
    field: 'vmcs12.secondary_vm_exec_control',
    message: 'The secondary controls are not ones that IA32_VMX_PROCBASED_CTLS2 (48Bh) of this vCPU allows.',
    source: 'nested_check_vm_execution_controls',
    needs: ['vmx-msrs'],
    violated: (c) =>
      hasProc(c.view, PROC.SECONDARY) &&
      !legalControl(c, VMX_MSR.PROCBASED_CTLS2, VMCS12.secondary_vm_exec_control),
  }),
  always({
    reason: 'VMX_CR3_TARGET_COUNT_UNSUPPORTED',
    field: 'vmcs12.cr3_target_count',
    message: 'There are more CR3-target values than IA32_VMX_MISC (485h) of this vCPU allows.',
    source: 'nested_check_vm_execution_controls',
    needs: ['vmx-msrs'],
    violated: ({ view, vcpu }) => {
      const misc = vcpu.vmxCapabilityMsrs.get(VMX_MSR.MISC);
      return misc !== undefined && read(view, VMCS12.cr3_target_count) > Number((misc >> 16n) & 0x1ffn);
    },
  }),
  illegalPage({
    reason: 'VMX_IO_BITMAP_A_ILLEGAL',
    page: 'I/O bitmap A',
    field: VMCS12.io_bitmap_a,
    source: 'nested_vmx_check_io_bitmap_controls',
    used: (view) => hasProc(view, PROC.IO_BITMAPS),
  }),
  illegalPage({
    reason: 'VMX_IO_BITMAP_B_ILLEGAL',
    page: 'I/O bitmap B',
    field: VMCS12.io_bitmap_b,
    source: 'nested_vmx_check_io_bitmap_controls',
    used: (view) => hasProc(view, PROC.IO_BITMAPS),
  }),
  illegalPage({
    reason: 'VMX_MSR_BITMAP_ILLEGAL',
    page: 'the MSR bitmap',
    field: VMCS12.msr_bitmap,
    source: 'nested_vmx_check_msr_bitmap_controls',
    used: (view) => hasProc(view, PROC.MSR_BITMAPS),
  }),
  illegalPage({
    reason: 'VMX_VIRTUAL_APIC_PAGE_ILLEGAL',
    page: 'the virtual-APIC page',
    field: VMCS12.virtual_apic_page_addr,
    source: 'nested_vmx_check_tpr_shadow_controls',
    used: (view) => hasProc(view, PROC.TPR_SHADOW),
  }),
  illegalPage({
    reason: 'VMX_APIC_ACCESS_PAGE_ILLEGAL',
    page: 'the APIC-access page',
    field: VMCS12.apic_access_addr,
    source: 'nested_vmx_check_apic_access_controls',
    used: (view) => hasSecondary(view, SECONDARY.APIC_ACCESSES),
  }),
  always({
    reason: 'VMX_X2APIC_MODE_WITH_APIC_ACCESSES',
    field: 'vmcs12.secondary_vm_exec_control',
    message: 'Virtualize x2APIC mode excludes virtualize APIC accesses.',
    source: 'nested_vmx_check_apicv_controls',
    needs: [],
    violated: ({ view }) =>
      hasSecondary(view, SECONDARY.X2APIC_MODE) && hasSecondary(view, SECONDARY.APIC_ACCESSES),
  }),
  always({
    reason: 'VMX_INTERRUPT_DELIVERY_WITHOUT_INTERRUPT_EXITING',
    field: 'vmcs12.pin_based_vm_exec_control',
    message: 'Virtual-interrupt delivery needs external-interrupt exiting.',
    source: 'nested_vmx_check_apicv_controls',
    needs: [],
    violated: ({ view }) =>
      hasSecondary(view, SECONDARY.INTERRUPT_DELIVERY) && !hasPin(view, PIN.EXTERNAL_INTERRUPT_EXITING),
  }),
  always({
    reason: 'VMX_POSTED_INTERRUPTS_WITHOUT_INTERRUPT_DELIVERY',
    field: 'vmcs12.secondary_vm_exec_control',
    message: 'Posted interrupts need virtual-interrupt delivery.',
    source: 'nested_vmx_check_apicv_controls',
    needs: [],
    violated: ({ view }) =>
      hasPin(view, PIN.POSTED_INTERRUPTS) && !hasSecondary(view, SECONDARY.INTERRUPT_DELIVERY),
  }),
  always({
    reason: 'VMX_POSTED_INTERRUPTS_WITHOUT_ACKNOWLEDGE',
    field: 'vmcs12.vm_exit_controls',
    message: 'Posted interrupts need the VM-exit control that acknowledges interrupts.',
    source: 'nested_vmx_check_apicv_controls',
    needs: [],
    violated: ({ view }) => hasPin(view, PIN.POSTED_INTERRUPTS) && !hasExit(view, EXIT.ACK_INTERRUPT),
  }),
  always({
    reason: 'VMX_POSTED_INTERRUPT_VECTOR_ILLEGAL',
    field: 'vmcs12.posted_intr_nv',
    message: 'The notification vector of posted interrupts must be below 256.',
    source: 'nested_vmx_check_apicv_controls',
    needs: [],
    violated: ({ view }) => hasPin(view, PIN.POSTED_INTERRUPTS) && read(view, VMCS12.posted_intr_nv) > 0xff,
  }),
  always({
    reason: 'VMX_POSTED_INTERRUPT_DESCRIPTOR_ILLEGAL',
    field: 'vmcs12.posted_intr_desc_addr',
    message:
      "The posted-interrupt descriptor must lie at a multiple of 64 within the guest's physical address width.",
    source: 'nested_vmx_check_apicv_controls',
    needs: ['cpuid'],
    violated: ({ view, vcpu }) => {
      const address = read(view, VMCS12.posted_intr_desc_addr);
      return hasPin(view, PIN.POSTED_INTERRUPTS) && ((address & 0x3fn) !== 0n || !legalGpa(vcpu, address));
    },
  }),
  always({
    reason: 'VMX_APICV_WITHOUT_TPR_SHADOW',
    field: 'vmcs12.cpu_based_vm_exec_control',
    message:
      'Virtual x2APIC mode, APIC-register virtualization, virtual-interrupt delivery and posted interrupts need the TPR shadow.',
    source: 'nested_vmx_check_apicv_controls',
    needs: [],
    violated: ({ view }) =>
      (hasSecondary(view, SECONDARY.X2APIC_MODE | SECONDARY.APIC_REGISTERS | SECONDARY.INTERRUPT_DELIVERY) ||
        hasPin(view, PIN.POSTED_INTERRUPTS)) &&
      !hasProc(view, PROC.TPR_SHADOW),
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
  withoutEpt({
    reason: 'VMX_PML_WITHOUT_EPT',
    what: 'Page-modification logging',
    source: 'nested_vmx_check_pml_controls',
    used: (view) => hasSecondary(view, SECONDARY.PML),
  }),
  illegalPage({
    reason: 'VMX_PML_PAGE_ILLEGAL',
    page: 'the page-modification log',
    field: VMCS12.pml_address,
    source: 'nested_vmx_check_pml_controls',
    used: (view) => hasSecondary(view, SECONDARY.PML),
  }),
  withoutEpt({
    reason: 'VMX_UNRESTRICTED_GUEST_WITHOUT_EPT',
    what: 'Unrestricted guest',
    source: 'nested_vmx_check_unrestricted_guest_controls',
    used: (view) => hasSecondary(view, SECONDARY.UNRESTRICTED_GUEST),
  }),
  withoutEpt({
    reason: 'VMX_MODE_BASED_EPT_WITHOUT_EPT',
    what: 'Mode-based execute control for EPT',
    source: 'nested_vmx_check_mode_based_ept_exec_controls',
    used: (view) => hasSecondary(view, SECONDARY.MODE_BASED_EPT),
  }),
  illegalPage({
    reason: 'VMX_VMREAD_BITMAP_ILLEGAL',
    page: 'the VMREAD bitmap',
    field: VMCS12.vmread_bitmap,
    source: 'nested_vmx_check_shadow_vmcs_controls',
    used: (view) => hasSecondary(view, SECONDARY.SHADOW_VMCS),
  }),
  illegalPage({
    reason: 'VMX_VMWRITE_BITMAP_ILLEGAL',
    page: 'the VMWRITE bitmap',
    field: VMCS12.vmwrite_bitmap,
    source: 'nested_vmx_check_shadow_vmcs_controls',
    used: (view) => hasSecondary(view, SECONDARY.SHADOW_VMCS),
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
    reason: 'VMX_PREEMPTION_TIMER_SAVED_BUT_OFF',
    field: 'vmcs12.vm_exit_controls',
    message: 'The preemption timer is to be saved at VM exits, but is not activated.',
    source: 'nested_check_vm_execution_controls',
    needs: [],
    violated: ({ view }) => hasExit(view, EXIT.SAVE_PREEMPTION_TIMER) && !hasPin(view, PIN.PREEMPTION_TIMER),
  }),
  always({
    reason: 'VMX_EPTP_MEMORY_TYPE_UNSUPPORTED',
    field: 'vmcs12.ept_pointer',
    message:
      'The memory type of the EPT pointer is not one that IA32_VMX_EPT_VPID_CAP (48Ch) of this vCPU allows.',
    source: 'nested_vmx_check_eptp',
    needs: ['vmx-msrs'],
    violated: ({ view, vcpu }) => eptpLacks(view, vcpu, EPT_TYPES.get(eptp(view) & EPTP.TYPE)),
  }),
  always({
    reason: 'VMX_EPTP_WALK_LENGTH_UNSUPPORTED',
    field: 'vmcs12.ept_pointer',
    message:
      'The page-walk length of the EPT pointer is not one that IA32_VMX_EPT_VPID_CAP (48Ch) of this vCPU allows.',
    source: 'nested_vmx_check_eptp',
    needs: ['vmx-msrs'],
    violated: ({ view, vcpu }) => eptpLacks(view, vcpu, EPT_WALKS.get(eptp(view) & EPTP.WALK)),
  }),
  always({
    reason: 'VMX_EPTP_ILLEGAL',
    field: 'vmcs12.ept_pointer',
    message: "The EPT pointer has reserved bits or lies beyond the guest's physical address width.",
    source: 'nested_vmx_check_eptp',
    needs: ['cpuid'],
    violated: ({ view, vcpu }) =>
      hasSecondary(view, SECONDARY.EPT) &&
      (!legalGpa(vcpu, eptp(view)) || (eptp(view) & EPTP.RESERVED) !== 0n),
  }),
  always({
    reason: 'VMX_EPTP_ACCESSED_DIRTY_UNSUPPORTED',
    field: 'vmcs12.ept_pointer',
    message:
      'The EPT pointer asks for accessed and dirty flags, which IA32_VMX_EPT_VPID_CAP (48Ch) of this vCPU lacks.',
    source: 'nested_vmx_check_eptp',
    needs: ['vmx-msrs'],
    violated: ({ view, vcpu }) =>
      (eptp(view) & EPTP.ACCESSED_DIRTY) !== 0n && eptpLacks(view, vcpu, EPT_CAP_ACCESSED_DIRTY),
  }),
  always({
    reason: 'VMX_VMFUNC_UNSUPPORTED',
    field: 'vmcs12.vm_function_control',
    message: 'The VM-function controls are not ones that IA32_VMX_VMFUNC (491h) of this vCPU allows.',
    source: 'nested_check_vm_execution_controls',
    needs: ['vmx-msrs'],
    violated: ({ view, vcpu }) => {
      const allowed = vcpu.vmxCapabilityMsrs.get(VMX_MSR.VMFUNC);
      return (
        hasSecondary(view, SECONDARY.VMFUNC) &&
        allowed !== undefined &&
        (read(view, VMCS12.vm_function_control) & ~allowed) !== 0n
      );
    },
  }),
  withoutEpt({
    reason: 'VMX_EPTP_SWITCHING_WITHOUT_EPT',
    what: 'EPTP switching',
    source: 'nested_check_vm_execution_controls',
    used: eptpSwitching,
  }),
  illegalPage({
    reason: 'VMX_EPTP_LIST_ILLEGAL',
    page: 'the EPTP list',
    field: VMCS12.eptp_list_address,
    source: 'nested_check_vm_execution_controls',
    used: eptpSwitching,
  }),
  varying({
    reason: 'VMX_TSC_MULTIPLIER_ZERO',
    kernels: 'since 2026',
    field: 'vmcs12.tsc_multiplier',
    message: "TSC scaling is on, and L2's multiplier is 0.",
    source: 'nested_check_vm_execution_controls',
    needs: [],
    violated: ({ view }) =>
      hasSecondary(view, SECONDARY.TSC_SCALING) && read(view, VMCS12.tsc_multiplier) === 0n,
  }),
] as const satisfies readonly Rule[];

const EXIT_RULES = [
  always({
    reason: 'VMX_EXIT_CONTROLS_UNSUPPORTED',
    field: 'vmcs12.vm_exit_controls',
    message: 'The VM-exit controls are not ones that IA32_VMX_TRUE_EXIT_CTLS (48Fh) of this vCPU allows.',
    source: 'nested_check_vm_exit_controls',
    needs: ['vmx-msrs'],
    violated: (c) => !legalControl(c, VMX_MSR.TRUE_EXIT_CTLS, VMCS12.vm_exit_controls),
  }),
  longMsrList({
    reason: 'VMX_EXIT_MSR_LOAD_COUNT_UNSUPPORTED',
    list: 'the VM-exit MSR-load list',
    count: VMCS12.vm_exit_msr_load_count,
  }),
  illegalMsrList({
    reason: 'VMX_EXIT_MSR_LOAD_ILLEGAL',
    list: 'VM-exit MSR-load list',
    count: VMCS12.vm_exit_msr_load_count,
    address: VMCS12.vm_exit_msr_load_addr,
  }),
  longMsrList({
    reason: 'VMX_EXIT_MSR_STORE_COUNT_UNSUPPORTED',
    list: 'the VM-exit MSR-store list',
    count: VMCS12.vm_exit_msr_store_count,
  }),
  illegalMsrList({
    reason: 'VMX_EXIT_MSR_STORE_ILLEGAL',
    list: 'VM-exit MSR-store list',
    count: VMCS12.vm_exit_msr_store_count,
    address: VMCS12.vm_exit_msr_store_addr,
  }),
] as const satisfies readonly Rule[];

const ENTRY_RULES = [
  always({
    reason: 'VMX_ENTRY_CONTROLS_UNSUPPORTED',
    field: 'vmcs12.vm_entry_controls',
    message: 'The VM-entry controls are not ones that IA32_VMX_TRUE_ENTRY_CTLS (490h) of this vCPU allows.',
    source: 'nested_check_vm_entry_controls',
    needs: ['vmx-msrs'],
    violated: (c) => !legalControl(c, VMX_MSR.TRUE_ENTRY_CTLS, VMCS12.vm_entry_controls),
  }),
  always({
    reason: 'VMX_EVENT_TYPE_RESERVED',
    field: 'vmcs12.vm_entry_intr_info_field',
    message: 'The event to inject has type 1, which is reserved.',
    source: 'nested_check_vm_entry_controls',
    needs: [],
    violated: ({ view }) => injects(view, EVENT_TYPE.RESERVED),
  }),
  always({
    reason: 'VMX_EVENT_MTF_UNSUPPORTED',
    field: 'vmcs12.vm_entry_intr_info_field',
    message:
      'The event to inject is of type 7, which needs the monitor trap flag in IA32_VMX_TRUE_PROCBASED_CTLS (48Eh).',
    source: 'nested_check_vm_entry_controls',
    needs: ['vmx-msrs'],
    violated: ({ view, vcpu }) =>
      injects(view, EVENT_TYPE.OTHER) &&
      lacks(vcpu, VMX_MSR.TRUE_PROCBASED_CTLS, BigInt(PROC.MONITOR_TRAP_FLAG) << 32n),
  }),
  always({
    reason: 'VMX_EVENT_VECTOR_ILLEGAL',
    field: 'vmcs12.vm_entry_intr_info_field',
    message: 'An NMI must have vector 2, an exception one up to 31, an event of type 7 vector 0.',
    source: 'nested_check_vm_entry_controls',
    needs: [],
    violated: ({ view }) => {
      const vector = event(view) & EVENT.VECTOR;
      return (
        (injects(view, EVENT_TYPE.NMI) && vector !== NMI_VECTOR) ||
        (injects(view, EVENT_TYPE.HARDWARE_EXCEPTION) && vector > 31) ||
        (injects(view, EVENT_TYPE.OTHER) && vector !== 0)
      );
    },
  }),
  always({
    reason: 'VMX_EVENT_ERROR_CODE_ILLEGAL',
    field: 'vmcs12.vm_entry_intr_info_field',
    message: 'Only a hardware exception in protected mode has an error code.',
    source: 'nested_check_vm_entry_controls',
    needs: [],
    violated: ({ view }) => injects(view) && hasErrorCode(view) && !injectsProtectedException(view),
  }),
  always({
    reason: 'VMX_EVENT_ERROR_CODE_MISMATCH',
    field: 'vmcs12.vm_entry_intr_info_field',
    message:
      'The exception to inject has an error code where it must not, or none where it must, and IA32_VMX_BASIC[56] is clear.',
    source: 'nested_check_vm_entry_controls',
    needs: ['vmx-msrs'],
    violated: ({ view, vcpu }) => {
      const vector = event(view) & EVENT.VECTOR;
      return (
        injectsProtectedException(view) &&
        vector !== CP_VECTOR &&
        hasErrorCode(view) !== WITH_ERROR_CODE.includes(vector) &&
        lacks(vcpu, VMX_MSR.BASIC, BASIC_NO_HW_ERROR_CODE_CC)
      );
    },
  }),
  varying({
    reason: 'VMX_EVENT_CP_WITH_ERROR_CODE',
    kernels: 'before 6.18',
    field: 'vmcs12.vm_entry_intr_info_field',
    message: 'The event to inject is a #CP with an error code, which this kernel takes without one.',
    source: 'nested_check_vm_entry_controls',
    needs: ['vmx-msrs'],
    violated: ({ view, vcpu }) =>
      injectsControlProtection(view) &&
      hasErrorCode(view) &&
      lacks(vcpu, VMX_MSR.BASIC, BASIC_NO_HW_ERROR_CODE_CC),
  }),
  varying({
    reason: 'VMX_EVENT_CP_WITHOUT_ERROR_CODE',
    kernels: 'since 6.18',
    field: 'vmcs12.vm_entry_intr_info_field',
    message: 'The event to inject is a #CP without an error code.',
    source: 'nested_check_vm_entry_controls',
    needs: ['vmx-msrs'],
    violated: ({ view, vcpu }) =>
      injectsControlProtection(view) &&
      !hasErrorCode(view) &&
      lacks(vcpu, VMX_MSR.BASIC, BASIC_NO_HW_ERROR_CODE_CC),
  }),
  always({
    reason: 'VMX_EVENT_ERROR_CODE_HIGH_BITS',
    field: 'vmcs12.vm_entry_exception_error_code',
    message: 'The error code of the exception to inject has bits above 15.',
    source: 'nested_check_vm_entry_controls',
    needs: [],
    violated: ({ view }) =>
      injects(view) && hasErrorCode(view) && read(view, VMCS12.vm_entry_exception_error_code) > 0xffff,
  }),
  always({
    reason: 'VMX_EVENT_RESERVED_BITS',
    field: 'vmcs12.vm_entry_intr_info_field',
    message: 'The VM-entry interruption-information field has bits of 30:12 set.',
    source: 'nested_check_vm_entry_controls',
    needs: [],
    violated: ({ view }) => injects(view) && (event(view) & EVENT.RESERVED) !== 0,
  }),
  always({
    reason: 'VMX_EVENT_INSTRUCTION_LENGTH_ILLEGAL',
    field: 'vmcs12.vm_entry_instruction_len',
    message: 'The instruction of a software event to inject has more than 15 bytes.',
    source: 'nested_check_vm_entry_controls',
    needs: [],
    violated: ({ view }) =>
      injects(view, ...SOFTWARE_EVENTS) &&
      read(view, VMCS12.vm_entry_instruction_len) > MOST_INSTRUCTION_BYTES,
  }),
  always({
    reason: 'VMX_EVENT_INSTRUCTION_LENGTH_ZERO',
    field: 'vmcs12.vm_entry_instruction_len',
    message:
      'The instruction of a software event to inject has 0 bytes, which needs IA32_VMX_MISC[30] of this vCPU.',
    source: 'nested_check_vm_entry_controls',
    needs: ['vmx-msrs'],
    violated: ({ view, vcpu }) =>
      injects(view, ...SOFTWARE_EVENTS) &&
      read(view, VMCS12.vm_entry_instruction_len) === 0 &&
      lacks(vcpu, VMX_MSR.MISC, MISC_ZERO_LENGTH_INJECTION),
  }),
  longMsrList({
    reason: 'VMX_ENTRY_MSR_LOAD_COUNT_UNSUPPORTED',
    list: 'the VM-entry MSR-load list',
    count: VMCS12.vm_entry_msr_load_count,
  }),
  illegalMsrList({
    reason: 'VMX_ENTRY_MSR_LOAD_ILLEGAL',
    list: 'VM-entry MSR-load list',
    count: VMCS12.vm_entry_msr_load_count,
    address: VMCS12.vm_entry_msr_load_addr,
  }),
] as const satisfies readonly Rule[];

/** nested_vmx_check_controls */
export const VMX_CONTROL_RULES = [...EXECUTION_RULES, ...EXIT_RULES, ...ENTRY_RULES] as const;

// ---------------------------------------------------------------------------------------------------------
// Rows of a kind

type Used = (view: DataView) => boolean;

/** page_address_valid: a page that a control makes the CPU use. */
function illegalPage<const R extends string>(row: {
  reason: R;
  page: string;
  field: Field<'u64'>;
  source: string;
  used: Used;
}): Rule<R> {
  return always({
    reason: row.reason,
    field: row.field.path,
    message: `The address of ${row.page} is not a page within the guest's physical address width.`,
    source: row.source,
    needs: ['cpuid'],
    violated: ({ view, vcpu }) => row.used(view) && !legalPage(vcpu, read(view, row.field)),
  });
}

function withoutEpt<const R extends string>(row: {
  reason: R;
  what: string;
  source: string;
  used: Used;
}): Rule<R> {
  return always({
    reason: row.reason,
    field: 'vmcs12.secondary_vm_exec_control',
    message: `${row.what} needs EPT.`,
    source: row.source,
    needs: [],
    violated: ({ view }) => row.used(view) && !hasSecondary(view, SECONDARY.EPT),
  });
}

/** nested_vmx_max_atomic_switch_msrs: 512 for each step of IA32_VMX_MISC[27:25]. */
function longMsrList<const R extends string>(row: { reason: R; list: string; count: Field<'u32'> }): Rule<R> {
  return varying({
    reason: row.reason,
    kernels: 'since 2026',
    field: row.count.path,
    message: `There are more entries in ${row.list} than IA32_VMX_MISC (485h) of this vCPU allows.`,
    source: 'nested_vmx_check_msr_switch',
    needs: ['vmx-msrs'],
    violated: ({ view, vcpu }) => {
      const misc = vcpu.vmxCapabilityMsrs.get(VMX_MSR.MISC);
      return misc !== undefined && BigInt(read(view, row.count)) > (((misc >> 25n) & 7n) + 1n) * 512n;
    },
  });
}

function illegalMsrList<const R extends string>(row: {
  reason: R;
  list: string;
  count: Field<'u32'>;
  address: Field<'u64'>;
}): Rule<R> {
  return always({
    reason: row.reason,
    field: row.address.path,
    message: `The ${row.list} must start at a multiple of 16 and lie within the guest's physical address width.`,
    source: 'nested_vmx_check_msr_switch',
    needs: ['cpuid'],
    violated: ({ view, vcpu }) => {
      const count = BigInt(read(view, row.count));
      const address = read(view, row.address);
      return (
        count !== 0n &&
        ((address & (MSR_ENTRY_BYTES - 1n)) !== 0n ||
          !legalGpa(vcpu, address) ||
          !legalGpa(vcpu, address + count * MSR_ENTRY_BYTES - 1n))
      );
    },
  });
}

// ---------------------------------------------------------------------------------------------------------
// Conditions

function eptp(view: DataView): bigint {
  return read(view, VMCS12.ept_pointer);
}

/** EPT is on, and what it needs is nothing at all (undefined) or a bit that IA32_VMX_EPT_VPID_CAP lacks. */
function eptpLacks(view: DataView, vcpu: VcpuFacts, capability: bigint | undefined): boolean {
  if (!hasSecondary(view, SECONDARY.EPT)) return false;
  return capability === undefined || lacks(vcpu, VMX_MSR.EPT_VPID_CAP, capability);
}

/** nested_cpu_has_eptp_switching */
function eptpSwitching(view: DataView): boolean {
  return (
    hasSecondary(view, SECONDARY.VMFUNC) &&
    (read(view, VMCS12.vm_function_control) & VMFUNC_EPTP_SWITCHING) !== 0n
  );
}

function event(view: DataView): number {
  return read(view, VMCS12.vm_entry_intr_info_field);
}

/** L2 is to be given an event, of one of the types where any are named. */
function injects(view: DataView, ...types: readonly number[]): boolean {
  if ((event(view) & EVENT.VALID) === 0) return false;
  return types.length === 0 || types.includes(event(view) & EVENT.TYPE);
}

function hasErrorCode(view: DataView): boolean {
  return (event(view) & EVENT.ERROR_CODE) !== 0;
}

/** L2 is to be given a hardware exception, and is in protected mode: an unrestricted guest by its CR0.PE, others always. */
function injectsProtectedException(view: DataView): boolean {
  const protectedMode =
    !hasSecondary(view, SECONDARY.UNRESTRICTED_GUEST) || (read(view, VMCS12.guest_cr0) & 1n) !== 0n;
  return injects(view, EVENT_TYPE.HARDWARE_EXCEPTION) && protectedMode;
}

function injectsControlProtection(view: DataView): boolean {
  return injectsProtectedException(view) && (event(view) & EVENT.VECTOR) === CP_VECTOR;
}
