// KVM_GET/SET_REGS, _SREGS, _SREGS2, _DEBUGREGS and _XCRS of a model vCPU: kvm's arch/x86/kvm/x86.c, function by
// function. Called by vcpu.ts.

import { MP_STATE, SREGS_LAYOUT } from '../abi.js';
import { type CpuidTables, hasX2apic, updateRuntimeBits } from './cpuid.js';
import { EINVAL } from './errno.js';
import { type Lapic, X2APIC_ENABLE, XAPIC_ENABLE } from './lapic.js';
import { SEGMENTS, type Segment, type VendorModel } from './nested-model.js';
import type { VcpuState } from './vcpu-state.js';

/** What the handlers here work on. */
export interface RegisterContext {
  readonly state: VcpuState;
  readonly vendor: VendorModel;
  readonly lapic: Lapic | undefined;
  readonly tables: CpuidTables;
  /** EFER bits that this kernel lets no guest set (efer_reserved_bits). */
  readonly eferReserved: bigint;
}

const RIP = 128;
const RFLAGS = 136;
const RFLAGS_FIXED = 1n << 1n;

export const CR0 = { PE: 1n << 0n, NW: 1n << 29n, CD: 1n << 30n, PG: 1n << 31n } as const;
export const CR4 = { PAE: 1n << 5n, OSXSAVE: 1n << 18n, PKE: 1n << 22n } as const;
export const EFER = { LME: 1n << 8n, LMA: 1n << 10n, SVME: 1n << 12n } as const;

/** __get_regs. */
export function getRegs({ state, vendor }: RegisterContext, buffer: Buffer): number {
  state.gprs.forEach((value, i) => {
    buffer.writeBigUInt64LE(value, 8 * i);
  });
  buffer.writeBigUInt64LE(state.rip, RIP);
  buffer.writeBigUInt64LE(vendor.getRflags(), RFLAGS);
  return 0;
}

/** __set_regs: drops a pending exception. */
export function setRegs({ state, vendor }: RegisterContext, buffer: Buffer): number {
  for (let i = 0; i < state.gprs.length; i += 1) state.gprs[i] = buffer.readBigUInt64LE(8 * i);
  state.rip = buffer.readBigUInt64LE(RIP);
  vendor.setRflags(buffer.readBigUInt64LE(RFLAGS) | RFLAGS_FIXED);
  state.exception.pending = 0;
  return 0;
}

// ---------------------------------------------------------------------------------------------------------
// Special registers

/** struct kvm_segment, 24 bytes. */
const SEGMENT = {
  base: 0,
  limit: 8,
  selector: 12,
  type: 14,
  present: 15,
  dpl: 16,
  db: 17,
  s: 18,
  l: 19,
  g: 20,
  avl: 21,
  unusable: 22,
} as const;
const SEGMENT_BYTES = 24;
/** struct kvm_dtable, 16 bytes. */
const TABLES = { gdt: 192, idt: 208 } as const;
const TABLE_LIMIT = 8;
const INTERRUPT_BITMAP = { offset: 280, bytes: 32 } as const;
const SREGS2_FLAGS = 280;
const SREGS2_PDPTRS = 288;
const PDPTRS_VALID = 1n;

function readSegment(buffer: Buffer, at: number): Segment {
  const u8 = (field: keyof typeof SEGMENT): number => buffer.readUInt8(at + SEGMENT[field]);
  return {
    base: buffer.readBigUInt64LE(at + SEGMENT.base),
    limit: buffer.readUInt32LE(at + SEGMENT.limit),
    selector: buffer.readUInt16LE(at + SEGMENT.selector),
    type: u8('type'),
    present: u8('present'),
    dpl: u8('dpl'),
    db: u8('db'),
    s: u8('s'),
    l: u8('l'),
    g: u8('g'),
    avl: u8('avl'),
    unusable: u8('unusable'),
  };
}

function writeSegment(buffer: Buffer, at: number, segment: Segment): void {
  buffer.writeBigUInt64LE(segment.base, at + SEGMENT.base);
  buffer.writeUInt32LE(segment.limit, at + SEGMENT.limit);
  buffer.writeUInt16LE(segment.selector, at + SEGMENT.selector);
  for (const field of ['type', 'present', 'dpl', 'db', 's', 'l', 'g', 'avl', 'unusable'] as const) {
    buffer.writeUInt8(segment[field], at + SEGMENT[field]);
  }
}

/** Where kvm_set_cr8 and kvm_get_cr8 keep it: the LAPIC's TPR where there is one. */
const getCr8 = ({ state, lapic }: RegisterContext): bigint => lapic?.cr8 ?? state.cr8;

