// What changed within pages that were sent before: over any history, source and destination end up alike.

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { api } from '../../../lib/api/definitions.js';
import { PAGE_BYTES } from '../../../lib/api/zero-pages.js';
import { type PageRange, pageMessages } from '../../../lib/transfer/page-messages.js';
import { PageSet } from '../../../lib/transfer/page-set.js';
import { MOST_KEPT_PAGES, SentPages, writePatches } from '../../../lib/transfer/patches.js';
import { VmReceiver } from '../../../lib/transfer/receiver.js';
import { GuestMemory } from '../../../lib/vm/guest-memory.js';
import type { Vm } from '../../../lib/vm/vm.js';
import type { MemoryPatches__Output } from '../../../protos/gen/vcpud/v1/MemoryPatches.js';
import type {
  ReceiveVmCommit,
  ReceiveVmCommit__Output,
} from '../../../protos/gen/vcpud/v1/ReceiveVmCommit.js';

const { requestDeserialize, requestSerialize } = api.MigrationService.service.ReceiveVm;
const PAGES = 12;
const BYTES = PAGES * PAGE_BYTES;
const ALL = [{ gpa: 0n, bytes: BYTES }];

let here: GuestMemory;

beforeAll(() => {
  here = GuestMemory.create('here', [{ gpa: 0n, bytes: BigInt(BYTES) }]);
});
afterAll(() => here.close());

const content = (memory: GuestMemory): Buffer => {
  const buffer = Buffer.alloc(BYTES);
  memory.readInto(0n, BYTES, buffer, 0);
  return buffer;
};

/** As they come out of the wire. */
function throughWire(commit: ReceiveVmCommit): ReceiveVmCommit__Output {
  const message = requestDeserialize(requestSerialize({ commit })).commit;
  if (message === null || message === undefined) throw new Error('no commit arrived');
  return message;
}

/** One write: where, and what; one of zeroes may make its page a zero page. */
const write = fc.record({
  at: fc.nat(BYTES - 1),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 600 }),
  zero: fc.boolean(),
});
const writes = fc.array(write, { maxLength: 20 });

function apply(history: ReadonlyArray<{ at: number; bytes: Uint8Array; zero: boolean }>): Set<number> {
  const dirty = new Set<number>();
  for (const { at, bytes, zero } of history) {
    const data = Buffer.from(bytes.subarray(0, BYTES - at));
    here.writeNow(BigInt(at), zero ? data.fill(0) : data);
    for (let page = Math.floor(at / PAGE_BYTES); page * PAGE_BYTES < at + data.length; page += 1)
      dirty.add(page);
  }
  return dirty;
}

const rangesOf = (pages: Iterable<number>) =>
  [...pages].sort((a, b) => a - b).map((page) => ({ gpa: BigInt(page * PAGE_BYTES), bytes: PAGE_BYTES }));

