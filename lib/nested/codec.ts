// Reads and writes single fields of nested-state bytes through the tables of layout.ts; all numbers are
// little-endian. Callers are the other files of this folder, and tests that build states.
//
// Nothing here copies or normalises: bytes that no field names stay as they are.

import { type Field, HEADER, HEADER_BYTES } from './layout.js';

export interface NestedStateHeader {
  /** u16, see FLAG. */
  readonly flags: number;
  /** u16, see FORMAT. */
  readonly format: number;
  /** u32: bytes of the whole state by its own account; the array that carries it may be shorter or longer. */
  readonly size: number;
}

/** A view of the same memory, for `read` and `write`. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Value of one field: number for u8, u16 and u32, bigint for u64. RangeError if the bytes end before it. */
export function read(view: DataView, field: Field<'u64'>): bigint;
export function read(view: DataView, field: Field<'u8' | 'u16' | 'u32'>): number;
export function read(view: DataView, field: Field<'u8' | 'u16' | 'u32' | 'u64'>): number | bigint;
export function read(view: DataView, field: Field<'u8' | 'u16' | 'u32' | 'u64'>): number | bigint {
  switch (field.type) {
    case 'u8':
      return view.getUint8(field.offset);
    case 'u16':
      return view.getUint16(field.offset, true);
    case 'u32':
      return view.getUint32(field.offset, true);
    case 'u64':
      return view.getBigUint64(field.offset, true);
  }
}

/** Sets one field in place; a value too wide for it is cut to its width. RangeError if the bytes end before it. */
export function write(view: DataView, field: Field<'u64'>, value: bigint): void;
export function write(view: DataView, field: Field<'u8' | 'u16' | 'u32'>, value: number): void;
export function write(view: DataView, field: Field, value: number | bigint): void {
  switch (field.type) {
    case 'u8':
      view.setUint8(field.offset, Number(value));
      break;
    case 'u16':
      view.setUint16(field.offset, Number(value), true);
      break;
    case 'u32':
      view.setUint32(field.offset, Number(value), true);
      break;
    case 'u64':
      view.setBigUint64(field.offset, BigInt(value), true);
      break;
  }
}

/** The first 8 bytes of the header, which both formats share. RangeError below HEADER_BYTES (128) bytes. */
export function readHeader(bytes: Uint8Array): NestedStateHeader {
  const view = headerView(bytes);
  return {
    flags: read(view, HEADER.flags),
    format: read(view, HEADER.format),
    size: read(view, HEADER.size),
  };
}

/** Writes those 8 bytes in place and no others. RangeError below HEADER_BYTES (128) bytes. */
export function writeHeader(bytes: Uint8Array, header: NestedStateHeader): void {
  const view = headerView(bytes);
  write(view, HEADER.flags, header.flags);
  write(view, HEADER.format, header.format);
  write(view, HEADER.size, header.size);
}

/** A view of bytes that hold at least a whole header. RangeError below HEADER_BYTES (128) bytes. */
export function headerView(bytes: Uint8Array): DataView {
  if (bytes.length < HEADER_BYTES) {
    throw new RangeError(`nested state has ${bytes.length} bytes, its header alone has ${HEADER_BYTES}`);
  }
  return viewOf(bytes);
}
