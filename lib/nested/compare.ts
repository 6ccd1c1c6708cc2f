// What became of a nested state: compares the bytes that were set with those that the kernel gives back.
// Set and Restore call it after KVM_SET_NESTED_STATE, so that nothing is lost silently.
//
// The table says which bits KVM holds, read from the SET and GET of svm/nested.c and vmx/nested.c (Linux 6.1 up
// to mid-2026). A held bit that reads back different is lost. Any other byte that was set non-zero and reads
// back different is ignored by design: a caller may want to know, but nothing is wrong.
//
// Header bytes that have no name here count as held: only a newer kernel sets them, and a kernel that gives
// back zeros has dropped state. So does a gpat in guest mode.

import { Buffer } from 'node:buffer';
import { read, viewOf } from './codec.js';
import {
  FIELDS,
  type Field,
  FLAG,
  FORMAT,
  HEADER,
  HEADER_BYTES,
  NO_ADDRESS,
  PAGE_BYTES,
  SVM_GUEST_BYTES,
  SVM_HEADER,
  VMCB12_CONTROL,
  VMCB12_SAVE,
  VMCS12,
  VMCS12_STRUCT_BYTES,
  VMX_CURRENT_BYTES,
  VMX_HEADER,
  VMX_HEADER_FLAG,
  VMX_SHADOW_BYTES,
} from './layout.js';

/** A run of bytes of the state that was set. */
export interface ByteRange {
  /** Bytes from the start of the state. */
  readonly offset: number;
  readonly length: number;
  /** Path of the field, as in layout.ts, or the name of the region: `vmcb12`, `hdr`. */
  readonly field: string;
}

export interface NestedStateDifference {
  /** The kernel does not hold what was set. */
  readonly lost: readonly ByteRange[];
  /** Non-zero bytes that the kernel does not hold by design. */
  readonly ignored: readonly ByteRange[];
}

// ---------------------------------------------------------------------------------------------------------
// The table

/** All bits of a field or, where bits are named, those. */
type Held = readonly [Pick<Field, 'offset' | 'bytes'>, bits?: bigint];

interface Holding {
  /** What was set is of this kind. */
  readonly when: (set: DataView) => boolean;
  readonly holds: readonly Held[];
  /** Of the stretches in `holds`, what KVM takes from elsewhere after all. */
  readonly but?: readonly Held[];
}

/** Header bytes from `offset` on that no field names. */
const headerFrom = (offset: number): Held => [{ offset, bytes: HEADER_BYTES - offset }];

/** Intercepts that newer kernels clear where the guest lacks the instruction: nothing is lost by that. */
const MISC2_SANITISED = bitSet(6, 7, 13, 14); // SKINIT, RDTSCP, XSETBV, RDPRU
const MISC3_SANITISED = bitSet(2); // INVPCID

