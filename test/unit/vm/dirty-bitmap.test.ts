// The scan of a bitmap of pages: what it gives is what a loop over every bit would.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bitmapWords, countBits, type PageRun, pageRuns, setPages } from '../../../lib/vm/dirty-bitmap.js';

const WORDS = 12;
const BITS = 32 * WORDS;

/** The plain way: every bit looked at by itself. */
function runsBitByBit(words: Uint32Array, from: number, to: number): PageRun[] {
  const runs: Array<{ first: number; pages: number }> = [];
  for (let page = 32 * from; page < 32 * to; page += 1) {
    if ((((words[Math.floor(page / 32)] ?? 0) >>> (page % 32)) & 1) === 0) continue;
    const last = runs.at(-1);
    if (last !== undefined && last.first + last.pages === page) last.pages += 1;
    else runs.push({ first: page, pages: 1 });
  }
  return runs;
}

/** Words as logs have them: most of them clean or full, or with few changes. */
const word = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 3, arbitrary: fc.constant(0xffff_ffff) },
  fc.integer({ min: 0, max: 0xffff_ffff }),
  fc.nat(31).map((bit) => (1 << bit) >>> 0),
  fc.nat(31).map((bit) => ~(1 << bit) >>> 0),
);
const words = fc.array(word, { minLength: WORDS, maxLength: WORDS }).map((all) => Uint32Array.from(all));
const range = (most: number) =>
  fc.tuple(fc.nat(most), fc.nat(most)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);

describe('runs of pages', () => {
  test('are those that a look at every bit finds, in any part of any bitmap', () => {
    fc.assert(
      fc.property(words, range(WORDS), (bitmap, [from, to]) => {
        expect([...pageRuns(bitmap, from, to)]).toEqual(runsBitByBit(bitmap, from, to));
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['nothing', [0, 0], []],
    ['the first page', [1, 0], [[0, 1]]],
    ['the last page', [0, 0x8000_0000], [[63, 1]]],
    ['two pages in two words', [0x8000_0000, 1], [[31, 2]]],
    ['everything', [0xffff_ffff, 0xffff_ffff], [[0, 64]]],
    [
      'every other page',
      [0x5, 0],
      [
        [0, 1],
        [2, 1],
      ],
    ],
  ])('%s', (_, bitmap, runs) => {
    const found = [...pageRuns(Uint32Array.from(bitmap), 0, bitmap.length)];
    expect(found.map(({ first, pages }) => [first, pages])).toEqual(runs);
  });

  test('of a bitmap for 64 GiB: its last page is found, and no other', () => {
    const large = new Uint32Array(bitmapWords((64 * 2 ** 30) / 4096));
    large[large.length - 1] = 0x8000_0000;
    expect([...pageRuns(large, 0, large.length)]).toEqual([{ first: 16 * 2 ** 20 - 1, pages: 1 }]);
  });
});

test('pages that are set are those that are found, beside those that were', () => {
  fc.assert(
    fc.property(words, range(BITS), (bitmap, [first, end]) => {
      const before = Uint32Array.from(bitmap);
      setPages(bitmap, first, end - first);
      for (let page = 0; page < BITS; page += 1) {
        const bit = (of: Uint32Array) => ((of[Math.floor(page / 32)] ?? 0) >>> (page % 32)) & 1;
        expect(bit(bitmap)).toBe(page >= first && page < end ? 1 : bit(before));
      }
    }),
  );
});

test('bits are counted, also where a word is given as a signed number', () => {
  fc.assert(
    fc.property(word, (value) => {
      const count = value.toString(2).replaceAll('0', '').length;
      expect(countBits(value)).toBe(count);
      expect(countBits(value | 0)).toBe(count);
    }),
  );
});

test('KVM reads and writes whole words of 64 pages', () => {
  expect([1, 63, 64, 65, 128, 65_536].map(bitmapWords)).toEqual([2, 2, 2, 4, 4, 2048]);
});