describe('patches', () => {
  test('and whole pages, after any rounds, make the memory of the source', async () => {
    await fc.assert(
      fc.asyncProperty(writes, fc.array(writes, { maxLength: 3 }), writes, async (first, rounds, last) => {
        await here.writeZeroes(0n, BigInt(BYTES));
        const there = GuestMemory.create('there', [{ gpa: 0n, bytes: BigInt(BYTES) }]);
        try {
          const receiver = new VmReceiver({ memory: there } as Vm);
          const arrived = new PageSet();
          const sent = new SentPages();
          const send = async (ranges: Iterable<PageRange>, keep: boolean) => {
            for (const message of pageMessages(here, ranges, false)) {
              if (keep) sent.remember(message);
              const { pages } = throughWire({ pages: message.content() });
              if (pages === null) throw new Error('no pages arrived');
              await receiver.writePages(pages);
              pages.firstPages.forEach((page, i) => {
                arrived.add(page, pages.pageCounts[i] ?? 0);
              });
            }
          };
          apply(first);
          await send(ALL, false);
          for (const round of rounds) await send(rangesOf(apply(round)), true);
          const dirty = apply(last);
          // A rehearsal changes nothing, whatever the guest has written since.
          const before = content(there);
          const practice = sent.rehearse(here);
          if (practice !== null) {
            const { patches: practised } = throughWire({ patches: practice });
            if (practised === null) throw new Error('no patches arrived');
            writePatches(there, arrived, practised);
          }
          expect(content(there).equals(before)).toBe(true);
          const left = sent.patchesFor(here, rangesOf(dirty));
          const whole = [...left.whole];
          const wholePages = whole.reduce((sum, { bytes }) => sum + bytes, 0) / PAGE_BYTES;
          expect(left.patched + wholePages).toBe(dirty.size);
          const { patches } = throughWire({ patches: left.patches });
          if (patches === null) throw new Error('no patches arrived');
          writePatches(there, arrived, patches);
          await send(whole, false);
          expect(content(there).equals(content(here))).toBe(true);
        } finally {
          there.close();
        }
      }),
      { numRuns: 100 },
    );
  });

  test('are rehearsed with pages that were sent as data, and not before there are any', async () => {
    await here.writeZeroes(0n, BigInt(BYTES));
    here.writeNow(BigInt(3 * PAGE_BYTES), Buffer.alloc(PAGE_BYTES, 7));
    const sent = new SentPages();
    expect(sent.rehearse(here)).toBeNull();
    for (const message of pageMessages(here, ALL, false)) sent.remember(message);
    const { pages, offsets, data } = sent.rehearse(here) ?? {};
    expect([pages, offsets]).toEqual([[3], [0]]);
    expect((data as Buffer).every((byte) => byte === 7)).toBe(true);
  });

  test('are few bytes for a page in which a word changed, and none for one in which none did', () => {
    here.writeNow(0n, Buffer.alloc(BYTES, 1));
    const sent = new SentPages();
    for (const message of pageMessages(here, ALL, false)) sent.remember(message);
    here.writeNow(BigInt(PAGE_BYTES + 100), Buffer.alloc(4, 2));
    here.writeNow(BigInt(PAGE_BYTES + 108), Buffer.alloc(1, 3));
    here.writeNow(BigInt(PAGE_BYTES + 2000), Buffer.alloc(4, 4));
    const { patches, patched, whole } = sent.patchesFor(here, [{ gpa: 0n, bytes: 2 * PAGE_BYTES }]);
    expect(patches).toMatchObject({ pages: [1, 1], offsets: [100, 2000], lengths: [12, 4] });
    expect([patched, [...whole]]).toEqual([2, []]);
  });

  test('are not made of a page that changed in most of its bytes, nor of one that was sent as zero', async () => {
    here.writeNow(0n, Buffer.alloc(BYTES, 1));
    await here.writeZeroes(BigInt(PAGE_BYTES), BigInt(PAGE_BYTES));
    const sent = new SentPages();
    for (const message of pageMessages(here, ALL, false)) sent.remember(message);
    here.writeNow(0n, Buffer.alloc(PAGE_BYTES / 2 + 4, 2));
    here.writeNow(BigInt(PAGE_BYTES), Buffer.alloc(4, 2));
    const { patched, whole } = sent.patchesFor(here, [{ gpa: 0n, bytes: 2 * PAGE_BYTES }]);
    expect(patched).toBe(0);
    expect([...whole]).toEqual([{ gpa: 0n, bytes: 2 * PAGE_BYTES }]);
  });

  test('need no more memory than for some thousand pages', () => {
    const pages = MOST_KEPT_PAGES + 5;
    const large = GuestMemory.create('large', [{ gpa: 0n, bytes: BigInt(pages * PAGE_BYTES) }]);
    try {
      for (let page = 0; page < pages; page += 1)
        large.writeNow(BigInt(page * PAGE_BYTES), Buffer.alloc(1, 1));
      const sent = new SentPages();
      const all = [{ gpa: 0n, bytes: pages * PAGE_BYTES }];
      for (const message of pageMessages(large, all, false)) sent.remember(message);
      const { patched, whole } = sent.patchesFor(large, all);
      expect(patched).toBe(MOST_KEPT_PAGES);
      expect([...whole]).toEqual([{ gpa: BigInt(MOST_KEPT_PAGES * PAGE_BYTES), bytes: 5 * PAGE_BYTES }]);
    } finally {
      large.close();
    }
  });
});

describe('patches that arrive otherwise', () => {
  const good: MemoryPatches__Output = {
    pages: [1],
    offsets: [8],
    lengths: [4],
    crc32: 0xb63cfbcd, // of 1 2 3 4
    data: Buffer.from([1, 2, 3, 4]),
  };
  const page1 = new PageSet();
  page1.add(1, 1);

  test('are none: these are written', () => {
    writePatches(here, page1, good);
    expect(here.readNow(BigInt(PAGE_BYTES + 8), 4)).toEqual(good.data);
  });

  test.each([
    ['of a page that did not come before', { pages: [2] }, 'PAGES_MALFORMED'],
    ['over the end of their page', { offsets: [PAGE_BYTES - 3] }, 'PAGES_MALFORMED'],
    ['without an offset', { offsets: [] }, 'PAGES_MALFORMED'],
    ['with an offset too many', { offsets: [8, 12] }, 'PAGES_MALFORMED'],
    ['with a length too many', { lengths: [4, 0] }, 'PAGES_MALFORMED'],
    ['with less data than they say', { data: Buffer.from([1, 2, 3]) }, 'PAGES_MALFORMED'],
    ['with a bit that fell over', { data: Buffer.from([1, 2, 3, 5]) }, 'CHECKSUM_WRONG'],
  ])('%s: refused, and nothing is written', (_what, change, reason) => {
    here.writeNow(BigInt(PAGE_BYTES), Buffer.alloc(PAGE_BYTES, 9));
    const before = content(here);
    expect(() => writePatches(here, page1, { ...good, ...change })).toThrow(
      expect.objectContaining({ reason }),
    );
    expect(content(here).equals(before)).toBe(true);
  });
});

test('a set of pages holds what was added, and nothing else', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(2 ** 32 - 400), fc.integer({ min: 1, max: 300 })), { maxLength: 8 }),
      fc.array(fc.nat(2 ** 32 - 1), { maxLength: 20 }),
      (runs, others) => {
        const set = new PageSet();
        for (const [first, pages] of runs) set.add(first, pages);
        const within = (page: number) => runs.some(([first, pages]) => page >= first && page < first + pages);
        const edges = runs.flatMap(([first, pages]) => [first - 1, first, first + pages - 1, first + pages]);
        for (const page of [...edges, ...others]) if (page >= 0) expect(set.has(page)).toBe(within(page));
      },
    ),
  );
});
