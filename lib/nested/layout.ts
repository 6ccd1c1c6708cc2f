// The bytes of struct kvm_nested_state as tables: sizes, flag bits, and where every field lies.
// Everything that reads or writes nested state (codec, describe, rules, compare) goes through these tables.
//
// Sources: Linux arch/x86/include/uapi/asm/kvm.h (the header), AMD APM volume 2 appendix B (the VMCB) and
// arch/x86/kvm/vmx/vmcs12.h (the VMCS12; its offsets are frozen there by build-time checks). Offsets in a
// table are those of the source, relative to its structure; a Field carries the offset from the blob's start.

/** Bytes of the header, struct kvm_nested_state without its data. */
export const HEADER_BYTES = 128;
/** Bytes of one vmcb12, one vmcs12 or one shadow vmcs12 in the data after the header. */
export const PAGE_BYTES = 4096;
/** Size of an SVM state in guest mode: header and vmcb12. */
export const SVM_GUEST_BYTES = HEADER_BYTES + PAGE_BYTES;
/** Size of a VMX state with a current VMCS: header and vmcs12. */
export const VMX_CURRENT_BYTES = HEADER_BYTES + PAGE_BYTES;
/** Size of a VMX state whose L2 has a shadow VMCS linked: header, vmcs12 and shadow vmcs12. */
export const VMX_SHADOW_BYTES = HEADER_BYTES + 2 * PAGE_BYTES;
/**
 * Smallest buffer that may be handed to KVM_GET_NESTED_STATE: the kernel writes past smaller ones (SVM writes
 * 4224 bytes before it reports E2BIG, VMX copies a shadow vmcs12 that it did not count).
 */
export const MIN_BUFFER_BYTES = VMX_SHADOW_BYTES;

/** Bytes of the kernel's own struct vmcs12: all that SET copies of a vmcs12, and all that `size` must cover. */
export const VMCS12_STRUCT_BYTES = 998;
/** The one revision id (31 bits) that KVM accepts in a vmcs12. */
export const VMCS12_REVISION = 0x11e5_7ed0;
/** An address field that means "none": vmxon_pa, vmcs12_pa, vmcs_link_pointer. */
export const NO_ADDRESS = 0xffff_ffff_ffff_ffffn;

/** `format` in the header: which vendor's data follows. */
export const FORMAT = { VMX: 0, SVM: 1 } as const;
export type NestedFormat = keyof typeof FORMAT;

/** `flags` in the header. */
export const FLAG = {
  GUEST_MODE: 0x1,
  RUN_PENDING: 0x2,
  EVMCS: 0x4,
  MTF_PENDING: 0x8,
  GIF_SET: 0x100,
} as const;
export type FlagName = keyof typeof FLAG;
export const KNOWN_FLAGS = 0x10f;

/** `hdr.vmx.smm.flags`: what VMX was doing when the vCPU entered SMM. */
export const SMM_FLAG = { SMM_GUEST_MODE: 0x1, SMM_VMXON: 0x2 } as const;
export type SmmFlagName = keyof typeof SMM_FLAG;
export const KNOWN_SMM_FLAGS = 0x3;

/** `hdr.vmx.flags`. */
export const VMX_HEADER_FLAG = { PREEMPTION_TIMER_DEADLINE: 0x1 } as const;
export type VmxHeaderFlagName = keyof typeof VMX_HEADER_FLAG;
export const KNOWN_VMX_HEADER_FLAGS = 0x1;

// ---------------------------------------------------------------------------------------------------------
// Fields

/** u8, u16 and u32 are read as number, u64 as bigint; `bytes` is a stretch that nothing here interprets. */
export type FieldType = 'u8' | 'u16' | 'u32' | 'u64' | 'bytes';

export interface Field<T extends FieldType = FieldType> {
  /** Dotted name, as in rule violations: `hdr.svm.vmcb_pa`, `vmcb12.control.asid`. */
  readonly path: string;
  readonly type: T;
  /** Bytes from the start of the blob. */
  readonly offset: number;
  /** Length in bytes. */
  readonly bytes: number;
}

/** One row of a layout: type, offset within its structure, and the length if the type does not say it. */
type Row = readonly [type: FieldType, offset: number, bytes?: number];
type Fields<T extends Readonly<Record<string, Row>>> = { readonly [K in keyof T]: Field<T[K][0]> };

const TYPE_BYTES = { u8: 1, u16: 2, u32: 4, u64: 8, bytes: 0 } as const;

