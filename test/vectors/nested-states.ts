// Nested states for tests: valid defaults, and tables of changes that each break one rule. The unit tests check
// them against lib/nested; the kernel tests send the very same rows to a real kernel.

import { viewOf, write, writeHeader } from '../../lib/nested/codec.js';
import {
  FLAG,
  FORMAT,
  HEADER,
  HEADER_BYTES,
  NO_ADDRESS,
  SHADOW_VMCS12,
  SVM_GUEST_BYTES,
  SVM_HEADER,
  VMCB12_CONTROL,
  VMCB12_SAVE,
  VMCS12,
  VMCS12_REVISION,
  VMX_CURRENT_BYTES,
  VMX_HEADER,
  VMX_SHADOW_BYTES,
} from '../../lib/nested/layout.js';
import { plainSvmGuestState } from '../../lib/nested/probes.js';
import type { KernelFacts, VcpuFacts } from '../../lib/nested/rule.js';
import type { RuleReason } from '../../lib/nested/rules.js';

// ---------------------------------------------------------------------------------------------------------
// vCPUs

/** An AMD vCPU that has enabled SVM, in 64-bit mode, 40 physical address bits. */
export const SVM_VCPU: VcpuFacts = {
  efer: 0x1500n, // SVME LMA LME
  cr0: 0x8001_0033n,
  cr3: 0x1000n,
  cr4: 0x20n,
  inSmm: false,
  maxPhyAddr: 40,
  hasSvm: true,
  hasVmx: false,
  hasNpt: true,
  hasLongMode: true,
  hasNx: true,
  hasFxsrOpt: true,
  hasAutoIbrs: true,
  hasShstk: false,
  hasIbt: false,
  reserved: { cr3: 3n << 61n, cr4: 0x6000n, debugctl: 0n, perfGlobalCtrl: 0n }, // CR4: VMXE, SMXE
  separateL2Pat: false,
  enlightenedVmcs: false,
  vmxCapabilityMsrs: new Map(),
};

/** An Intel vCPU with capability MSRs as KVM offers them to L1, by and large. It has three fixed and eight other counters. */
export const VMX_VCPU: VcpuFacts = {
  ...SVM_VCPU,
  efer: 0x500n,
  cr4: 0x2020n,
  hasSvm: false,
  hasVmx: true,
  hasNpt: false,
  reserved: {
    cr3: 3n << 61n,
    cr4: 1n << 14n, // SMXE
    debugctl: 0xffff_ffff_ffff_bffcn, // all but LBR, BTF and FREEZE_WHILE_SMM
    perfGlobalCtrl: 0xffff_fff8_ffff_ff00n,
  },
  vmxCapabilityMsrs: new Map([
    [0x480, 0x00d8_1000_11e5_7ed0n], // BASIC
    [0x485, 0x2000_0065n], // MISC: no CR3 targets, MSR lists of 512, no injection of length 0
    [0x486, 0x8000_0021n], // CR0 FIXED0: PG NE PE
    [0x487, 0xffff_ffffn],
    [0x488, 0x2000n], // CR4 FIXED0: VMXE
    [0x489, 0x0037_77ffn],
    [0x48b, 0x0253_7bff_0000_0000n], // secondary
    [0x48c, 0x0f01_0613_4041n], // EPT: 4 levels, write-back, no accessed and dirty flags
    [0x48d, 0x0000_00ff_0000_0016n], // pin
    [0x48e, 0xfff9_fffe_0400_6172n], // primary
    [0x48f, 0x107f_ffff_0003_6dfbn], // exit
    [0x490, 0x0011_f3ff_0000_11fbn], // entry
    [0x491, 1n], // VM functions: EPTP switching
  ]),
};

/** A kernel that applies exactly the given ones of the rules that vary. */
export function kernel(format: 'SVM' | 'VMX', ...enforced: RuleReason[]): KernelFacts {
  return { format, enforced: new Set(enforced) };
}

// ---------------------------------------------------------------------------------------------------------
// Valid states

/** Header fields that a builder takes instead of its defaults. */
export interface HeaderOverrides {
  readonly flags?: number;
  readonly format?: number;
  readonly size?: number;
}

export interface SvmOverrides extends HeaderOverrides {
  readonly vmcbPa?: bigint;
  readonly gpat?: bigint;
}

export interface VmxOverrides extends HeaderOverrides {
  readonly vmxonPa?: bigint;
  readonly vmcs12Pa?: bigint;
  readonly smmFlags?: number;
  readonly headerFlags?: number;
  readonly deadline?: bigint;
}

