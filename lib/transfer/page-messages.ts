// Guest memory as ReceiveVmRequest messages with MemoryPages in them, built in place as they are on the wire: a
// guest's memory is not copied once more to be serialized. Zero pages are named and cost no payload.

import { crc32 } from 'node:zlib';
import { varint } from '../api/varint.js';
import { PAGE_BYTES } from '../api/zero-pages.js';
import type { GuestMemory } from '../vm/guest-memory.js';

/** The most data in one message: a server takes 4 MiB. */
export const MOST_DATA_BYTES = 1024 * 1024;
/** The most runs in one message, so that its head has room: two varints of at most 5 bytes each. */
const MOST_RUNS = 512;
const HEAD_BYTES = 4 * (5 + 5 * MOST_RUNS) + 64;
const ZERO_PAGE = Buffer.alloc(PAGE_BYTES);

/** Tags: field number and wire type (0 varint, 2 length-delimited, 5 fixed32). */
const TAG = {
  /** ReceiveVmRequest.pages. */
  pages: (2 << 3) | 2,
  firstPages: (1 << 3) | 2,
  pageCounts: (2 << 3) | 2,
  zeroFirstPages: (3 << 3) | 2,
  zeroPageCounts: (4 << 3) | 2,
  crc32: (5 << 3) | 5,
  data: (6 << 3) | 2,
} as const;

/** A range of whole pages. */
export interface PageRange {
  readonly gpa: bigint;
  readonly bytes: number;
}

export interface PageMessage {
  /** As it is on the wire; stands in memory that is used again for the message after the next. */
  readonly wire: Buffer;
  readonly pages: number;
  readonly zeroPages: number;
}

/** Pages by runs: first page numbers and how many, side by side. */
class Runs {
  readonly firsts: number[] = [];
  readonly counts: number[] = [];
  private whole = false;

  add(page: number): void {
    const last = this.firsts.length - 1;
    const first = this.firsts[last];
    const count = this.counts[last];
    if (!this.whole && first !== undefined && count !== undefined && first + count === page)
      this.counts[last] = count + 1;
    else {
      this.firsts.push(page);
      this.counts.push(1);
    }
    this.whole = false;
  }

  /** Nothing is added to the last run: what comes next may be of another memory region, right behind. */
  endRun(): void {
    this.whole = true;
  }

  get length(): number {
    return this.firsts.length;
  }
}

/**
 * The messages for all pages of the ranges, each read when its message is built. `skipZeroes` leaves zero pages out
 * instead of naming them: for a destination that never held anything else.
 */
export function* pageMessages(
  memory: GuestMemory,
  ranges: Iterable<PageRange>,
  skipZeroes: boolean,
): Generator<PageMessage> {
  const buffers = [0, 1].map(() => Buffer.allocUnsafeSlow(HEAD_BYTES + MOST_DATA_BYTES));
  let turn = 0;
  let data = new Runs();
  let zeroes = new Runs();
  let dataBytes = 0;
  let pages = 0;
  let zeroPages = 0;
  const finish = (): PageMessage => {
    const buffer = buffers[turn] as Buffer;
    const message = { wire: wire(buffer, dataBytes, data, zeroes), pages, zeroPages };
    turn = 1 - turn;
    data = new Runs();
    zeroes = new Runs();
    dataBytes = 0;
    pages = 0;
    zeroPages = 0;
    return message;
  };
  for (const { gpa, bytes } of ranges) {
    data.endRun();
    zeroes.endRun();
    for (let done = 0; done < bytes; ) {
      const buffer = buffers[turn] as Buffer;
      const length = Math.min(bytes - done, MOST_DATA_BYTES - dataBytes);
      const at = HEAD_BYTES + dataBytes;
      memory.readInto(gpa + BigInt(done), length, buffer, at);
      const firstPage = Number((gpa + BigInt(done)) / BigInt(PAGE_BYTES));
      let kept = at;
      let full = false;
      let read = 0;
      for (; read < length && !full; read += PAGE_BYTES) {
        const page = firstPage + read / PAGE_BYTES;
        const from = at + read;
        pages += 1;
        if (buffer.compare(ZERO_PAGE, 0, PAGE_BYTES, from, from + PAGE_BYTES) === 0) {
          zeroPages += 1;
          if (!skipZeroes) zeroes.add(page);
        } else {
          if (kept !== from) buffer.copyWithin(kept, from, from + PAGE_BYTES);
          kept += PAGE_BYTES;
          data.add(page);
        }
        full = data.length === MOST_RUNS || zeroes.length === MOST_RUNS;
      }
      dataBytes = kept - HEAD_BYTES;
      done += read;
      if (full || dataBytes === MOST_DATA_BYTES) yield finish();
    }
  }
  if (pages > 0) yield finish();
}

/** Writes the head before data that stands behind HEAD_BYTES. */
function wire(buffer: Buffer, dataBytes: number, data: Runs, zeroes: Runs): Buffer {
  const head: number[] = [];
  const packed = (tag: number, values: readonly number[]) => {
    if (values.length === 0) return;
    const bytes = values.flatMap(varint);
    head.push(tag, ...varint(bytes.length), ...bytes);
  };
  packed(TAG.firstPages, data.firsts);
  packed(TAG.pageCounts, data.counts);
  packed(TAG.zeroFirstPages, zeroes.firsts);
  packed(TAG.zeroPageCounts, zeroes.counts);
  if (dataBytes > 0) {
    const sum = crc32(buffer.subarray(HEAD_BYTES, HEAD_BYTES + dataBytes));
    head.push(TAG.crc32, sum & 0xff, (sum >>> 8) & 0xff, (sum >>> 16) & 0xff, sum >>> 24);
    head.push(TAG.data, ...varint(dataBytes));
  }
  const outer = [TAG.pages, ...varint(head.length + dataBytes)];
  const start = HEAD_BYTES - head.length - outer.length;
  buffer.set(outer, start);
  buffer.set(head, start + outer.length);
  return buffer.subarray(start, HEAD_BYTES + dataBytes);
}
