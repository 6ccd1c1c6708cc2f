// The rules of svm_set_nested_state (arch/x86/kvm/svm/nested.c), one row a rule, in the kernel's order.
// Read by rules.ts, whose head says what a row means and what is left to the kernel.

import { read } from './codec.js';
import {
  FLAG,
  FORMAT,
  HEADER,
  HEADER_BYTES,
  SVM_GUEST_BYTES,
  SVM_HEADER,
  VMCB12_CONTROL,
  VMCB12_SAVE,
} from './layout.js';
import {
  always,
  CR0,
  hasFlag,
  legalCr3,
  legalGpa,
  PAGE_MASK,
  type Rule,
  type RuleContext,
  refused,
  type Section,
  setsReserved,
  type VcpuFacts,
  varying,
} from './rule.js';

const MSRPM_BYTES = 8192n;
const IOPM_BYTES = 12288n;

const CR4_PAE = 1n << 5n;
const RFLAGS_VM = 1n << 17n;
const EFER = {
  LME: 1n << 8n,
  LMA: 1n << 10n,
  NX: 1n << 11n,
  SVME: 1n << 12n,
  FFXSR: 1n << 14n,
  AUTOIBRS: 1n << 21n,
} as const;

/** Bits of the VMCB (APM appendix B). */
const INTERCEPT_MISC1_NMI = 1 << 1;
const INTERCEPT_MISC2_VMRUN = 1 << 0;
const NESTED_CTL_NP = 1n << 0n;
const INT_CTL_V_NMI_ENABLE = 1 << 26;
const CS_ATTRIB_L = 1 << 9;
const CS_ATTRIB_D = 1 << 10;
const EVENT_INJ = { VECTOR: 0xff, TYPE_SHIFT: 8, TYPE: 0x7, VALID: 1 << 31 } as const;
/** EVENTINJ types INTR, NMI, exception and software interrupt, as a set of bits. */
const EVENT_INJ_TYPES = (1 << 0) | (1 << 2) | (1 << 3) | (1 << 4);
const EVENT_INJ_EXCEPTION = 3;
/** Vectors that EVENTINJ may carry as an exception: all defined ones; #CP (21) and #VC (29) are left to the kernel. */
const EXCEPTION_VECTORS: ReadonlySet<number> = new Set([
  0, 1, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 16, 17, 18, 19, 21, 28, 29, 30,
]);

const SVM_FORMAT_RULES = [
  always({
    reason: 'SVM_FORMAT_MISMATCH',
    field: 'format',
    message:
      'This is an Intel state (format 0, VMX) and the host an AMD one, whose kvm_amd takes format 1 (SVM) only.',
    source: 'svm_set_nested_state',
    needs: [],
    violated: ({ view }) => read(view, HEADER.format) === FORMAT.VMX,
  }),
] as const satisfies readonly Rule[];

const SVM_RULES = [
  always({
    reason: 'SVM_FLAGS_ILLEGAL',
    field: 'flags',
    message: 'EVMCS and MTF_PENDING are flags of VMX and illegal in an SVM state.',
    source: 'svm_set_nested_state',
    needs: [],
    violated: ({ view }) => hasFlag(view, FLAG.EVMCS | FLAG.MTF_PENDING),
  }),
  always({
    reason: 'SVM_EFER_SVME_CLEAR',
    field: 'vcpu.efer',
    message: "GUEST_MODE needs EFER.SVME in the vCPU's special registers: load them before the nested state.",
    source: 'svm_set_nested_state',
    needs: ['registers'],
    violated: ({ view, vcpu }) => {
      const flags = read(view, HEADER.flags);
      return (vcpu.efer & EFER.SVME) === 0n && flags !== 0 && flags !== FLAG.GIF_SET;
    },
  }),
  varying({
    reason: 'SVM_EFER_SVME_CLEAR_GIF_CLEAR',
    kernels: 'kernels before 2026 refuse flags 0 too',
    field: 'flags',
    message: "While the vCPU's EFER.SVME is clear this kernel takes no flags but GIF_SET.",
    source: 'svm_set_nested_state',
    needs: ['registers'],
    violated: ({ view, vcpu }) => (vcpu.efer & EFER.SVME) === 0n && read(view, HEADER.flags) === 0,
  }),
  always({
    reason: 'SVM_GUEST_MODE_IN_SMM',
    field: 'flags',
    message: 'The vCPU is in SMM, which suspends SVM, so it cannot be in guest mode.',
    source: 'svm_set_nested_state',
    needs: ['registers'],
    violated: ({ view, vcpu }) => vcpu.inSmm && hasFlag(view, FLAG.GUEST_MODE),
  }),
] as const satisfies readonly Rule[];

