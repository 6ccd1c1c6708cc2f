// The rule by which rounds of pre-copy end: switch, another round, or give up. Pure, so that it can be read and tested
// without a guest.

import { PAGE_BYTES } from '../api/zero-pages.js';

/** What a round said. */
export interface Round {
  readonly round: number;
  readonly pages: number;
  readonly sentBytes: number;
  readonly ms: number;
  /** Pages that are dirty now: what the switch would have to send. */
  readonly dirtyPages: number;
}

export interface Limits {
  /** The longest blackout that is wanted, ms. */
  readonly maxBlackoutMs: number;
  /** The most bytes a second that rounds may send; 0 for no limit. The switch is not held up by it. */
  readonly bandwidth: number;
  readonly maxRounds: number;
}

export type Decision =
  | { readonly kind: 'switch'; readonly predictedMs: number }
  | { readonly kind: 'round'; readonly predictedMs: number }
  | { readonly kind: 'give-up'; readonly predictedMs: number; readonly why: string };

/** What a switch costs beside pages: stop, states, checks, and the way there and back. */
export const FIXED_MS = 20;
/** A round that leaves less than this much less than the best before is no progress. */
export const PROGRESS = 0.9;
/** So many rounds without progress, and the guest writes faster than the line sends. */
export const MOST_ROUNDS_WITHOUT_PROGRESS = 4;
/** A switch that is predicted to be shorter needs no further round: pages would be the smaller part of it. */
export const WORTH_A_ROUND_MS = 2 * FIXED_MS;
/** A round of fewer pages says little of the rate. */
export const FEW_PAGES = 64;

/** The rate of the fastest round that sent enough to tell, bytes a millisecond. */
export function sendRate(rounds: readonly Round[]): number {
  const telling = rounds.filter(({ pages }) => pages > FEW_PAGES);
  const rates = (telling.length > 0 ? telling : rounds).map(
    ({ sentBytes, ms }) => sentBytes / Math.max(ms, 0.1),
  );
  return Math.max(...rates, 1);
}

/** How fast the guest wrote while a round was sent, bytes a millisecond; a page that it wrote several times counts once. */
export const dirtyRate = ({ dirtyPages, ms }: Round): number => (dirtyPages * PAGE_BYTES) / Math.max(ms, 0.1);

const MIB = 1024 * 1024;
const mibRate = (bytesPerMs: number): string => `${((bytesPerMs * 1000) / MIB).toFixed(1)} MiB/s`;

/** For how long the guest would stand still, were it stopped now, ms. */
export function predictBlackout(rounds: readonly Round[]): number {
  const dirty = rounds.at(-1)?.dirtyPages ?? 0;
  return FIXED_MS + (dirty * PAGE_BYTES) / sendRate(rounds);
}

export function decide(rounds: readonly Round[], limits: Limits): Decision {
  const predictedMs = predictBlackout(rounds);
  const last = rounds.at(-1);
  if (last === undefined) return { kind: 'round', predictedMs };
  if (predictedMs <= limits.maxBlackoutMs) {
    // One more round is worth its time where it can still make the switch much shorter.
    return predictedMs > WORTH_A_ROUND_MS && stillShrinks(rounds, limits)
      ? { kind: 'round', predictedMs }
      : { kind: 'switch', predictedMs };
  }
  const rates = `${mibRate(dirtyRate(last))} dirtied, ${mibRate(sendRate(rounds))} sent`;
  const predicted = `after round ${last.round} the blackout would be ${Math.ceil(predictedMs)} ms`;
  const limit = `the longest that is allowed is ${limits.maxBlackoutMs} ms`;
  if (limits.maxBlackoutMs < FIXED_MS) {
    const why = `no switch is reckoned shorter than ${FIXED_MS} ms, however little the guest writes; ${limit}`;
    return { kind: 'give-up', predictedMs, why };
  }
  if (withoutProgress(rounds) >= MOST_ROUNDS_WITHOUT_PROGRESS) {
    const why = `the guest writes its memory as fast as it is sent (${rates}): ${predicted}, and no less after more; ${limit}`;
    return { kind: 'give-up', predictedMs, why };
  }
  if (rounds.length >= limits.maxRounds) {
    const why = `no more rounds are allowed (${rates}): ${predicted}; ${limit}`;
    return { kind: 'give-up', predictedMs, why };
  }
  return { kind: 'round', predictedMs };
}

/**
 * Whether the next round can be expected to leave much less: the first one leaves what was written while all memory was
 * copied, and a later one that left less than half of what it found is short enough for the next to do the same.
 */
function stillShrinks(rounds: readonly Round[], { maxRounds }: Limits): boolean {
  const [before, last] = rounds.slice(-2);
  if (before === undefined || last === undefined) return true;
  return rounds.length < maxRounds && last.dirtyPages * 2 < before.dirtyPages;
}

/** How many of the last rounds left no less than the best before them. */
function withoutProgress(rounds: readonly Round[]): number {
  let best = Number.POSITIVE_INFINITY;
  let count = 0;
  for (const { dirtyPages } of rounds) {
    if (dirtyPages < best * PROGRESS) {
      best = dirtyPages;
      count = 0;
    } else {
      count += 1;
    }
  }
  return count;
}