const HOLDINGS: readonly Holding[] = [
  // SVM, always. `size` reads back as what the kernel gives; outside guest mode the rest of the header is ignored.
  {
    when: isSvm,
    holds: [[HEADER.flags], [HEADER.format], headerFrom(24)],
  },
  // SVM in guest mode: what KVM caches of the controls, and of L1's state what VMRUN loads. GET gives the rest of
  // the save area too, but from its own vmcb01: L1's FS, GS, TR, LDTR, SYSCALL and SYSENTER MSRs travel as
  // registers. Reserved bits are dropped by newer kernels. `clean` and the Hyper-V words are taken but never given
  // back, and AVIC, GHCB, VMSA, instruction bytes and ERAP are not taken.
  {
    when: (set) => isSvm(set) && hasFlag(set, FLAG.GUEST_MODE),
    holds: [
      [SVM_HEADER.vmcb_pa],
      [SVM_HEADER.gpat],
      [VMCB12_CONTROL.intercept_cr],
      [VMCB12_CONTROL.intercept_dr],
      [VMCB12_CONTROL.intercept_exceptions],
      [VMCB12_CONTROL.intercept_misc1],
      [VMCB12_CONTROL.intercept_misc2, 0xffff_ffffn & ~MISC2_SANITISED],
      [VMCB12_CONTROL.intercept_misc3, 0xffff_ffffn & ~MISC3_SANITISED],
      [VMCB12_CONTROL.pause_filter_thresh],
      [VMCB12_CONTROL.pause_filter_count],
      [VMCB12_CONTROL.iopm_base_pa, 0xffff_ffff_ffff_f000n],
      [VMCB12_CONTROL.msrpm_base_pa, 0xffff_ffff_ffff_f000n],
      [VMCB12_CONTROL.tsc_offset],
      [VMCB12_CONTROL.asid],
      [VMCB12_CONTROL.tlb_ctl, 0x07n],
      [VMCB12_CONTROL.int_ctl],
      [VMCB12_CONTROL.int_vector, 0xffn],
      [VMCB12_CONTROL.int_state, 0x01n],
      [VMCB12_CONTROL.exit_code],
      [VMCB12_CONTROL.exit_info_1],
      [VMCB12_CONTROL.exit_info_2],
      [VMCB12_CONTROL.exit_int_info],
      [VMCB12_CONTROL.exit_int_info_err],
      [VMCB12_CONTROL.nested_ctl],
      [VMCB12_CONTROL.event_inj, 0x8000_0fffn],
      [VMCB12_CONTROL.event_inj_err],
      [VMCB12_CONTROL.nested_cr3],
      [VMCB12_CONTROL.virt_ext],
      [VMCB12_CONTROL.next_rip],
      ...segment('es'),
      ...segment('cs'),
      ...segment('ss'),
      ...segment('ds'),
      ...segment('gdtr'),
      ...segment('idtr'),
      [VMCB12_SAVE.efer],
      [VMCB12_SAVE.cr4],
      [VMCB12_SAVE.cr3],
      [VMCB12_SAVE.cr0],
      [VMCB12_SAVE.rflags, 0xffff_ffff_ffff_fffdn], // bit 1 is always set
      [VMCB12_SAVE.rip],
      [VMCB12_SAVE.rsp],
      [VMCB12_SAVE.rax],
    ],
  },

  // VMX, always. EVMCS is legal without a VMXON region and has no effect there.
  {
    when: isVmx,
    holds: [
      [HEADER.flags, BigInt(0xffff & ~(FLAG.EVMCS | FLAG.MTF_PENDING | FLAG.GIF_SET))],
      [HEADER.format],
      [VMX_HEADER.vmxon_pa],
      [VMX_HEADER.vmcs12_pa],
      [VMX_HEADER['smm.flags']],
      headerFrom(40),
    ],
  },
  // VMX with a current VMCS: as much of the vmcs12 as the kernel's struct has, whatever it means.
  {
    when: hasVmcs12,
    holds: [[HEADER.flags, BigInt(FLAG.EVMCS)], [{ offset: HEADER_BYTES, bytes: VMCS12_STRUCT_BYTES }]],
  },
  // VMX in guest mode: GET brings the guest fields up to date first. They were loaded from the blob a moment ago,
  // but for these, which come from the vCPU's registers, events and mp_state, from the CPU, or from the clock.
  {
    when: (set) => hasVmcs12(set) && hasFlag(set, FLAG.GUEST_MODE),
    holds: [[HEADER.flags, BigInt(FLAG.MTF_PENDING)]],
    but: [
      [VMCS12.guest_activity_state],
      [VMCS12.guest_interruptibility_info],
      [VMCS12.guest_linear_address],
      [VMCS12.guest_dr7],
      [VMCS12.guest_ia32_efer],
      [VMCS12.vmx_preemption_timer_value],
    ],
  },
  // VMX in guest mode with L2's preemption timer running.
  {
    when: (set) => hasVmcs12(set) && hasFlag(set, FLAG.GUEST_MODE) && hasDeadline(set),
    holds: [[VMX_HEADER.flags], [VMX_HEADER.preemption_timer_deadline]],
  },
  // VMX in guest mode with a shadow VMCS.
  {
    when: (set) => hasVmcs12(set) && hasFlag(set, FLAG.GUEST_MODE) && hasShadow(set),
    holds: [[{ offset: VMX_CURRENT_BYTES, bytes: VMCS12_STRUCT_BYTES }]],
  },
];