/** Turns a table of rows into Fields, whose offsets count from the start of the blob. */
function layout<const T extends Readonly<Record<string, Row>>>(
  prefix: string,
  base: number,
  rows: T,
): Fields<T> {
  const fields: Record<string, Field> = {};
  for (const [name, [type, offset, bytes]] of Object.entries(rows)) {
    fields[name] = { path: prefix + name, type, offset: base + offset, bytes: bytes ?? TYPE_BYTES[type] };
  }
  return fields as Fields<T>;
}

/** The four rows of one VMCB segment register (APM table B-2): 16 bytes. */
function segment<const N extends string>(name: N, offset: number) {
  return {
    [`${name}.selector`]: ['u16', offset],
    [`${name}.attrib`]: ['u16', offset + 2],
    [`${name}.limit`]: ['u32', offset + 4],
    [`${name}.base`]: ['u64', offset + 8],
  } as { readonly [K in `${N}.${'selector' | 'attrib'}`]: readonly ['u16', number] } & {
    readonly [K in `${N}.limit`]: readonly ['u32', number];
  } & { readonly [K in `${N}.base`]: readonly ['u64', number] };
}

// ---------------------------------------------------------------------------------------------------------
// Header

export const HEADER = layout('', 0, {
  flags: ['u16', 0],
  format: ['u16', 2],
  size: ['u32', 4],
});

export const SVM_HEADER = layout('hdr.svm.', 0, {
  vmcb_pa: ['u64', 8],
  gpat: ['u64', 16], // since 2026; zero and ignored before
});

export const VMX_HEADER = layout('hdr.vmx.', 0, {
  vmxon_pa: ['u64', 8],
  vmcs12_pa: ['u64', 16],
  'smm.flags': ['u16', 24],
  pad: ['u16', 26],
  flags: ['u32', 28],
  preemption_timer_deadline: ['u64', 32],
});

// ---------------------------------------------------------------------------------------------------------
// vmcb12, the data of an SVM state. The control area is what L1 wrote; the save area is L1's own (host) state
// from before VMRUN, not L2's, whose registers travel with the vCPU.

export const VMCB12_CONTROL = layout('vmcb12.control.', HEADER_BYTES, {
  intercept_cr: ['u32', 0x000],
  intercept_dr: ['u32', 0x004],
  intercept_exceptions: ['u32', 0x008],
  intercept_misc1: ['u32', 0x00c],
  intercept_misc2: ['u32', 0x010],
  intercept_misc3: ['u32', 0x014],
  pause_filter_thresh: ['u16', 0x03c],
  pause_filter_count: ['u16', 0x03e],
  iopm_base_pa: ['u64', 0x040],
  msrpm_base_pa: ['u64', 0x048],
  tsc_offset: ['u64', 0x050],
  asid: ['u32', 0x058],
  tlb_ctl: ['u8', 0x05c],
  erap_ctl: ['u8', 0x05d],
  int_ctl: ['u32', 0x060],
  int_vector: ['u32', 0x064],
  int_state: ['u32', 0x068],
  exit_code: ['u64', 0x070],
  exit_info_1: ['u64', 0x078],
  exit_info_2: ['u64', 0x080],
  exit_int_info: ['u32', 0x088],
  exit_int_info_err: ['u32', 0x08c],
  nested_ctl: ['u64', 0x090],
  avic_vapic_bar: ['u64', 0x098],
  ghcb_gpa: ['u64', 0x0a0],
  event_inj: ['u32', 0x0a8],
  event_inj_err: ['u32', 0x0ac],
  nested_cr3: ['u64', 0x0b0],
  virt_ext: ['u64', 0x0b8],
  clean: ['u32', 0x0c0],
  next_rip: ['u64', 0x0c8],
  insn_len: ['u8', 0x0d0],
  insn_bytes: ['bytes', 0x0d1, 15],
  avic_backing_page: ['u64', 0x0e0],
  avic_logical_id: ['u64', 0x0f0],
  avic_physical_id: ['u64', 0x0f8],
  vmsa_pa: ['u64', 0x108],
  hyperv_enlightenments: ['bytes', 0x3e0, 32],
});

