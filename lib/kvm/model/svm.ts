// AMD's part of a model vCPU: two VMCBs, as KVM has them, and the nested state between them. vmcb01 is L1's; vmcb02 is
// what L2 would run from. Source: arch/x86/kvm/svm/{svm,nested}.c of Linux 6.1. Made by vcpu.ts through amd-host.ts.
//
// Of a VMCB only what an ioctl can show is kept: segments, descriptor tables, RFLAGS, CPL, DR7, the VMLOAD/VMSAVE
// registers and the PAT. CR0, CR3, CR4, EFER, RAX, RSP, RIP, CR2 and DR6 of the VMCB in use are written at VMRUN, which
// is never done here: a save area shows them as the last nested state that entered L2 gave them, as in the kernel.

import { read, viewOf, write } from '../../nested/codec.js';
import {
  type Field,
  FLAG,
  FORMAT,
  HEADER,
  HEADER_BYTES,
  MIN_BUFFER_BYTES,
  PAGE_BYTES,
  SVM_GUEST_BYTES,
  SVM_HEADER,
  VMCB12_CONTROL,
  VMCB12_SAVE,
} from '../../nested/layout.js';
import type { KernelFacts, VcpuFacts } from '../../nested/rule.js';
import { explainRefusal } from '../../nested/rules.js';
import { EINVAL } from './errno.js';
import { checkedMsr, isCanonical, isValidPat, maskedMsr } from './msrs.js';
import type {
  DescriptorTable,
  ModelMsr,
  Segment,
  SegmentName,
  VendorModel,
  VendorModelFactory,
} from './nested-model.js';
import { CR0, EFER } from './registers.js';
import type { VcpuState } from './vcpu-state.js';

type NumberField = Field<'u8' | 'u16' | 'u32' | 'u64'>;

/** Bytes of struct vmcb_save_area in 6.1: all that KVM_GET_NESTED_STATE copies of it. */
const SAVE_AREA = { offset: HEADER_BYTES + 0x400, bytes: 744 } as const;

/** What KVM keeps of a vmcb12's control area, and gives back (nested_copy_vmcb_cache_to_control). */
const CACHED_CONTROLS = [
  'intercept_cr',
  'intercept_dr',
  'intercept_exceptions',
  'intercept_misc1',
  'intercept_misc2',
  'intercept_misc3',
  'iopm_base_pa',
  'msrpm_base_pa',
  'tsc_offset',
  'asid',
  'tlb_ctl',
  'int_ctl',
  'int_vector',
  'int_state',
  'exit_code',
  'exit_info_1',
  'exit_info_2',
  'exit_int_info',
  'exit_int_info_err',
  'nested_ctl',
  'event_inj',
  'event_inj_err',
  'next_rip',
  'nested_cr3',
  'virt_ext',
  'pause_filter_count',
  'pause_filter_thresh',
] as const satisfies ReadonlyArray<keyof typeof VMCB12_CONTROL>;

/** Kept without their low 12 bits (__nested_copy_vmcb_control_to_cache). */
const PAGE_ADDRESSES = ['iopm_base_pa', 'msrpm_base_pa'] as const;
const PAGE_MASK = 0xfffn;

/** What L1's save area takes from a nested state (svm_copy_vmrun_state); CPL becomes 0. */
const VMRUN_STATE: readonly NumberField[] = [
  ...(['es', 'cs', 'ss', 'ds', 'gdtr', 'idtr'] as const).flatMap((name) => [
    VMCB12_SAVE[`${name}.selector`],
    VMCB12_SAVE[`${name}.attrib`],
    VMCB12_SAVE[`${name}.limit`],
    VMCB12_SAVE[`${name}.base`],
  ]),
  VMCB12_SAVE.rflags,
  VMCB12_SAVE.efer,
  VMCB12_SAVE.cr0,
  VMCB12_SAVE.cr3,
  VMCB12_SAVE.cr4,
  VMCB12_SAVE.rax,
  VMCB12_SAVE.rsp,
  VMCB12_SAVE.rip,
];
const RFLAGS_FIXED = 1n << 1n;

