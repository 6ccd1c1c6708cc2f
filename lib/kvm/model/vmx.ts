// Intel's part of a model vCPU: two VMCSs, as KVM has them, and the nested state between them. vmcs01 is L1's; vmcs02 is
// what L2 would run from. Source: arch/x86/kvm/vmx/{vmx,nested}.c of Linux 6.1, with EPT, unrestricted guest and
// virtual NMIs. Made by vcpu.ts through intel-host.ts.
//
// Of a VMCS only what an ioctl can show is kept, in the fields of a vmcs12. CR0, CR3, CR4, EFER, RSP, RIP and DR7 of the
// VMCS in use are written at VM entry, which is never done here: they are the vCPU's state.

import { read, viewOf, write } from '../../nested/codec.js';
import {
  type Field,
  FLAG,
  FORMAT,
  HEADER,
  HEADER_BYTES,
  MIN_BUFFER_BYTES,
  NO_ADDRESS,
  PAGE_BYTES,
  SMM_FLAG,
  VMCS12,
  VMCS12_STRUCT_BYTES,
  VMX_CURRENT_BYTES,
  VMX_HEADER,
  VMX_HEADER_FLAG,
  VMX_SHADOW_BYTES,
} from '../../nested/layout.js';
import { hasFlag, type KernelFacts, type VcpuFacts } from '../../nested/rule.js';
import { explainRefusal } from '../../nested/rules.js';
import {
  CR4 as CR4_BITS,
  ENTRY,
  EXIT,
  hasEntry,
  hasExit,
  hasPin,
  hasSecondary,
  PIN,
  SECONDARY,
} from '../../nested/vmx-conditions.js';
import { vmxRefusalStage } from '../../nested/vmx-rules.js';
import { MP_STATE } from '../abi.js';
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
import { CR0, CR4, EFER } from './registers.js';
import { GPR, type VcpuState } from './vcpu-state.js';
import { VmxCapabilities } from './vmx-capabilities.js';

type NumberField = Field<'u8' | 'u16' | 'u32' | 'u64'>;

const RFLAGS_FIXED = 1n << 1n;
const DR7 = { VOLATILE: 0xffff_2bffn, FIXED: 0x400n } as const;

/** Interruptibility of a guest (SDM volume 3, 25.4.2), and KVM_X86_SHADOW_*. */
const BLOCKED_BY = { STI: 1, MOV_SS: 2, NMI: 8 } as const;
const SHADOW = { MOV_SS: 1, STI: 2 } as const;

/** Activity states of a guest (25.4.2), by the vCPU's KVM_MP_STATE_*. */
const ACTIVITY: ReadonlyMap<number, number> = new Map([
  [MP_STATE.HALTED, 1],
  [MP_STATE.INIT_RECEIVED, 3],
]);

/** Access rights of a segment (table 25-2). */
const RIGHTS = { S: 4, DPL: 5, P: 7, AVL: 12, L: 13, DB: 14, G: 15, UNUSABLE: 16 } as const;
const TYPE = { ACCESSED: 1, BUSY_TSS: 11, CODE: 11, DATA: 3 } as const;

type GuestSegment = 'es' | 'cs' | 'ss' | 'ds' | 'fs' | 'gs' | 'ldtr' | 'tr';
const segmentFields = (name: GuestSegment) => ({
  selector: VMCS12[`guest_${name}_selector`],
  limit: VMCS12[`guest_${name}_limit`],
  rights: VMCS12[`guest_${name}_ar_bytes`],
  base: VMCS12[`guest_${name}_base`],
});
const SEGMENT_NAMES: readonly GuestSegment[] = ['es', 'cs', 'ss', 'ds', 'fs', 'gs', 'ldtr', 'tr'];

/** What KVM_GET_NESTED_STATE reads back, also where L2 was left since (sync_vmcs02_to_vmcs12_rare). */
const RARE_FIELDS: readonly NumberField[] = [
  ...SEGMENT_NAMES.flatMap((name) => Object.values(segmentFields(name))).filter(
    (field) => field !== VMCS12.guest_cs_ar_bytes && field !== VMCS12.guest_ss_ar_bytes,
  ),
  VMCS12.guest_gdtr_limit,
  VMCS12.guest_gdtr_base,
  VMCS12.guest_idtr_limit,
  VMCS12.guest_idtr_base,
  VMCS12.guest_pending_dbg_exceptions,
];

/** What VM entry takes beside (prepare_vmcs02_rare, prepare_vmcs02). */
const ENTERED_FIELDS: readonly NumberField[] = [
  ...RARE_FIELDS,
  VMCS12.guest_cs_ar_bytes,
  VMCS12.guest_ss_ar_bytes,
  VMCS12.guest_sysenter_cs,
  VMCS12.guest_sysenter_esp,
  VMCS12.guest_sysenter_eip,
  VMCS12.guest_rflags,
];

const MSR = {
  SYSENTER_CS: 0x174,
  SYSENTER_ESP: 0x175,
  SYSENTER_EIP: 0x176,
  FEATURE_CONTROL: 0x3a,
  DEBUGCTL: 0x1d9,
  PAT: 0x277,
  BNDCFGS: 0xd90,
  STAR: 0xc000_0081,
  LSTAR: 0xc000_0082,
  CSTAR: 0xc000_0083,
  SFMASK: 0xc000_0084,
  FS_BASE: 0xc000_0100,
  GS_BASE: 0xc000_0101,
  KERNEL_GS_BASE: 0xc000_0102,
} as const;
const PAT_AT_POWER_ON = 0x0007_0406_0007_0406n;
const BNDCFGS_RESERVED = 0xffcn;
/** IA32_FEATURE_CONTROL: locked; VMX in and out of SMX. */
const FEATURE_CONTROL = { LOCKED: 1n, VMX: 6n } as const;
const U64 = 0xffff_ffff_ffff_ffffn;