function setCr8({ state, lapic }: RegisterContext, cr8: bigint): void {
  if (cr8 > 0xfn) return; // refused, and nobody looks at the answer
  if (lapic === undefined) state.cr8 = cr8;
  else lapic.cr8 = cr8;
}

const isPaging = (state: VcpuState): boolean => (state.cr0 & CR0.PG) !== 0n;

/** is_pae_paging. */
const isPaePaging = (state: VcpuState): boolean =>
  isPaging(state) && (state.cr4 & CR4.PAE) !== 0n && (state.efer & EFER.LMA) === 0n;

/** vcpu->arch.walk_mmu->pdptrs. */
const walkPdptrs = ({ state, vendor }: RegisterContext): BigUint64Array =>
  state.guestMode && vendor.nestedPaging() ? state.pdptrs.l2 : state.pdptrs.l1;

function getSregsCommon(context: RegisterContext, buffer: Buffer): void {
  const { state, vendor } = context;
  SEGMENTS.forEach((name, i) => {
    writeSegment(buffer, SEGMENT_BYTES * i, vendor.getSegment(name));
  });
  for (const name of ['gdt', 'idt'] as const) {
    const { base, limit } = vendor.getTable(name);
    buffer.writeBigUInt64LE(base, TABLES[name]);
    buffer.writeUInt16LE(limit, TABLES[name] + TABLE_LIMIT);
  }
  buffer.writeBigUInt64LE(state.cr0, SREGS_LAYOUT.cr0);
  buffer.writeBigUInt64LE(state.cr2, SREGS_LAYOUT.cr2);
  buffer.writeBigUInt64LE(state.cr3, SREGS_LAYOUT.cr3);
  buffer.writeBigUInt64LE(state.cr4, SREGS_LAYOUT.cr4);
  buffer.writeBigUInt64LE(getCr8(context), SREGS_LAYOUT.cr8);
  buffer.writeBigUInt64LE(state.efer, SREGS_LAYOUT.efer);
  buffer.writeBigUInt64LE(state.apicBase, SREGS_LAYOUT.apicBase);
}

/** __get_sregs. */
export function getSregs(context: RegisterContext, buffer: Buffer): number {
  buffer.fill(0, 0, INTERRUPT_BITMAP.offset + INTERRUPT_BITMAP.bytes);
  getSregsCommon(context, buffer);
  const { interruptInjected, interruptSoft, interruptNr } = context.state;
  if (interruptInjected !== 0 && interruptSoft === 0) {
    const at = INTERRUPT_BITMAP.offset + (interruptNr >> 3);
    buffer.writeUInt8(buffer.readUInt8(at) | (1 << (interruptNr & 7)), at);
  }
  return 0;
}

/** __get_sregs2. */
export function getSregs2(context: RegisterContext, buffer: Buffer): number {
  buffer.fill(0, 0, SREGS2_PDPTRS + 32);
  getSregsCommon(context, buffer);
  if (isPaePaging(context.state)) {
    walkPdptrs(context).forEach((value, i) => {
      buffer.writeBigUInt64LE(value, SREGS2_PDPTRS + 8 * i);
    });
    buffer.writeBigUInt64LE(PDPTRS_VALID, SREGS2_FLAGS);
  }
  return 0;
}

/** kvm_is_valid_sregs, and kvm_is_valid_cr0 and __kvm_is_valid_cr4 in it. EFER's own bits are not looked at. */
function validSregs({ state, vendor, tables }: RegisterContext, buffer: Buffer): boolean {
  const register = (name: keyof typeof SREGS_LAYOUT): bigint => buffer.readBigUInt64LE(SREGS_LAYOUT[name]);
  const [cr0, cr3, cr4, efer] = [register('cr0'), register('cr3'), register('cr4'), register('efer')];
  const { maxPhyAddr, reserved } = state.cpuidFacts;
  if ((efer & EFER.LME) !== 0n && (cr0 & CR0.PG) !== 0n) {
    if ((cr4 & CR4.PAE) === 0n || (efer & EFER.LMA) === 0n) return false;
    if (cr3 >> BigInt(maxPhyAddr) !== 0n) return false;
  } else if ((efer & EFER.LMA) !== 0n || buffer.readUInt8(SEGMENT.l) !== 0) {
    return false;
  }
  if ((cr4 & (tables.cr4Reserved | reserved.cr4)) !== 0n || !vendor.isValidCr4(cr4)) return false;
  if (cr0 >> 32n !== 0n) return false;
  if ((cr0 & CR0.NW) !== 0n && (cr0 & CR0.CD) === 0n) return false;
  if ((cr0 & CR0.PG) !== 0n && (cr0 & CR0.PE) === 0n) return false;
  return vendor.isValidCr0(cr0);
}