/** MSRs that live in vmcb01's save area whoever has the CPU. */
const SAVE_AREA_MSRS: ReadonlyArray<readonly [index: number, field: Field<'u64'>, canonical: boolean]> = [
  [0xc000_0081, VMCB12_SAVE.star, false],
  [0xc000_0082, VMCB12_SAVE.lstar, true],
  [0xc000_0083, VMCB12_SAVE.cstar, true],
  [0xc000_0084, VMCB12_SAVE.sfmask, false],
  [0xc000_0100, VMCB12_SAVE['fs.base'], true],
  [0xc000_0101, VMCB12_SAVE['gs.base'], true],
  [0xc000_0102, VMCB12_SAVE.kernel_gs_base, true],
  [0x174, VMCB12_SAVE.sysenter_cs, false],
];
const SYSENTER_MSRS: ReadonlyArray<readonly [index: number, field: Field<'u64'>]> = [
  [0x175, VMCB12_SAVE.sysenter_esp],
  [0x176, VMCB12_SAVE.sysenter_eip],
];
const PAT = { MSR: 0x277, AT_POWER_ON: 0x0007_0406_0007_0406n } as const;

/** Segment attributes as a VMCB has them. */
const ATTRIB = { S: 4, DPL: 5, P: 7, AVL: 8, L: 9, DB: 10, G: 11 } as const;
const POWER_ON_SEGMENTS: Readonly<
  Record<SegmentName, readonly [selector: number, attrib: number, base: bigint]>
> = {
  cs: [0xf000, 0x9a, 0xffff_0000n],
  ds: [0, 0x92, 0n],
  es: [0, 0x92, 0n],
  fs: [0, 0x92, 0n],
  gs: [0, 0x92, 0n],
  ss: [0, 0x92, 0n],
  tr: [0, 0x83, 0n],
  ldtr: [0, 0x82, 0n],
};

/** A VMCB with its fields where the data of a nested state has them, so that one table of fields serves both. */
class Vmcb {
  readonly bytes = Buffer.alloc(SVM_GUEST_BYTES);
  readonly view = viewOf(this.bytes);

  get(field: Field<'u64'>): bigint;
  get(field: Field<'u8' | 'u16' | 'u32'>): number;
  get(field: NumberField): number | bigint {
    return read(this.view, field);
  }

  set(field: NumberField, value: number | bigint): void {
    write(this.view, field as Field<'u64'>, value as bigint);
  }

  copySaveAreaFrom(other: Vmcb): void {
    other.bytes.copy(this.bytes, SAVE_AREA.offset, SAVE_AREA.offset, SAVE_AREA.offset + SAVE_AREA.bytes);
  }
}

function copyField(from: DataView, to: Vmcb, field: NumberField): void {
  to.set(field, read(from, field));
}

class SvmModel implements VendorModel {
  readonly format = 'SVM';
  readonly maxBytes = SVM_GUEST_BYTES;
  readonly msrs: ReadonlyMap<number, ModelMsr>;
  private readonly vcpu: VcpuState;
  private readonly kernel: KernelFacts;
  private readonly vmcb01 = new Vmcb();
  private vmcb02 = new Vmcb();
  /** svm->nested.ctl: L1's controls for L2 as they were last set; kept when L2 is left, shown only in L2. */
  private readonly controls = new Vmcb();
  private vmcb12Address = 0n;
  private runPending = false;
  private gif = true;
  /** SVM_INTERRUPT_SHADOW_MASK of each VMCB's int_state. */
  private readonly shadows = new WeakMap<Vmcb, boolean>();

  constructor(vcpu: VcpuState, kernel: KernelFacts) {
    this.vcpu = vcpu;
    this.kernel = kernel;
    this.msrs = this.makeMsrs();
    // init_vmcb and kvm_vcpu_reset.
    for (const [name, [selector, attrib, base]] of Object.entries(POWER_ON_SEGMENTS)) {
      const fields = this.segmentFields(name as SegmentName);
      this.vmcb01.set(fields.selector, selector);
      this.vmcb01.set(fields.attrib, attrib);
      this.vmcb01.set(fields.limit, 0xffff);
      this.vmcb01.set(fields.base, base);
    }
    this.vmcb01.set(VMCB12_SAVE['gdtr.limit'], 0xffff);
    this.vmcb01.set(VMCB12_SAVE['idtr.limit'], 0xffff);
    this.vmcb01.set(VMCB12_SAVE.rflags, RFLAGS_FIXED);
    this.vmcb01.set(VMCB12_SAVE.dr7, vcpu.dr7);
    this.vmcb01.set(VMCB12_SAVE.g_pat, PAT.AT_POWER_ON);
  }

