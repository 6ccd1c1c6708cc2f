// Guest memory as ReceiveVmRequest messages with MemoryPages in them, built in place as they are on the wire: a
// guest's memory is not copied once more to be serialized. Zero pages are named and cost no payload.

import { crc32 } from 'node:zlib';
import type { MemoryPages } from '../../protos/gen/vcpud/v1/MemoryPages.js';
import { varint } from '../api/varint.js';
import { PAGE_BYTES } from '../api/zero-pages.js';
import { type GuestMemory, stretchOfPages } from '../vm/guest-memory.js';

/** The most data in one message: a server takes 4 MiB. */
export const MOST_DATA_BYTES = 1024 * 1024;
/** The most runs in one message, so that its head has room: two varints of at most 5 bytes each. */
const MOST_RUNS = 512;
const HEAD_BYTES = 4 * (5 + 5 * MOST_RUNS) + 64;

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

/** Pages by runs: first page numbers and how many, side by side. */
class Runs {
  readonly firsts: number[] = [];
  readonly counts: number[] = [];
  private whole = false;

  add(page: number, pages: number): void {
    const last = this.firsts.length - 1;
    const first = this.firsts[last];
    const count = this.counts[last];
    if (!this.whole && first !== undefined && count !== undefined && first + count === page)
      this.counts[last] = count + pages;
    else {
      this.firsts.push(page);
      this.counts.push(pages);
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

/** A message; its data stands in memory that is used again for the message after the one after the next. */
export class PageMessage {
  readonly pages: number;
  readonly zeroPages: number;
  readonly dataBytes: number;
  private readonly buffer: Buffer;
  private readonly filled: Runs;
  private readonly zeroes: Runs;

  constructor(
    buffer: Buffer,
    dataBytes: number,
    filled: Runs,
    zeroes: Runs,
    count: { pages: number; zeroPages: number },
  ) {
    this.buffer = buffer;
    this.dataBytes = dataBytes;
    this.filled = filled;
    this.zeroes = zeroes;
    this.pages = count.pages;
    this.zeroPages = count.zeroPages;
  }

  /** A ReceiveVmRequest as it is on the wire, built around the data where that stands. */
  wire(): Buffer {
    return wire(this.buffer, this.dataBytes, this.filled, this.zeroes);
  }

  /** Which pages the data is of, and which are zero. */
  get runs(): Pick<MemoryPages, 'firstPages' | 'pageCounts' | 'zeroFirstPages' | 'zeroPageCounts'> {
    return {
      firstPages: this.filled.firsts,
      pageCounts: this.filled.counts,
      zeroFirstPages: this.zeroes.firsts,
      zeroPageCounts: this.zeroes.counts,
    };
  }

  /** The pages that are not zero, one behind the other. */
  get data(): Buffer {
    return this.buffer.subarray(HEAD_BYTES, HEAD_BYTES + this.dataBytes);
  }

  /** What the message holds, to be part of another. */
  content(): MemoryPages {
    const { data } = this;
    return { ...this.runs, crc32: crc32(data), data };
  }
}

/** What messages are built in, one after the other; a sender makes it once, since fresh memory costs a fault a page. */
export class MessageBuffers {
  private readonly buffers = [0, 1, 2].map(() => Buffer.allocUnsafeSlow(HEAD_BYTES + MOST_DATA_BYTES));
  private turn = 0;

  get current(): Buffer {
    return this.buffers[this.turn] as Buffer;
  }

  next(): void {
    this.turn = (this.turn + 1) % this.buffers.length;
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
  buffers: MessageBuffers = new MessageBuffers(),
): Generator<PageMessage> {
  let data = new Runs();
  let zeroes = new Runs();
  let dataBytes = 0;
  let pages = 0;
  let zeroPages = 0;
  const finish = (): PageMessage => {
    const message = new PageMessage(buffers.current, dataBytes, data, zeroes, { pages, zeroPages });
    buffers.next();
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
      const start = gpa + BigInt(done);
      const room = Math.min(bytes - done, MOST_DATA_BYTES - dataBytes);
      const view = memory.view(start, room);
      const firstPage = Number(start / BigInt(PAGE_BYTES));
      let full = false;
      let read = 0;
      while (read < view.length && !full) {
        const from = read;
        const { end, zero } = stretchOfPages(view, from, view.length);
        read = end;
        const count = (read - from) / PAGE_BYTES;
        const page = firstPage + from / PAGE_BYTES;
        pages += count;
        if (zero) {
          zeroPages += count;
          if (!skipZeroes) zeroes.add(page, count);
        } else {
          view.copy(buffers.current, HEAD_BYTES + dataBytes, from, read);
          dataBytes += read - from;
          data.add(page, count);
        }
        full = data.length === MOST_RUNS || zeroes.length === MOST_RUNS;
      }
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
