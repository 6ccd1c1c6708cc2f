// States that tell which of the rules that vary the kernel at hand applies. The host's profile is made from them
// once, with a scratch vCPU that is never run: a rule is enforced if the kernel refuses every state of its row.
//
// The scratch vCPU has the CPUID that KVM offers and reset registers, but for what the row says. The kernel must take
// VALID_STATE first: if it doesn't, a refusal says nothing. SVM_GPAT_INVALID has no row; it counts only for VMs with a
// quirk disabled that vcpud leaves alone.

import { read, viewOf, write, writeHeader } from './codec.js';
import {
  type Field,
  FLAG,
  FORMAT,
  HEADER,
  KNOWN_FLAGS,
  KNOWN_VMX_HEADER_FLAGS,
  type NestedFormat,
  NO_ADDRESS,
  SVM_GUEST_BYTES,
  SVM_HEADER,
  VMCB12_CONTROL,
  VMCB12_SAVE,
  VMCS12,
  VMCS12_REVISION,
  VMX_CURRENT_BYTES,
  VMX_HEADER,
} from './layout.js';
import { resetNestedState } from './reset.js';
import type { RefusedBits } from './rule.js';
import type { RuleReason } from './rules.js';
import { ENTRY, EXIT, PROC, SECONDARY, VMX_MSR } from './vmx-conditions.js';

export interface Probe {
  readonly reason: RuleReason;
  /** EFER.SVME that the scratch vCPU must have. */
  readonly svme: boolean;
  /** Present where the vCPU's CPUID must lack NPT, which it has otherwise. */
  readonly withoutNpt?: true;
  /** States that break this rule and no other, on a vCPU of that physical address width and those VMX capability MSRs. */
  readonly states: (maxPhyAddr: number, vmx: VmxCapabilities) => Uint8Array[];
}

/** VMX capability MSRs by number, as the scratch vCPU has them; empty on AMD. */
export type VmxCapabilities = ReadonlyMap<number, bigint>;

/** An L1 in 64-bit mode as VMRUN needs it. */
const L1_CR0 = 0x8001_0033n; // PG WP NE ET MP PE
const L1_CR4 = 0x20n; // PAE
const L1_EFER = 0x1500n; // SVME LMA LME
const CR4_VMXE = 0x2000n;
const NESTED_CTL_NP = 1n;

/**
 * The plainest SVM state in guest mode that passes every rule: 4224 bytes, vmcb12 at 3000h, GIF set, L1 in 64-bit
 * mode, VMRUN intercepted, ASID 1, no nested paging.
 */
export function plainSvmGuestState(): Uint8Array {
  const bytes = new Uint8Array(SVM_GUEST_BYTES);
  const view = viewOf(bytes);
  writeHeader(bytes, { flags: FLAG.GUEST_MODE | FLAG.GIF_SET, format: FORMAT.SVM, size: SVM_GUEST_BYTES });
  write(view, SVM_HEADER.vmcb_pa, 0x3000n);
  write(view, VMCB12_CONTROL.intercept_misc2, 1); // VMRUN
  write(view, VMCB12_CONTROL.asid, 1);
  write(view, VMCB12_SAVE['cs.attrib'], 0x029b); // present, code, 64-bit
  write(view, VMCB12_SAVE.efer, L1_EFER);
  write(view, VMCB12_SAVE.cr4, L1_CR4);
  write(view, VMCB12_SAVE.cr3, 0x1000n);
  write(view, VMCB12_SAVE.cr0, L1_CR0);
  write(view, VMCB12_SAVE.dr7, 0x400n);
  write(view, VMCB12_SAVE.dr6, 0xffff_0ff0n);
  write(view, VMCB12_SAVE.rflags, 0x2n);
  return bytes;
}

