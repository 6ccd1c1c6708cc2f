// States that tell which of the rules that vary the kernel at hand applies. The host's profile is made from them
// once, with a scratch vCPU that is never run: a rule is enforced if the kernel refuses every state of its row.
//
// The scratch vCPU has the CPUID that KVM offers and reset registers, but for what the row says. The kernel must take VALID_STATE first: if it doesn't, a refusal says nothing. SVM_GPAT_INVALID has no row; it
// counts only for VMs with a quirk disabled that vcpud leaves alone.

import { read, viewOf, write, writeHeader } from './codec.js';
import {
  FLAG,
  FORMAT,
  HEADER,
  KNOWN_FLAGS,
  KNOWN_VMX_HEADER_FLAGS,
  type NestedFormat,
  SVM_GUEST_BYTES,
  SVM_HEADER,
  VMCB12_CONTROL,
  VMCB12_SAVE,
  VMX_HEADER,
} from './layout.js';
import { resetNestedState } from './reset.js';
import type { ReservedBits } from './rule.js';
import type { RuleReason } from './rules.js';

export interface Probe {
  readonly reason: RuleReason;
  /** EFER.SVME that the scratch vCPU must have. */
  readonly svme: boolean;
  /** Present where the vCPU's CPUID must lack NPT, which it has otherwise. */
  readonly withoutNpt?: true;
  /** States that break this rule and no other, on a vCPU of that physical address width. */
  readonly states: (maxPhyAddr: number) => Uint8Array[];
}

/** An L1 in 64-bit mode as VMRUN needs it. */
const L1_CR0 = 0x8001_0033n; // PG WP NE ET MP PE
const L1_CR4 = 0x20n; // PAE
const L1_EFER = 0x1500n; // SVME LMA LME
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

/** What the kernel must take before probes mean anything. SVM: with EFER.SVME set. */
export const VALID_STATE: Readonly<Record<NestedFormat, () => Uint8Array>> = {
  SVM: plainSvmGuestState,
  VMX: plainVmxonState,
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
  ],
};

/**
 * For each register of L1's of which a kernel reserves bits: a state that it takes if it does not reserve the bit.
 * Needs EFER.SVME, as VALID_STATE does.
 */
export const RESERVED_PROBES: Readonly<
  Record<NestedFormat, Readonly<Partial<Record<keyof ReservedBits, (bit: bigint) => Uint8Array>>>>
> = {
  SVM: {
    cr4: (bit) => svmState((view) => write(view, VMCB12_SAVE.cr4, L1_CR4 | bit)),
    efer: (bit) => svmState((view) => write(view, VMCB12_SAVE.efer, L1_EFER | bit)),
  },
  VMX: {},
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