/** SVM in guest mode: 4224 bytes that pass every rule. */
export function svmGuestMode(overrides: SvmOverrides = {}): Uint8Array {
  return overrideSvm(plainSvmGuestState(), overrides);
}

/** SVM out of guest mode: 128 bytes, GIF set. */
export function svmHeaderOnly(overrides: SvmOverrides = {}): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  writeHeader(bytes, { flags: FLAG.GIF_SET, format: FORMAT.SVM, size: HEADER_BYTES });
  return overrideSvm(bytes, overrides);
}

/** The default of the kernel's nested_set_state_test for SVM: 4224 bytes out of guest mode, vmcb_pa 3000h, flags 0. */
export function svmSelftest(overrides: SvmOverrides = {}): Uint8Array {
  const bytes = new Uint8Array(SVM_GUEST_BYTES);
  writeHeader(bytes, { flags: 0, format: FORMAT.SVM, size: SVM_GUEST_BYTES });
  write(viewOf(bytes), SVM_HEADER.vmcb_pa, 0x3000n);
  return overrideSvm(bytes, overrides);
}

/** VMX not in VMX operation: 128 bytes. */
export function vmxOff(overrides: VmxOverrides = {}): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  writeHeader(bytes, { flags: 0, format: FORMAT.VMX, size: HEADER_BYTES });
  return overrideVmx(bytes, { vmxonPa: NO_ADDRESS, vmcs12Pa: NO_ADDRESS, ...overrides });
}

/** VMX operation without a current VMCS: 128 bytes, VMXON region at 1000h. */
export function vmxVmxon(overrides: VmxOverrides = {}): Uint8Array {
  return vmxOff({ vmxonPa: 0x1000n, ...overrides });
}

/** VMX operation with a current VMCS at 2000h, out of guest mode: 4224 bytes. The default of the kernel's selftest. */
export function vmxCurrent(overrides: VmxOverrides = {}): Uint8Array {
  const bytes = new Uint8Array(VMX_CURRENT_BYTES);
  writeHeader(bytes, { flags: 0, format: FORMAT.VMX, size: VMX_CURRENT_BYTES });
  write(viewOf(bytes), VMCS12.revision_id, VMCS12_REVISION);
  return overrideVmx(bytes, { vmxonPa: 0x1000n, vmcs12Pa: 0x2000n, ...overrides });
}

/** VMX in guest mode: 4224 bytes that pass every rule for VMX_VCPU. */
export function vmxGuestMode(overrides: VmxOverrides = {}): Uint8Array {
  const bytes = vmxCurrent();
  fillGuestVmcs12(viewOf(bytes));
  return overrideVmx(bytes, { flags: FLAG.GUEST_MODE, ...overrides });
}

/** VMX in guest mode with a shadow VMCS linked at 5000h: 8320 bytes. */
export function vmxShadow(overrides: VmxOverrides = {}): Uint8Array {
  const bytes = new Uint8Array(VMX_SHADOW_BYTES);
  bytes.set(vmxGuestMode({ size: VMX_SHADOW_BYTES }));
  const view = viewOf(bytes);
  write(view, VMCS12.secondary_vm_exec_control, 0x4022); // shadow VMCS, VPID, EPT
  write(view, VMCS12.vmcs_link_pointer, 0x5000n);
  write(view, SHADOW_VMCS12.revision_id, 0x8000_0000 + VMCS12_REVISION);
  return overrideVmx(bytes, overrides);
}

function fillGuestVmcs12(view: DataView): void {
  write(view, VMCS12.pin_based_vm_exec_control, 0x3f); // virtual NMIs, NMI and interrupt exiting
  write(view, VMCS12.cpu_based_vm_exec_control, 0x9620_6172); // secondary, MSR bitmaps, I/O bitmaps, TPR shadow
  write(view, VMCS12.secondary_vm_exec_control, 0x22); // VPID, EPT
  write(view, VMCS12.virtual_processor_id, 1);
  write(view, VMCS12.ept_pointer, 0xc01en); // write-back, 4 levels
  write(view, VMCS12.io_bitmap_a, 0x6000n);
  write(view, VMCS12.io_bitmap_b, 0x7000n);
  write(view, VMCS12.msr_bitmap, 0x8000n);
  write(view, VMCS12.virtual_apic_page_addr, 0x9000n);
  write(view, VMCS12.vm_exit_controls, 0x0003_6ffb);
  write(view, VMCS12.vm_entry_controls, 0x0000_13fb);
  write(view, VMCS12.vmcs_link_pointer, NO_ADDRESS);
  write(view, VMCS12.host_cr0, 0x8001_0033n);
  write(view, VMCS12.host_cr3, 0x1000n);
  write(view, VMCS12.host_cr4, 0x2020n);
  write(view, VMCS12.host_cs_selector, 0x8);
  write(view, VMCS12.host_tr_selector, 0x18);
  write(view, VMCS12.guest_cr0, 0x8001_0033n);
  write(view, VMCS12.guest_cr4, 0x2020n);
  write(view, VMCS12.guest_rflags, 0x2n);
}

