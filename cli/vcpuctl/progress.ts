// How far a copy of guest memory is, on a terminal, for those that take longer than people like to wait.

import type { Io } from './io.js';
import { roundSize } from './output.js';

const QUIET_MS = 2000;
const INTERVAL_MS = 250;

const CLEAR_LINE = '\r\u001b[K';

export class Progress {
  private readonly io: Io;
  private readonly verb: string;
  /** Bytes in all; undefined where that is not known. */
  private readonly total: bigint | undefined;
  private readonly now: () => number;
  private readonly since: number;
  private shownAt: number | undefined;
  private done = 0n;

  constructor(io: Io, verb: string, total: bigint | undefined, now: () => number = () => performance.now()) {
    this.io = io;
    this.verb = verb;
    this.total = total;
    this.now = now;
    this.since = now();
  }

  add(bytes: bigint): void {
    this.done += bytes;
    const now = this.now();
    if (!this.io.errIsTerminal || now - this.since < QUIET_MS) return;
    if (this.shownAt !== undefined && now - this.shownAt < INTERVAL_MS) return;
    this.shownAt = now;
    const share =
      this.total === undefined || this.total === 0n
        ? ''
        : ` of ${roundSize(this.total)} (${(this.done * 100n) / this.total} %)`;
    this.io.err(`${CLEAR_LINE}${this.verb} ${roundSize(this.done)}${share}`);
  }

  /** Takes the line away. */
  end(): void {
    if (this.shownAt !== undefined) this.io.err(CLEAR_LINE);
  }
}
