// Guest memory on its way: what is built byte by byte is what protobuf reads, and holds every page, once.

import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { api } from '../../../lib/api/definitions.js';
import { PAGE_BYTES } from '../../../lib/api/zero-pages.js';
import { MOST_DATA_BYTES, type PageRange, pageMessages } from '../../../lib/transfer/page-messages.js';
import { VmReceiver } from '../../../lib/transfer/receiver.js';
import { GuestMemory } from '../../../lib/vm/guest-memory.js';
import type { Vm } from '../../../lib/vm/vm.js';
import type { MemoryPages__Output } from '../../../protos/gen/vcpud/v1/MemoryPages.js';

const { requestDeserialize, requestSerialize } = api.MigrationService.service.ReceiveVm;
const MIB = 1024 * 1024;
const REGIONS = [
  { gpa: 0n, bytes: BigInt(8 * MIB) },
  { gpa: 0xffff_0000n, bytes: 0x1_0000n },
  // Right behind: pages of two regions have neighbouring numbers, and are no run.
  { gpa: 0x1_0000_0000n, bytes: 0x1_0000n },
  // Pages whose numbers need five bytes as a varint.
  { gpa: 2n ** 43n, bytes: 0x1_0000n },
];
const LARGEST_MESSAGE = 4 * MIB;

let here: GuestMemory;
let there: GuestMemory;

beforeAll(() => {
  here = GuestMemory.create('here', REGIONS);
});
afterAll(() => here.close());

beforeEach(async () => {
  for (const { gpa, bytes } of REGIONS) await here.writeZeroes(gpa, bytes);
});

const pageOf = (gpa: bigint): number => Number(gpa / BigInt(PAGE_BYTES));
const fill = (gpa: bigint, pages: number, value: number): void =>
  here.writeNow(gpa, Buffer.alloc(pages * PAGE_BYTES, value));

interface Read {
  readonly message: MemoryPages__Output;
  readonly wireBytes: number;
  readonly pages: number;
  readonly zeroPages: number;
}

/** The messages as a receiver has them; each is read before the one after the next is built, as the sender does. */
function read(ranges: Iterable<PageRange>, skipZeroes = false): Read[] {
  return Array.from(pageMessages(here, ranges, skipZeroes), (built) => {
    const { pages, zeroPages } = built;
    const wire = Buffer.from(built.wire());
    const request = requestDeserialize(wire);
    // In a commit the same is said in its own words.
    const commit = requestDeserialize(requestSerialize({ commit: { pages: built.content() } })).commit;
    const { pages: message } = request;
    if (message === null || message === undefined) throw new Error('no message with pages');
    // The data by itself: vitest compares buffers an element at a time, which takes minutes for some MiB.
    expect({ ...commit?.pages, data: undefined }).toEqual({ ...message, data: undefined });
    expect(commit?.pages?.data.equals(message.data)).toBe(true);
    return { message, wireBytes: wire.length, pages, zeroPages };
  });
}

const numbers = (firsts: readonly number[], counts: readonly number[]): number[] =>
  firsts.flatMap((first, i) => Array.from({ length: counts[i] ?? 0 }, (_, page) => first + page));