function overrideHeader(view: DataView, overrides: HeaderOverrides): void {
  if (overrides.flags !== undefined) write(view, HEADER.flags, overrides.flags);
  if (overrides.format !== undefined) write(view, HEADER.format, overrides.format);
  if (overrides.size !== undefined) write(view, HEADER.size, overrides.size);
}

function overrideSvm(bytes: Uint8Array, overrides: SvmOverrides): Uint8Array {
  const view = viewOf(bytes);
  overrideHeader(view, overrides);
  if (overrides.vmcbPa !== undefined) write(view, SVM_HEADER.vmcb_pa, overrides.vmcbPa);
  if (overrides.gpat !== undefined) write(view, SVM_HEADER.gpat, overrides.gpat);
  return bytes;
}

function overrideVmx(bytes: Uint8Array, overrides: VmxOverrides): Uint8Array {
  const view = viewOf(bytes);
  overrideHeader(view, overrides);
  if (overrides.vmxonPa !== undefined) write(view, VMX_HEADER.vmxon_pa, overrides.vmxonPa);
  if (overrides.vmcs12Pa !== undefined) write(view, VMX_HEADER.vmcs12_pa, overrides.vmcs12Pa);
  if (overrides.smmFlags !== undefined) write(view, VMX_HEADER['smm.flags'], overrides.smmFlags);
  if (overrides.headerFlags !== undefined) write(view, VMX_HEADER.flags, overrides.headerFlags);
  if (overrides.deadline !== undefined) {
    write(view, VMX_HEADER.preemption_timer_deadline, overrides.deadline);
  }
  return bytes;
}

// ---------------------------------------------------------------------------------------------------------
// One change that breaks one rule

export interface RuleCase {
  readonly name: string;
  /** The rule that the change breaks: what a check must report. */
  readonly reason: RuleReason;
  /** The valid state; SVM rows default to svmGuestMode, VMX rows to vmxGuestMode. */
  readonly from?: () => Uint8Array;
  /** The one change to it. */
  readonly change?: (view: DataView, vcpu: VcpuFacts) => void;
  /** Bytes to cut the state to. */
  readonly length?: number;
  /** What the vCPU has otherwise than SVM_VCPU or VMX_VCPU. */
  readonly vcpu?: Partial<VcpuFacts>;
}

/** The bytes of a row. */
export function caseBytes(row: RuleCase, valid: () => Uint8Array, vcpu: VcpuFacts): Uint8Array {
  const bytes = (row.from ?? valid)();
  row.change?.(viewOf(bytes), vcpu);
  return row.length === undefined ? bytes : bytes.slice(0, row.length);
}

/** A state with zeroes after it. */
function longer(state: Uint8Array, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set(state);
  return bytes;
}

/** The lowest address that is too high for a vCPU, and page-aligned. */
const beyond = (vcpu: VcpuFacts): bigint => 1n << BigInt(vcpu.maxPhyAddr);

