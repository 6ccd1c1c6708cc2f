// A set of pages by number, one bit each, of as much room as it has pages near each other.

import { setPages } from '../vm/dirty-bitmap.js';

const WORD_BITS = 32;
/** Pages whose bits stand together: 128 MiB of memory, 4 KiB of bits. */
const CHUNK_PAGES = 32_768;

export class PageSet {
  private readonly chunks = new Map<number, Uint32Array>();

  add(first: number, pages: number): void {
    const end = first + pages;
    for (let page = first; page < end; ) {
      const bit = page % CHUNK_PAGES;
      const count = Math.min(CHUNK_PAGES - bit, end - page);
      const number = (page - bit) / CHUNK_PAGES;
      let chunk = this.chunks.get(number);
      if (chunk === undefined) {
        chunk = new Uint32Array(CHUNK_PAGES / WORD_BITS);
        this.chunks.set(number, chunk);
      }
      setPages(chunk, bit, count);
      page += count;
    }
  }

  has(page: number): boolean {
    const bit = page % CHUNK_PAGES;
    const word = this.chunks.get((page - bit) / CHUNK_PAGES)?.[Math.floor(bit / WORD_BITS)] ?? 0;
    return ((word >>> (bit % WORD_BITS)) & 1) === 1;
  }
}