/** The plainest VMX state that is in VMX operation: 128 bytes, VMXON region at 1000h, no current VMCS. */
export function plainVmxonState(): Uint8Array {
  const bytes = resetNestedState('VMX');
  write(viewOf(bytes), VMX_HEADER.vmxon_pa, 0x1000n);
  return bytes;
}

/**
 * The plainest VMX state in guest mode that passes every rule: 4224 bytes, VMXON region at 1000h, vmcs12 at 2000h, only
 * the controls that the capability MSRs demand, no EPT, L1 and L2 in 64-bit mode.
 */
export function plainVmxGuestState(vmx: VmxCapabilities): Uint8Array {
  const bytes = new Uint8Array(VMX_CURRENT_BYTES);
  const view = viewOf(bytes);
  const demanded = (msr: number): number => Number((vmx.get(msr) ?? 0n) & 0xffff_ffffn);
  writeHeader(bytes, { flags: FLAG.GUEST_MODE, format: FORMAT.VMX, size: VMX_CURRENT_BYTES });
  write(view, VMX_HEADER.vmxon_pa, 0x1000n);
  write(view, VMX_HEADER.vmcs12_pa, 0x2000n);
  write(view, VMCS12.revision_id, VMCS12_REVISION);
  write(view, VMCS12.pin_based_vm_exec_control, demanded(VMX_MSR.TRUE_PINBASED_CTLS));
  write(view, VMCS12.cpu_based_vm_exec_control, demanded(VMX_MSR.TRUE_PROCBASED_CTLS));
  write(view, VMCS12.vm_exit_controls, demanded(VMX_MSR.TRUE_EXIT_CTLS) | EXIT.HOST_64_BIT);
  write(view, VMCS12.vm_entry_controls, demanded(VMX_MSR.TRUE_ENTRY_CTLS) | ENTRY.GUEST_64_BIT);
  write(view, VMCS12.vmcs_link_pointer, NO_ADDRESS);
  for (const field of [VMCS12.host_cr0, VMCS12.guest_cr0]) write(view, field, L1_CR0);
  for (const field of [VMCS12.host_cr4, VMCS12.guest_cr4]) write(view, field, L1_CR4 | CR4_VMXE);
  for (const field of [VMCS12.host_cr3, VMCS12.guest_cr3]) write(view, field, 0x1000n);
  write(view, VMCS12.host_cs_selector, 0x8);
  write(view, VMCS12.host_tr_selector, 0x18);
  write(view, VMCS12.guest_rflags, 0x2n);
  return bytes;
}

/** What the kernel must take before probes mean anything. SVM: with EFER.SVME set. */
export const VALID_STATE: Readonly<Record<NestedFormat, (vmx: VmxCapabilities) => Uint8Array>> = {
  SVM: plainSvmGuestState,
  VMX: plainVmxGuestState,
};