/** MSRs that no MSR-load list may name (nested_vmx_load_msr_check). */
const NEVER_LOADED: ReadonlySet<number> = new Set([MSR.FS_BASE, MSR.GS_BASE, 0x9b, 0x79, 0x8b]);
const MSR_ENTRY_BYTES = 16;
const X2APIC_ENABLE = 1n << 10n;
/** VMX_MISC_EMULATED_PREEMPTION_TIMER_RATE: one tick for 32 of the TSC. */
const PREEMPTION_TIMER_SHIFT = 5n;

/** A VMCS, or a vmcs12, with its fields where the data of a nested state has them. */
class Vmcs {
  readonly bytes = Buffer.alloc(VMX_CURRENT_BYTES);
  readonly view = viewOf(this.bytes);

  get(field: Field<'u64'>): bigint;
  get(field: Field<'u8' | 'u16' | 'u32'>): number;
  get(field: NumberField): number | bigint {
    return read(this.view, field);
  }

  set(field: NumberField, value: number | bigint): void {
    write(this.view, field as Field<'u64'>, value as bigint);
  }

  copyFrom(other: Vmcs, fields: readonly NumberField[]): void {
    for (const field of fields) this.set(field, read(other.view, field));
  }
}

/** What KVM keeps in VMX operation (struct nested_vmx, from enter_vmx_operation to free_nested). */
interface VmxOperation {
  readonly vmxonAddress: bigint;
  /** The current VMCS's address; NO_ADDRESS without one. */
  currentAddress: bigint;
  readonly vmcs12: Vmcs;
  readonly shadowVmcs12: Buffer;
  readonly vmcs02: Vmcs;
}

class VmxModel implements VendorModel {
  readonly format = 'VMX';
  readonly maxBytes = VMX_SHADOW_BYTES;
  readonly msrs: ReadonlyMap<number, ModelMsr>;
  private readonly vcpu: VcpuState;
  private readonly kernel: KernelFacts;
  private readonly capabilities: VmxCapabilities;
  private readonly vmcs01 = new Vmcs();
  private operation: VmxOperation | undefined;
  /** nested.vmxon: in VMX operation. In SMM that is smm.vmxon instead. */
  private vmxon = false;
  private smmVmxon = false;
  /** smm.guest_mode: nothing but RSM clears it, so that it outlives VMX operation. */
  private smmGuestMode = false;
  private runPending = false;
  private mtfPending = false;
  private deadline: bigint | undefined;
  /**
   * need_sync_vmcs02_to_vmcs12_rare: set where L2 is left, and nothing but a read clears it. So that the first state with
   * a current VMCS that is set afterwards is read with the segments of a vmcs02 that no L2 has used.
   */
  private rareFieldsUnread = false;
  private pat = PAT_AT_POWER_ON;
  private featureControl = 0n;

  constructor(vcpu: VcpuState, kernel: KernelFacts, capabilities: VmxCapabilities) {
    this.vcpu = vcpu;
    this.kernel = kernel;
    this.capabilities = capabilities;
    this.msrs = this.makeMsrs();
    // vmx_vcpu_reset
    const { vmcs01 } = this;
    for (const name of SEGMENT_NAMES) {
      const fields = segmentFields(name);
      vmcs01.set(fields.limit, 0xffff);
      vmcs01.set(fields.rights, 0x93);
    }
    vmcs01.set(VMCS12.guest_cs_selector, 0xf000);
    vmcs01.set(VMCS12.guest_cs_base, 0xffff_0000n);
    vmcs01.set(VMCS12.guest_cs_ar_bytes, 0x9b);
    vmcs01.set(VMCS12.guest_tr_ar_bytes, 0x8b);
    vmcs01.set(VMCS12.guest_ldtr_ar_bytes, 0x82);
    vmcs01.set(VMCS12.guest_gdtr_limit, 0xffff);
    vmcs01.set(VMCS12.guest_idtr_limit, 0xffff);
    vmcs01.set(VMCS12.guest_rflags, RFLAGS_FIXED);
  }

  /** The VMCS that is loaded: of whoever has the CPU. */
  private get vmcs(): Vmcs {
    return (this.vcpu.guestMode ? this.operation?.vmcs02 : undefined) ?? this.vmcs01;
  }

  // -------------------------------------------------------------------------------------------------------
  // KVM_GET_NESTED_STATE

