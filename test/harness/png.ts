// Reads what a browser's screenshot is: a PNG of 8 bits a channel, not interlaced. Source: the PNG specification, 9 (filters).

import { inflateSync } from 'node:zlib';

const SIGNATURE_BYTES = 8;
/** PNG's colour types, and how many bytes a pixel of each has. */
const PIXEL_BYTES: Readonly<Record<number, number>> = { 2: 3, 6: 4 };

/** How many pixels there are of each colour, by its bytes in hexadecimal. */
export function coloursOf(png: Buffer): Map<string, number> {
  let header: Buffer | undefined;
  const data: Buffer[] = [];
  for (let at = SIGNATURE_BYTES; at < png.length; ) {
    const length = png.readUInt32BE(at);
    const type = png.toString('latin1', at + 4, at + 8);
    const body = png.subarray(at + 8, at + 8 + length);
    if (type === 'IHDR') header = body;
    if (type === 'IDAT') data.push(body);
    at += length + 12;
  }
  if (header === undefined) throw new Error('a PNG without IHDR');
  const width = header.readUInt32BE(0);
  const height = header.readUInt32BE(4);
  const bytes = PIXEL_BYTES[header.readUInt8(9)];
  if (bytes === undefined || header.readUInt8(8) !== 8) throw new Error('a PNG of another kind');
  return count(unfiltered(inflateSync(Buffer.concat(data)), width * bytes, height, bytes), bytes);
}

function count(pixels: Buffer, bytes: number): Map<string, number> {
  const colours = new Map<string, number>();
  for (let at = 0; at < pixels.length; at += bytes) {
    const colour = pixels.toString('hex', at, at + bytes);
    colours.set(colour, (colours.get(colour) ?? 0) + 1);
  }
  return colours;
}

/** Each filter: what is added to a byte, by those to its left, above it, and left of that. */
const FILTERS: ReadonlyArray<(left: number, up: number, corner: number) => number> = [
  () => 0,
  (left) => left,
  (_left, up) => up,
  (left, up) => (left + up) >> 1,
  paeth,
];

function paeth(left: number, up: number, corner: number): number {
  const estimate = left + up - corner;
  const [l, u, c] = [left, up, corner].map((value) => Math.abs(estimate - value)) as [number, number, number];
  if (l <= u && l <= c) return left;
  return u <= c ? up : corner;
}

function unfiltered(lines: Buffer, lineBytes: number, height: number, bytes: number): Buffer {
  const pixels = Buffer.alloc(lineBytes * height);
  for (let y = 0; y < height; y += 1) {
    const filter = FILTERS[lines[y * (lineBytes + 1)] ?? 0];
    if (filter === undefined) throw new Error('a PNG with a filter of its own');
    for (let x = 0; x < lineBytes; x += 1) {
      const at = y * lineBytes + x;
      const left = x < bytes ? 0 : (pixels[at - bytes] as number);
      const up = y === 0 ? 0 : (pixels[at - lineBytes] as number);
      const corner = x < bytes || y === 0 ? 0 : (pixels[at - lineBytes - bytes] as number);
      pixels[at] = (lines[y * (lineBytes + 1) + 1 + x] as number) + filter(left, up, corner);
    }
  }
  return pixels;
}
