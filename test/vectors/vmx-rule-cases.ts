// One change to a valid VMX state for each rule that a change can break. The unit tests check them against
// lib/nested; the kernel tests send the very same rows to a real kernel.

import { read, write } from '../../lib/nested/codec.js';
import {
  type Field,
  FLAG,
  HEADER,
  HEADER_BYTES,
  NO_ADDRESS,
  SHADOW_VMCS12,
  SMM_FLAG,
  VMCS12,
  VMCS12_REVISION,
  VMX_CURRENT_BYTES,
  VMX_HEADER,
} from '../../lib/nested/layout.js';
import type { ReadGuest, VcpuFacts } from '../../lib/nested/rule.js';
import { type RuleCase, VMX_VCPU, vmxCurrent, vmxOff, vmxShadow, vmxVmxon } from './nested-states.js';

type Change = (view: DataView, vcpu: VcpuFacts) => void;

/** The lowest address that is too high for a vCPU, and page-aligned. */
const beyond = (vcpu: VcpuFacts): bigint => 1n << BigInt(vcpu.maxPhyAddr);

/** All the changes, one after the other. */
const all =
  (...changes: readonly Change[]): Change =>
  (view, vcpu) => {
    for (const change of changes) change(view, vcpu);
  };

/** A field set to a value. */
function set(field: Field<'u64'>, value: bigint): Change;
function set(field: Field<'u16' | 'u32'>, value: number): Change;
function set(field: Field<'u16' | 'u32' | 'u64'>, value: number | bigint): Change {
  return field.type === 'u64'
    ? (view) => write(view, field as Field<'u64'>, BigInt(value))
    : (view) => write(view, field as Field<'u32'>, Number(value));
}

const setBits =
  (field: Field<'u32'>, bits: number): Change =>
  (view) =>
    write(view, field, read(view, field) | bits);
const clearBits =
  (field: Field<'u32'>, bits: number): Change =>
  (view) =>
    write(view, field, read(view, field) & ~bits);

const pin = (bits: number): Change => setBits(VMCS12.pin_based_vm_exec_control, bits);
const secondary = (bits: number): Change => setBits(VMCS12.secondary_vm_exec_control, bits);
const exit = (bits: number): Change => setBits(VMCS12.vm_exit_controls, bits);
const entry = (bits: number): Change => setBits(VMCS12.vm_entry_controls, bits);
const ept = clearBits(VMCS12.secondary_vm_exec_control, 1 << 1); // off
/** L1 out of 64-bit mode, and L2 with it. */
const to32Bit = all(
  clearBits(VMCS12.vm_exit_controls, 1 << 9),
  clearBits(VMCS12.vm_entry_controls, 1 << 9),
  set(VMCS12.host_ss_selector, 0x10),
);
/** Posted interrupts with all that they need, the descriptor at a000h. */
const posted = all(pin(1 << 7), secondary(1 << 9), exit(1 << 15), set(VMCS12.posted_intr_desc_addr, 0xa000n));
const pending = set(HEADER.flags, FLAG.GUEST_MODE | FLAG.RUN_PENDING);
const event = (value: number): Change => set(VMCS12.vm_entry_intr_info_field, value);
/** Canonical with 57 bits, and not with 48. */
const IN_57_BITS = 1n << 47n;
const NOWHERE_CANONICAL = 1n << 63n;

/** A vCPU one of whose capability MSRs is another. */
const withMsr = (index: number, value: bigint): Partial<VcpuFacts> => {
  return { vmxCapabilityMsrs: new Map(VMX_VCPU.vmxCapabilityMsrs).set(index, value) };
};
/** A vCPU whose CR4 may have bit 23, CET. */
const CET_VCPU = withMsr(0x489, 0x00b7_77ffn);

/** Guest memory with a vmcs12 header at 5000h, and nothing elsewhere. */
export const memoryWith = (header: number): ReadGuest => {
  const bytes = new Uint8Array(4096);
  new DataView(bytes.buffer).setUint32(0, header, true);
  return (gpa, length) => (gpa === 0x5000n ? bytes.subarray(0, length) : undefined);
};
const SHADOW_HEADER = 0x8000_0000 + VMCS12_REVISION;