/** kvm_set_apic_base, as the host calls it. */
export function setApicBase({ state, lapic, tables }: RegisterContext, base: bigint): boolean {
  const reserved = 0x2ffn | (hasX2apic(state.cpuid) ? 0n : X2APIC_ENABLE);
  if ((base & reserved) !== 0n || base >> BigInt(state.cpuidFacts.maxPhyAddr) !== 0n) return false;
  if ((base & (XAPIC_ENABLE | X2APIC_ENABLE)) === X2APIC_ENABLE) return false;
  const changed = state.apicBase ^ base;
  state.apicBase = base;
  if ((changed & XAPIC_ENABLE) !== 0n) updateRuntimeBits(state, tables);
  lapic?.baseChanged(changed, base);
  return true;
}

/** load_pdptrs, where L1's own page tables hold them; L2's with nested paging stay as they are. */
function loadPdptrs(context: RegisterContext): void {
  const { state, vendor } = context;
  if (state.guestMode && vendor.nestedPaging()) return;
  const bytes = state.vm.readGuest(state.cr3 & ~0x1fn & 0xffff_ffff_ffff_ffffn, 32);
  if (bytes === undefined) return;
  const entries = [0, 8, 16, 24].map((at) => bytes.readBigUInt64LE(at));
  const reserved = (entry: bigint): boolean =>
    (entry & PDPTR_RESERVED) !== 0n || entry >> BigInt(state.cpuidFacts.maxPhyAddr) !== 0n;
  if (entries.some((entry) => (entry & 1n) !== 0n && reserved(entry))) return;
  walkPdptrs(context).set(entries);
}

/** pdptr_rsvd_bits, below the physical address width: bits 2:1 and 8:5. */
const PDPTR_RESERVED = 0x1e6n;

/** __set_sregs_common: what is refused is refused before anything has changed. */
function setSregsCommon(context: RegisterContext, buffer: Buffer, loadsPdptrs: boolean): number {
  const { state, vendor } = context;
  if (!validSregs(context, buffer)) return EINVAL;
  if (!setApicBase(context, buffer.readBigUInt64LE(SREGS_LAYOUT.apicBase))) return EINVAL;
  for (const name of ['idt', 'gdt'] as const) {
    vendor.setTable(name, {
      base: buffer.readBigUInt64LE(TABLES[name]),
      limit: buffer.readUInt16LE(TABLES[name] + TABLE_LIMIT),
    });
  }
  state.cr2 = buffer.readBigUInt64LE(SREGS_LAYOUT.cr2);
  state.cr3 = buffer.readBigUInt64LE(SREGS_LAYOUT.cr3);
  setCr8(context, buffer.readBigUInt64LE(SREGS_LAYOUT.cr8));
  vendor.setEfer(buffer.readBigUInt64LE(SREGS_LAYOUT.efer));
  vendor.setCr0(buffer.readBigUInt64LE(SREGS_LAYOUT.cr0));
  setCr4(context, buffer.readBigUInt64LE(SREGS_LAYOUT.cr4));
  if (loadsPdptrs && isPaePaging(state)) loadPdptrs(context);
  SEGMENTS.forEach((name, i) => {
    vendor.setSegment(name, readSegment(buffer, SEGMENT_BYTES * i));
  });
  // Older userspace doesn't wake a vCPU on reset.
  const cs = vendor.getSegment('cs');
  const atResetVector = state.rip === 0xfff0n && cs.selector === 0xf000 && cs.base === 0xffff_0000n;
  if (state.index === 0 && atResetVector && (state.cr0 & CR0.PE) === 0n) state.mpState = MP_STATE.RUNNABLE;
  return 0;
}

function setCr4({ state, vendor, tables }: RegisterContext, cr4: bigint): void {
  const changed = state.cr4 ^ cr4;
  vendor.setCr4(cr4);
  if ((changed & (CR4.OSXSAVE | CR4.PKE)) !== 0n) updateRuntimeBits(state, tables);
}

/** __set_sregs. */
export function setSregs(context: RegisterContext, buffer: Buffer): number {
  const answer = setSregsCommon(context, buffer, true);
  if (answer !== 0) return answer;
  const { state } = context;
  for (let vector = 0; vector < 8 * INTERRUPT_BITMAP.bytes; vector += 1) {
    if ((buffer.readUInt8(INTERRUPT_BITMAP.offset + (vector >> 3)) & (1 << (vector & 7))) === 0) continue;
    state.interruptInjected = 1;
    state.interruptSoft = 0;
    state.interruptNr = vector;
    break;
  }
  return 0;
}