  /** vmx_get_nested_state. */
  get(buffer: Buffer, userBytes: number): number {
    const { vcpu, operation } = this;
    const header = Buffer.alloc(HEADER_BYTES);
    const view = viewOf(header);
    write(view, HEADER.format, FORMAT.VMX);
    write(view, VMX_HEADER.vmxon_pa, NO_ADDRESS);
    write(view, VMX_HEADER.vmcs12_pa, NO_ADDRESS);
    let bytes = HEADER_BYTES;
    const current = operation !== undefined && operation.currentAddress !== NO_ADDRESS;
    const shown = vcpu.cpuidFacts.hasVmx && (this.vmxon || this.smmVmxon);
    if (shown && operation !== undefined) {
      write(view, VMX_HEADER.vmxon_pa, operation.vmxonAddress);
      write(view, VMX_HEADER.vmcs12_pa, operation.currentAddress);
      if (current) bytes += PAGE_BYTES;
      if (current && vcpu.guestMode && hasShadow(operation.vmcs12.view)) bytes += PAGE_BYTES;
      const smm =
        (this.smmVmxon ? SMM_FLAG.SMM_VMXON : 0) | (this.smmGuestMode ? SMM_FLAG.SMM_GUEST_MODE : 0);
      write(view, VMX_HEADER['smm.flags'], smm);
      if (vcpu.guestMode) this.describeGuestMode(view, operation);
    }
    write(view, HEADER.size, bytes);
    if (userBytes < bytes) return bytes;
    header.copy(buffer);
    if (!current) return bytes;
    if (vcpu.guestMode) {
      this.syncVmcs12(operation);
      operation.vmcs12.copyFrom(operation.vmcs02, RARE_FIELDS);
      this.rareFieldsUnread = false;
    } else if (this.rareFieldsUnread) {
      operation.vmcs12.copyFrom(operation.vmcs02, RARE_FIELDS);
      this.rareFieldsUnread = false;
    }
    operation.vmcs12.bytes.copy(buffer, HEADER_BYTES, HEADER_BYTES);
    // Out of guest mode it was not counted; it is written all the same.
    if (hasShadow(operation.vmcs12.view)) operation.shadowVmcs12.copy(buffer, VMX_CURRENT_BYTES);
    return bytes;
  }

  private describeGuestMode(view: DataView, { vmcs12 }: VmxOperation): void {
    const flags =
      FLAG.GUEST_MODE | (this.runPending ? FLAG.RUN_PENDING : 0) | (this.mtfPending ? FLAG.MTF_PENDING : 0);
    write(view, HEADER.flags, flags);
    if (!hasPin(vmcs12.view, PIN.PREEMPTION_TIMER) || this.deadline === undefined) return;
    write(view, VMX_HEADER.flags, VMX_HEADER_FLAG.PREEMPTION_TIMER_DEADLINE);
    write(view, VMX_HEADER.preemption_timer_deadline, this.deadline);
  }

  /** sync_vmcs02_to_vmcs12: what L2 may have changed, or userspace in its place. GUEST_CR3 and the PDPTRs change only as it runs. */
  private syncVmcs12({ vmcs12, vmcs02 }: VmxOperation): void {
    const { vcpu } = this;
    const { view } = vmcs12;
    this.rareFieldsUnread = true;
    const masked = (field: Field<'u64'>, mask: Field<'u64'>, value: bigint): void =>
      vmcs12.set(field, (value & ~vmcs12.get(mask)) | (vmcs12.get(field) & vmcs12.get(mask)));
    masked(VMCS12.guest_cr0, VMCS12.cr0_guest_host_mask, vcpu.cr0);
    masked(VMCS12.guest_cr4, VMCS12.cr4_guest_host_mask, vcpu.cr4);
    vmcs12.set(VMCS12.guest_rsp, vcpu.gprs[GPR.rsp] ?? 0n);
    vmcs12.set(VMCS12.guest_rip, vcpu.rip);
    vmcs12.copyFrom(vmcs02, [
      VMCS12.guest_rflags,
      VMCS12.guest_cs_ar_bytes,
      VMCS12.guest_ss_ar_bytes,
      VMCS12.guest_linear_address,
    ]);
    const interruptibility = vmcs02.get(VMCS12.guest_interruptibility_info) & ~BLOCKED_BY.NMI;
    vmcs12.set(
      VMCS12.guest_interruptibility_info,
      interruptibility | (vcpu.nmiMasked === 0 ? 0 : BLOCKED_BY.NMI),
    );
    vmcs12.set(VMCS12.guest_activity_state, ACTIVITY.get(vcpu.mpState) ?? 0);
    if (hasPin(view, PIN.PREEMPTION_TIMER) && hasExit(view, EXIT.SAVE_PREEMPTION_TIMER) && !this.runPending)
      vmcs12.set(VMCS12.vmx_preemption_timer_value, this.remainingTimer());
    const controls = vmcs12.get(VMCS12.vm_entry_controls) & ~ENTRY.GUEST_64_BIT;
    vmcs12.set(VMCS12.vm_entry_controls, controls | ((vcpu.efer & EFER.LMA) === 0n ? 0 : ENTRY.GUEST_64_BIT));
    if (hasExit(view, EXIT.SAVE_DEBUG)) vmcs12.set(VMCS12.guest_dr7, vcpu.dr7);
    if (hasExit(view, EXIT.SAVE_EFER)) vmcs12.set(VMCS12.guest_ia32_efer, vcpu.efer);
  }

  /** vmx_get_preemption_timer_value. */
  private remainingTimer(): number {
    const remaining = (this.deadline ?? 0n) - this.timerTicks();
    return remaining > 0n ? Number(BigInt.asUintN(32, remaining)) : 0;
  }

  private timerTicks(): bigint {
    return this.vcpu.vm.readTsc(this.vcpu.index) >> PREEMPTION_TIMER_SHIFT;
  }

  // -------------------------------------------------------------------------------------------------------
  // KVM_SET_NESTED_STATE

