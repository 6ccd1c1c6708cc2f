// A set of pages by number, one bit each, of as much room as it has pages near each other.

const WORD_BITS = 32;
/** Pages whose bits stand together: 128 MiB of memory, 4 KiB of bits. */
const CHUNK_PAGES = 32_768;

export class PageSet {
  private readonly chunks = new Map<number, Int32Array>();

  add(first: number, pages: number): void {
    for (let page = first; page < first + pages; page += 1) {
      const number = Math.floor(page / CHUNK_PAGES);
      let chunk = this.chunks.get(number);
      if (chunk === undefined) {
        chunk = new Int32Array(CHUNK_PAGES / WORD_BITS);
        this.chunks.set(number, chunk);
      }
      const bit = page % CHUNK_PAGES;
      const word = Math.floor(bit / WORD_BITS);
      chunk[word] = (chunk[word] ?? 0) | (1 << (bit % WORD_BITS));
    }
  }

  has(page: number): boolean {
    const bit = page % CHUNK_PAGES;
    const word = this.chunks.get(Math.floor(page / CHUNK_PAGES))?.[Math.floor(bit / WORD_BITS)] ?? 0;
    return ((word >>> (bit % WORD_BITS)) & 1) === 1;
  }
}
