// How often what a switch does is done before it, so that its code has run when the guest stands still for it.

/** How many pages one takes: about as much as an idle guest leaves for the switch. */
export const REHEARSED_PAGES = 128;

const COLD = 4;
/** Code that has just run is warm, and each VM's own is rehearsed after its first round. */
const WARM = 0;
/** How long code stays compiled that nobody runs, ms: V8 forgets it after some of its collections. */
const STAYS_WARM_MS = 60_000;

export class Rehearsals {
  private readonly now: () => number;
  private last = Number.NEGATIVE_INFINITY;

  /** now: ms, of a clock that never goes back. */
  constructor(now: () => number = () => performance.now()) {
    this.now = now;
  }

  /** How often to do it this time. */
  next(): number {
    const now = this.now();
    const warm = now - this.last < STAYS_WARM_MS;
    this.last = now;
    return warm ? WARM : COLD;
  }
}