  /** vmx_set_nested_state: what it has changed before it refuses stays changed. */
  set(buffer: Buffer): number {
    const state = Buffer.alloc(MIN_BUFFER_BYTES);
    buffer.copy(state, 0, 0, MIN_BUFFER_BYTES);
    const view = viewOf(state);
    const refusal = explainRefusal(state, this.facts(), this.kernel);
    const stage = refusal === undefined ? undefined : vmxRefusalStage(refusal.reason);
    if (stage === 'nothing') return EINVAL;

    this.leave();
    if (read(view, VMX_HEADER.vmxon_pa) === NO_ADDRESS) return 0;
    const operation = this.enterOperation(read(view, VMX_HEADER.vmxon_pa));
    if (stage === 'vmxon') return EINVAL;
    if (read(view, HEADER.size) < HEADER_BYTES + VMCS12_STRUCT_BYTES) return 0;
    operation.currentAddress = read(view, VMX_HEADER.vmcs12_pa);
    const smm = read(view, VMX_HEADER['smm.flags']);
    if ((smm & SMM_FLAG.SMM_VMXON) !== 0) {
      this.smmVmxon = true;
      this.vmxon = false;
      if ((smm & SMM_FLAG.SMM_GUEST_MODE) !== 0) this.smmGuestMode = true;
    }
    state.copy(operation.vmcs12.bytes, HEADER_BYTES, HEADER_BYTES, HEADER_BYTES + VMCS12_STRUCT_BYTES);
    if (stage === 'current') return EINVAL;
    if (!hasFlag(view, FLAG.GUEST_MODE)) return 0;
    this.mtfPending = hasFlag(view, FLAG.MTF_PENDING);
    if (hasShadow(view) && read(view, HEADER.size) >= VMX_CURRENT_BYTES + VMCS12_STRUCT_BYTES)
      state.copy(operation.shadowVmcs12, 0, VMX_CURRENT_BYTES, VMX_CURRENT_BYTES + VMCS12_STRUCT_BYTES);
    if (stage === 'guest') return EINVAL;
    const timed = (read(view, VMX_HEADER.flags) & VMX_HEADER_FLAG.PREEMPTION_TIMER_DEADLINE) !== 0;
    this.deadline = timed ? read(view, VMX_HEADER.preemption_timer_deadline) : undefined;
    const pending = hasFlag(view, FLAG.RUN_PENDING);
    if (stage === 'entry') {
      this.failEntry(operation, pending);
      return refusal?.returns ?? EINVAL;
    }
    this.enterL2(operation, pending);
    return 0;
  }

  /** CR4 is what it will be once L2 is left: L1's addresses are measured by it. */
  facts(): VcpuFacts {
    const facts = this.vcpu.facts(this.capabilities.values());
    const vmcs12 = this.vcpu.guestMode ? this.operation?.vmcs12 : undefined;
    return vmcs12 === undefined ? facts : { ...facts, cr4: vmcs12.get(VMCS12.host_cr4) };
  }

  /** enter_vmx_operation. */
  private enterOperation(vmxonAddress: bigint): VmxOperation {
    this.vmxon = true;
    this.operation = {
      vmxonAddress,
      currentAddress: NO_ADDRESS,
      vmcs12: new Vmcs(),
      shadowVmcs12: Buffer.alloc(PAGE_BYTES),
      vmcs02: new Vmcs(),
    };
    return this.operation;
  }

  /** nested_vmx_enter_non_root_mode and prepare_vmcs02, from KVM_SET_NESTED_STATE, up to where CR3 may be refused. */
  private beginEntry({ vmcs12, vmcs02 }: VmxOperation, pending: boolean): void {
    const { vcpu, vmcs01 } = this;
    const { view } = vmcs12;
    vmcs01.set(
      VMCS12.guest_interruptibility_info,
      (vmcs01.get(VMCS12.guest_interruptibility_info) & ~BLOCKED_BY.NMI) |
        (vcpu.nmiMasked === 0 ? 0 : BLOCKED_BY.NMI),
    );
    if (pending) vmcs02.copyFrom(vmcs12, [VMCS12.guest_interruptibility_info]);
    vcpu.nmiMasked = (vmcs02.get(VMCS12.guest_interruptibility_info) & BLOCKED_BY.NMI) === 0 ? 0 : 1;
    vcpu.guestMode = true;
    vmcs02.copyFrom(vmcs12, ENTERED_FIELDS);
    vmcs02.copyFrom(vmcs01, [VMCS12.guest_bndcfgs]);
    if (pending && hasEntry(view, ENTRY.LOAD_BNDCFGS)) vmcs02.copyFrom(vmcs12, [VMCS12.guest_bndcfgs]);
    const loadsDebug = pending && hasEntry(view, ENTRY.LOAD_DEBUG);
    vcpu.dr7 = ((loadsDebug ? vmcs12.get(VMCS12.guest_dr7) : vcpu.dr7) & DR7.VOLATILE) | DR7.FIXED;
    if (pending && hasEntry(view, ENTRY.LOAD_PAT)) this.pat = vmcs12.get(VMCS12.guest_ia32_pat);
    this.setCr0(vmcs12.get(VMCS12.guest_cr0));
    this.setCr4(vmcs12.get(VMCS12.guest_cr4));
    // nested_vmx_calc_efer
    if (pending && hasEntry(view, ENTRY.LOAD_EFER)) vcpu.efer = vmcs12.get(VMCS12.guest_ia32_efer);
    else if (hasEntry(view, ENTRY.GUEST_64_BIT)) vcpu.efer |= EFER.LMA | EFER.LME;
    else vcpu.efer &= ~(EFER.LMA | EFER.LME);
  }