describe('pages of any memory', () => {
  /** Values by page, 0 for zeroes; few pages so that runs of all kinds come about. */
  const memory = fc.array(fc.constantFrom(0, 0, 1, 2), { minLength: 1, maxLength: 600 });

  test('are all in the messages, once and in order, data as it is and zero pages by name', () => {
    fc.assert(
      fc.property(memory, (values) => {
        values.forEach((value, page) => {
          fill(BigInt(page * PAGE_BYTES), 1, value);
        });
        const all = read([{ gpa: 0n, bytes: values.length * PAGE_BYTES }]);
        const filled = all.flatMap(({ message }) => numbers(message.firstPages, message.pageCounts));
        const zero = all.flatMap(({ message }) => numbers(message.zeroFirstPages, message.zeroPageCounts));
        expect(filled).toEqual(values.flatMap((value, page) => (value === 0 ? [] : [page])));
        expect(zero).toEqual(values.flatMap((value, page) => (value === 0 ? [page] : [])));
        const data = values.filter((value) => value !== 0).map((value) => Buffer.alloc(PAGE_BYTES, value));
        expect(Buffer.concat(all.map(({ message }) => message.data)).equals(Buffer.concat(data))).toBe(true);
        for (const { message } of all) {
          expect(message.crc32 >>> 0).toBe(message.data.length === 0 ? 0 : crc32(message.data));
        }
        expect(all.reduce((sum, { pages }) => sum + pages, 0)).toBe(values.length);
        expect(all.reduce((sum, { zeroPages }) => sum + zeroPages, 0)).toBe(zero.length);
      }),
      { numRuns: 40 },
    );
  });

  test('are what protobuf itself would have written', () => {
    fill(0x3000n, 2, 7);
    fill(0x9000n, 1, 8);
    const [only, ...more] = pageMessages(here, [{ gpa: 0n, bytes: 0xa000 }], false);
    expect(more).toEqual([]);
    const data = Buffer.concat([Buffer.alloc(2 * PAGE_BYTES, 7), Buffer.alloc(PAGE_BYTES, 8)]);
    const expected = requestSerialize({
      pages: {
        firstPages: [3, 9],
        pageCounts: [2, 1],
        zeroFirstPages: [0, 5],
        zeroPageCounts: [3, 4],
        crc32: crc32(data),
        data,
      },
    });
    expect(only?.wire().equals(expected)).toBe(true);
  });

  test('of regions far apart have their own numbers', () => {
    const far = 2n ** 43n + 0x2000n;
    fill(0xffff_f000n, 1, 1);
    fill(far, 1, 2);
    const [only] = read([
      { gpa: 0xffff_f000n, bytes: PAGE_BYTES },
      { gpa: far, bytes: PAGE_BYTES },
    ]);
    expect(only?.message).toMatchObject({
      firstPages: [pageOf(0xffff_f000n), pageOf(far)],
      pageCounts: [1, 1],
    });
  });

  test('that are zero are left out where the other side has never held anything', () => {
    fill(0x1000n, 1, 1);
    const [only, ...more] = read([{ gpa: 0n, bytes: 4 * MIB }], true);
    expect(more).toEqual([]);
    expect(only).toMatchObject({ pages: 1024, zeroPages: 1023 });
    expect(only?.message).toMatchObject({ firstPages: [1], pageCounts: [1], zeroFirstPages: [] });
  });

  test('of no range make no message', () => {
    expect(read([])).toEqual([]);
  });
});

describe('a message', () => {
  test('has at most 1 MiB of data, and is smaller than a server takes', () => {
    fill(0n, 2048, 5);
    const all = read([{ gpa: 0n, bytes: 8 * MIB }]);
    expect(all.map(({ message }) => message.data.length)).toEqual(Array(8).fill(MOST_DATA_BYTES));
    expect(Math.max(...all.map(({ wireBytes }) => wireBytes))).toBeLessThan(LARGEST_MESSAGE);
  });

  test('has at most 512 runs of either kind, whose numbers may be as long as they get', () => {
    for (let page = 0; page < 2048; page += 2) fill(BigInt(page * PAGE_BYTES), 1, 3);
    const all = read([{ gpa: 0n, bytes: 8 * MIB }]);
    for (const { message } of all) {
      expect(message.firstPages.length).toBeLessThanOrEqual(512);
      expect(message.zeroFirstPages.length).toBeLessThanOrEqual(512);
      expect(message.data.length).toBeLessThanOrEqual(MOST_DATA_BYTES);
    }
    expect(all.flatMap(({ message }) => message.firstPages)).toHaveLength(1024);
    // One page each, at the far end of what 32 bits can number.
    const ranges = Array.from({ length: 1000 }, (_, i) => ({
      gpa: 2n ** 43n + BigInt((i % 16) * PAGE_BYTES),
      bytes: PAGE_BYTES,
    }));
    fill(2n ** 43n, 16, 9);
    const far = read(ranges);
    expect(far.flatMap(({ message }) => numbers(message.firstPages, message.pageCounts))).toEqual(
      ranges.map(({ gpa }) => pageOf(gpa)),
    );
  });

  test('may be one of nothing but zero pages, as many as there are', () => {
    const [only, ...more] = read([{ gpa: 0n, bytes: 8 * MIB }]);
    expect(more).toEqual([]);
    expect(only?.message).toMatchObject({ zeroFirstPages: [0], zeroPageCounts: [2048], crc32: 0 });
    expect(only?.wireBytes).toBeLessThan(20);
  });
});

