// What changed within pages that the destination has already: most pages that are left for the switch were sent a round
// before, and differ from that in a few words. Sent as such, they hold up a guest that stands still several times less
// than whole pages would (QEMU's XBZRLE has the same thought).

import { crc32 } from 'node:zlib';
import type { MemoryPatches, MemoryPatches__Output } from '../../protos/gen/vcpud/v1/MemoryPatches.js';
import { PAGE_BYTES } from '../api/zero-pages.js';
import { VcpudError } from '../errors/vcpud-error.js';
import type { GuestMemory } from '../vm/guest-memory.js';
import type { PageMessage, PageRange } from './page-messages.js';
import type { PageSet } from './page-set.js';
import { REHEARSED_PAGES } from './rehearsals.js';

const WORD_BYTES = 4;
const PAGE_WORDS = PAGE_BYTES / WORD_BYTES;
/** How many pages' contents a sender keeps: 16 MiB of them. */
export const MOST_KEPT_PAGES = 4096;
/** Two changes with fewer words between them are one patch: each costs some bytes, and a copy of its own. */
const GAP_WORDS = 16;
/** A page that changed in more than this is sent whole. */
const MOST_PATCH_BYTES = PAGE_BYTES / 2;
/** The most data of all patches, so that they fit one message with everything else. */
export const MOST_PATCHES_BYTES = 1024 * 1024;

/** What a rehearsal has of each page. */
const REHEARSED_BYTES = 64;

const gpaOf = (page: number): bigint => BigInt(page) * BigInt(PAGE_BYTES);
/** What is compared at once, natively: most blocks of a page are alike. */
const BLOCK_WORDS = 64;
const BLOCK_BYTES = BLOCK_WORDS * WORD_BYTES;
const wordsOf = (page: Buffer): Int32Array => new Int32Array(page.buffer, page.byteOffset, PAGE_WORDS);

/** Where two contents of a page differ: word numbers, each range's first and the one behind its last. */
function differences(now: Buffer, before: Buffer): Array<readonly [from: number, to: number]> {
  const ranges: Array<readonly [number, number]> = [];
  const nowWords = wordsOf(now);
  const wordsBefore = wordsOf(before);
  let from = -1;
  let to = -1;
  for (let block = 0; block < PAGE_WORDS; block += BLOCK_WORDS) {
    const at = block * WORD_BYTES;
    if (now.compare(before, at, at + BLOCK_BYTES, at, at + BLOCK_BYTES) === 0) continue;
    for (let i = block; i < block + BLOCK_WORDS; i += 1) {
      if (nowWords[i] === wordsBefore[i]) continue;
      if (from >= 0 && i - to >= GAP_WORDS) {
        ranges.push([from, to]);
        from = -1;
      }
      if (from < 0) from = i;
      to = i + 1;
    }
  }
  if (from >= 0) ranges.push([from, to]);
  return ranges;
}

export interface LeftPages {
  /** Null where there can be none. */
  readonly patches: MemoryPatches | null;
  /** Pages that the patches stand for, those among them that had not changed. */
  readonly patched: number;
  /** What is to be sent whole. */
  readonly whole: Iterable<PageRange>;
}

/** What a destination has of the pages that a guest writes again and again, exactly. */
export class SentPages {
  private readonly kept = new Map<number, Buffer>();

  /** To be told of every message that is sent once it was begun with. */
  remember(message: PageMessage): void {
    const { firstPages = [], pageCounts = [], zeroFirstPages = [], zeroPageCounts = [] } = message.runs;
    for (const page of pagesOf(zeroFirstPages, zeroPageCounts)) this.kept.delete(page);
    let at = 0;
    for (const page of pagesOf(firstPages, pageCounts)) {
      const content = this.kept.get(page) ?? this.room();
      if (content !== undefined) {
        message.data.copy(content, 0, at, at + PAGE_BYTES);
        this.kept.set(page, content);
      }
      at += PAGE_BYTES;
    }
  }

  private room(): Buffer | undefined {
    return this.kept.size < MOST_KEPT_PAGES ? Buffer.allocUnsafeSlow(PAGE_BYTES) : undefined;
  }