// ---------------------------------------------------------------------------------------------------------
// Walking the table

const NO_DIFFERENCE: NestedStateDifference = { lost: [], ignored: [] };

/** Byte equality, length included. */
export function sameNestedState(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/**
 * Compares what was set with what KVM_GET_NESTED_STATE gives right afterwards, before anything runs. Both are
 * whole states of at least 128 bytes; RangeError otherwise. `set` must be one that the kernel took. Adjacent bytes
 * of one field make one range.
 */
export function compareNestedStates(set: Uint8Array, readBack: Uint8Array): NestedStateDifference {
  if (sameNestedState(set, readBack)) return NO_DIFFERENCE;
  const view = viewOf(set);
  const back = viewOf(readBack);
  const held = heldBits(view);
  const names = read(view, HEADER.format) === FORMAT.SVM ? SVM_NAMES : VMX_NAMES;
  const lost: Range[] = [];
  const ignored: Range[] = [];
  for (const [from, to] of unlikeBlocks(set, readBack, BLOCK_BYTES)) {
    for (let offset = from; offset < to; offset++) {
      const byte = view.getUint8(offset);
      const heldHere = held[offset] as number; // of each byte that a state can have
      // A byte that was not given back differs in all its bits.
      const different = offset < readBack.length ? byte ^ back.getUint8(offset) : 0xff;
      if ((different & heldHere) !== 0) extend(lost, offset, names[offset]);
      else if (different !== 0 && byte !== 0) extend(ignored, offset, names[offset]);
    }
  }
  return { lost, ignored };
}

/** How many bytes are compared at one go. */
const BLOCK_BYTES = 128;

/**
 * Where `b` has not what `a` has, in blocks of so many bytes from the start of `a`: most are alike, and a loop over all
 * bytes takes ten times as long, while a guest stands still for it.
 */
export function* unlikeBlocks(
  a: Uint8Array,
  b: Uint8Array,
  blockBytes: number,
): Generator<[from: number, to: number]> {
  const [left, right] = [bufferOf(a), bufferOf(b)];
  for (let from = 0; from < left.length; from += blockBytes) {
    const to = Math.min(from + blockBytes, left.length);
    if (to > right.length || left.compare(right, from, to, from, to) !== 0) yield [from, to];
  }
}

const bufferOf = ({ buffer, byteOffset, length }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, length);

interface Range extends ByteRange {
  length: number;
}

/** Lengthens the last range by a byte of the same field, or starts one. */
function extend(ranges: Range[], offset: number, field = 'data'): void {
  const last = ranges.at(-1);
  if (last !== undefined && last.field === field && last.offset + last.length === offset) last.length++;
  else ranges.push({ offset, length: 1, field });
}

/** Made once for every combination of rows that applies: for each byte, the bits that KVM holds. */
const MASKS = new Map<number, Uint8Array>();

function heldBits(set: DataView): Uint8Array {
  let combination = 0;
  HOLDINGS.forEach((holding, index) => {
    if (holding.when(set)) combination |= 1 << index;
  });
  let mask = MASKS.get(combination);
  if (mask === undefined) {
    mask = new Uint8Array(VMX_SHADOW_BYTES);
    const rows = HOLDINGS.filter((_, index) => (combination & (1 << index)) !== 0);
    for (const row of rows.flatMap(({ holds }) => holds)) applyBits(mask, row, (now, bits) => now | bits);
    for (const row of rows.flatMap(({ but }) => but ?? [])) applyBits(mask, row, (now, bits) => now & ~bits);
    MASKS.set(combination, mask);
  }
  return mask;
}

function applyBits(
  mask: Uint8Array,
  [field, bits]: Held,
  apply: (now: number, bits: number) => number,
): void {
  for (let i = 0; i < field.bytes; i++) {
    const byteBits = bits === undefined ? 0xff : Number((bits >> BigInt(8 * i)) & 0xffn);
    mask[field.offset + i] = apply(mask[field.offset + i] as number, byteBits);
  }
}

// ---------------------------------------------------------------------------------------------------------
// What the rows are written with

function isSvm(set: DataView): boolean {
  return read(set, HEADER.format) === FORMAT.SVM;
}

function isVmx(set: DataView): boolean {
  return read(set, HEADER.format) === FORMAT.VMX;
}

function hasFlag(set: DataView, flag: number): boolean {
  return (read(set, HEADER.flags) & flag) !== 0;
}

/** The kernel copied a vmcs12. */
function hasVmcs12(set: DataView): boolean {
  return (
    isVmx(set) &&
    read(set, VMX_HEADER.vmxon_pa) !== NO_ADDRESS &&
    Math.min(read(set, HEADER.size), set.byteLength) >= HEADER_BYTES + VMCS12_STRUCT_BYTES
  );
}

function hasDeadline(set: DataView): boolean {
  const PREEMPTION_TIMER = 1 << 6;
  return (
    (read(set, VMX_HEADER.flags) & VMX_HEADER_FLAG.PREEMPTION_TIMER_DEADLINE) !== 0 &&
    (read(set, VMCS12.pin_based_vm_exec_control) & PREEMPTION_TIMER) !== 0
  );
}

function hasShadow(set: DataView): boolean {
  const SECONDARY_CONTROLS = 1 << 31;
  const SHADOW_VMCS = 1 << 14;
  return (
    (read(set, VMCS12.cpu_based_vm_exec_control) & SECONDARY_CONTROLS) !== 0 &&
    (read(set, VMCS12.secondary_vm_exec_control) & SHADOW_VMCS) !== 0 &&
    read(set, VMCS12.vmcs_link_pointer) !== NO_ADDRESS
  );
}

function bitSet(...numbers: number[]): bigint {
  return numbers.reduce((sum, number) => sum | (1n << BigInt(number)), 0n);
}

function segment(name: 'es' | 'cs' | 'ss' | 'ds' | 'gdtr' | 'idtr'): readonly Held[] {
  return [
    [VMCB12_SAVE[`${name}.selector`]],
    [VMCB12_SAVE[`${name}.attrib`]],
    [VMCB12_SAVE[`${name}.limit`]],
    [VMCB12_SAVE[`${name}.base`]],
  ];
}

/** For every byte, the path of its field, or the region's name where no field is. */
function namesOf(
  fields: readonly Field[],
  regions: readonly (readonly [string, number, number])[],
): string[] {
  const names: string[] = [];
  for (const [name, offset, bytes] of regions) {
    for (let i = offset; i < offset + bytes; i++) names[i] = name;
  }
  for (const field of fields) {
    for (let i = field.offset; i < field.offset + field.bytes; i++) names[i] = field.path;
  }
  return names;
}

const SVM_NAMES = namesOf(FIELDS.SVM, [
  ['hdr', 0, HEADER_BYTES],
  ['vmcb12', HEADER_BYTES, PAGE_BYTES],
  ['data', SVM_GUEST_BYTES, VMX_SHADOW_BYTES - SVM_GUEST_BYTES],
]);
const VMX_NAMES = namesOf(FIELDS.VMX, [
  ['hdr', 0, HEADER_BYTES],
  ['vmcs12', HEADER_BYTES, PAGE_BYTES],
  ['shadow_vmcs12', VMX_CURRENT_BYTES, PAGE_BYTES],
]);