export const PROBES: Readonly<Record<NestedFormat, readonly Probe[]>> = {
  SVM: [
    {
      reason: 'NESTED_FLAGS_UNKNOWN',
      svme: true,
      states: () => flagStates(() => resetNestedState('SVM')),
    },
    {
      reason: 'SVM_EFER_SVME_CLEAR_GIF_CLEAR',
      svme: false,
      states: () => [changed(resetNestedState('SVM'), (view) => write(view, HEADER.flags, 0))],
    },
    {
      reason: 'SVM_NP_WITHOUT_HOST_NPT',
      svme: true,
      states: () => [svmState((view) => write(view, VMCB12_CONTROL.nested_ctl, NESTED_CTL_NP))],
    },
    // Where the row before is enforced these are too, whatever the kernel thinks of nested_cr3: no harm in that.
    {
      reason: 'SVM_NESTED_CR3_ILLEGAL',
      svme: true,
      states: illegalNestedCr3,
    },
    {
      reason: 'SVM_NESTED_CR3_ILLEGAL_WITHOUT_NPT',
      svme: true,
      withoutNpt: true,
      states: illegalNestedCr3,
    },
    {
      reason: 'SVM_TLB_CTL_UNSUPPORTED',
      svme: true,
      states: () => [2, 3, 7].map((value) => svmState((view) => write(view, VMCB12_CONTROL.tlb_ctl, value))),
    },
    {
      reason: 'SVM_V_NMI_WITHOUT_NMI_INTERCEPT',
      svme: true,
      states: () => [svmState((view) => write(view, VMCB12_CONTROL.int_ctl, 1 << 26))],
    },
    {
      reason: 'SVM_EVENT_INJ_TYPE_INVALID',
      svme: true,
      states: () => [1, 5, 6, 7].map((type) => eventState(type, 0)),
    },
    {
      reason: 'SVM_EVENT_INJ_VECTOR_INVALID',
      svme: true,
      states: () => [2, 9, 15, 20, 22, 31, 32, 255].map((vector) => eventState(3, vector)),
    },
    {
      reason: 'SVM_HOST_CS_L_AND_D',
      svme: true,
      states: () => [svmState((view) => write(view, VMCB12_SAVE['cs.attrib'], 0x069b))],
    },
  ],
  VMX: [
    { reason: 'NESTED_FLAGS_UNKNOWN', svme: false, states: () => flagStates(plainVmxonState) },
    {
      reason: 'VMX_HEADER_FLAGS_UNKNOWN',
      svme: false,
      states: () =>
        bitsOf(0xffff_ffffn & ~BigInt(KNOWN_VMX_HEADER_FLAGS)).map((bit) =>
          changed(plainVmxonState(), (view) => write(view, VMX_HEADER.flags, Number(bit))),
        ),
    },
    vmxProbe('VMX_TSC_MULTIPLIER_ZERO', (view) => {
      setBits(view, VMCS12.cpu_based_vm_exec_control, PROC.SECONDARY);
      write(view, VMCS12.secondary_vm_exec_control, SECONDARY.TSC_SCALING);
    }),
    longList('VMX_EXIT_MSR_LOAD_COUNT_UNSUPPORTED', VMCS12.vm_exit_msr_load_count),
    longList('VMX_EXIT_MSR_STORE_COUNT_UNSUPPORTED', VMCS12.vm_exit_msr_store_count),
    vmxProbe('VMX_EVENT_CP_WITH_ERROR_CODE', (view) => writeEvent(view, CP_WITH_ERROR_CODE)),
    vmxProbe('VMX_EVENT_CP_WITHOUT_ERROR_CODE', (view) => writeEvent(view, CP_WITHOUT_ERROR_CODE)),
    longList('VMX_ENTRY_MSR_LOAD_COUNT_UNSUPPORTED', VMCS12.vm_entry_msr_load_count),
    // Without LA57 in the CPU these three are refused for what they are, which does no harm either.
    vmxProbe('VMX_HOST_ADDRESS_NEEDS_LA57', (view) => write(view, VMCS12.host_fs_base, CANONICAL_IN_57_BITS)),
    vmxProbe('VMX_HOST_RIP_NEEDS_HOST_LA57', (view) => write(view, VMCS12.host_rip, CANONICAL_IN_57_BITS)),
    vmxProbe('VMX_GUEST_BNDCFGS_NEEDS_LA57', (view) => {
      setBits(view, VMCS12.vm_entry_controls, ENTRY.LOAD_BNDCFGS);
      write(view, VMCS12.guest_bndcfgs, CANONICAL_IN_57_BITS);
    }),
    vmxProbe('VMX_GUEST_DEBUGCTL_UNSUPPORTED', (view) => writeDebugctl(view, 1n << 63n)),
    vmxProbe('VMX_GUEST_DEBUGCTL_FREEZE_IN_SMM', (view) => writeDebugctl(view, DEBUGCTL_FREEZE_IN_SMM)),
  ],
};