  private enterL2(operation: VmxOperation, pending: boolean): void {
    const { vcpu } = this;
    const { vmcs12 } = operation;
    this.beginEntry(operation, pending);
    this.runPending = pending;
    vcpu.cr3 = vmcs12.get(VMCS12.guest_cr3);
    const pdptrs = this.nestedPaging() ? vcpu.pdptrs.l2 : vcpu.pdptrs.l1;
    pdptrs.set([
      vmcs12.get(VMCS12.guest_pdptr0),
      vmcs12.get(VMCS12.guest_pdptr1),
      vmcs12.get(VMCS12.guest_pdptr2),
      vmcs12.get(VMCS12.guest_pdptr3),
    ]);
    vcpu.gprs[GPR.rsp] = vmcs12.get(VMCS12.guest_rsp);
    vcpu.rip = vmcs12.get(VMCS12.guest_rip);
    if (!hasPin(vmcs12.view, PIN.PREEMPTION_TIMER)) return;
    const value = BigInt(vmcs12.get(VMCS12.vmx_preemption_timer_value));
    this.deadline ??= this.timerTicks() + value;
  }

  /**
   * vmentry_fail_vmexit_guest_mode: vmcs01 is loaded again, and L1's state is not. What the vCPU has in registers of its
   * own, EFER, DR7 and most of CR0 and CR4, is L2's; what is read from the VMCS is what vmcs01 was given at its last VM
   * entry, and there was none.
   */
  private failEntry(operation: VmxOperation, pending: boolean): void {
    const { vcpu, vmcs01 } = this;
    this.beginEntry(operation, pending);
    vcpu.guestMode = false;
    vcpu.nmiMasked = (vmcs01.get(VMCS12.guest_interruptibility_info) & BLOCKED_BY.NMI) === 0 ? 0 : 1;
    const owned = CR0_GUEST_OWNED & ~operation.vmcs12.get(VMCS12.cr0_guest_host_mask);
    const ownedCr4 = this.ownedCr4() & ~operation.vmcs12.get(VMCS12.cr4_guest_host_mask);
    vcpu.cr0 = (vcpu.cr0 & ~owned) | (this.l1Cr0 & owned);
    vcpu.cr4 = (vcpu.cr4 & ~ownedCr4) | (this.l1Cr4 & ownedCr4);
    vcpu.cr3 = 0n;
    operation.vmcs12.set(VMCS12.exit_qualification, 0n); // ENTRY_FAIL_DEFAULT
    vcpu.rip = 0n;
    vcpu.gprs[GPR.rsp] = 0n;
  }

  /** GUEST_CR0 and GUEST_CR4 of vmcs01. */
  private l1Cr0 = 0x6000_0010n;
  private l1Cr4 = 0n;

  /** CR4 bits that an L1 may set without KVM seeing it (set_cr4_guest_host_mask). */
  private ownedCr4(): bigint {
    return CR4_GUEST_OWNED & ~this.vcpu.cpuidFacts.reserved.cr4;
  }

  // -------------------------------------------------------------------------------------------------------
  // Leaving

  /** vmx_leave_nested: out of L2 as by a VM exit without a reason, then out of VMX operation. */
  leave(): void {
    if (this.vcpu.guestMode && this.operation !== undefined) {
      this.runPending = false;
      this.exitL2(this.operation);
    }
    if (!this.vmxon && !this.smmVmxon) return;
    this.vmxon = false;
    this.smmVmxon = false;
    this.operation = undefined;
  }

  /** nested_vmx_vmexit without an exit reason, and load_vmcs12_host_state. */
  private exitL2(operation: VmxOperation): void {
    const { vcpu, vmcs01 } = this;
    const { vmcs12, vmcs02 } = operation;
    const { view } = vmcs12;
    this.mtfPending = false;
    this.rareFieldsUnread = true;
    // nested_flush_cached_shadow_vmcs12
    if (hasShadow(view)) vcpu.vm.writeGuest(vmcs12.get(VMCS12.vmcs_link_pointer), operation.shadowVmcs12);
    vcpu.guestMode = false;
    vcpu.nmiInjected = 0;
    vcpu.exception.pending = 0;
    vcpu.exception.injected = 0;
    vcpu.interruptInjected = 0;
    vcpu.nmiMasked = (vmcs01.get(VMCS12.guest_interruptibility_info) & BLOCKED_BY.NMI) === 0 ? 0 : 1;
    vcpu.mpState = MP_STATE.RUNNABLE;

    const to64Bit = hasExit(view, EXIT.HOST_64_BIT);
    if (hasExit(view, EXIT.LOAD_EFER)) vcpu.efer = vmcs12.get(VMCS12.host_ia32_efer);
    else if (to64Bit) vcpu.efer |= EFER.LMA | EFER.LME;
    else vcpu.efer &= ~(EFER.LMA | EFER.LME);
    vcpu.gprs[GPR.rsp] = vmcs12.get(VMCS12.host_rsp);
    vcpu.rip = vmcs12.get(VMCS12.host_rip);
    vmcs01.set(VMCS12.guest_rflags, RFLAGS_FIXED);
    this.setInterruptShadow(0);
    this.setCr0(vmcs12.get(VMCS12.host_cr0));
    this.setCr4(vmcs12.get(VMCS12.host_cr4));
    vcpu.cr3 = vmcs12.get(VMCS12.host_cr3);
    if (isPaePaging(vcpu) && !this.loadPdptrs()) vcpu.tripleFault = 1; // nested_vmx_abort
    vmcs01.set(VMCS12.guest_sysenter_cs, vmcs12.get(VMCS12.host_ia32_sysenter_cs));
    vmcs01.set(VMCS12.guest_sysenter_esp, vmcs12.get(VMCS12.host_ia32_sysenter_esp));
    vmcs01.set(VMCS12.guest_sysenter_eip, vmcs12.get(VMCS12.host_ia32_sysenter_eip));
    vmcs01.set(VMCS12.guest_idtr_base, vmcs12.get(VMCS12.host_idtr_base));
    vmcs01.set(VMCS12.guest_gdtr_base, vmcs12.get(VMCS12.host_gdtr_base));
    vmcs01.set(VMCS12.guest_idtr_limit, 0xffff);
    vmcs01.set(VMCS12.guest_gdtr_limit, 0xffff);
    if (hasExit(view, EXIT.CLEAR_BNDCFGS)) vmcs01.set(VMCS12.guest_bndcfgs, 0n);
    if (hasExit(view, EXIT.LOAD_PAT)) this.pat = vmcs12.get(VMCS12.host_ia32_pat);
    this.loadHostSegments(vmcs12, to64Bit);
    vcpu.dr7 = DR7.FIXED;
    vmcs02.bytes.fill(0);
    this.loadHostMsrs(vmcs12);
  }

