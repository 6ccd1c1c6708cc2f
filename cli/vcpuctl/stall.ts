// Bounds how long a stream may stand still: unary calls have deadlines, streams may go on for as long as they
// move. Time that this side takes is not counted.

import { VcpuctlError } from './failure.js';

export class Stall {
  private readonly limitMs: number;
  private readonly onStall: (error: VcpuctlError) => void;
  private timer: NodeJS.Timeout | undefined;

  constructor(limitMs: number, onStall: (error: VcpuctlError) => void) {
    this.limitMs = limitMs;
    this.onStall = onStall;
  }

  /** From here on the other side is waited for. */
  waiting(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const message = `vcpud did not go on for ${this.limitMs / 1000} s`;
      this.onStall(new VcpuctlError('DEADLINE_EXCEEDED', '', message));
    }, this.limitMs);
  }

  /** The other side has done what it was waited for. */
  moved(): void {
    clearTimeout(this.timer);
  }
}

/** A stream from vcpud whose every message comes within the limit after it was asked for. */
export async function* within<T>(
  limitMs: number,
  stream: AsyncIterable<T> & { cancel(): void },
): AsyncGenerator<T, void, undefined> {
  let stalled: VcpuctlError | undefined;
  const stall = new Stall(limitMs, (error) => {
    stalled = error;
    stream.cancel();
  });
  try {
    stall.waiting();
    for await (const message of stream) {
      stall.moved();
      yield message;
      stall.waiting();
    }
  } finally {
    stall.moved();
  }
  if (stalled !== undefined) throw stalled;
}