  /**
   * Does once what patchesFor will, and gives patches that change nothing: the beginnings of some pages, as they were
   * sent. Null before there are any.
   */
  rehearse(memory: GuestMemory): MemoryPatches | null {
    const pages = [...this.kept.keys()].slice(0, REHEARSED_PAGES);
    if (pages.length === 0) return null;
    this.patchesFor(
      memory,
      pages.map((page) => ({ gpa: gpaOf(page), bytes: PAGE_BYTES })),
    );
    const parts = pages.map((page) => (this.kept.get(page) ?? Buffer.alloc(0)).subarray(0, REHEARSED_BYTES));
    const data = Buffer.concat(parts);
    const offsets = pages.map(() => 0);
    const lengths = parts.map(({ length }) => length);
    return { pages, offsets, lengths, crc32: crc32(data), data };
  }

  /** Takes apart the pages of a guest that stands still: what changed in those that are kept, and the others. */
  patchesFor(memory: GuestMemory, ranges: Iterable<PageRange>): LeftPages {
    const pages: number[] = [];
    const offsets: number[] = [];
    const lengths: number[] = [];
    const parts: Buffer[] = [];
    const whole: Array<{ gpa: bigint; bytes: number }> = [];
    let bytes = 0;
    let patched = 0;
    for (const { gpa, bytes: length } of ranges) {
      /** The run of whole pages that ends here; one never goes on over the end of a range, as that may be a region's. */
      let run: { gpa: bigint; bytes: number } | undefined;
      for (let done = 0; done < length; done += PAGE_BYTES) {
        const at = gpa + BigInt(done);
        const page = Number(at / BigInt(PAGE_BYTES));
        const before = this.kept.get(page);
        const now = before === undefined ? undefined : memory.view(at, PAGE_BYTES);
        const changes = now === undefined || before === undefined ? [] : differences(now, before);
        const changed = changes.reduce((sum, [from, to]) => sum + (to - from) * WORD_BYTES, 0);
        if (now === undefined || changed > MOST_PATCH_BYTES || bytes + changed > MOST_PATCHES_BYTES) {
          if (run === undefined) {
            run = { gpa: at, bytes: 0 };
            whole.push(run);
          }
          run.bytes += PAGE_BYTES;
          continue;
        }
        run = undefined;
        patched += 1;
        bytes += changed;
        for (const [from, to] of changes) {
          pages.push(page);
          offsets.push(from * WORD_BYTES);
          lengths.push((to - from) * WORD_BYTES);
          parts.push(now.subarray(from * WORD_BYTES, to * WORD_BYTES));
        }
      }
    }
    const data = Buffer.concat(parts, bytes);
    return { patches: { pages, offsets, lengths, crc32: crc32(data), data }, patched, whole };
  }
}

function* pagesOf(firsts: readonly number[], counts: readonly number[]): Generator<number> {
  for (const [i, first] of firsts.entries()) {
    for (let page = first; page < first + (counts[i] ?? 0); page += 1) yield page;
  }
}

/**
 * Writes patches into pages that arrived before. Throws PAGES_MALFORMED, CHECKSUM_WRONG, MEMORY_RANGE_NOT_BACKED,
 * VM_DELETED; nothing is written then.
 */
export function writePatches(memory: GuestMemory, arrived: PageSet, message: MemoryPatches__Output): void {
  const { pages, offsets, lengths, data } = message;
  const bytes = lengths.reduce((sum, length) => sum + length, 0);
  const malformed = pages.some((page, i) => {
    const end = (offsets[i] ?? PAGE_BYTES) + (lengths[i] ?? 0);
    return end > PAGE_BYTES || !arrived.has(page);
  });
  if (
    malformed ||
    bytes !== data.length ||
    pages.length !== offsets.length ||
    pages.length !== lengths.length
  ) {
    throw VcpudError.of('PAGES_MALFORMED', 'patches are of pages that arrived before, and within them', {
      field: 'commit.patches',
    });
  }
  requireChecksum(data, message.crc32);
  let at = 0;
  pages.forEach((page, i) => {
    const length = lengths[i] ?? 0;
    memory.patchNow(gpaOf(page) + BigInt(offsets[i] ?? 0), data.subarray(at, at + length));
    at += length;
  });
}

/** Throws CHECKSUM_WRONG. */
export function requireChecksum(data: Buffer, sent: number): void {
  if (data.length === 0 || crc32(data) === sent >>> 0) return;
  throw VcpudError.of('CHECKSUM_WRONG', 'memory arrived otherwise than it was sent', {
    metadata: { sent: String(sent >>> 0), arrived: String(crc32(data)) },
  });
}