/** __set_sregs2. */
export function setSregs2(context: RegisterContext, buffer: Buffer): number {
  const flags = buffer.readBigUInt64LE(SREGS2_FLAGS);
  const pae =
    (buffer.readBigUInt64LE(SREGS_LAYOUT.cr0) & CR0.PG) !== 0n &&
    (buffer.readBigUInt64LE(SREGS_LAYOUT.cr4) & CR4.PAE) !== 0n &&
    (buffer.readBigUInt64LE(SREGS_LAYOUT.efer) & EFER.LMA) === 0n;
  if ((flags & ~PDPTRS_VALID) !== 0n) return EINVAL;
  const given = (flags & PDPTRS_VALID) !== 0n;
  if (given && !pae) return EINVAL;
  const answer = setSregsCommon(context, buffer, !given);
  if (answer !== 0 || !given) return answer;
  walkPdptrs(context).set([0, 1, 2, 3].map((i) => buffer.readBigUInt64LE(SREGS2_PDPTRS + 8 * i)));
  return 0;
}

// ---------------------------------------------------------------------------------------------------------
// Debug registers and XCR0

const DEBUGREGS = { dr6: 32, dr7: 40, flags: 48, bytes: 128 } as const;

export function getDebugregs({ state }: RegisterContext, buffer: Buffer): number {
  buffer.fill(0, 0, DEBUGREGS.bytes);
  state.db.forEach((value, i) => {
    buffer.writeBigUInt64LE(value, 8 * i);
  });
  buffer.writeBigUInt64LE(state.dr6, DEBUGREGS.dr6);
  buffer.writeBigUInt64LE(state.dr7, DEBUGREGS.dr7);
  return 0;
}

export function setDebugregs({ state, vendor }: RegisterContext, buffer: Buffer): number {
  const dr6 = buffer.readBigUInt64LE(DEBUGREGS.dr6);
  const dr7 = buffer.readBigUInt64LE(DEBUGREGS.dr7);
  if (buffer.readBigUInt64LE(DEBUGREGS.flags) !== 0n || dr6 >> 32n !== 0n || dr7 >> 32n !== 0n) return EINVAL;
  for (let i = 0; i < state.db.length; i += 1) state.db[i] = buffer.readBigUInt64LE(8 * i);
  state.dr6 = dr6;
  state.dr7 = dr7;
  vendor.setDr7(dr7);
  return 0;
}

/** struct kvm_xcrs: a count, flags, and 16 entries of 16 bytes. */
const XCRS = { count: 0, flags: 4, entries: 8, entryBytes: 16, value: 8, most: 16, bytes: 392 } as const;
const XFEATURE = { FP: 1n, SSE: 2n, YMM: 4n, BNDREGS: 8n, BNDCSR: 16n } as const;
const AVX512 = 0xe0n;
const XTILE = 3n << 17n;

export function getXcrs({ state }: RegisterContext, buffer: Buffer): number {
  buffer.fill(0, 0, XCRS.bytes);
  buffer.writeUInt32LE(1, XCRS.count);
  buffer.writeBigUInt64LE(state.xcr0, XCRS.entries + XCRS.value);
  return 0;
}

export function setXcrs(context: RegisterContext, buffer: Buffer): number {
  const count = buffer.readUInt32LE(XCRS.count);
  if (count > XCRS.most || buffer.readUInt32LE(XCRS.flags) !== 0) return EINVAL;
  for (let i = 0; i < count; i += 1) {
    const at = XCRS.entries + XCRS.entryBytes * i;
    if (buffer.readUInt32LE(at) !== 0) continue; // only XCR0 is known, others are passed over
    return setXcr0(context, buffer.readBigUInt64LE(at + XCRS.value)) ? 0 : EINVAL;
  }
  return 0;
}

/** __kvm_set_xcr. */
function setXcr0({ state, tables }: RegisterContext, xcr0: bigint): boolean {
  const has = (feature: bigint): boolean => (xcr0 & feature) !== 0n;
  if (!has(XFEATURE.FP) || (has(XFEATURE.YMM) && !has(XFEATURE.SSE))) return false;
  if ((xcr0 & ~(tables.supportedXcr0(state.cpuid) | XFEATURE.FP)) !== 0n) return false;
  if (has(XFEATURE.BNDREGS) !== has(XFEATURE.BNDCSR)) return false;
  if (has(AVX512) && (!has(XFEATURE.YMM) || (xcr0 & AVX512) !== AVX512)) return false;
  if (has(XTILE) && (xcr0 & XTILE) !== XTILE) return false;
  const changed = state.xcr0 ^ xcr0;
  state.xcr0 = xcr0;
  if ((changed & ~(XFEATURE.FP | XFEATURE.SSE)) !== 0n) updateRuntimeBits(state, tables);
  return true;
}