  private loadHostSegments(vmcs12: Vmcs, to64Bit: boolean): void {
    const flat = { ...NO_SEGMENT, limit: 0xffff_ffff, present: 1, s: 1, g: 1 };
    this.setSegment('cs', {
      ...flat,
      selector: vmcs12.get(VMCS12.host_cs_selector),
      type: TYPE.CODE,
      l: to64Bit ? 1 : 0,
      db: to64Bit ? 0 : 1,
    });
    const data = { ...flat, type: TYPE.DATA, db: 1 };
    for (const name of ['ds', 'es', 'ss'] as const)
      this.setSegment(name, { ...data, selector: vmcs12.get(VMCS12[`host_${name}_selector`]) });
    // FS's base is what GS is given before its own.
    for (const name of ['fs', 'gs'] as const)
      this.setSegment(name, {
        ...data,
        selector: vmcs12.get(VMCS12[`host_${name}_selector`]),
        base: vmcs12.get(VMCS12[`host_${name}_base`]),
      });
    this.setSegment('tr', {
      ...NO_SEGMENT,
      base: vmcs12.get(VMCS12.host_tr_base),
      limit: 0x67,
      selector: vmcs12.get(VMCS12.host_tr_selector),
      type: TYPE.BUSY_TSS,
      present: 1,
    });
    this.setSegment('ldtr', { ...NO_SEGMENT, unusable: 1 });
  }

  /** nested_vmx_load_msr with the VM-exit MSR-load list; only MSRs that are in a VMCS are known here. */
  private loadHostMsrs(vmcs12: Vmcs): void {
    const count = vmcs12.get(VMCS12.vm_exit_msr_load_count);
    const address = vmcs12.get(VMCS12.vm_exit_msr_load_addr);
    const most = this.capabilities.longestMsrList();
    for (let i = 0; i < count; i += 1) {
      const at = address + BigInt(MSR_ENTRY_BYTES * i);
      const entry = i < most ? this.vcpu.vm.readGuest(at, MSR_ENTRY_BYTES) : undefined;
      if (entry === undefined || !this.loadHostMsr(entry)) {
        this.vcpu.tripleFault = 1; // nested_vmx_abort
        return;
      }
    }
  }

  private loadHostMsr(entry: Buffer): boolean {
    const index = entry.readUInt32LE(0);
    if (NEVER_LOADED.has(index) || entry.readUInt32LE(4) !== 0) return false;
    if ((this.vcpu.apicBase & X2APIC_ENABLE) !== 0n && index >>> 8 === 8) return false;
    return this.msrs.get(index)?.write(entry.readBigUInt64LE(8)) ?? false;
  }

  /** load_pdptrs of L1's CR3. */
  private loadPdptrs(): boolean {
    const { vcpu } = this;
    const bytes = vcpu.vm.readGuest(vcpu.cr3 & ~0x1fn & U64, 32);
    if (bytes === undefined) return false;
    const entries = [0, 8, 16, 24].map((at) => bytes.readBigUInt64LE(at));
    const reserved = (entry: bigint): boolean =>
      (entry & 0x1e6n) !== 0n || entry >> BigInt(vcpu.cpuidFacts.maxPhyAddr) !== 0n;
    if (entries.some((entry) => (entry & 1n) !== 0n && reserved(entry))) return false;
    vcpu.pdptrs.l1.set(entries);
    return true;
  }

  nestedPaging(): boolean {
    return this.operation !== undefined && hasSecondary(this.operation.vmcs12.view, SECONDARY.EPT);
  }

  /** vmx_apic_init_signal_blocked. */
  initBlocked(): boolean {
    return this.vmxon && !this.vcpu.guestMode;
  }

  // -------------------------------------------------------------------------------------------------------
  // Registers

  /** vmx_set_efer. */
  setEfer(efer: bigint): void {
    this.vcpu.efer = efer;
  }

  /** vmx_set_cr0: LMA follows PG, and a TSS becomes a 64-bit one (enter_lmode). */
  setCr0(cr0: bigint): void {
    const { vcpu } = this;
    const turned = (vcpu.cr0 ^ cr0) & CR0.PG;
    if ((vcpu.efer & EFER.LME) !== 0n && turned !== 0n) {
      if ((cr0 & CR0.PG) !== 0n) {
        vcpu.efer |= EFER.LMA;
        const rights = this.vmcs.get(VMCS12.guest_tr_ar_bytes);
        this.vmcs.set(VMCS12.guest_tr_ar_bytes, (rights & ~0xf) | TYPE.BUSY_TSS);
      } else {
        vcpu.efer &= ~EFER.LMA;
      }
    }
    vcpu.cr0 = cr0;
    if (!vcpu.guestMode) this.l1Cr0 = cr0;
  }