const SVM_GUEST_RULES = [
  always({
    reason: 'SVM_VMCB_PA_UNALIGNED',
    field: 'hdr.svm.vmcb_pa',
    message: 'The address of the vmcb12 must be a multiple of 4096.',
    source: 'svm_set_nested_state',
    needs: [],
    violated: ({ view }) => (read(view, SVM_HEADER.vmcb_pa) & PAGE_MASK) !== 0n,
  }),
  always({
    reason: 'SVM_VMCB_PA_ILLEGAL',
    field: 'hdr.svm.vmcb_pa',
    message: "The address of the vmcb12 is beyond the guest's physical address width.",
    source: 'svm_set_nested_state',
    needs: ['cpuid'],
    violated: ({ view, vcpu }) => !legalGpa(vcpu, read(view, SVM_HEADER.vmcb_pa)),
  }),
  always({
    reason: 'SVM_SIZE_BELOW_VMCB12',
    field: 'size',
    message: 'A state in guest mode has a vmcb12: its size field must be at least 4224.',
    source: 'svm_set_nested_state',
    needs: [],
    violated: ({ view }) => read(view, HEADER.size) < SVM_GUEST_BYTES,
  }),
] as const satisfies readonly Rule[];

/** Controls first, then L2's CR0, then L1's saved state. */
const SVM_VMCB12_RULES = [
  always({
    reason: 'SVM_VMRUN_INTERCEPT_CLEAR',
    field: 'vmcb12.control.intercept_misc2',
    message: 'L1 must intercept VMRUN (bit 0).',
    source: '__nested_vmcb_check_controls',
    needs: [],
    violated: ({ view }) => (read(view, VMCB12_CONTROL.intercept_misc2) & INTERCEPT_MISC2_VMRUN) === 0,
  }),
  always({
    reason: 'SVM_ASID_ZERO',
    field: 'vmcb12.control.asid',
    message: "L2's ASID must not be 0, which is the host's.",
    source: '__nested_vmcb_check_controls',
    needs: [],
    violated: ({ view }) => read(view, VMCB12_CONTROL.asid) === 0,
  }),
  varying({
    reason: 'SVM_NP_WITHOUT_HOST_NPT',
    kernels: 'hosts with kvm_amd npt=0 only; kernels of 2026 drop NP instead',
    field: 'vmcb12.control.nested_ctl',
    message: 'L2 uses nested paging, which this host runs without (kvm_amd npt=0).',
    source: '__nested_vmcb_check_controls',
    needs: [],
    violated: ({ view }) => nestedPaging(view),
  }),
  varying({
    reason: 'SVM_NESTED_CR3_ILLEGAL',
    kernels: 'a recent rule, also in later 6.1.y',
    field: 'vmcb12.control.nested_cr3',
    message: "L2 uses nested paging and its nested CR3 is beyond the guest's physical address width.",
    source: '__nested_vmcb_check_controls',
    needs: ['cpuid'],
    violated: ({ view, vcpu }) =>
      nestedPaging(view) && vcpu.hasNpt && !legalGpa(vcpu, read(view, VMCB12_CONTROL.nested_cr3)),
  }),
  varying({
    reason: 'SVM_NESTED_CR3_ILLEGAL_WITHOUT_NPT',
    kernels: 'those that have the rule before; kernels of 2026 drop NP first if the guest has no NPT',
    field: 'vmcb12.control.nested_cr3',
    message:
      "L2 uses nested paging, which the guest's CPUID lacks, and its nested CR3 is beyond the guest's physical address width.",
    source: '__nested_vmcb_check_controls',
    needs: ['cpuid'],
    violated: ({ view, vcpu }) =>
      nestedPaging(view) && !vcpu.hasNpt && !legalGpa(vcpu, read(view, VMCB12_CONTROL.nested_cr3)),
  }),
  always({
    reason: 'SVM_MSRPM_ILLEGAL',
    field: 'vmcb12.control.msrpm_base_pa',
    message: "The 8 KiB MSR permission map reaches beyond the guest's physical address width.",
    source: 'nested_svm_check_bitmap_pa',
    needs: ['cpuid'],
    violated: ({ view, vcpu }) => !legalBitmap(vcpu, read(view, VMCB12_CONTROL.msrpm_base_pa), MSRPM_BYTES),
  }),
  always({
    reason: 'SVM_IOPM_ILLEGAL',
    field: 'vmcb12.control.iopm_base_pa',
    message: "The 12 KiB I/O permission map reaches beyond the guest's physical address width.",
    source: 'nested_svm_check_bitmap_pa',
    needs: ['cpuid'],
    violated: ({ view, vcpu }) => !legalBitmap(vcpu, read(view, VMCB12_CONTROL.iopm_base_pa), IOPM_BYTES),
  }),
  varying({
    reason: 'SVM_TLB_CTL_UNSUPPORTED',
    kernels: 'kernels that do not offer FLUSHBYASID to L1',
    field: 'vmcb12.control.tlb_ctl',
    message: 'This kernel takes TLB_CONTROL 0 (nothing) and 1 (flush everything) only.',
    source: 'nested_svm_check_tlb_ctl',
    needs: [],
    violated: ({ view }) => read(view, VMCB12_CONTROL.tlb_ctl) > 1,
  }),
  varying({
    reason: 'SVM_V_NMI_WITHOUT_NMI_INTERCEPT',
    kernels: 'since 6.4, with virtual NMIs for L2',
    field: 'vmcb12.control.int_ctl',
    message: 'V_NMI_ENABLE needs the NMI intercept.',
    source: '__nested_vmcb_check_controls',
    needs: [],
    violated: ({ view }) =>
      (read(view, VMCB12_CONTROL.int_ctl) & INT_CTL_V_NMI_ENABLE) !== 0 &&
      (read(view, VMCB12_CONTROL.intercept_misc1) & INTERCEPT_MISC1_NMI) === 0,
  }),
  varying({
    reason: 'SVM_EVENT_INJ_TYPE_INVALID',
    kernels: 'kernels of 2026',
    field: 'vmcb12.control.event_inj',
    message: 'EVENTINJ is valid but its type is none of INTR, NMI, exception and software interrupt.',
    source: 'nested_svm_check_event_inj',
    needs: [],
    violated: ({ view }) => {
      const event = read(view, VMCB12_CONTROL.event_inj);
      return (event & EVENT_INJ.VALID) !== 0 && (EVENT_INJ_TYPES & (1 << eventType(event))) === 0;
    },
  }),
  varying({
    reason: 'SVM_EVENT_INJ_VECTOR_INVALID',
    kernels: 'kernels of 2026',
    field: 'vmcb12.control.event_inj',
    message: 'EVENTINJ is an exception but its vector is not one of an exception.',
    source: 'nested_svm_check_event_inj',
    needs: [],
    violated: ({ view }) => {
      const event = read(view, VMCB12_CONTROL.event_inj);
      const vector = event & EVENT_INJ.VECTOR;
      return (
        (event & EVENT_INJ.VALID) !== 0 &&
        eventType(event) === EVENT_INJ_EXCEPTION &&
        !EXCEPTION_VECTORS.has(vector)
      );
    },
  }),
  always({
    reason: 'SVM_L2_CR0_NW_WITHOUT_CD',
    field: 'vcpu.cr0',
    message: "The vCPU's CR0 (L2's) has NW without CD.",
    source: 'svm_set_nested_state',
    needs: ['registers'],
    violated: ({ vcpu }) => nwWithoutCd(vcpu.cr0),
  }),
  always({
    reason: 'SVM_HOST_CR0_PG_CLEAR',
    field: 'vmcb12.save.cr0',
    message: "L1's CR0 has PG clear, but VMRUN needs paging.",
    source: 'svm_set_nested_state',
    needs: [],
    violated: ({ view }) => (read(view, VMCB12_SAVE.cr0) & CR0.PG) === 0n,
  }),
  always({
    reason: 'SVM_HOST_CR0_PE_CLEAR',
    field: 'vmcb12.save.cr0',
    message: "L1's CR0 has PE clear, but VMRUN needs protected mode.",
    source: 'svm_set_nested_state',
    needs: [],
    violated: ({ view }) => (read(view, VMCB12_SAVE.cr0) & CR0.PE) === 0n,
  }),
  always({
    reason: 'SVM_HOST_RFLAGS_VM_SET',
    field: 'vmcb12.save.rflags',
    message: "L1's RFLAGS has VM set, but VMRUN does not exist in virtual-8086 mode.",
    source: 'svm_set_nested_state',
    needs: [],
    violated: ({ view }) => (read(view, VMCB12_SAVE.rflags) & RFLAGS_VM) !== 0n,
  }),
  always({
    reason: 'SVM_HOST_EFER_SVME_CLEAR',
    field: 'vmcb12.save.efer',
    message: "L1's EFER has SVME clear, but VMRUN needs it.",
    source: '__nested_vmcb_check_save',
    needs: [],
    violated: ({ view }) => (read(view, VMCB12_SAVE.efer) & EFER.SVME) === 0n,
  }),
  always({
    reason: 'SVM_HOST_CR0_NW_WITHOUT_CD',
    field: 'vmcb12.save.cr0',
    message: "L1's CR0 has NW without CD.",
    source: '__nested_vmcb_check_save',
    needs: [],
    violated: ({ view }) => nwWithoutCd(read(view, VMCB12_SAVE.cr0)),
  }),
  always({
    reason: 'SVM_HOST_CR0_HIGH_BITS',
    field: 'vmcb12.save.cr0',
    message: "L1's CR0 has bits above 31.",
    source: '__nested_vmcb_check_save',
    needs: [],
    violated: ({ view }) => read(view, VMCB12_SAVE.cr0) >> 32n !== 0n,
  }),
  always({
    reason: 'SVM_HOST_DR6_HIGH_BITS',
    field: 'vmcb12.save.dr6',
    message: "L1's DR6 has bits above 31.",
    source: '__nested_vmcb_check_save',
    needs: [],
    violated: ({ view }) => read(view, VMCB12_SAVE.dr6) >> 32n !== 0n,
  }),
  always({
    reason: 'SVM_HOST_DR7_HIGH_BITS',
    field: 'vmcb12.save.dr7',
    message: "L1's DR7 has bits above 31.",
    source: '__nested_vmcb_check_save',
    needs: [],
    violated: ({ view }) => read(view, VMCB12_SAVE.dr7) >> 32n !== 0n,
  }),
  always({
    reason: 'SVM_HOST_CR4_PAE_CLEAR',
    field: 'vmcb12.save.cr4',
    message: 'L1 is in long mode, but its CR4 has PAE clear.',
    source: '__nested_vmcb_check_save',
    needs: [],
    violated: ({ view }) => hostLongMode(view) && (read(view, VMCB12_SAVE.cr4) & CR4_PAE) === 0n,
  }),
  always({
    reason: 'SVM_HOST_CR3_ILLEGAL',
    field: 'vmcb12.save.cr3',
    message: "L1 is in long mode, but its CR3 is beyond the guest's physical address width.",
    source: '__nested_vmcb_check_save',
    needs: ['cpuid'],
    violated: (context) =>
      hostLongMode(context.view) && illegalCr3(context, read(context.view, VMCB12_SAVE.cr3)),
  }),
  varying({
    reason: 'SVM_HOST_CS_L_AND_D',
    kernels: 'a recent rule, also in later 6.1.y',
    field: 'vmcb12.save.cs.attrib',
    message: 'L1 is in long mode, but its CS has both L (bit 9) and D (bit 10) set.',
    source: '__nested_vmcb_check_save',
    needs: [],
    violated: ({ view }) => {
      const attrib = read(view, VMCB12_SAVE['cs.attrib']);
      return hostLongMode(view) && (attrib & CS_ATTRIB_L) !== 0 && (attrib & CS_ATTRIB_D) !== 0;
    },
  }),
  // Of CR4 and EFER the kernel asks for reserved bits first. It answers the same; what the guest lacks says more.
  always({
    reason: 'SVM_HOST_CR4_FEATURE_UNSUPPORTED',
    field: 'vmcb12.save.cr4',
    message: "L1's CR4 has bits of features that the guest's CPUID, or the host, lacks.",
    source: '__kvm_is_valid_cr4',
    needs: ['cpuid'],
    violated: (context) => setsReserved(context, 'cr4', read(context.view, VMCB12_SAVE.cr4)),
  }),
  always({
    reason: 'SVM_HOST_CR4_RESERVED_BITS',
    field: 'vmcb12.save.cr4',
    message: "L1's CR4 has bits that this host's kernel lets no guest set.",
    source: '__kvm_is_valid_cr4',
    needs: [],
    violated: ({ view, kernel }) => (read(view, VMCB12_SAVE.cr4) & refused(kernel).cr4) !== 0n,
  }),
  always({
    reason: 'SVM_HOST_EFER_FFXSR_UNSUPPORTED',
    field: 'vmcb12.save.efer',
    message: "L1's EFER has FFXSR, which the guest's CPUID lacks.",
    source: 'kvm_valid_efer',
    needs: ['cpuid'],
    violated: ({ view, vcpu }) => !vcpu.hasFxsrOpt && (read(view, VMCB12_SAVE.efer) & EFER.FFXSR) !== 0n,
  }),
  always({
    reason: 'SVM_HOST_EFER_SVME_UNSUPPORTED',
    field: 'vmcb12.save.efer',
    message: "L1's EFER has SVME, but the guest's CPUID lacks SVM: set CPUID first.",
    source: 'kvm_valid_efer',
    needs: ['cpuid'],
    violated: ({ view, vcpu }) => !vcpu.hasSvm && (read(view, VMCB12_SAVE.efer) & EFER.SVME) !== 0n,
  }),
  always({
    reason: 'SVM_HOST_EFER_LONG_MODE_UNSUPPORTED',
    field: 'vmcb12.save.efer',
    message: "L1's EFER has LME or LMA, but the guest's CPUID lacks long mode.",
    source: 'kvm_valid_efer',
    needs: ['cpuid'],
    violated: ({ view, vcpu }) =>
      !vcpu.hasLongMode && (read(view, VMCB12_SAVE.efer) & (EFER.LME | EFER.LMA)) !== 0n,
  }),
  always({
    reason: 'SVM_HOST_EFER_NX_UNSUPPORTED',
    field: 'vmcb12.save.efer',
    message: "L1's EFER has NXE, but the guest's CPUID lacks NX.",
    source: 'kvm_valid_efer',
    needs: ['cpuid'],
    violated: ({ view, vcpu }) => !vcpu.hasNx && (read(view, VMCB12_SAVE.efer) & EFER.NX) !== 0n,
  }),
  always({
    // kernels before 6.3 reserve the bit
    reason: 'SVM_HOST_EFER_AUTOIBRS_UNSUPPORTED',
    field: 'vmcb12.save.efer',
    message: "L1's EFER has AUTOIBRS, which the guest's CPUID lacks.",
    source: 'kvm_valid_efer',
    needs: ['cpuid'],
    violated: ({ view, vcpu }) => !vcpu.hasAutoIbrs && (read(view, VMCB12_SAVE.efer) & EFER.AUTOIBRS) !== 0n,
  }),
  always({
    reason: 'SVM_HOST_EFER_RESERVED_BITS',
    field: 'vmcb12.save.efer',
    message: "L1's EFER has bits that this host's kernel lets no guest set.",
    source: 'kvm_valid_efer',
    needs: [],
    violated: ({ view, kernel }) => (read(view, VMCB12_SAVE.efer) & refused(kernel).efer) !== 0n,
  }),
  varying({
    reason: 'SVM_GPAT_INVALID',
    kernels: 'kernels of 2026',
    field: 'hdr.svm.gpat',
    message: 'L2 has a PAT of its own, and it has a memory type that does not exist.',
    source: 'svm_set_nested_state',
    needs: ['registers', 'cpuid'],
    violated: ({ view, vcpu }) =>
      vcpu.separateL2Pat && vcpu.hasNpt && nestedPaging(view) && !validPat(read(view, SVM_HEADER.gpat)),
  }),
  always({
    // the one check that fails after the kernel has entered guest mode
    reason: 'SVM_L2_CR3_ILLEGAL',
    field: 'vcpu.cr3',
    message: "The vCPU's CR3 (L2's) is beyond the guest's physical address width.",
    source: 'nested_svm_load_cr3',
    needs: ['registers', 'cpuid'],
    violated: (context) => illegalCr3(context, context.vcpu.cr3),
  }),
] as const satisfies readonly Rule[];