/** SVM: each row is svmGuestMode() with one change. */
export const SVM_RULE_CASES: readonly RuleCase[] = [
  { name: 'no bytes at all', reason: 'NESTED_STATE_EMPTY', length: 0 },
  { name: '127 bytes', reason: 'NESTED_HEADER_TRUNCATED', length: 127 },
  {
    name: 'size 127',
    reason: 'NESTED_SIZE_BELOW_HEADER',
    change: (view) => write(view, HEADER.size, 127),
  },
  { name: '4223 bytes of 4224', reason: 'NESTED_DATA_TRUNCATED', length: SVM_GUEST_BYTES - 1 },
  {
    name: 'size 8320, 4224 bytes',
    reason: 'NESTED_DATA_TRUNCATED',
    change: (view) => write(view, HEADER.size, VMX_SHADOW_BYTES),
  },
  {
    name: '8321 bytes',
    reason: 'NESTED_DATA_TOO_LONG',
    from: () => longer(svmGuestMode(), VMX_SHADOW_BYTES + 1),
  },
  {
    name: 'size 4223, 4224 bytes',
    reason: 'NESTED_DATA_BEYOND_SIZE',
    change: (view) => write(view, HEADER.size, SVM_GUEST_BYTES - 1),
  },
  { name: 'flag 10h', reason: 'NESTED_FLAGS_UNKNOWN', change: (view) => write(view, HEADER.flags, 0x111) },
  { name: 'flag 8000h', reason: 'NESTED_FLAGS_UNKNOWN', change: (view) => write(view, HEADER.flags, 0x8101) },
  {
    name: 'RUN_PENDING out of guest mode',
    reason: 'NESTED_RUN_PENDING_WITHOUT_GUEST_MODE',
    change: (view) => write(view, HEADER.flags, FLAG.RUN_PENDING | FLAG.GIF_SET),
  },
  { name: 'format VMX', reason: 'SVM_FORMAT_MISMATCH', change: (view) => write(view, HEADER.format, 0) },
  { name: 'format 2', reason: 'NESTED_FORMAT_UNKNOWN', change: (view) => write(view, HEADER.format, 2) },
  {
    name: 'EVMCS',
    reason: 'SVM_FLAGS_ILLEGAL',
    change: (view) => write(view, HEADER.flags, FLAG.GUEST_MODE | FLAG.EVMCS),
  },
  {
    name: 'MTF_PENDING',
    reason: 'SVM_FLAGS_ILLEGAL',
    change: (view) => write(view, HEADER.flags, FLAG.GUEST_MODE | FLAG.MTF_PENDING),
  },
  { name: 'guest mode without EFER.SVME', reason: 'SVM_EFER_SVME_CLEAR', vcpu: { efer: 0x500n } },
  {
    name: 'flags 0 without EFER.SVME',
    reason: 'SVM_EFER_SVME_CLEAR_GIF_CLEAR',
    from: () => svmHeaderOnly({ flags: 0 }),
    vcpu: { efer: 0x500n },
  },
  { name: 'guest mode in SMM', reason: 'SVM_GUEST_MODE_IN_SMM', vcpu: { inSmm: true } },
  {
    name: 'vmcb_pa 3001h',
    reason: 'SVM_VMCB_PA_UNALIGNED',
    change: (view) => write(view, SVM_HEADER.vmcb_pa, 0x3001n),
  },
  {
    name: 'vmcb_pa ~0',
    reason: 'SVM_VMCB_PA_UNALIGNED',
    change: (view) => write(view, SVM_HEADER.vmcb_pa, NO_ADDRESS),
  },
  {
    name: 'vmcb_pa beyond the address width',
    reason: 'SVM_VMCB_PA_ILLEGAL',
    change: (view, vcpu) => write(view, SVM_HEADER.vmcb_pa, beyond(vcpu)),
  },
  {
    name: 'size 4223',
    reason: 'SVM_SIZE_BELOW_VMCB12',
    change: (view) => write(view, HEADER.size, SVM_GUEST_BYTES - 1),
    length: SVM_GUEST_BYTES - 1,
  },
  {
    name: 'size 128',
    reason: 'SVM_SIZE_BELOW_VMCB12',
    change: (view) => write(view, HEADER.size, HEADER_BYTES),
    length: HEADER_BYTES,
  },
  {
    name: 'VMRUN not intercepted',
    reason: 'SVM_VMRUN_INTERCEPT_CLEAR',
    change: (view) => write(view, VMCB12_CONTROL.intercept_misc2, 0xffff_fffe),
  },
  { name: 'ASID 0', reason: 'SVM_ASID_ZERO', change: (view) => write(view, VMCB12_CONTROL.asid, 0) },
  {
    name: 'nested paging',
    reason: 'SVM_NP_WITHOUT_HOST_NPT',
    change: (view) => write(view, VMCB12_CONTROL.nested_ctl, 1n),
  },
  {
    name: 'nested CR3 beyond the address width',
    reason: 'SVM_NESTED_CR3_ILLEGAL',
    change: (view, vcpu) => {
      write(view, VMCB12_CONTROL.nested_ctl, 1n);
      write(view, VMCB12_CONTROL.nested_cr3, beyond(vcpu));
    },
  },
  {
    name: 'nested CR3 beyond the address width, NPT not in the CPUID',
    reason: 'SVM_NESTED_CR3_ILLEGAL_WITHOUT_NPT',
    change: (view, vcpu) => {
      write(view, VMCB12_CONTROL.nested_ctl, 1n);
      write(view, VMCB12_CONTROL.nested_cr3, beyond(vcpu));
    },
    vcpu: { hasNpt: false },
  },
  {
    name: 'MSR permission map beyond the address width',
    reason: 'SVM_MSRPM_ILLEGAL',
    change: (view, vcpu) => write(view, VMCB12_CONTROL.msrpm_base_pa, beyond(vcpu)),
  },
  {
    name: 'second page of the MSR permission map beyond the address width',
    reason: 'SVM_MSRPM_ILLEGAL',
    change: (view, vcpu) => write(view, VMCB12_CONTROL.msrpm_base_pa, beyond(vcpu) - 0x1000n),
  },
  {
    name: 'I/O permission map beyond the address width',
    reason: 'SVM_IOPM_ILLEGAL',
    change: (view, vcpu) => write(view, VMCB12_CONTROL.iopm_base_pa, beyond(vcpu)),
  },
  {
    name: 'third page of the I/O permission map beyond the address width',
    reason: 'SVM_IOPM_ILLEGAL',
    change: (view, vcpu) => write(view, VMCB12_CONTROL.iopm_base_pa, beyond(vcpu) - 0x2000n),
  },
  {
    name: 'TLB_CONTROL 3',
    reason: 'SVM_TLB_CTL_UNSUPPORTED',
    change: (view) => write(view, VMCB12_CONTROL.tlb_ctl, 3),
  },
  {
    name: 'V_NMI_ENABLE without the NMI intercept',
    reason: 'SVM_V_NMI_WITHOUT_NMI_INTERCEPT',
    change: (view) => write(view, VMCB12_CONTROL.int_ctl, 1 << 26),
  },
  {
    name: 'EVENTINJ of type 1',
    reason: 'SVM_EVENT_INJ_TYPE_INVALID',
    change: (view) => write(view, VMCB12_CONTROL.event_inj, 0x8000_0100),
  },
  {
    name: 'EVENTINJ of exception 2',
    reason: 'SVM_EVENT_INJ_VECTOR_INVALID',
    change: (view) => write(view, VMCB12_CONTROL.event_inj, 0x8000_0302),
  },
  {
    name: 'EVENTINJ of exception 32',
    reason: 'SVM_EVENT_INJ_VECTOR_INVALID',
    change: (view) => write(view, VMCB12_CONTROL.event_inj, 0x8000_0320),
  },
  { name: 'L2 CR0.NW without CD', reason: 'SVM_L2_CR0_NW_WITHOUT_CD', vcpu: { cr0: 0xa001_0033n } },
  {
    name: 'L1 CR0.PG clear',
    reason: 'SVM_HOST_CR0_PG_CLEAR',
    change: (view) => write(view, VMCB12_SAVE.cr0, 0x0001_0033n),
  },
  {
    name: 'L1 CR0.PE clear',
    reason: 'SVM_HOST_CR0_PE_CLEAR',
    change: (view) => write(view, VMCB12_SAVE.cr0, 0x8001_0032n),
  },
  {
    name: 'L1 RFLAGS.VM set',
    reason: 'SVM_HOST_RFLAGS_VM_SET',
    change: (view) => write(view, VMCB12_SAVE.rflags, 0x2_0002n),
  },
  {
    name: 'L1 EFER.SVME clear',
    reason: 'SVM_HOST_EFER_SVME_CLEAR',
    change: (view) => write(view, VMCB12_SAVE.efer, 0x500n),
  },
  {
    name: 'L1 CR0.NW without CD',
    reason: 'SVM_HOST_CR0_NW_WITHOUT_CD',
    change: (view) => write(view, VMCB12_SAVE.cr0, 0xa001_0033n),
  },
  {
    name: 'L1 CR0 bit 32',
    reason: 'SVM_HOST_CR0_HIGH_BITS',
    change: (view) => write(view, VMCB12_SAVE.cr0, 0x1_8001_0033n),
  },
  {
    name: 'L1 DR6 bit 63',
    reason: 'SVM_HOST_DR6_HIGH_BITS',
    change: (view) => write(view, VMCB12_SAVE.dr6, 1n << 63n),
  },
  {
    name: 'L1 DR7 bit 32',
    reason: 'SVM_HOST_DR7_HIGH_BITS',
    change: (view) => write(view, VMCB12_SAVE.dr7, 1n << 32n),
  },
  {
    name: 'L1 in long mode with CR4.PAE clear',
    reason: 'SVM_HOST_CR4_PAE_CLEAR',
    change: (view) => write(view, VMCB12_SAVE.cr4, 0n),
  },
  {
    name: 'L1 in long mode with CR3 beyond the address width',
    reason: 'SVM_HOST_CR3_ILLEGAL',
    change: (view, vcpu) => write(view, VMCB12_SAVE.cr3, beyond(vcpu)),
  },
  {
    name: 'L1 CS with L and D',
    reason: 'SVM_HOST_CS_L_AND_D',
    change: (view) => write(view, VMCB12_SAVE['cs.attrib'], 0x069b),
  },
  {
    name: 'L1 CR4.VMXE without CPUID',
    reason: 'SVM_HOST_CR4_FEATURE_UNSUPPORTED',
    change: (view) => write(view, VMCB12_SAVE.cr4, 0x2020n),
  },
  {
    name: 'L1 CR4 bit 63',
    reason: 'SVM_HOST_CR4_RESERVED_BITS',
    change: (view) => write(view, VMCB12_SAVE.cr4, 0x20n | (1n << 63n)),
  },
  {
    name: 'L1 EFER bit 1',
    reason: 'SVM_HOST_EFER_RESERVED_BITS',
    change: (view) => write(view, VMCB12_SAVE.efer, 0x1502n),
  },
  {
    name: 'L1 EFER.FFXSR without CPUID',
    reason: 'SVM_HOST_EFER_FFXSR_UNSUPPORTED',
    change: (view) => write(view, VMCB12_SAVE.efer, 0x5500n),
    vcpu: { hasFxsrOpt: false },
  },
  {
    name: 'L1 EFER.SVME without CPUID',
    reason: 'SVM_HOST_EFER_SVME_UNSUPPORTED',
    vcpu: { hasSvm: false },
  },
  {
    name: 'L1 EFER.LME without CPUID',
    reason: 'SVM_HOST_EFER_LONG_MODE_UNSUPPORTED',
    vcpu: { hasLongMode: false },
  },
  {
    name: 'L1 EFER.NXE without CPUID',
    reason: 'SVM_HOST_EFER_NX_UNSUPPORTED',
    change: (view) => write(view, VMCB12_SAVE.efer, 0x1d00n),
    vcpu: { hasNx: false },
  },
  {
    name: 'L1 EFER.AUTOIBRS without CPUID',
    reason: 'SVM_HOST_EFER_AUTOIBRS_UNSUPPORTED',
    change: (view) => write(view, VMCB12_SAVE.efer, 0x20_1500n),
    vcpu: { hasAutoIbrs: false },
  },
  {
    name: "L2's PAT with memory type 2",
    reason: 'SVM_GPAT_INVALID',
    change: (view) => {
      write(view, VMCB12_CONTROL.nested_ctl, 1n);
      write(view, SVM_HEADER.gpat, 0x0007_0406_0007_0402n);
    },
    vcpu: { separateL2Pat: true },
  },
  { name: 'L2 CR3 beyond the address width', reason: 'SVM_L2_CR3_ILLEGAL', vcpu: { cr3: 1n << 52n } },
];