export const VMCB12_SAVE = layout('vmcb12.save.', HEADER_BYTES + 0x400, {
  ...segment('es', 0x000),
  ...segment('cs', 0x010),
  ...segment('ss', 0x020),
  ...segment('ds', 0x030),
  ...segment('fs', 0x040),
  ...segment('gs', 0x050),
  ...segment('gdtr', 0x060),
  ...segment('ldtr', 0x070),
  ...segment('idtr', 0x080),
  ...segment('tr', 0x090),
  cpl: ['u8', 0x0cb],
  efer: ['u64', 0x0d0],
  cr4: ['u64', 0x148],
  cr3: ['u64', 0x150],
  cr0: ['u64', 0x158],
  dr7: ['u64', 0x160],
  dr6: ['u64', 0x168],
  rflags: ['u64', 0x170],
  rip: ['u64', 0x178],
  rsp: ['u64', 0x1d8],
  s_cet: ['u64', 0x1e0],
  ssp: ['u64', 0x1e8],
  isst_addr: ['u64', 0x1f0],
  rax: ['u64', 0x1f8],
  star: ['u64', 0x200],
  lstar: ['u64', 0x208],
  cstar: ['u64', 0x210],
  sfmask: ['u64', 0x218],
  kernel_gs_base: ['u64', 0x220],
  sysenter_cs: ['u64', 0x228],
  sysenter_esp: ['u64', 0x230],
  sysenter_eip: ['u64', 0x238],
  cr2: ['u64', 0x240],
  g_pat: ['u64', 0x268],
  dbgctl: ['u64', 0x270],
  br_from: ['u64', 0x278],
  br_to: ['u64', 0x280],
  last_excp_from: ['u64', 0x288],
  last_excp_to: ['u64', 0x290],
  spec_ctrl: ['u32', 0x2e0],
});

// ---------------------------------------------------------------------------------------------------------
// vmcs12, the data of a VMX state. Here the guest_* fields are L2's state.