  /** svm->vmcb: of whoever has the CPU. */
  private get vmcb(): Vmcb {
    return this.vcpu.guestMode ? this.vmcb02 : this.vmcb01;
  }

  // -------------------------------------------------------------------------------------------------------
  // Nested state

  /** svm_get_nested_state. */
  get(buffer: Buffer, userBytes: number): number {
    if (userBytes < HEADER_BYTES) return HEADER_BYTES;
    const view = viewOf(buffer);
    const inL2 = this.vcpu.guestMode;
    const bytes = inL2 ? SVM_GUEST_BYTES : HEADER_BYTES;
    buffer.fill(0, 0, bytes);
    const flags =
      (inL2 ? FLAG.GUEST_MODE : 0) |
      (inL2 && this.runPending ? FLAG.RUN_PENDING : 0) |
      (this.gif ? FLAG.GIF_SET : 0);
    write(view, HEADER.flags, flags);
    write(view, HEADER.format, FORMAT.SVM);
    write(view, HEADER.size, bytes);
    if (!inL2) return bytes;
    write(view, SVM_HEADER.vmcb_pa, this.vmcb12Address);
    this.controls.bytes.copy(buffer, HEADER_BYTES, HEADER_BYTES, SAVE_AREA.offset);
    this.vmcb01.bytes.copy(buffer, SAVE_AREA.offset, SAVE_AREA.offset, SAVE_AREA.offset + SAVE_AREA.bytes);
    return bytes;
  }

  facts(): VcpuFacts {
    return this.vcpu.facts(NO_MSRS);
  }

  /** svm_set_nested_state. All but one of its checks come before it changes anything. */
  set(buffer: Buffer): number {
    const state = Buffer.alloc(MIN_BUFFER_BYTES);
    buffer.copy(state, 0, 0, Math.min(buffer.length, HEADER_BYTES + PAGE_BYTES));
    const view = viewOf(state);
    const refusal = explainRefusal(state, this.facts(), this.kernel);
    if (refusal !== undefined && refusal.reason !== 'SVM_L2_CR3_ILLEGAL') return EINVAL;
    const flags = read(view, HEADER.flags);
    if ((flags & FLAG.GUEST_MODE) === 0) {
      this.leave();
      this.gif = (flags & FLAG.GIF_SET) !== 0;
      return 0;
    }
    if (this.vcpu.guestMode) this.leave();
    else this.vmcb02.copySaveAreaFrom(this.vmcb01); // the vCPU's registers are L2's from here on
    this.gif = (flags & FLAG.GIF_SET) !== 0;
    this.runPending = (flags & FLAG.RUN_PENDING) !== 0;
    this.vmcb12Address = read(view, SVM_HEADER.vmcb_pa);
    this.takeVmrunState(view);
    this.takeControls(view);
    this.vcpu.guestMode = true;
    // nested_vmcb02_prepare_control
    this.setShadowOf(this.vmcb02, (this.controls.get(VMCB12_CONTROL.int_state) & 1) !== 0);
    // nested_svm_load_cr3: the vCPU is in L2 by now.
    return refusal === undefined ? 0 : EINVAL;
  }

  private takeVmrunState(view: DataView): void {
    for (const field of VMRUN_STATE) copyField(view, this.vmcb01, field);
    this.vmcb01.set(VMCB12_SAVE.rflags, this.vmcb01.get(VMCB12_SAVE.rflags) | RFLAGS_FIXED);
    this.vmcb01.set(VMCB12_SAVE.cpl, 0);
  }

  private takeControls(view: DataView): void {
    for (const name of CACHED_CONTROLS) copyField(view, this.controls, VMCB12_CONTROL[name]);
    for (const name of PAGE_ADDRESSES) {
      const field = VMCB12_CONTROL[name];
      this.controls.set(field, this.controls.get(field) & ~PAGE_MASK);
    }
  }

