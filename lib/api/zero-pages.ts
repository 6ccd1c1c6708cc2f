// Where guest memory is zero, page by page: zeroes travel as their number, and cost nothing in a file.

export const PAGE_BYTES = 4096;

const ZERO_PAGE = Buffer.alloc(PAGE_BYTES);

const isZero = (page: Buffer): boolean => page.equals(ZERO_PAGE.subarray(0, page.length));

/**
 * The longest stretch of pages from `start` on that are all zero, or all not; `end` is the offset behind it. Pages are
 * counted from the piece's first byte, the last may be shorter. `start` must be below the piece's length.
 */
export function stretch(piece: Buffer, start: number): { readonly end: number; readonly zero: boolean } {
  const page = (from: number) => piece.subarray(from, Math.min(from + PAGE_BYTES, piece.length));
  const zero = isZero(page(start));
  let end = start;
  while (end < piece.length && isZero(page(end)) === zero) end += PAGE_BYTES;
  return { end: Math.min(end, piece.length), zero };
}
