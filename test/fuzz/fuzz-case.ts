// A state of the fuzz as data: a captured base, and the changes made to it and to the vCPU that is to take it. Small
// enough to be printed as a row of test/vectors/fuzz-rows.ts and to be taken apart by the shrinker.

import { CPUID_ENTRY, EVENTS_LAYOUT, SIZE, SREGS_LAYOUT } from '../../lib/kvm/abi.js';
import { FIELDS, type Field, MIN_BUFFER_BYTES, type NestedFormat } from '../../lib/nested/layout.js';
import type { VcpuSnapshot } from '../../lib/state/vcpu-components.js';

export type NumberField = Field<'u8' | 'u16' | 'u32' | 'u64'>;
/** Special registers by name: offset in struct kvm_sregs2, bytes. */
const REGISTERS = {
  ...(Object.fromEntries(
    Object.entries(SREGS_LAYOUT).map(([name, offset]) => [name, [offset, 8]]),
  ) as unknown as Readonly<Record<keyof typeof SREGS_LAYOUT, readonly [offset: number, bytes: number]>>),
  'cs.l': [19, 1],
} as const;
export type RegisterName = keyof typeof REGISTERS;
/** A place in CPUID: leaf, index, register, lowest bit, bits. */
export type CpuidPlace = readonly [
  leaf: number,
  index: number,
  register: 'eax' | 'ebx' | 'ecx' | 'edx',
  bit: number,
  bits: number,
];

/** One change. Values are hexadecimal, so that a row can be read. */
export type Change =
  | { readonly field: string; readonly value: string }
  | { readonly byte: number; readonly value: string }
  | { readonly registers: Readonly<Partial<Record<RegisterName, string>>> }
  | { readonly sregsByte: number; readonly value: string }
  | { readonly smm: number }
  | { readonly cpuid: CpuidPlace; readonly value: string }
  /** An MSR, for what of a vCPU lies in one. */
  | { readonly msr: string; readonly value: string };

export interface FuzzCase {
  /** A captured state by its name. */
  readonly base: string;
  /** Whether the vCPU is taken out of nested operation first, or is left as the case before it left it. */
  readonly leaveFirst: boolean;
  readonly changes: readonly Change[];
}

/** What a case asks to be set, part by part. */
export interface PreparedCase {
  readonly cpuid: Buffer;
  readonly sregs2: Buffer;
  readonly events: Buffer;
  /** MSRs that the case sets, beside the base's. */
  readonly msrs: ReadonlyArray<readonly [index: number, value: bigint]>;
  /** What the kernel reads, MIN_BUFFER_BYTES. */
  readonly nested: Buffer;
}

const FIELDS_BY_PATH: Readonly<Record<NestedFormat, ReadonlyMap<string, Field>>> = {
  SVM: new Map(FIELDS.SVM.map((field) => [field.path, field])),
  VMX: new Map(FIELDS.VMX.map((field) => [field.path, field])),
};

export function prepare(
  format: NestedFormat,
  base: VcpuSnapshot,
  hostCpuid: Buffer,
  { changes }: FuzzCase,
): PreparedCase {
  const nested = Buffer.alloc(MIN_BUFFER_BYTES);
  base.nested?.copy(nested);
  const sregs2 = Buffer.from(base.sregs2 ?? []);
  const events = Buffer.from(base.events ?? []);
  const msrs: Array<readonly [number, bigint]> = [];
  let cpuid = hostCpuid;
  for (const change of changes) {
    if ('field' in change) {
      const field = FIELDS_BY_PATH[format].get(change.field);
      if (field === undefined) throw new RangeError(`no field ${change.field}`);
      writeLittleEndian(nested, field.offset, field.bytes, BigInt(change.value));
    } else if ('byte' in change) {
      nested.writeUInt8(Number(change.value), change.byte);
    } else if ('registers' in change) {
      for (const [name, value] of Object.entries(change.registers)) {
        const [offset, bytes] = REGISTERS[name as RegisterName];
        writeLittleEndian(sregs2, offset, bytes, BigInt(value));
      }
    } else if ('sregsByte' in change) {
      sregs2.writeUInt8(Number(change.value), change.sregsByte);
    } else if ('smm' in change) {
      events.writeUInt8(change.smm, EVENTS_LAYOUT.smm);
    } else if ('cpuid' in change) {
      cpuid = withCpuid(cpuid, change.cpuid, Number(change.value));
    } else {
      msrs.push([Number(change.msr), BigInt(change.value)]);
    }
  }
  return { cpuid, sregs2, events, msrs, nested };
}

export function writeLittleEndian(buffer: Buffer, offset: number, bytes: number, value: bigint): void {
  for (let i = 0; i < bytes; i += 1) buffer[offset + i] = Number((value >> BigInt(8 * i)) & 0xffn);
}

export function readLittleEndian(buffer: Buffer, offset: number, bytes: number): bigint {
  let value = 0n;
  for (let i = bytes - 1; i >= 0; i -= 1) value = (value << 8n) | BigInt(buffer[offset + i] ?? 0);
  return value;
}

/** A copy with other bits; the leaf is added where there is none. */
function withCpuid(cpuid: Buffer, [leaf, index, register, bit, bits]: CpuidPlace, value: number): Buffer {
  const mask = (2 ** bits - 1) * 2 ** bit;
  const write = (entry: Buffer) => {
    const others = entry.readUInt32LE(CPUID_ENTRY[register]) & ~mask;
    entry.writeUInt32LE((others | ((value << bit) & mask)) >>> 0, CPUID_ENTRY[register]);
  };
  const copy = Buffer.from(cpuid);
  for (let at = 0; at < copy.length; at += SIZE.cpuidEntry) {
    const entry = copy.subarray(at, at + SIZE.cpuidEntry);
    if (entry.readUInt32LE(CPUID_ENTRY.function) !== leaf || entry.readUInt32LE(CPUID_ENTRY.index) !== index)
      continue;
    write(entry);
    return copy;
  }
  const entry = Buffer.alloc(SIZE.cpuidEntry);
  entry.writeUInt32LE(leaf, CPUID_ENTRY.function);
  entry.writeUInt32LE(index, CPUID_ENTRY.index);
  entry.writeUInt32LE(index === 0 ? 0 : 1, CPUID_ENTRY.flags);
  write(entry);
  return Buffer.concat([copy, entry]);
}