  /** svm_leave_nested: L1's VMCB is back, the other registers stay what L2 had. */
  leave(): void {
    if (!this.vcpu.guestMode) return;
    this.runPending = false;
    this.vcpu.guestMode = false;
  }

  nestedPaging(): boolean {
    return (this.controls.get(VMCB12_CONTROL.nested_ctl) & 1n) !== 0n;
  }

  initBlocked(): boolean {
    return !this.gif;
  }

  // -------------------------------------------------------------------------------------------------------
  // Registers

  /** svm_set_efer. EFER's bits themselves are not checked here. */
  setEfer(efer: bigint): void {
    const former = this.vcpu.efer;
    this.vcpu.efer = efer;
    if (((former ^ efer) & EFER.SVME) === 0n || (efer & EFER.SVME) !== 0n) return;
    this.leave();
    this.gif = true;
    if (!this.vcpu.smm) this.vmcb02 = new Vmcb(); // svm_free_nested
  }

  /** svm_set_cr0: LMA follows PG. */
  setCr0(cr0: bigint): void {
    const { vcpu } = this;
    const turned = (vcpu.cr0 ^ cr0) & CR0.PG;
    if ((vcpu.efer & EFER.LME) !== 0n && turned !== 0n) {
      vcpu.efer = (cr0 & CR0.PG) !== 0n ? vcpu.efer | EFER.LMA : vcpu.efer & ~EFER.LMA;
    }
    vcpu.cr0 = cr0;
  }

  setCr4(cr4: bigint): void {
    this.vcpu.cr4 = cr4;
  }

  isValidCr0(): boolean {
    return true;
  }

  isValidCr4(): boolean {
    return true;
  }

  afterSetCpuid(): void {
    // What of it decides how L2 runs is of no consequence where none does.
  }

  getRflags(): bigint {
    return this.vmcb.get(VMCB12_SAVE.rflags);
  }

  setRflags(rflags: bigint): void {
    this.vmcb.set(VMCB12_SAVE.rflags, rflags);
  }

  setDr7(dr7: bigint): void {
    this.vmcb.set(VMCB12_SAVE.dr7, dr7);
  }

  /** One bit stands for both of KVM's. */
  getInterruptShadow(): number {
    return this.shadows.get(this.vmcb) === true ? 3 : 0;
  }

  setInterruptShadow(mask: number): void {
    this.setShadowOf(this.vmcb, mask !== 0);
  }

  private setShadowOf(vmcb: Vmcb, on: boolean): void {
    this.shadows.set(vmcb, on);
  }

  getTable(name: 'gdt' | 'idt'): DescriptorTable {
    const { vmcb } = this;
    return {
      base: vmcb.get(VMCB12_SAVE[`${name}r.base`]),
      limit: vmcb.get(VMCB12_SAVE[`${name}r.limit`]) & 0xffff,
    };
  }

  setTable(name: 'gdt' | 'idt', { base, limit }: DescriptorTable): void {
    this.vmcb.set(VMCB12_SAVE[`${name}r.limit`], limit);
    this.vmcb.set(VMCB12_SAVE[`${name}r.base`], base);
  }

  /** svm_seg: FS, GS, TR and LDTR are switched by VMLOAD and VMSAVE, which KVM does with vmcb01 alone. */
  private vmcbOf(name: SegmentName): Vmcb {
    return name === 'cs' || name === 'ds' || name === 'es' || name === 'ss' ? this.vmcb : this.vmcb01;
  }

  private segmentFields(name: SegmentName) {
    return {
      selector: VMCB12_SAVE[`${name}.selector`],
      attrib: VMCB12_SAVE[`${name}.attrib`],
      limit: VMCB12_SAVE[`${name}.limit`],
      base: VMCB12_SAVE[`${name}.base`],
    };
  }