  setCr4(cr4: bigint): void {
    this.vcpu.cr4 = cr4;
    if (!this.vcpu.guestMode) this.l1Cr4 = cr4;
  }

  /** vmx_is_valid_cr0. */
  isValidCr0(cr0: bigint): boolean {
    const { operation, vcpu } = this;
    if (vcpu.guestMode && operation !== undefined) {
      const unrestricted = hasSecondary(operation.vmcs12.view, SECONDARY.UNRESTRICTED_GUEST);
      return this.capabilities.allowsCr0(cr0, unrestricted ? CR0.PE | CR0.PG : 0n);
    }
    return !this.vmxon || this.capabilities.allowsCr0(cr0, 0n);
  }

  /** vmx_is_valid_cr4. */
  isValidCr4(cr4: bigint): boolean {
    if ((cr4 & CR4_BITS.VMXE) !== 0n && this.vcpu.smm) return false;
    return !this.vmxon || this.capabilities.allowsCr4(cr4);
  }

  afterSetCpuid(): void {
    this.capabilities.followCpuid(this.vcpu);
  }

  getRflags(): bigint {
    return this.vmcs.get(VMCS12.guest_rflags);
  }

  setRflags(rflags: bigint): void {
    this.vmcs.set(VMCS12.guest_rflags, rflags);
  }

  setDr7(): void {
    // GUEST_DR7 is written at VM entry from what the vCPU has.
  }

  /** vmx_get_interrupt_shadow. */
  getInterruptShadow(): number {
    const info = this.vmcs.get(VMCS12.guest_interruptibility_info);
    return (
      ((info & BLOCKED_BY.STI) === 0 ? 0 : SHADOW.STI) |
      ((info & BLOCKED_BY.MOV_SS) === 0 ? 0 : SHADOW.MOV_SS)
    );
  }

  /** vmx_set_interrupt_shadow: one of both, MOV SS first. */
  setInterruptShadow(mask: number): void {
    const others = this.vmcs.get(VMCS12.guest_interruptibility_info) & ~(BLOCKED_BY.STI | BLOCKED_BY.MOV_SS);
    const sti = (mask & SHADOW.STI) === 0 ? 0 : BLOCKED_BY.STI;
    this.vmcs.set(
      VMCS12.guest_interruptibility_info,
      others | ((mask & SHADOW.MOV_SS) === 0 ? sti : BLOCKED_BY.MOV_SS),
    );
  }

  getTable(name: 'gdt' | 'idt'): DescriptorTable {
    return {
      base: this.vmcs.get(VMCS12[`guest_${name}r_base`]),
      limit: this.vmcs.get(VMCS12[`guest_${name}r_limit`]) & 0xffff,
    };
  }

  setTable(name: 'gdt' | 'idt', { base, limit }: DescriptorTable): void {
    this.vmcs.set(VMCS12[`guest_${name}r_limit`], limit);
    this.vmcs.set(VMCS12[`guest_${name}r_base`], base);
  }

  /** vmx_get_segment. */
  getSegment(name: SegmentName): Segment {
    const { vmcs } = this;
    const fields = segmentFields(name);
    const rights = vmcs.get(fields.rights);
    const bit = (at: number): number => (rights >>> at) & 1;
    return {
      base: vmcs.get(fields.base),
      limit: vmcs.get(fields.limit),
      selector: vmcs.get(fields.selector),
      type: rights & 0xf,
      present: 1 - bit(RIGHTS.UNUSABLE),
      dpl: (rights >>> RIGHTS.DPL) & 3,
      db: bit(RIGHTS.DB),
      s: bit(RIGHTS.S),
      l: bit(RIGHTS.L),
      g: bit(RIGHTS.G),
      avl: bit(RIGHTS.AVL),
      unusable: bit(RIGHTS.UNUSABLE),
    };
  }

  /** __vmx_set_segment, vmx_segment_access_rights. */
  setSegment(name: SegmentName, segment: Segment): void {
    const { vmcs } = this;
    const fields = segmentFields(name);
    vmcs.set(fields.base, segment.base);
    vmcs.set(fields.limit, segment.limit);
    vmcs.set(fields.selector, segment.selector);
    const type = this.isUnrestricted() && name !== 'ldtr' ? segment.type | TYPE.ACCESSED : segment.type;
    const unusable = segment.unusable !== 0 || segment.present === 0;
    vmcs.set(
      fields.rights,
      (type & 0xf) |
        ((segment.s & 1) << RIGHTS.S) |
        ((segment.dpl & 3) << RIGHTS.DPL) |
        ((segment.present & 1) << RIGHTS.P) |
        ((segment.avl & 1) << RIGHTS.AVL) |
        ((segment.l & 1) << RIGHTS.L) |
        ((segment.db & 1) << RIGHTS.DB) |
        ((segment.g & 1) << RIGHTS.G) |
        (unusable ? 1 << RIGHTS.UNUSABLE : 0),
    );
  }

  /** is_unrestricted_guest: L1 always. */
  private isUnrestricted(): boolean {
    const { operation, vcpu } = this;
    if (!vcpu.guestMode || operation === undefined) return true;
    return hasSecondary(operation.vmcs12.view, SECONDARY.UNRESTRICTED_GUEST);
  }

  // -------------------------------------------------------------------------------------------------------
  // MSRs

