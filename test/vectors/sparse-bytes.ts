// Bytes that are mostly zero, as text: runs that are not, "OFFSET:HEX" with the offset in hexadecimal, a space between
// two, and the length in decimal before all. The captured states in this folder are written so.

/** Zeroes that end a run. */
const GAP = 8;

export function toSparse(bytes: Uint8Array): string {
  const runs: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes[at] === 0) {
      at += 1;
      continue;
    }
    let end = at + 1;
    for (let next = end; next < bytes.length && next < end + GAP; next += 1)
      if (bytes[next] !== 0) end = next + 1;
    runs.push(`${at.toString(16)}:${Buffer.from(bytes.subarray(at, end)).toString('hex')}`);
    at = end;
  }
  return [bytes.length, ...runs].join(' ');
}

export function fromSparse(text: string): Buffer {
  const [length, ...runs] = text.split(' ');
  const bytes = Buffer.alloc(Number(length));
  for (const run of runs) {
    const [offset = '', hex = ''] = run.split(':');
    bytes.write(hex, Number.parseInt(offset, 16), 'hex');
  }
  return bytes;
}