  /** svm_get_segment. */
  getSegment(name: SegmentName): Segment {
    const vmcb = this.vmcbOf(name);
    const fields = this.segmentFields(name);
    const attrib = vmcb.get(fields.attrib);
    const limit = vmcb.get(fields.limit);
    const bit = (at: number): number => (attrib >>> at) & 1;
    const present = bit(ATTRIB.P);
    let type = attrib & 0xf;
    let dpl = (attrib >>> ATTRIB.DPL) & 3;
    let db = bit(ATTRIB.DB);
    if (name === 'tr')
      type |= 2; // busy
    else if (name === 'ss') {
      if (present === 0) db = 0;
      dpl = this.vmcb.get(VMCB12_SAVE.cpl);
    } else if (name !== 'cs' && name !== 'ldtr' && present === 1) type |= 1; // accessed
    return {
      base: vmcb.get(fields.base),
      limit,
      selector: vmcb.get(fields.selector),
      type,
      present,
      dpl,
      db,
      s: bit(ATTRIB.S),
      l: bit(ATTRIB.L),
      g: limit > 0xf_ffff ? 1 : 0,
      avl: bit(ATTRIB.AVL),
      unusable: 1 - present,
    };
  }

  /** svm_set_segment. */
  setSegment(name: SegmentName, segment: Segment): void {
    const vmcb = this.vmcbOf(name);
    const fields = this.segmentFields(name);
    vmcb.set(fields.base, segment.base);
    vmcb.set(fields.limit, segment.limit);
    vmcb.set(fields.selector, segment.selector);
    const present = segment.present & 1 & (segment.unusable === 0 ? 1 : 0);
    vmcb.set(
      fields.attrib,
      (segment.type & 0xf) |
        ((segment.s & 1) << ATTRIB.S) |
        ((segment.dpl & 3) << ATTRIB.DPL) |
        (present << ATTRIB.P) |
        ((segment.avl & 1) << ATTRIB.AVL) |
        ((segment.l & 1) << ATTRIB.L) |
        ((segment.db & 1) << ATTRIB.DB) |
        ((segment.g & 1) << ATTRIB.G),
    );
    if (name === 'ss') this.vmcb.set(VMCB12_SAVE.cpl, segment.dpl & 3);
  }

  // -------------------------------------------------------------------------------------------------------
  // MSRs

  private makeMsrs(): ReadonlyMap<number, ModelMsr> {
    const { vcpu, vmcb01 } = this;
    const inSaveArea = (field: Field<'u64'>, taken: (value: bigint) => bigint | undefined): ModelMsr => ({
      read: () => vmcb01.get(field),
      write: (value) => {
        const kept = taken(value);
        if (kept === undefined) return false;
        vmcb01.set(field, kept);
        return true;
      },
    });
    return new Map<number, ModelMsr>([
      ...SAVE_AREA_MSRS.map(([index, field, canonical]): [number, ModelMsr] => [
        index,
        inSaveArea(field, (value) => (canonical && !isCanonical(value, vcpu) ? undefined : value)),
      ]),
      // AMD's SYSENTER has 32 bits.
      ...SYSENTER_MSRS.map(([index, field]): [number, ModelMsr] => [
        index,
        inSaveArea(field, (value) => value & 0xffff_ffffn),
      ]),
      [PAT.MSR, inSaveArea(VMCB12_SAVE.g_pat, (value) => (isValidPat(value) ? value : undefined))],
      [0xc001_0117, maskedMsr(0n, ~0n, ~PAGE_MASK)], // VM_HSAVE_PA
      // AMD64_TSC_RATIO without TSC scaling: what it is already, or 0, which is ignored.
      [0xc000_0104, { read: () => TSC_RATIO_ONE, write: (value) => value === 0n || value === TSC_RATIO_ONE }],
      // The scaled one's reserved bits don't matter here: no host of this kind was captured.
      [0xc001_1029, checkedMsr(0n, (value) => (value & ~DE_CFG_LFENCE_SERIALIZE) === 0n)],
    ]);
  }
}

const TSC_RATIO_ONE = 1n << 32n;
const DE_CFG_LFENCE_SERIALIZE = 2n;
const NO_MSRS: ReadonlyMap<number, bigint> = new Map();

/** AMD's part of vCPUs on a kernel that applies these rules. */
export function svmModel(kernel: KernelFacts): VendorModelFactory {
  return (vcpu) => new SvmModel(vcpu, kernel);
}