// ---------------------------------------------------------------------------------------------------------
// The rows of the kernel's own nested_set_state_test (§3.1 of the ground truth, by its numbers). G1 is a NULL
// pointer and no state; the GETs of V20 and S10 are the kernel tests' own.

export interface SelftestCase {
  readonly id: string;
  readonly name: string;
  readonly bytes: () => Uint8Array;
  readonly vcpu: VcpuFacts;
  /** 'OK', or the rule that makes it EINVAL on a kernel that applies every rule that varies. */
  readonly verdict: 'OK' | RuleReason;
}

const noVmx: VcpuFacts = { ...VMX_VCPU, hasVmx: false };
const noSvme: VcpuFacts = { ...SVM_VCPU, efer: 0x500n };

const generic = (flags: number, size = HEADER_BYTES): Uint8Array => {
  const bytes = new Uint8Array(HEADER_BYTES);
  writeHeader(bytes, { flags, format: 0, size });
  return bytes;
};

/** Format 0 and a zero header; the vCPU's CPUID has neither VMX nor SVM. */
export const GENERIC_SELFTEST: readonly SelftestCase[] = [
  { id: 'G2', name: 'size 0', bytes: () => generic(3, 0), vcpu: noVmx, verdict: 'NESTED_SIZE_BELOW_HEADER' },
  { id: 'G3', name: 'flags fh', bytes: () => generic(0xf), vcpu: noVmx, verdict: 'VMX_CPUID_VMX_CLEAR' },
  {
    id: 'G4',
    name: 'RUN_PENDING only',
    bytes: () => generic(2),
    vcpu: noVmx,
    verdict: 'NESTED_RUN_PENDING_WITHOUT_GUEST_MODE',
  },
];