const CANONICAL_IN_57_BITS = 1n << 47n;
const EFER_IN_LONG_MODE = 0x500n;
const DEBUGCTL_FREEZE_IN_SMM = 1n << 14n;
/** #CP as a VM-entry interruption-information field: valid, type 3, vector 21. */
const CP_WITHOUT_ERROR_CODE = 0x8000_0315;
const CP_WITH_ERROR_CODE = 0x8000_0b15;

/** A rule that one change to the plainest VMX state in guest mode breaks. */
function vmxProbe(reason: RuleReason, change: (view: DataView) => void): Probe {
  return { reason, svme: false, states: (_maxPhyAddr, vmx) => [changed(plainVmxGuestState(vmx), change)] };
}

/** An MSR list longer than any that IA32_VMX_MISC can allow, at 0. */
function longList(reason: RuleReason, count: Field<'u32'>): Probe {
  return vmxProbe(reason, (view) => write(view, count, 4097));
}

function setBits(view: DataView, field: Field<'u32'>, bits: number): void {
  write(view, field, read(view, field) | bits);
}

function writeEvent(view: DataView, event: number): void {
  write(view, VMCS12.vm_entry_intr_info_field, event);
}

function writeDebugctl(view: DataView, value: bigint): void {
  setBits(view, VMCS12.vm_entry_controls, ENTRY.LOAD_DEBUG);
  write(view, VMCS12.guest_ia32_debugctl, value);
}

/**
 * For each register of L1's of which a kernel refuses bits: a state that it takes if it does not refuse the bit. SVM: with
 * EFER.SVME, as VALID_STATE needs it.
 */
export const REFUSED_BIT_PROBES: Readonly<
  Record<NestedFormat, Readonly<Record<keyof RefusedBits, (bit: bigint, vmx: VmxCapabilities) => Uint8Array>>>
> = {
  SVM: {
    cr4: (bit) => svmState((view) => write(view, VMCB12_SAVE.cr4, L1_CR4 | bit)),
    efer: (bit) => svmState((view) => write(view, VMCB12_SAVE.efer, L1_EFER | bit)),
  },
  VMX: {
    cr4: (bit, vmx) =>
      changed(plainVmxGuestState(vmx), (view) => write(view, VMCS12.host_cr4, L1_CR4 | CR4_VMXE | bit)),
    efer: (bit, vmx) =>
      changed(plainVmxGuestState(vmx), (view) => {
        setBits(view, VMCS12.vm_exit_controls, EXIT.LOAD_EFER);
        write(view, VMCS12.host_ia32_efer, EFER_IN_LONG_MODE | bit);
      }),
  },
};

function illegalNestedCr3(maxPhyAddr: number): Uint8Array[] {
  return [
    svmState((view) => {
      write(view, VMCB12_CONTROL.nested_ctl, NESTED_CTL_NP);
      write(view, VMCB12_CONTROL.nested_cr3, 1n << BigInt(maxPhyAddr));
    }),
  ];
}

function changed(bytes: Uint8Array, change: (view: DataView) => void): Uint8Array {
  change(viewOf(bytes));
  return bytes;
}

function svmState(change: (view: DataView) => void): Uint8Array {
  return changed(plainSvmGuestState(), change);
}

/** For each flag without a name, a state that has it beside its own. */
function flagStates(plain: () => Uint8Array): Uint8Array[] {
  return bitsOf(0xffffn & ~BigInt(KNOWN_FLAGS)).map((bit) =>
    changed(plain(), (view) => write(view, HEADER.flags, read(view, HEADER.flags) | Number(bit))),
  );
}

function eventState(type: number, vector: number): Uint8Array {
  const VALID = 0x8000_0000;
  return svmState((view) => write(view, VMCB12_CONTROL.event_inj, VALID + (type << 8) + vector));
}

/** The bits of a mask, one by one. */
function bitsOf(mask: bigint): bigint[] {
  return Array.from({ length: 64 }, (_, bit) => 1n << BigInt(bit)).filter((bit) => (mask & bit) !== 0n);
}