export const SVM_SECTIONS = [
  { reached: onAmd, rules: SVM_FORMAT_RULES },
  { reached: onSvm, rules: SVM_RULES },
  { reached: copiesVmcb12, rules: SVM_GUEST_RULES },
  { reached: (c) => copiesVmcb12(c) && c.bytes.length >= SVM_GUEST_BYTES, rules: SVM_VMCB12_RULES },
] as const satisfies readonly Section[];

function onAmd({ bytes, kernel }: RuleContext): boolean {
  return kernel.format === 'SVM' && bytes.length >= HEADER_BYTES;
}

/** Of another format's state nothing else is judged: the bytes behind the format mean something else. */
function onSvm(context: RuleContext): boolean {
  return onAmd(context) && read(context.view, HEADER.format) === FORMAT.SVM;
}

/** The kernel goes on to the vmcb12. */
function copiesVmcb12(context: RuleContext): boolean {
  return onSvm(context) && hasFlag(context.view, FLAG.GUEST_MODE);
}

/** nested_svm_check_bitmap_pa: first and last byte legal. The low 12 bits were cut off before. */
function legalBitmap(vcpu: VcpuFacts, pa: bigint, bytes: bigint): boolean {
  const base = pa & ~PAGE_MASK;
  return legalGpa(vcpu, base) && legalGpa(vcpu, base + bytes - 1n);
}

/** Not kvm_vcpu_is_legal_cr3. */
function illegalCr3(context: RuleContext, cr3: bigint): boolean {
  return !legalCr3(context.vcpu, cr3) || setsReserved(context, 'cr3', cr3);
}

function nwWithoutCd(cr0: bigint): boolean {
  return (cr0 & (CR0.NW | CR0.CD)) === CR0.NW;
}

function nestedPaging(view: DataView): boolean {
  return (read(view, VMCB12_CONTROL.nested_ctl) & NESTED_CTL_NP) !== 0n;
}

function hostLongMode(view: DataView): boolean {
  return (read(view, VMCB12_SAVE.efer) & EFER.LME) !== 0n && (read(view, VMCB12_SAVE.cr0) & CR0.PG) !== 0n;
}

function eventType(event: number): number {
  return (event >>> EVENT_INJ.TYPE_SHIFT) & EVENT_INJ.TYPE;
}

/** kvm_pat_valid: each of the 8 bytes is a memory type 0, 1, 4, 5, 6 or 7. */
function validPat(pat: bigint): boolean {
  for (let rest = pat; rest !== 0n; rest >>= 8n) {
    const type = rest & 0xffn;
    if (type > 7n || type === 2n || type === 3n) return false;
  }
  return true;
}