const vmxonGone: VmxOverrides = { vmxonPa: NO_ADDRESS };
const allGone: VmxOverrides = { vmxonPa: NO_ADDRESS, vmcs12Pa: NO_ADDRESS };

/** vmxCurrent() with one change. */
export const VMX_SELFTEST: readonly SelftestCase[] = [
  {
    id: 'V1',
    name: 'format 1, no VMX',
    bytes: () => vmxCurrent({ format: 1 }),
    vcpu: noVmx,
    verdict: 'VMX_FORMAT_MISMATCH',
  },
  { id: 'V2', name: 'no VMX', bytes: () => vmxCurrent(), vcpu: noVmx, verdict: 'VMX_CPUID_VMX_CLEAR' },
  {
    id: 'V3',
    name: 'vmxon ~0, no VMX',
    bytes: () => vmxCurrent(vmxonGone),
    vcpu: noVmx,
    verdict: 'VMX_VMCS12_PA_WITHOUT_VMXON',
  },
  {
    id: 'V4',
    name: 'vmxon and vmcs12 ~0, EVMCS, no VMX',
    bytes: () => vmxCurrent({ ...allGone, flags: FLAG.EVMCS }),
    vcpu: noVmx,
    verdict: 'VMX_EVMCS_WITHOUT_CPUID_VMX',
  },
  {
    id: 'V5',
    name: 'vmxon and vmcs12 ~0, no VMX',
    bytes: () => vmxCurrent(allGone),
    vcpu: noVmx,
    verdict: 'OK',
  },
  { id: 'V6', name: 'vmxon and vmcs12 ~0', bytes: () => vmxCurrent(allGone), vcpu: VMX_VCPU, verdict: 'OK' },
  {
    id: 'V7',
    name: 'the same and EVMCS, not enabled',
    bytes: () => vmxCurrent({ ...allGone, flags: FLAG.EVMCS }),
    vcpu: VMX_VCPU,
    verdict: 'VMX_EVMCS_NOT_ENABLED',
  },
  {
    id: 'V7b',
    name: 'the same and EVMCS, enabled',
    bytes: () => vmxCurrent({ ...allGone, flags: FLAG.EVMCS }),
    vcpu: { ...VMX_VCPU, enlightenedVmcs: true },
    verdict: 'OK',
  },
  {
    id: 'V8',
    name: 'vmxon ~0, SMM_GUEST_MODE',
    bytes: () => vmxCurrent({ ...vmxonGone, smmFlags: 1 }),
    vcpu: VMX_VCPU,
    verdict: 'VMX_SMM_FLAGS_WITHOUT_VMXON',
  },
  {
    id: 'V9',
    name: 'header flags ~0',
    bytes: () => vmxCurrent({ headerFlags: 0xffff_ffff }),
    vcpu: VMX_VCPU,
    verdict: 'VMX_HEADER_FLAGS_UNKNOWN',
  },
  {
    id: 'V10',
    name: 'vmxon ~0, vmcs12 set',
    bytes: () => vmxCurrent(vmxonGone),
    vcpu: VMX_VCPU,
    verdict: 'VMX_VMCS12_PA_WITHOUT_VMXON',
  },
  {
    id: 'V11',
    name: 'vmxon_pa 1',
    bytes: () => vmxCurrent({ vmxonPa: 1n }),
    vcpu: VMX_VCPU,
    verdict: 'VMX_VMXON_PA_UNALIGNED',
  },
  {
    id: 'V12',
    name: 'flags 3 and SMM_GUEST_MODE',
    bytes: () => vmxCurrent({ flags: 3, smmFlags: 1 }),
    vcpu: VMX_VCPU,
    verdict: 'VMX_SMM_GUEST_MODE_IN_GUEST_MODE',
  },
  {
    id: 'V13',
    name: 'SMM flags ~3',
    bytes: () => vmxCurrent({ smmFlags: 0xfffc }),
    vcpu: VMX_VCPU,
    verdict: 'VMX_SMM_FLAGS_UNKNOWN',
  },
  {
    id: 'V14',
    name: 'SMM_GUEST_MODE outside SMM',
    bytes: () => vmxCurrent({ smmFlags: 1 }),
    vcpu: VMX_VCPU,
    verdict: 'VMX_SMM_FLAGS_OUTSIDE_SMM',
  },
  {
    id: 'V15',
    name: 'size 128 with vmcs12_pa',
    bytes: () => vmxCurrent({ size: HEADER_BYTES }),
    vcpu: VMX_VCPU,
    verdict: 'VMX_SIZE_BELOW_VMCS12',
  },
  {
    id: 'V16',
    name: 'size 128, vmcs12 ~0',
    bytes: () => vmxCurrent({ size: HEADER_BYTES, vmcs12Pa: NO_ADDRESS }),
    vcpu: VMX_VCPU,
    verdict: 'OK',
  },
  { id: 'V17', name: 'flags 0, zero vmcs12', bytes: () => vmxCurrent(), vcpu: VMX_VCPU, verdict: 'OK' },
  {
    id: 'V18',
    name: 'size 128, vmcs12 ~0, header flags ~0',
    bytes: () => vmxCurrent({ size: HEADER_BYTES, vmcs12Pa: NO_ADDRESS, headerFlags: 0xffff_ffff }),
    vcpu: VMX_VCPU,
    verdict: 'VMX_HEADER_FLAGS_UNKNOWN',
  },
  {
    id: 'V19',
    name: 'vmxon_pa and vmcs12_pa 0',
    bytes: () => vmxCurrent({ vmxonPa: 0n, vmcs12Pa: 0n }),
    vcpu: VMX_VCPU,
    verdict: 'VMX_VMCS12_PA_IS_VMXON_PA',
  },
  { id: 'V20', name: 'leave nested', bytes: () => vmxOff(), vcpu: VMX_VCPU, verdict: 'OK' },
];

