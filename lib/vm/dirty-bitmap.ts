// Bitmaps of pages as KVM lays them out: bit n of the little-endian words is page n, in whole words of 64 bits. Scanned
// 32 bits at a time, as that is what JavaScript has without allocating; runs of clean and of dirty words are skipped.
// Pure: used by dirty-log.ts.

export const PAGE_BYTES = 4096;
const WORD_BITS = 32;
const FULL = 0xffff_ffff;

/** Pages that follow one another. */
export interface PageRun {
  readonly first: number;
  readonly pages: number;
}

/** How many 32-bit words KVM reads and writes for so many pages; always even. */
export function bitmapWords(pages: number): number {
  return 2 * Math.ceil(pages / (2 * WORD_BITS));
}

/** Sets the bits of `pages` pages from `first` on. */
export function setPages(words: Uint32Array, first: number, pages: number): void {
  const end = first + pages;
  for (let page = first; page < end; ) {
    const bit = page % WORD_BITS;
    const count = Math.min(WORD_BITS - bit, end - page);
    const mask = count === WORD_BITS ? FULL : (2 ** count - 1) * 2 ** bit;
    const at = (page - bit) / WORD_BITS;
    words[at] = (words[at] ?? 0) | mask;
    page += count;
  }
}

/** How many bits of a word are set. */
export function countBits(word: number): number {
  const pairs = word - ((word >>> 1) & 0x5555_5555);
  const nibbles = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333);
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}

/** Where the lowest bit of a word that is not 0 stands. */
const lowestBit = (word: number): number => WORD_BITS - 1 - Math.clz32(word & -word);

/** The pages whose bits are set in words[from..to), as runs, each as long as it can be; page 0 is words[0]'s bit 0. */
export function* pageRuns(words: Uint32Array, from: number, to: number): Generator<PageRun> {
  /** Where the run under way begins; below 0 for none. */
  let first = -1;
  for (let i = from; i < to; i += 1) {
    const word = words[i] ?? 0;
    if (word === (first < 0 ? 0 : FULL)) continue;
    for (let bit = 0; bit < WORD_BITS; ) {
      // What is looked for is the next bit that is unlike the one before.
      const rest = (first < 0 ? word : ~word) >>> bit;
      if (rest === 0) break;
      bit += lowestBit(rest);
      const page = i * WORD_BITS + bit;
      if (first < 0) {
        first = page;
      } else {
        yield { first, pages: page - first };
        first = -1;
      }
    }
  }
  if (first >= 0) yield { first, pages: to * WORD_BITS - first };
}
