// Protobuf's varint, for the few messages that are built in place as they are on the wire.

/**
 * Seven bits a byte, the lowest first, bit 7 set in all but the last; of a whole number from 0 to 2^53 - 1, which is
 * more than any guest-physical address has (52 bits).
 */
export function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 0x80)) {
    if (rest < 0x80) return [...bytes, rest];
    bytes.push((rest % 0x80) | 0x80);
  }
}