/** svmSelftest() with one change. */
export const SVM_SELFTEST: readonly SelftestCase[] = [
  {
    id: 'S1',
    name: 'format 0',
    bytes: () => svmSelftest({ format: 0 }),
    vcpu: SVM_VCPU,
    verdict: 'SVM_FORMAT_MISMATCH',
  },
  {
    id: 'S2',
    name: 'EVMCS',
    bytes: () => svmSelftest({ flags: FLAG.EVMCS }),
    vcpu: SVM_VCPU,
    verdict: 'SVM_FLAGS_ILLEGAL',
  },
  {
    id: 'S3',
    name: 'GUEST_MODE, SVME clear',
    bytes: () => svmSelftest({ flags: FLAG.GUEST_MODE }),
    vcpu: noSvme,
    verdict: 'SVM_EFER_SVME_CLEAR',
  },
  {
    id: 'S4',
    name: 'flags 0, SVME clear: OK on kernels of 2026 only',
    bytes: () => svmSelftest(),
    vcpu: noSvme,
    verdict: 'SVM_EFER_SVME_CLEAR_GIF_CLEAR',
  },
  {
    id: 'S5',
    name: 'GIF_SET, SVME clear',
    bytes: () => svmSelftest({ flags: FLAG.GIF_SET }),
    vcpu: noSvme,
    verdict: 'OK',
  },
  {
    id: 'S6',
    name: 'vmcb_pa ~0, flags 0',
    bytes: () => svmSelftest({ vmcbPa: NO_ADDRESS }),
    vcpu: SVM_VCPU,
    verdict: 'OK',
  },
  {
    id: 'S7',
    name: 'vmcb_pa ~0, GUEST_MODE',
    bytes: () => svmSelftest({ vmcbPa: NO_ADDRESS, flags: FLAG.GUEST_MODE }),
    vcpu: SVM_VCPU,
    verdict: 'SVM_VMCB_PA_UNALIGNED',
  },
  {
    id: 'S8',
    name: 'size halved, flags 0',
    bytes: () => svmSelftest({ size: SVM_GUEST_BYTES / 2 }),
    vcpu: SVM_VCPU,
    verdict: 'OK',
  },
  {
    id: 'S9',
    name: 'size halved, GUEST_MODE',
    bytes: () => svmSelftest({ size: SVM_GUEST_BYTES / 2, flags: FLAG.GUEST_MODE }),
    vcpu: SVM_VCPU,
    verdict: 'SVM_SIZE_BELOW_VMCB12',
  },
  {
    id: 'S10',
    name: 'vmcb_pa ~0, GIF_SET',
    bytes: () => svmSelftest({ vmcbPa: NO_ADDRESS, flags: FLAG.GIF_SET }),
    vcpu: SVM_VCPU,
    verdict: 'OK',
  },
];