/** VMX: each row is vmxGuestMode() with one change, or another valid state where the row says so. */
export const VMX_RULE_CASES: readonly RuleCase[] = [
  { name: '127 bytes', reason: 'NESTED_HEADER_TRUNCATED', length: 127 },
  { name: 'size 0', reason: 'NESTED_SIZE_BELOW_HEADER', change: (view) => write(view, HEADER.size, 0) },
  {
    name: '4223 bytes of 4224',
    reason: 'NESTED_DATA_TRUNCATED',
    from: vmxCurrent,
    length: VMX_CURRENT_BYTES - 1,
  },
  {
    name: '4224 bytes of 8320',
    reason: 'NESTED_DATA_TRUNCATED',
    from: vmxShadow,
    length: VMX_CURRENT_BYTES,
  },
  { name: 'flag 10h', reason: 'NESTED_FLAGS_UNKNOWN', change: (view) => write(view, HEADER.flags, 0x11) },
  {
    name: 'RUN_PENDING out of guest mode',
    reason: 'NESTED_RUN_PENDING_WITHOUT_GUEST_MODE',
    change: (view) => write(view, HEADER.flags, FLAG.RUN_PENDING),
  },
  { name: 'format SVM', reason: 'VMX_FORMAT_MISMATCH', change: (view) => write(view, HEADER.format, 1) },
  {
    name: 'SMM_VMXON without a VMXON region',
    reason: 'VMX_SMM_FLAGS_WITHOUT_VMXON',
    from: () => vmxOff({ smmFlags: SMM_FLAG.SMM_VMXON }),
  },
  {
    name: 'current VMCS without a VMXON region',
    reason: 'VMX_VMCS12_PA_WITHOUT_VMXON',
    from: () => vmxOff({ vmcs12Pa: 0x2000n }),
  },
  {
    name: 'GUEST_MODE without a VMXON region',
    reason: 'VMX_FLAGS_WITHOUT_VMXON',
    from: () => vmxOff({ flags: FLAG.GUEST_MODE }),
  },
  {
    name: 'GIF_SET without a VMXON region',
    reason: 'VMX_FLAGS_WITHOUT_VMXON',
    from: () => vmxOff({ flags: FLAG.GIF_SET }),
  },
  {
    name: 'VMXON without CPUID',
    reason: 'VMX_CPUID_VMX_CLEAR',
    from: vmxVmxon,
    vcpu: { hasVmx: false },
  },
  {
    name: 'vmxon_pa 1',
    reason: 'VMX_VMXON_PA_UNALIGNED',
    change: (view) => write(view, VMX_HEADER.vmxon_pa, 1n),
  },
  {
    name: 'vmxon_pa beyond the address width',
    reason: 'VMX_VMXON_PA_ILLEGAL',
    change: (view, vcpu) => write(view, VMX_HEADER.vmxon_pa, beyond(vcpu)),
  },
  {
    name: 'GUEST_MODE and SMM_GUEST_MODE',
    reason: 'VMX_SMM_GUEST_MODE_IN_GUEST_MODE',
    change: (view) => write(view, VMX_HEADER['smm.flags'], SMM_FLAG.SMM_GUEST_MODE | SMM_FLAG.SMM_VMXON),
  },
  {
    name: 'SMM flag 4',
    reason: 'VMX_SMM_FLAGS_UNKNOWN',
    change: (view) => write(view, VMX_HEADER['smm.flags'], 4),
  },
  {
    name: 'header flag 2',
    reason: 'VMX_HEADER_FLAGS_UNKNOWN',
    change: (view) => write(view, VMX_HEADER.flags, 2),
  },
  { name: 'guest mode in SMM', reason: 'VMX_GUEST_MODE_IN_SMM', vcpu: { inSmm: true } },
  {
    name: 'SMM_VMXON outside SMM',
    reason: 'VMX_SMM_FLAGS_OUTSIDE_SMM',
    from: () => vmxVmxon({ smmFlags: SMM_FLAG.SMM_VMXON }),
  },
  {
    name: 'SMM_GUEST_MODE without SMM_VMXON',
    reason: 'VMX_SMM_GUEST_MODE_WITHOUT_SMM_VMXON',
    from: () => vmxVmxon({ smmFlags: SMM_FLAG.SMM_GUEST_MODE }),
    vcpu: { inSmm: true },
  },
  {
    name: 'EVMCS without CPUID',
    reason: 'VMX_EVMCS_WITHOUT_CPUID_VMX',
    from: () => vmxOff({ flags: FLAG.EVMCS }),
    vcpu: { hasVmx: false },
  },
  {
    name: 'EVMCS that is not enabled',
    reason: 'VMX_EVMCS_NOT_ENABLED',
    from: () => vmxOff({ flags: FLAG.EVMCS }),
  },
  {
    name: 'guest mode with size 128',
    reason: 'VMX_SIZE_BELOW_VMCS12',
    change: (view) => write(view, HEADER.size, HEADER_BYTES),
    length: HEADER_BYTES,
  },
  {
    name: 'current VMCS with size 1125',
    reason: 'VMX_SIZE_BELOW_VMCS12',
    from: () => vmxCurrent({ size: 1125 }),
    length: 1125,
  },
  {
    name: 'current VMCS in the VMXON region',
    reason: 'VMX_VMCS12_PA_IS_VMXON_PA',
    change: (view) => write(view, VMX_HEADER.vmcs12_pa, 0x1000n),
  },
  {
    name: 'vmcs12_pa 2001h',
    reason: 'VMX_VMCS12_PA_UNALIGNED',
    change: (view) => write(view, VMX_HEADER.vmcs12_pa, 0x2001n),
  },
  {
    name: 'vmcs12_pa beyond the address width',
    reason: 'VMX_VMCS12_PA_ILLEGAL',
    change: (view, vcpu) => write(view, VMX_HEADER.vmcs12_pa, beyond(vcpu)),
  },
  {
    name: 'vmcs12 without an address',
    reason: 'VMX_VMCS12_PA_MISSING',
    change: (view) => write(view, VMX_HEADER.vmcs12_pa, NO_ADDRESS),
  },
  {
    name: 'another revision id',
    reason: 'VMX_VMCS12_REVISION_UNKNOWN',
    change: (view) => write(view, VMCS12.revision_id, VMCS12_REVISION + 1),
  },
  {
    name: 'shadow VMCS linked with size 4224',
    reason: 'VMX_SIZE_BELOW_SHADOW_VMCS12',
    from: () => vmxShadow({ size: VMX_CURRENT_BYTES }),
    length: VMX_CURRENT_BYTES,
  },
  {
    name: 'another shadow revision id',
    reason: 'VMX_SHADOW_REVISION_UNKNOWN',
    from: vmxShadow,
    change: (view) => write(view, SHADOW_VMCS12.revision_id, 0x8000_0000),
  },
  {
    name: 'no shadow-VMCS indicator',
    reason: 'VMX_SHADOW_INDICATOR_CLEAR',
    from: vmxShadow,
    change: (view) => write(view, SHADOW_VMCS12.revision_id, VMCS12_REVISION),
  },
  {
    name: 'pin-based controls without a bit that must be 1',
    reason: 'VMX_PIN_CONTROLS_UNSUPPORTED',
    change: clearBits(VMCS12.pin_based_vm_exec_control, 1 << 2),
  },
  {
    name: 'a pin-based control that the vCPU lacks',
    reason: 'VMX_PIN_CONTROLS_UNSUPPORTED',
    change: pin(1 << 8),
  },
  {
    name: 'processor-based controls all 0',
    reason: 'VMX_PROC_CONTROLS_UNSUPPORTED',
    change: set(VMCS12.cpu_based_vm_exec_control, 0),
  },
  {
    name: 'a secondary control that the vCPU lacks',
    reason: 'VMX_SECONDARY_CONTROLS_UNSUPPORTED',
    change: secondary(1 << 26),
  },
  {
    name: 'one CR3 target',
    reason: 'VMX_CR3_TARGET_COUNT_UNSUPPORTED',
    change: set(VMCS12.cr3_target_count, 1),
  },
  {
    name: 'I/O bitmap A unaligned',
    reason: 'VMX_IO_BITMAP_A_ILLEGAL',
    change: set(VMCS12.io_bitmap_a, 0x6001n),
  },
  {
    name: 'I/O bitmap B beyond the address width',
    reason: 'VMX_IO_BITMAP_B_ILLEGAL',
    change: (view, vcpu) => write(view, VMCS12.io_bitmap_b, beyond(vcpu)),
  },
  { name: 'MSR bitmap unaligned', reason: 'VMX_MSR_BITMAP_ILLEGAL', change: set(VMCS12.msr_bitmap, 0x8800n) },
  {
    name: 'virtual-APIC page unaligned',
    reason: 'VMX_VIRTUAL_APIC_PAGE_ILLEGAL',
    change: set(VMCS12.virtual_apic_page_addr, 0x9010n),
  },
  {
    name: 'APIC-access page unaligned',
    reason: 'VMX_APIC_ACCESS_PAGE_ILLEGAL',
    change: all(secondary(1 << 0), set(VMCS12.apic_access_addr, 0xa001n)),
  },
  {
    name: 'virtual x2APIC mode and virtual APIC accesses',
    reason: 'VMX_X2APIC_MODE_WITH_APIC_ACCESSES',
    change: secondary((1 << 4) | (1 << 0)),
  },
  {
    name: 'virtual-interrupt delivery without interrupt exiting',
    reason: 'VMX_INTERRUPT_DELIVERY_WITHOUT_INTERRUPT_EXITING',
    change: all(secondary(1 << 9), clearBits(VMCS12.pin_based_vm_exec_control, 1)),
  },
  {
    name: 'posted interrupts without virtual-interrupt delivery',
    reason: 'VMX_POSTED_INTERRUPTS_WITHOUT_INTERRUPT_DELIVERY',
    change: all(posted, clearBits(VMCS12.secondary_vm_exec_control, 1 << 9)),
  },
  {
    name: 'posted interrupts without interrupts acknowledged',
    reason: 'VMX_POSTED_INTERRUPTS_WITHOUT_ACKNOWLEDGE',
    change: all(posted, clearBits(VMCS12.vm_exit_controls, 1 << 15)),
  },
  {
    name: 'notification vector 100h',
    reason: 'VMX_POSTED_INTERRUPT_VECTOR_ILLEGAL',
    change: all(posted, set(VMCS12.posted_intr_nv, 0x100)),
  },
  {
    name: 'posted-interrupt descriptor at a020h',
    reason: 'VMX_POSTED_INTERRUPT_DESCRIPTOR_ILLEGAL',
    change: all(posted, set(VMCS12.posted_intr_desc_addr, 0xa020n)),
  },
  {
    name: 'posted-interrupt descriptor beyond the address width',
    reason: 'VMX_POSTED_INTERRUPT_DESCRIPTOR_ILLEGAL',
    change: all(posted, (view, vcpu) => write(view, VMCS12.posted_intr_desc_addr, beyond(vcpu))),
  },
  {
    name: 'posted interrupts without TPR shadow',
    reason: 'VMX_APICV_WITHOUT_TPR_SHADOW',
    change: all(posted, clearBits(VMCS12.cpu_based_vm_exec_control, 1 << 21)),
  },
  {
    name: 'APIC-register virtualization without TPR shadow',
    reason: 'VMX_APICV_WITHOUT_TPR_SHADOW',
    change: all(secondary(1 << 8), clearBits(VMCS12.cpu_based_vm_exec_control, 1 << 21)),
  },
  {
    name: 'virtual NMIs without NMI exiting',
    reason: 'VMX_VIRTUAL_NMIS_WITHOUT_NMI_EXITING',
    change: clearBits(VMCS12.pin_based_vm_exec_control, 1 << 3),
  },
  {
    name: 'NMI-window exiting without virtual NMIs',
    reason: 'VMX_NMI_WINDOW_WITHOUT_VIRTUAL_NMIS',
    change: all(
      clearBits(VMCS12.pin_based_vm_exec_control, 1 << 5),
      setBits(VMCS12.cpu_based_vm_exec_control, 1 << 22),
    ),
  },
  { name: 'PML without EPT', reason: 'VMX_PML_WITHOUT_EPT', change: all(secondary(1 << 17), ept) },
  {
    name: 'PML page unaligned',
    reason: 'VMX_PML_PAGE_ILLEGAL',
    change: all(secondary(1 << 17), set(VMCS12.pml_address, 0xb001n)),
  },
  {
    name: 'unrestricted guest without EPT',
    reason: 'VMX_UNRESTRICTED_GUEST_WITHOUT_EPT',
    change: all(secondary(1 << 7), ept),
  },
  {
    name: 'mode-based execute control without EPT',
    reason: 'VMX_MODE_BASED_EPT_WITHOUT_EPT',
    change: all(secondary(1 << 22), ept),
  },
  {
    name: 'VMREAD bitmap unaligned',
    reason: 'VMX_VMREAD_BITMAP_ILLEGAL',
    from: vmxShadow,
    change: set(VMCS12.vmread_bitmap, 1n),
  },
  {
    name: 'VMWRITE bitmap beyond the address width',
    reason: 'VMX_VMWRITE_BITMAP_ILLEGAL',
    from: vmxShadow,
    change: (view, vcpu) => write(view, VMCS12.vmwrite_bitmap, beyond(vcpu)),
  },
  { name: 'VPID 0', reason: 'VMX_VPID_ZERO', change: set(VMCS12.virtual_processor_id, 0) },
  {
    name: 'the preemption timer saved, and off',
    reason: 'VMX_PREEMPTION_TIMER_SAVED_BUT_OFF',
    change: exit(1 << 22),
  },
  {
    name: 'EPT pointer uncacheable, which the vCPU lacks',
    reason: 'VMX_EPTP_MEMORY_TYPE_UNSUPPORTED',
    change: set(VMCS12.ept_pointer, 0xc018n),
  },
  {
    name: 'EPT pointer of memory type 1',
    reason: 'VMX_EPTP_MEMORY_TYPE_UNSUPPORTED',
    change: set(VMCS12.ept_pointer, 0xc019n),
  },
  {
    name: 'EPT of 5 levels, which the vCPU lacks',
    reason: 'VMX_EPTP_WALK_LENGTH_UNSUPPORTED',
    change: set(VMCS12.ept_pointer, 0xc026n),
  },
  {
    name: 'EPT of 3 levels',
    reason: 'VMX_EPTP_WALK_LENGTH_UNSUPPORTED',
    change: set(VMCS12.ept_pointer, 0xc016n),
  },
  { name: 'EPT pointer bit 7', reason: 'VMX_EPTP_ILLEGAL', change: set(VMCS12.ept_pointer, 0xc09en) },
  {
    name: 'EPT pointer beyond the address width',
    reason: 'VMX_EPTP_ILLEGAL',
    change: (view, vcpu) => write(view, VMCS12.ept_pointer, beyond(vcpu) | 0x1en),
  },
  {
    name: 'accessed and dirty flags, which the vCPU lacks',
    reason: 'VMX_EPTP_ACCESSED_DIRTY_UNSUPPORTED',
    change: set(VMCS12.ept_pointer, 0xc05en),
  },
  {
    name: 'VM function 1',
    reason: 'VMX_VMFUNC_UNSUPPORTED',
    change: all(secondary(1 << 13), set(VMCS12.vm_function_control, 2n)),
  },
  {
    name: 'EPTP switching without EPT',
    reason: 'VMX_EPTP_SWITCHING_WITHOUT_EPT',
    change: all(secondary(1 << 13), set(VMCS12.vm_function_control, 1n), ept),
  },
  {
    name: 'EPTP list unaligned',
    reason: 'VMX_EPTP_LIST_ILLEGAL',
    change: all(
      secondary(1 << 13),
      set(VMCS12.vm_function_control, 1n),
      set(VMCS12.eptp_list_address, 0xd008n),
    ),
  },
  { name: 'TSC scaling by 0', reason: 'VMX_TSC_MULTIPLIER_ZERO', change: secondary(1 << 25) },
  {
    name: 'VM-exit controls all 0',
    reason: 'VMX_EXIT_CONTROLS_UNSUPPORTED',
    change: set(VMCS12.vm_exit_controls, 0),
  },
  {
    name: '513 MSRs to load at VM exits',
    reason: 'VMX_EXIT_MSR_LOAD_COUNT_UNSUPPORTED',
    change: set(VMCS12.vm_exit_msr_load_count, 513),
  },
  {
    name: 'VM-exit MSR-load list at 8',
    reason: 'VMX_EXIT_MSR_LOAD_ILLEGAL',
    change: all(set(VMCS12.vm_exit_msr_load_count, 1), set(VMCS12.vm_exit_msr_load_addr, 8n)),
  },
  {
    name: '513 MSRs to store at VM exits',
    reason: 'VMX_EXIT_MSR_STORE_COUNT_UNSUPPORTED',
    change: set(VMCS12.vm_exit_msr_store_count, 513),
  },
  {
    name: 'VM-exit MSR-store list beyond the address width',
    reason: 'VMX_EXIT_MSR_STORE_ILLEGAL',
    change: all(set(VMCS12.vm_exit_msr_store_count, 1), (view, vcpu) =>
      write(view, VMCS12.vm_exit_msr_store_addr, beyond(vcpu)),
    ),
  },
  {
    name: 'VM-entry to SMM',
    reason: 'VMX_ENTRY_CONTROLS_UNSUPPORTED',
    change: set(VMCS12.vm_entry_controls, 0x0000_1ffb),
  },
  { name: 'an event of type 1', reason: 'VMX_EVENT_TYPE_RESERVED', change: event(0x8000_0120) },
  {
    name: 'a pending MTF VM exit, which the vCPU lacks',
    reason: 'VMX_EVENT_MTF_UNSUPPORTED',
    change: event(0x8000_0700),
    vcpu: withMsr(0x48e, 0xf7f9_fffe_0400_6172n),
  },
  { name: 'an NMI of vector 3', reason: 'VMX_EVENT_VECTOR_ILLEGAL', change: event(0x8000_0203) },
  { name: 'an exception of vector 32', reason: 'VMX_EVENT_VECTOR_ILLEGAL', change: event(0x8000_0320) },
  { name: 'an event of type 7 and vector 1', reason: 'VMX_EVENT_VECTOR_ILLEGAL', change: event(0x8000_0701) },
  {
    name: 'an interrupt with an error code',
    reason: 'VMX_EVENT_ERROR_CODE_ILLEGAL',
    change: event(0x8000_0820),
  },
  {
    name: 'an exception with an error code in real mode',
    reason: 'VMX_EVENT_ERROR_CODE_ILLEGAL',
    change: all(event(0x8000_0b0d), secondary(1 << 7), set(VMCS12.guest_cr0, 0x20n)),
  },
  {
    name: '#UD with an error code',
    reason: 'VMX_EVENT_ERROR_CODE_MISMATCH',
    change: event(0x8000_0b06),
  },
  {
    name: '#PF without an error code',
    reason: 'VMX_EVENT_ERROR_CODE_MISMATCH',
    change: event(0x8000_030e),
  },
  { name: '#CP with an error code', reason: 'VMX_EVENT_CP_WITH_ERROR_CODE', change: event(0x8000_0b15) },
  {
    name: '#CP without an error code',
    reason: 'VMX_EVENT_CP_WITHOUT_ERROR_CODE',
    change: event(0x8000_0315),
  },
  {
    name: '#PF with the error code 10000h',
    reason: 'VMX_EVENT_ERROR_CODE_HIGH_BITS',
    change: all(event(0x8000_0b0e), set(VMCS12.vm_entry_exception_error_code, 0x1_0000)),
  },
  {
    name: 'an event with bit 12 set',
    reason: 'VMX_EVENT_RESERVED_BITS',
    change: event(0x8000_1020),
  },
  {
    name: 'a software interrupt of 16 bytes',
    reason: 'VMX_EVENT_INSTRUCTION_LENGTH_ILLEGAL',
    change: all(event(0x8000_0480), set(VMCS12.vm_entry_instruction_len, 16)),
  },
  {
    name: 'a software exception of 0 bytes',
    reason: 'VMX_EVENT_INSTRUCTION_LENGTH_ZERO',
    change: event(0x8000_0603),
  },
  {
    name: '513 MSRs to load at VM entries',
    reason: 'VMX_ENTRY_MSR_LOAD_COUNT_UNSUPPORTED',
    change: set(VMCS12.vm_entry_msr_load_count, 513),
  },
  {
    name: 'VM-entry MSR-load list that ends beyond the address width',
    reason: 'VMX_ENTRY_MSR_LOAD_ILLEGAL',
    change: all(set(VMCS12.vm_entry_msr_load_count, 2), (view, vcpu) =>
      write(view, VMCS12.vm_entry_msr_load_addr, beyond(vcpu) - 16n),
    ),
  },
  {
    name: 'L1 CR0.PG clear',
    reason: 'VMX_HOST_CR0_UNSUPPORTED',
    change: set(VMCS12.host_cr0, 0x0001_0033n),
  },
  { name: 'L1 CR4.VMXE clear', reason: 'VMX_HOST_CR4_UNSUPPORTED', change: set(VMCS12.host_cr4, 0x20n) },
  { name: 'L1 CR4.SMXE set', reason: 'VMX_HOST_CR4_RESERVED', change: set(VMCS12.host_cr4, 0x6020n) },
  {
    name: 'L1 CR3 beyond the address width',
    reason: 'VMX_HOST_CR3_ILLEGAL',
    change: (view, vcpu) => write(view, VMCS12.host_cr3, beyond(vcpu)),
  },
  {
    name: 'L1 CR3 with LAM without CPUID',
    reason: 'VMX_HOST_CR3_ILLEGAL',
    change: set(VMCS12.host_cr3, (1n << 62n) | 0x1000n),
  },
  {
    name: 'L1 CR4.CET set and CR0.WP clear',
    reason: 'VMX_HOST_CET_WITHOUT_WP',
    change: all(set(VMCS12.host_cr4, 0x80_2020n), set(VMCS12.host_cr0, 0x8000_0033n)),
    vcpu: CET_VCPU,
  },
  {
    name: 'L1 IA32_SYSENTER_ESP not canonical',
    reason: 'VMX_HOST_SYSENTER_ESP_NONCANONICAL',
    change: set(VMCS12.host_ia32_sysenter_esp, NOWHERE_CANONICAL),
  },
  {
    name: 'L1 IA32_SYSENTER_EIP not canonical',
    reason: 'VMX_HOST_SYSENTER_EIP_NONCANONICAL',
    change: set(VMCS12.host_ia32_sysenter_eip, NOWHERE_CANONICAL),
  },
  {
    name: 'L1 PAT with memory type 2',
    reason: 'VMX_HOST_PAT_INVALID',
    change: all(exit(1 << 19), set(VMCS12.host_ia32_pat, 2n)),
  },
  {
    name: 'L1 PAT with memory type 8',
    reason: 'VMX_HOST_PAT_INVALID',
    change: all(exit(1 << 19), set(VMCS12.host_ia32_pat, 8n << 56n)),
  },
  {
    name: 'L1 enables a ninth counter',
    reason: 'VMX_HOST_PERF_GLOBAL_CTRL_UNSUPPORTED',
    change: all(exit(1 << 12), set(VMCS12.host_ia32_perf_global_ctrl, 0x100n)),
  },
  {
    name: 'L1 CR4.PAE clear',
    reason: 'VMX_HOST_64_BIT_WITHOUT_PAE',
    change: set(VMCS12.host_cr4, 0x2000n),
  },
  {
    name: 'L1 out of 64-bit mode, L2 in it',
    reason: 'VMX_HOST_32_BIT_GUEST_64_BIT',
    change: all(to32Bit, entry(1 << 9)),
  },
  {
    name: 'L1 out of 64-bit mode with CR4.PCIDE',
    reason: 'VMX_HOST_32_BIT_WITH_PCIDE',
    change: all(to32Bit, set(VMCS12.host_cr4, 0x2_2020n)),
  },
  {
    name: 'L1 out of 64-bit mode with RIP above 4 GiB',
    reason: 'VMX_HOST_32_BIT_RIP_TOO_HIGH',
    change: all(to32Bit, set(VMCS12.host_rip, 1n << 32n)),
  },
  ...(['cs', 'ss', 'ds', 'es', 'fs', 'gs', 'tr'] as const).map((name): RuleCase => {
    const upper = name.toUpperCase() as Uppercase<typeof name>;
    return {
      name: `L1 ${upper} selector with TI`,
      reason: `VMX_HOST_${upper}_SELECTOR_LOW_BITS`,
      change: set(VMCS12[`host_${name}_selector`], 0x1c),
    };
  }),
  {
    name: 'L1 CS selector 0',
    reason: 'VMX_HOST_CS_SELECTOR_ZERO',
    change: set(VMCS12.host_cs_selector, 0),
  },
  {
    name: 'L1 TR selector 0',
    reason: 'VMX_HOST_TR_SELECTOR_ZERO',
    change: set(VMCS12.host_tr_selector, 0),
  },
  {
    name: 'L1 out of 64-bit mode with SS selector 0',
    reason: 'VMX_HOST_SS_SELECTOR_ZERO',
    change: all(to32Bit, set(VMCS12.host_ss_selector, 0)),
  },
  ...(['fs', 'gs', 'gdtr', 'idtr', 'tr'] as const).map((name): RuleCase => {
    const upper = name.toUpperCase() as Uppercase<typeof name>;
    return {
      name: `L1 ${upper} base not canonical`,
      reason: `VMX_HOST_${upper}_BASE_NONCANONICAL`,
      change: set(VMCS12[`host_${name}_base`], NOWHERE_CANONICAL),
    };
  }),
  {
    name: 'L1 RIP not canonical',
    reason: 'VMX_HOST_RIP_NONCANONICAL',
    change: set(VMCS12.host_rip, NOWHERE_CANONICAL),
  },
  {
    name: 'L1 GDTR base in 57 bits',
    reason: 'VMX_HOST_ADDRESS_NEEDS_LA57',
    change: set(VMCS12.host_gdtr_base, IN_57_BITS),
  },
  {
    name: 'L1 RIP in 57 bits, and its LA57 clear',
    reason: 'VMX_HOST_RIP_NEEDS_HOST_LA57',
    change: set(VMCS12.host_rip, IN_57_BITS),
  },
  {
    name: 'L1 EFER bit 9',
    reason: 'VMX_HOST_EFER_RESERVED_BITS',
    change: all(exit(1 << 21), set(VMCS12.host_ia32_efer, 0x700n)),
  },
  {
    name: 'L1 EFER.NXE without CPUID',
    reason: 'VMX_HOST_EFER_UNSUPPORTED',
    change: all(exit(1 << 21), set(VMCS12.host_ia32_efer, 0xd00n)),
    vcpu: { hasNx: false },
  },
  {
    name: 'L1 EFER.LMA without CPUID',
    reason: 'VMX_HOST_EFER_UNSUPPORTED',
    change: all(exit(1 << 21), set(VMCS12.host_ia32_efer, 0x500n)),
    vcpu: { hasLongMode: false },
  },
  {
    name: 'L1 EFER.LMA clear in 64-bit mode',
    reason: 'VMX_HOST_EFER_LMA_MISMATCH',
    change: all(exit(1 << 21), set(VMCS12.host_ia32_efer, 0x100n)),
  },
  {
    name: 'L1 EFER.LME set out of 64-bit mode',
    reason: 'VMX_HOST_EFER_LME_MISMATCH',
    change: all(to32Bit, exit(1 << 21), set(VMCS12.host_ia32_efer, 0x100n)),
  },
  {
    name: 'L1 shadow stacks without CPUID',
    reason: 'VMX_HOST_CET_INVALID',
    change: all(exit(1 << 28), set(VMCS12.host_s_cet, 1n)),
  },
  {
    name: 'L1 SSP unaligned',
    reason: 'VMX_HOST_CET_INVALID',
    change: all(exit(1 << 28), set(VMCS12.host_ssp, 2n)),
  },
  {
    name: 'L1 interrupt-SSP table not canonical',
    reason: 'VMX_HOST_CET_INVALID',
    change: all(exit(1 << 28), set(VMCS12.host_ssp_tbl, NOWHERE_CANONICAL)),
  },
  {
    name: 'L1 SSP not canonical',
    reason: 'VMX_HOST_CET_ADDRESS_ILLEGAL',
    change: all(exit(1 << 28), set(VMCS12.host_ssp, NOWHERE_CANONICAL)),
  },
  {
    name: 'L1 out of 64-bit mode with SSP above 4 GiB',
    reason: 'VMX_HOST_CET_ADDRESS_ILLEGAL',
    change: all(to32Bit, exit(1 << 28), set(VMCS12.host_ssp, 1n << 32n)),
  },
  {
    name: 'L2 CR0.PG clear without unrestricted guest',
    reason: 'VMX_GUEST_CR0_UNSUPPORTED',
    change: set(VMCS12.guest_cr0, 0x0001_0033n),
  },
  { name: 'L2 CR4.VMXE clear', reason: 'VMX_GUEST_CR4_UNSUPPORTED', change: set(VMCS12.guest_cr4, 0x20n) },
  { name: 'L2 CR4.SMXE set', reason: 'VMX_GUEST_CR4_RESERVED', change: set(VMCS12.guest_cr4, 0x6020n) },
  {
    name: 'L2 CR4.CET set and CR0.WP clear',
    reason: 'VMX_GUEST_CET_WITHOUT_WP',
    change: all(set(VMCS12.guest_cr4, 0x80_2020n), set(VMCS12.guest_cr0, 0x8000_0033n)),
    vcpu: CET_VCPU,
  },
  {
    name: 'L2 DR7 bit 32',
    reason: 'VMX_GUEST_DR7_HIGH_BITS',
    change: all(entry(1 << 2), set(VMCS12.guest_dr7, 1n << 32n)),
  },
  {
    name: 'L2 IA32_DEBUGCTL.BTS',
    reason: 'VMX_GUEST_DEBUGCTL_UNSUPPORTED',
    change: all(entry(1 << 2), set(VMCS12.guest_ia32_debugctl, 1n << 7n)),
  },
  {
    name: 'L2 IA32_DEBUGCTL.FREEZE_WHILE_SMM',
    reason: 'VMX_GUEST_DEBUGCTL_FREEZE_IN_SMM',
    change: all(entry(1 << 2), set(VMCS12.guest_ia32_debugctl, 1n << 14n)),
  },
  {
    name: 'L2 PAT with memory type 3',
    reason: 'VMX_GUEST_PAT_INVALID',
    change: all(entry(1 << 14), set(VMCS12.guest_ia32_pat, 3n << 8n)),
  },
  {
    name: 'link pointer unaligned',
    reason: 'VMX_LINK_POINTER_ILLEGAL',
    change: set(VMCS12.vmcs_link_pointer, 0x5001n),
  },
  {
    name: 'link pointer to no memory',
    reason: 'VMX_LINK_POINTER_UNBACKED',
    change: set(VMCS12.vmcs_link_pointer, 0x7000n),
    vcpu: { readGuest: memoryWith(VMCS12_REVISION) },
  },
  {
    name: 'link pointer to zeroes',
    reason: 'VMX_LINK_REVISION_UNKNOWN',
    from: vmxShadow,
    vcpu: { readGuest: memoryWith(0x8000_0000) },
  },
  {
    name: 'shadow VMCS whose memory has no shadow-VMCS indicator',
    reason: 'VMX_LINK_SHADOW_INDICATOR_MISMATCH',
    from: vmxShadow,
    vcpu: { readGuest: memoryWith(VMCS12_REVISION) },
  },
  {
    name: 'link pointer to a shadow VMCS without VMCS shadowing',
    reason: 'VMX_LINK_SHADOW_INDICATOR_MISMATCH',
    change: set(VMCS12.vmcs_link_pointer, 0x5000n),
    vcpu: { readGuest: memoryWith(SHADOW_HEADER) },
  },
  {
    name: 'L2 enables a fourth fixed counter',
    reason: 'VMX_GUEST_PERF_GLOBAL_CTRL_UNSUPPORTED',
    change: all(entry(1 << 13), set(VMCS12.guest_ia32_perf_global_ctrl, 1n << 35n)),
  },
  {
    name: 'L2 CR0.PG without PE, unrestricted',
    reason: 'VMX_GUEST_PAGING_WITHOUT_PROTECTION',
    change: all(secondary(1 << 7), set(VMCS12.guest_cr0, 0x8001_0032n)),
  },
  {
    name: 'L2 CR4.PAE clear in 64-bit mode',
    reason: 'VMX_GUEST_64_BIT_WITHOUT_PAE',
    change: set(VMCS12.guest_cr4, 0x2000n),
  },
  {
    name: 'L2 CR0.PG clear in 64-bit mode, unrestricted',
    reason: 'VMX_GUEST_64_BIT_WITHOUT_PAGING',
    change: all(secondary(1 << 7), set(VMCS12.guest_cr0, 0x0001_0033n)),
  },
  {
    name: 'L2 EFER bit 9',
    reason: 'VMX_GUEST_EFER_RESERVED_BITS',
    change: all(pending, entry(1 << 15), set(VMCS12.guest_ia32_efer, 0x700n)),
  },
  {
    name: 'L2 EFER.NXE without CPUID',
    reason: 'VMX_GUEST_EFER_UNSUPPORTED',
    change: all(pending, entry(1 << 15), set(VMCS12.guest_ia32_efer, 0xd00n)),
    vcpu: { hasNx: false },
  },
  {
    name: 'L2 EFER.LMA clear in 64-bit mode',
    reason: 'VMX_GUEST_EFER_LMA_MISMATCH',
    change: all(pending, entry(1 << 15), set(VMCS12.guest_ia32_efer, 0x100n)),
  },
  {
    name: 'L2 EFER.LME clear in 64-bit mode',
    reason: 'VMX_GUEST_EFER_LME_MISMATCH',
    change: all(pending, entry(1 << 15), set(VMCS12.guest_ia32_efer, 0x400n)),
  },
  {
    name: 'L2 IA32_BNDCFGS base not canonical',
    reason: 'VMX_GUEST_BNDCFGS_NONCANONICAL',
    change: all(entry(1 << 16), set(VMCS12.guest_bndcfgs, NOWHERE_CANONICAL)),
  },
  {
    name: 'L2 IA32_BNDCFGS base in 57 bits',
    reason: 'VMX_GUEST_BNDCFGS_NEEDS_LA57',
    change: all(entry(1 << 16), set(VMCS12.guest_bndcfgs, IN_57_BITS)),
  },
  {
    name: 'L2 IA32_BNDCFGS bit 2',
    reason: 'VMX_GUEST_BNDCFGS_RESERVED_BITS',
    change: all(entry(1 << 16), set(VMCS12.guest_bndcfgs, 4n)),
  },
  {
    name: 'L2 indirect branch tracking without CPUID',
    reason: 'VMX_GUEST_CET_INVALID',
    change: all(entry(1 << 20), set(VMCS12.guest_s_cet, 4n)),
  },
  {
    name: 'L2 S_CET with SUPPRESS and WAIT_ENDBR',
    reason: 'VMX_GUEST_CET_INVALID',
    change: all(entry(1 << 20), set(VMCS12.guest_s_cet, 0xc00n)),
    vcpu: { hasIbt: true },
  },
  {
    name: 'L2 SSP too high',
    reason: 'VMX_GUEST_SSP_ILLEGAL',
    change: all(entry(1 << 20), set(VMCS12.guest_ssp, 1n << 57n)),
  },
  {
    name: 'activity state shutdown',
    reason: 'VMX_GUEST_ACTIVITY_STATE_ILLEGAL',
    change: set(VMCS12.guest_activity_state, 2),
  },
  {
    name: 'activity state 4',
    reason: 'VMX_GUEST_ACTIVITY_STATE_ILLEGAL',
    change: set(VMCS12.guest_activity_state, 4),
  },
  {
    name: 'L2 CR3 beyond the address width',
    reason: 'VMX_GUEST_CR3_ILLEGAL',
    change: (view, vcpu) => write(view, VMCS12.guest_cr3, beyond(vcpu)),
  },
  {
    name: 'L2 CR3 with LAM without CPUID',
    reason: 'VMX_GUEST_CR3_ILLEGAL',
    change: set(VMCS12.guest_cr3, 1n << 61n),
  },
];