describe('what a receiver writes', () => {
  beforeEach(() => {
    there = GuestMemory.create('there', REGIONS);
    return () => there.close();
  });

  /** Memory that arrives asks a VM for nothing but its memory. */
  const vm = () => ({ memory: there }) as Vm;

  const whole = ({ gpa, bytes }: { gpa: bigint; bytes: bigint }, memory: GuestMemory): Buffer => {
    const buffer = Buffer.alloc(Number(bytes));
    memory.readInto(gpa, Number(bytes), buffer, 0);
    return buffer;
  };

  test('is the memory that was sent, where one region begins as the one before it ends', async () => {
    fill(0xffff_e000n, 2, 4);
    fill(0x1_0000_0000n, 3, 5);
    const ranges = [
      { gpa: 0xffff_0000n, bytes: 0x1_0000 },
      { gpa: 0x1_0000_0000n, bytes: 0x1_0000 },
    ];
    for (const { message } of read(ranges)) await new VmReceiver(vm()).writePages(message);
    for (const region of REGIONS) expect(whole(region, there).equals(whole(region, here))).toBe(true);
    // And as nothing but zeroes, of both.
    for (const { gpa, bytes } of ranges) await here.writeZeroes(gpa, BigInt(bytes));
    for (const { message } of read(ranges)) await new VmReceiver(vm()).writePages(message);
    for (const region of REGIONS) expect(whole(region, there).equals(whole(region, here))).toBe(true);
  });

  test('is the memory that was sent, whatever was there before', async () => {
    const page = fc.record({ page: fc.nat(2047), value: fc.nat(2) });
    const pages = fc.array(page, { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(pages, pages, async (sent, before) => {
        for (const { page, value } of sent) fill(BigInt(page * PAGE_BYTES), 1, value);
        for (const { page, value } of before) {
          there.writeNow(BigInt(page * PAGE_BYTES), Buffer.alloc(PAGE_BYTES, value));
        }
        const ranges = REGIONS.map(({ gpa, bytes }) => ({ gpa, bytes: Number(bytes) }));
        for (const { message } of read(ranges)) await new VmReceiver(vm()).writePages(message);
        for (const region of REGIONS) expect(whole(region, there).equals(whole(region, here))).toBe(true);
      }),
      { numRuns: 10 },
    );
  });

  const DATA = Buffer.alloc(PAGE_BYTES, 1);
  const good = {
    firstPages: [1],
    pageCounts: [1],
    zeroFirstPages: [3],
    zeroPageCounts: [1],
    crc32: crc32(DATA),
    data: DATA,
    inSource: false,
  };

  test.each([
    ['a run without a count', { firstPages: [1, 2] }, 'PAGES_MALFORMED'],
    ['a count without a run', { pageCounts: [1, 0] }, 'PAGES_MALFORMED'],
    ['a page that is not there', { pageCounts: [2] }, 'PAGES_MALFORMED'],
    ['data without a run', { firstPages: [], pageCounts: [] }, 'PAGES_MALFORMED'],
    ['zero pages without a count', { zeroPageCounts: [] }, 'PAGES_MALFORMED'],
    ['pages of a source that has shown no memory', { inSource: true }, 'PAGES_MALFORMED'],
    ['one bit that fell over', { crc32: good.crc32 ^ 1 }, 'CHECKSUM_WRONG'],
    ['a page of no region', { firstPages: [0x20_0000] }, 'MEMORY_RANGE_NOT_BACKED'],
    [
      'a run over the end of a region',
      {
        firstPages: [2047],
        pageCounts: [2],
        data: Buffer.alloc(2 * PAGE_BYTES),
        crc32: crc32(Buffer.alloc(2 * PAGE_BYTES)),
      },
      'MEMORY_RANGE_NOT_BACKED',
    ],
  ])('is nothing, of %s', async (_what, change, reason) => {
    await expect(new VmReceiver(vm()).writePages({ ...good, ...change })).rejects.toMatchObject({ reason });
    for (const region of REGIONS) {
      expect(whole(region, there).equals(Buffer.alloc(Number(region.bytes)))).toBe(true);
    }
  });
});
