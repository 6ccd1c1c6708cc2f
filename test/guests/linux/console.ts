// What a Linux guest has written to its console: lines as they come, and whether they are those of a guest that lost
// nothing. For whoever reads that console: the API's stream, or QEMU's serial line.

import { KERNEL_TROUBLE } from './linux-guest.js';

const L2_LINE = /^l2 (\d+) (\d+)$/;
const WRITER_LINE = /^writer (\d+)$/;
const ERROR_LINE = /^(l2|writer) error /;

export interface L2Line {
  /** 1, 2, 3, ... */
  readonly number: bigint;
  readonly count: bigint;
}

/** Undefined where a line is none of L2's. */
export function l2Line(text: string): L2Line | undefined {
  const [, number, count] = L2_LINE.exec(text) ?? [];
  return number === undefined || count === undefined
    ? undefined
    : { number: BigInt(number), count: BigInt(count) };
}

/**
 * A sentence for each thing that is wrong with the lines of one guest from its start: an L2 line that is missing,
 * repeated or no line at all, a count that fell, an error of L1's programs, a complaint of its kernel.
 */
export function troublesOf(lines: readonly string[]): string[] {
  const troubles: string[] = [];
  let last: L2Line = { number: 0n, count: 0n };
  let written = 0n;
  for (const text of lines) {
    if (ERROR_LINE.test(text) || KERNEL_TROUBLE.test(text)) troubles.push(text);
    const line = l2Line(text);
    if (line !== undefined) {
      if (line.number !== last.number + 1n) troubles.push(`l2 line ${line.number} came after ${last.number}`);
      if (line.count < last.count) troubles.push(`L2 counted ${line.count} after ${last.count}`);
      last = line;
    } else if (/^l2 (?!error )/.test(text)) {
      troubles.push(`no line of L2's: ${text}`);
    }
    const writer = WRITER_LINE.exec(text)?.[1];
    if (writer === undefined) continue;
    if (BigInt(writer) < written) troubles.push(`the writer wrote ${writer} pages after ${written}`);
    written = BigInt(writer);
  }
  return troubles;
}

interface Waiter {
  readonly fits: (line: string) => boolean;
  readonly resolve: (line: string) => void;
}

/** What a line of the kernel begins with, wherever it comes: seconds since its start. */
const KERNEL_STAMP = /\[ *\d+\.\d{6}\] /;

/**
 * Collects complete lines, without their ends, from chunks of bytes. The kernel's console doesn't wait for a line of a
 * program to end: one that comes in its middle is taken out, and what stood before it goes on after it.
 */
export class GuestConsole {
  private readonly complete: string[] = [];
  private readonly waiters = new Set<Waiter>();
  private rest = '';
  /** The line of a program that the kernel came in the middle of, so far. */
  private begun = '';

  /** All lines up to now. */
  get lines(): readonly string[] {
    return this.complete;
  }

  push(chunk: Buffer): void {
    const parts = (this.rest + chunk.toString('latin1')).split('\n');
    this.rest = parts.pop() ?? '';
    for (const part of parts) {
      const kernel = KERNEL_STAMP.exec(part);
      if (kernel === null) {
        this.add(this.begun + part);
        this.begun = '';
      } else {
        this.begun += part.slice(0, kernel.index);
        this.add(part.slice(kernel.index));
      }
    }
  }

  private add(text: string): void {
    const line = text.replace(/\r+$/, '');
    this.complete.push(line);
    for (const waiter of this.waiters) {
      if (!waiter.fits(line)) continue;
      this.waiters.delete(waiter);
      waiter.resolve(line);
    }
  }

  /** The next line, from now on, that fits. */
  next(fits: (line: string) => boolean): Promise<string> {
    return new Promise((resolve) => this.waiters.add({ fits, resolve }));
  }

  /** Resolves when L2 has written that many lines more. */
  async moreL2Lines(count: number): Promise<void> {
    for (let seen = 0; seen < count; seen += 1) await this.next((line) => l2Line(line) !== undefined);
  }
}