const VMCS12_ROWS = {
  revision_id: ['u32', 0], // bits 30:0; bit 31 marks a shadow VMCS
  abort: ['u32', 4],
  launch_state: ['u32', 8],
  io_bitmap_a: ['u64', 40],
  io_bitmap_b: ['u64', 48],
  msr_bitmap: ['u64', 56],
  vm_exit_msr_store_addr: ['u64', 64],
  vm_exit_msr_load_addr: ['u64', 72],
  vm_entry_msr_load_addr: ['u64', 80],
  tsc_offset: ['u64', 88],
  virtual_apic_page_addr: ['u64', 96],
  apic_access_addr: ['u64', 104],
  posted_intr_desc_addr: ['u64', 112],
  ept_pointer: ['u64', 120],
  eoi_exit_bitmap0: ['u64', 128],
  eoi_exit_bitmap1: ['u64', 136],
  eoi_exit_bitmap2: ['u64', 144],
  eoi_exit_bitmap3: ['u64', 152],
  xss_exit_bitmap: ['u64', 160],
  guest_physical_address: ['u64', 168],
  vmcs_link_pointer: ['u64', 176],
  guest_ia32_debugctl: ['u64', 184],
  guest_ia32_pat: ['u64', 192],
  guest_ia32_efer: ['u64', 200],
  guest_ia32_perf_global_ctrl: ['u64', 208],
  guest_pdptr0: ['u64', 216],
  guest_pdptr1: ['u64', 224],
  guest_pdptr2: ['u64', 232],
  guest_pdptr3: ['u64', 240],
  guest_bndcfgs: ['u64', 248],
  host_ia32_pat: ['u64', 256],
  host_ia32_efer: ['u64', 264],
  host_ia32_perf_global_ctrl: ['u64', 272],
  vmread_bitmap: ['u64', 280],
  vmwrite_bitmap: ['u64', 288],
  vm_function_control: ['u64', 296],
  eptp_list_address: ['u64', 304],
  pml_address: ['u64', 312],
  encls_exiting_bitmap: ['u64', 320],
  tsc_multiplier: ['u64', 328],
  cr0_guest_host_mask: ['u64', 344],
  cr4_guest_host_mask: ['u64', 352],
  cr0_read_shadow: ['u64', 360],
  cr4_read_shadow: ['u64', 368],
  exit_qualification: ['u64', 408],
  guest_linear_address: ['u64', 416],
  guest_cr0: ['u64', 424],
  guest_cr3: ['u64', 432],
  guest_cr4: ['u64', 440],
  guest_es_base: ['u64', 448],
  guest_cs_base: ['u64', 456],
  guest_ss_base: ['u64', 464],
  guest_ds_base: ['u64', 472],
  guest_fs_base: ['u64', 480],
  guest_gs_base: ['u64', 488],
  guest_ldtr_base: ['u64', 496],
  guest_tr_base: ['u64', 504],
  guest_gdtr_base: ['u64', 512],
  guest_idtr_base: ['u64', 520],
  guest_dr7: ['u64', 528],
  guest_rsp: ['u64', 536],
  guest_rip: ['u64', 544],
  guest_rflags: ['u64', 552],
  guest_pending_dbg_exceptions: ['u64', 560],
  guest_sysenter_esp: ['u64', 568],
  guest_sysenter_eip: ['u64', 576],
  host_cr0: ['u64', 584],
  host_cr3: ['u64', 592],
  host_cr4: ['u64', 600],
  host_fs_base: ['u64', 608],
  host_gs_base: ['u64', 616],
  host_tr_base: ['u64', 624],
  host_gdtr_base: ['u64', 632],
  host_idtr_base: ['u64', 640],
  host_ia32_sysenter_esp: ['u64', 648],
  host_ia32_sysenter_eip: ['u64', 656],
  host_rsp: ['u64', 664],
  host_rip: ['u64', 672],
  host_s_cet: ['u64', 680], // since 6.18, padding before
  host_ssp: ['u64', 688],
  host_ssp_tbl: ['u64', 696],
  guest_s_cet: ['u64', 704],
  guest_ssp: ['u64', 712],
  guest_ssp_tbl: ['u64', 720],
  pin_based_vm_exec_control: ['u32', 744],
  cpu_based_vm_exec_control: ['u32', 748],
  exception_bitmap: ['u32', 752],
  page_fault_error_code_mask: ['u32', 756],
  page_fault_error_code_match: ['u32', 760],
  cr3_target_count: ['u32', 764],
  vm_exit_controls: ['u32', 768],
  vm_exit_msr_store_count: ['u32', 772],
  vm_exit_msr_load_count: ['u32', 776],
  vm_entry_controls: ['u32', 780],
  vm_entry_msr_load_count: ['u32', 784],
  vm_entry_intr_info_field: ['u32', 788],
  vm_entry_exception_error_code: ['u32', 792],
  vm_entry_instruction_len: ['u32', 796],
  tpr_threshold: ['u32', 800],
  secondary_vm_exec_control: ['u32', 804],
  vm_instruction_error: ['u32', 808],
  vm_exit_reason: ['u32', 812],
  vm_exit_intr_info: ['u32', 816],
  vm_exit_intr_error_code: ['u32', 820],
  idt_vectoring_info_field: ['u32', 824],
  idt_vectoring_error_code: ['u32', 828],
  vm_exit_instruction_len: ['u32', 832],
  vmx_instruction_info: ['u32', 836],
  guest_es_limit: ['u32', 840],
  guest_cs_limit: ['u32', 844],
  guest_ss_limit: ['u32', 848],
  guest_ds_limit: ['u32', 852],
  guest_fs_limit: ['u32', 856],
  guest_gs_limit: ['u32', 860],
  guest_ldtr_limit: ['u32', 864],
  guest_tr_limit: ['u32', 868],
  guest_gdtr_limit: ['u32', 872],
  guest_idtr_limit: ['u32', 876],
  guest_es_ar_bytes: ['u32', 880],
  guest_cs_ar_bytes: ['u32', 884],
  guest_ss_ar_bytes: ['u32', 888],
  guest_ds_ar_bytes: ['u32', 892],
  guest_fs_ar_bytes: ['u32', 896],
  guest_gs_ar_bytes: ['u32', 900],
  guest_ldtr_ar_bytes: ['u32', 904],
  guest_tr_ar_bytes: ['u32', 908],
  guest_interruptibility_info: ['u32', 912],
  guest_activity_state: ['u32', 916],
  guest_sysenter_cs: ['u32', 920],
  host_ia32_sysenter_cs: ['u32', 924],
  vmx_preemption_timer_value: ['u32', 928],
  virtual_processor_id: ['u16', 960],
  posted_intr_nv: ['u16', 962],
  guest_es_selector: ['u16', 964],
  guest_cs_selector: ['u16', 966],
  guest_ss_selector: ['u16', 968],
  guest_ds_selector: ['u16', 970],
  guest_fs_selector: ['u16', 972],
  guest_gs_selector: ['u16', 974],
  guest_ldtr_selector: ['u16', 976],
  guest_tr_selector: ['u16', 978],
  guest_intr_status: ['u16', 980],
  host_es_selector: ['u16', 982],
  host_cs_selector: ['u16', 984],
  host_ss_selector: ['u16', 986],
  host_ds_selector: ['u16', 988],
  host_fs_selector: ['u16', 990],
  host_gs_selector: ['u16', 992],
  host_tr_selector: ['u16', 994],
  guest_pml_index: ['u16', 996],
} as const satisfies Readonly<Record<string, Row>>;

export const VMCS12 = layout('vmcs12.', HEADER_BYTES, VMCS12_ROWS);
export const SHADOW_VMCS12 = layout('shadow_vmcs12.', VMX_CURRENT_BYTES, VMCS12_ROWS);

/** Every field of a format's blob, header first. */
export const FIELDS: Readonly<Record<NestedFormat, readonly Field[]>> = {
  SVM: [HEADER, SVM_HEADER, VMCB12_CONTROL, VMCB12_SAVE].flatMap((table) => Object.values<Field>(table)),
  VMX: [HEADER, VMX_HEADER, VMCS12, SHADOW_VMCS12].flatMap((table) => Object.values<Field>(table)),
};
