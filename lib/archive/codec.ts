// The fixed structures of a saved VM, to and from bytes, by the tables of layout.ts.

import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import {
  FILE_MAGIC,
  type Field,
  kindName,
  MUST_UNDERSTAND,
  PREAMBLE,
  PREAMBLE_BYTES,
  RUN,
  RUN_BYTES,
  SECTION,
  SECTION_BYTES,
  SECTION_KINDS,
  type SectionName,
  sectionName,
  TRAILER,
  TRAILER_BYTES,
  TRAILER_MAGIC,
  VERSION,
} from './layout.js';

const CRC_BYTES = 4;

export const sha256 = (...pieces: readonly Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest();
};

function put(bytes: Buffer, { type, offset }: Field, value: number | bigint | Uint8Array): void {
  if (typeof value === 'object') bytes.set(value, offset);
  else if (type === 'u64') bytes.writeBigUInt64LE(BigInt(value), offset);
  else if (type === 'u32') bytes.writeUInt32LE(Number(value), offset);
  else bytes.writeUInt16LE(Number(value), offset);
}

/** A u64 beyond 2^53 comes out inexact, and is no place in any file. */
function get(bytes: Buffer, { type, offset }: Field): number {
  if (type === 'u64') return Number(bytes.readBigUInt64LE(offset));
  return type === 'u32' ? bytes.readUInt32LE(offset) : bytes.readUInt16LE(offset);
}

const part = (bytes: Buffer, { offset, bytes: length }: Field): Buffer =>
  bytes.subarray(offset, offset + length);

/** Writes the CRC-32 that ends a structure. */
function seal(bytes: Buffer): Buffer {
  bytes.writeUInt32LE(crc32(bytes.subarray(0, -CRC_BYTES)), bytes.length - CRC_BYTES);
  return bytes;
}

/** Whether a structure is whole, and as it was sealed. */
export function isSealed(bytes: Buffer, length: number): boolean {
  return (
    bytes.length === length && bytes.readUInt32LE(length - CRC_BYTES) === crc32(bytes.subarray(0, -CRC_BYTES))
  );
}

export function preamble(version: { readonly major: number; readonly minor: number } = VERSION): Buffer {
  const bytes = Buffer.alloc(PREAMBLE_BYTES);
  put(bytes, PREAMBLE.magic, FILE_MAGIC);
  put(bytes, PREAMBLE.major, version.major);
  put(bytes, PREAMBLE.minor, version.minor);
  return seal(bytes);
}

export const hasFileMagic = (bytes: Buffer): boolean => part(bytes, PREAMBLE.magic).equals(FILE_MAGIC);

export const versionOf = (bytes: Buffer): { readonly major: number; readonly minor: number } => ({
  major: get(bytes, PREAMBLE.major),
  minor: get(bytes, PREAMBLE.minor),
});

/** What a section's header says. */
export interface SectionHead {
  /** "vm", "vcpus/0": see sectionName. */
  readonly name: string;
  readonly kind: SectionName | undefined;
  readonly index: number;
  readonly mustUnderstand: boolean;
  /** Of the payload. */
  readonly bytes: number;
  readonly sha256: Buffer;
}

export function sectionHead(
  kind: number,
  flags: number,
  index: number,
  bytes: number,
  digest: Buffer,
): Buffer {
  const head = Buffer.alloc(SECTION_BYTES);
  put(head, SECTION.kind, kind);
  put(head, SECTION.flags, flags);
  put(head, SECTION.index, index);
  put(head, SECTION.bytes, bytes);
  put(head, SECTION.sha256, digest);
  return seal(head);
}

/** The header of a section that this version knows. */
export function headOf(name: SectionName, index: number, payload: readonly Uint8Array[]): Buffer {
  const { number, mustUnderstand } = SECTION_KINDS[name];
  const bytes = payload.reduce((sum, { length }) => sum + length, 0);
  return sectionHead(number, mustUnderstand ? MUST_UNDERSTAND : 0, index, bytes, sha256(...payload));
}

export function readHead(head: Buffer): SectionHead {
  const kind = get(head, SECTION.kind);
  const index = get(head, SECTION.index);
  return {
    name: sectionName(kind, index),
    kind: kindName(kind),
    index,
    mustUnderstand: (get(head, SECTION.flags) & MUST_UNDERSTAND) !== 0,
    bytes: get(head, SECTION.bytes),
    sha256: part(head, SECTION.sha256),
  };
}

export interface Trailer {
  readonly indexOffset: number;
  readonly fileBytes: number;
  readonly fingerprint: Buffer;
}

export function trailer({ indexOffset, fileBytes, fingerprint }: Trailer): Buffer {
  const bytes = Buffer.alloc(TRAILER_BYTES);
  put(bytes, TRAILER.magic, TRAILER_MAGIC);
  put(bytes, TRAILER.indexOffset, indexOffset);
  put(bytes, TRAILER.fileBytes, fileBytes);
  put(bytes, TRAILER.fingerprint, fingerprint);
  return seal(bytes);
}

/** Undefined where the bytes are no sound trailer. */
export function readTrailer(bytes: Buffer): Trailer | undefined {
  if (!isSealed(bytes, TRAILER_BYTES) || !part(bytes, TRAILER.magic).equals(TRAILER_MAGIC)) return undefined;
  return {
    indexOffset: get(bytes, TRAILER.indexOffset),
    fileBytes: get(bytes, TRAILER.fileBytes),
    fingerprint: part(bytes, TRAILER.fingerprint),
  };
}

/** A run of guest memory that is in the file: whole pages. */
export interface Run {
  readonly gpa: bigint;
  readonly data: Buffer;
}

export function runHead(gpa: bigint, bytes: number): Buffer {
  const head = Buffer.alloc(RUN_BYTES);
  put(head, RUN.gpa, gpa);
  put(head, RUN.bytes, bytes);
  return head;
}

/** The runs of a memory section; undefined where the payload is not made of whole ones. */
export function readRuns(payload: Buffer): Run[] | undefined {
  const runs: Run[] = [];
  for (let at = 0; at < payload.length; ) {
    const head = payload.subarray(at, at + RUN_BYTES);
    if (head.length < RUN_BYTES) return undefined;
    const start = at + RUN_BYTES;
    const end = start + get(head, RUN.bytes);
    if (end > payload.length || end === start) return undefined;
    runs.push({ gpa: head.readBigUInt64LE(RUN.gpa.offset), data: payload.subarray(start, end) });
    at = end;
  }
  return runs;
}