  private makeMsrs(): ReadonlyMap<number, ModelMsr> {
    const { vcpu } = this;
    /** In the VMCS that is loaded, and of L2 in the vmcs12 at once. */
    const inVmcs = (field: NumberField, taken: (value: bigint) => bigint | undefined): ModelMsr => ({
      read: () => BigInt(read(this.vmcs.view, field)),
      write: (value) => {
        const kept = taken(value);
        if (kept === undefined) return false;
        const written = field.type === 'u64' ? kept : Number(BigInt.asUintN(32, kept));
        this.vmcs.set(field, written);
        if (vcpu.guestMode && SYNCED_AT_ONCE.has(field)) this.operation?.vmcs12.set(field, written);
        return true;
      },
    });
    const canonical = (value: bigint): bigint | undefined => (isCanonical(value, vcpu) ? value : undefined);
    /** __canonical_address: made so, not refused. */
    const madeCanonical = (value: bigint): bigint =>
      BigInt.asUintN(64, BigInt.asIntN((vcpu.cr4 & CR4_BITS.LA57) === 0n ? 48 : 57, value));
    return new Map<number, ModelMsr>([
      [MSR.SYSENTER_CS, inVmcs(VMCS12.guest_sysenter_cs, (value) => value)],
      [MSR.SYSENTER_ESP, inVmcs(VMCS12.guest_sysenter_esp, madeCanonical)],
      [MSR.SYSENTER_EIP, inVmcs(VMCS12.guest_sysenter_eip, madeCanonical)],
      [MSR.FS_BASE, inVmcs(VMCS12.guest_fs_base, canonical)],
      [MSR.GS_BASE, inVmcs(VMCS12.guest_gs_base, canonical)],
      [
        MSR.BNDCFGS,
        inVmcs(VMCS12.guest_bndcfgs, (value) =>
          (value & BNDCFGS_RESERVED) === 0n ? canonical(value & ~0xfffn) && value : undefined,
        ),
      ],
      [MSR.STAR, maskedMsr(0n, U64, U64)],
      [MSR.SFMASK, maskedMsr(0n, U64, U64)],
      ...[MSR.LSTAR, MSR.CSTAR, MSR.KERNEL_GS_BASE].map((index): [number, ModelMsr] => [
        index,
        checkedMsr(0n, (value) => isCanonical(value, vcpu)),
      ]),
      // BTF and LBR are taken and not held.
      [MSR.DEBUGCTL, maskedMsr(0n, 3n, 0n)],
      [
        MSR.PAT,
        {
          read: () => this.pat,
          write: (value) => {
            if (!isValidPat(value)) return false;
            const vmcs12 = vcpu.guestMode ? this.operation?.vmcs12 : undefined;
            if (vmcs12 !== undefined && hasExit(vmcs12.view, EXIT.SAVE_PAT))
              vmcs12.set(VMCS12.guest_ia32_pat, value);
            this.pat = value;
            return true;
          },
        },
      ],
      [
        MSR.FEATURE_CONTROL,
        {
          read: () => this.featureControl,
          write: (value) => {
            const vmx = vcpu.cpuidFacts.hasVmx ? FEATURE_CONTROL.VMX : 0n;
            if ((value & ~(FEATURE_CONTROL.LOCKED | vmx)) !== 0n) return false;
            this.featureControl = value;
            if (value === 0n) this.leave();
            return true;
          },
        },
      ],
      ...this.capabilities.indices.map((index): [number, ModelMsr] => [
        index,
        {
          read: () => (vcpu.cpuidFacts.hasVmx ? this.capabilities.read(index) : undefined),
          // EBUSY in VMX operation
          write: (value) => vcpu.cpuidFacts.hasVmx && !this.vmxon && this.capabilities.write(index, value),
        },
      ]),
    ]);
  }
}

/** What vmx_set_msr writes into the vmcs12 of an L2 beside. */
const SYNCED_AT_ONCE: ReadonlySet<NumberField> = new Set<NumberField>([
  VMCS12.guest_sysenter_cs,
  VMCS12.guest_sysenter_esp,
  VMCS12.guest_sysenter_eip,
  VMCS12.guest_bndcfgs,
]);

/** KVM_POSSIBLE_CR0_GUEST_BITS: TS, WP. */
const CR0_GUEST_OWNED = (1n << 3n) | (1n << 16n);
/** KVM_POSSIBLE_CR4_GUEST_BITS: PVI, TSD, DE, PGE, PCE, OSFXSR, OSXMMEXCPT, FSGSBASE. */
const CR4_GUEST_OWNED = 0x1_078en;

const NO_SEGMENT: Segment = {
  base: 0n,
  limit: 0,
  selector: 0,
  type: 0,
  present: 0,
  dpl: 0,
  db: 0,
  s: 0,
  l: 0,
  g: 0,
  avl: 0,
  unusable: 0,
};

/** VMCS shadowing, and a VMCS linked. */
function hasShadow(view: DataView): boolean {
  return hasSecondary(view, SECONDARY.SHADOW_VMCS) && read(view, VMCS12.vmcs_link_pointer) !== NO_ADDRESS;
}

/** is_pae_paging. */
function isPaePaging({ cr0, cr4, efer }: VcpuState): boolean {
  return (cr0 & CR0.PG) !== 0n && (cr4 & CR4.PAE) !== 0n && (efer & EFER.LMA) === 0n;
}

/** Intel's part of vCPUs on a kernel that applies these rules. `featureMsrs`: what it offers a guest of VMX, by number. */
export function vmxModel(kernel: KernelFacts, featureMsrs: ReadonlyMap<number, bigint>): VendorModelFactory {
  return (vcpu) => new VmxModel(vcpu, kernel, new VmxCapabilities(featureMsrs));
}
