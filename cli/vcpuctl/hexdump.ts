// Guest memory as text: 16 bytes a line after their address, as `hexdump -C` has them, lines that repeat the one
// before as a single "*". Runs of zeroes cost nothing, however long.

const LINE_BYTES = 16;
const ZERO_LINE = Buffer.alloc(LINE_BYTES);

const ADDRESS_DIGITS = 16;

const address = (gpa: bigint): string => gpa.toString(16).padStart(ADDRESS_DIGITS, '0');

function line(gpa: bigint, bytes: Buffer): string {
  const cells = Array.from({ length: LINE_BYTES }, (_, i) => bytes[i]?.toString(16).padStart(2, '0') ?? '  ');
  const text = Array.from(bytes, (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.',
  ).join('');
  return `${address(gpa)}  ${cells.slice(0, 8).join(' ')}  ${cells.slice(8).join(' ')}  |${text}|\n`;
}

export class Hexdump {
  private gpa: bigint;
  /** Bytes that don't fill a line yet. */
  private rest: Buffer = Buffer.alloc(0);
  private last: Buffer | undefined;
  private repeating = false;

  /** Lines begin at this address and at every 16th from it on. */
  constructor(gpa: bigint) {
    this.gpa = gpa;
  }

  /** The text that more bytes make. */
  data(bytes: Buffer): string {
    const all = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]);
    const whole = all.length - (all.length % LINE_BYTES);
    let text = '';
    for (let at = 0; at < whole; at += LINE_BYTES) text += this.line(all.subarray(at, at + LINE_BYTES));
    this.rest = Buffer.from(all.subarray(whole));
    return text;
  }

  /** The text that a run of zeroes makes: two lines at most, beside what it completes. */
  zeroes(count: bigint): string {
    const completing = BigInt((LINE_BYTES - this.rest.length) % LINE_BYTES);
    const first = completing < count ? completing : count;
    let text = this.data(Buffer.alloc(Number(first)));
    let left = count - first;
    // The first line shows them, the second says that they repeat.
    for (let shown = 0; shown < 2 && left >= LINE_BYTES; shown += 1, left -= BigInt(LINE_BYTES)) {
      text += this.line(ZERO_LINE);
    }
    const skipped = left - (left % BigInt(LINE_BYTES));
    this.gpa += skipped;
    return text + this.data(Buffer.alloc(Number(left - skipped)));
  }

  /** The last, short line, and the address after it. */
  end(): string {
    const short = this.rest.length === 0 ? '' : line(this.gpa, this.rest);
    return `${short}${address(this.gpa + BigInt(this.rest.length))}\n`;
  }

  private line(bytes: Buffer): string {
    const { gpa } = this;
    this.gpa += BigInt(LINE_BYTES);
    if (this.last?.equals(bytes)) {
      if (this.repeating) return '';
      this.repeating = true;
      return '*\n';
    }
    this.repeating = false;
    this.last = Buffer.from(bytes);
    return line(gpa, bytes);
  }
}
