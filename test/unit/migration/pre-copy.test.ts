// The rule for rounds, against guests that are a rate of writing and nothing else.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Decision,
  decide,
  FEW_PAGES,
  FIXED_MS,
  type Limits,
  MOST_ROUNDS_WITHOUT_PROGRESS,
  predictBlackout,
  type Round,
  sendRate,
  WORTH_A_ROUND_MS,
} from '../../../lib/migration/pre-copy.js';

const PAGE_BYTES = 4096;
const LIMITS: Limits = { maxBlackoutMs: 300, bandwidth: 0, maxRounds: 30 };

const round = (change: Partial<Round>): Round => ({
  round: 1,
  pages: 10_000,
  sentBytes: 10_000 * PAGE_BYTES,
  ms: 100,
  dirtyPages: 0,
  ...change,
});

/** How many pages such a round sends in that time. */
const pagesIn = (ms: number): number => (sendRate([round({})]) * ms) / PAGE_BYTES;

/** A guest of so many pages that dirties some of its working set; rounds are led until there is a decision to end them. */
function lead(
  guest: {
    readonly pages: number;
    readonly workingSet: number;
    readonly dirtiedPerMs: number;
    readonly sentPerMs: number;
  },
  limits: Limits,
): { rounds: Round[]; last: Decision } {
  const rounds: Round[] = [];
  let pages = guest.pages;
  for (;;) {
    const ms = pages / guest.sentPerMs;
    const dirtyPages = Math.min(guest.workingSet, Math.round(guest.dirtiedPerMs * ms));
    rounds.push({ round: rounds.length + 1, pages, sentBytes: pages * PAGE_BYTES, ms, dirtyPages });
    const last = decide(rounds, limits);
    if (last.kind !== 'round') return { rounds, last };
    pages = dirtyPages;
  }
}

const guests = fc.record({
  pages: fc.integer({ min: 1, max: 4_000_000 }),
  workingSet: fc.integer({ min: 0, max: 1_000_000 }),
  dirtiedPerMs: fc.double({ min: 0, max: 1000, noNaN: true }),
  sentPerMs: fc.double({ min: 0.1, max: 1000, noNaN: true }),
});
const limits = fc.record({
  maxBlackoutMs: fc.integer({ min: 1, max: 5000 }),
  bandwidth: fc.constant(0),
  maxRounds: fc.integer({ min: 1, max: 40 }),
});

describe('whatever guest and limits', () => {
  test('rounds end, and there are no more of them than the limit', () => {
    fc.assert(
      fc.property(guests, limits, (guest, given) => {
        const { rounds } = lead(guest, given);
        // The first of two is never the last where the switch would fit: one more may make it shorter.
        expect(rounds.length).toBeLessThanOrEqual(Math.max(2, given.maxRounds));
      }),
    );
  });

  test('a switch is predicted to fit, and giving up is for one that is not', () => {
    fc.assert(
      fc.property(guests, limits, (guest, given) => {
        const { rounds, last } = lead(guest, given);
        expect(last.predictedMs).toBe(predictBlackout(rounds));
        expect(last.predictedMs <= given.maxBlackoutMs).toBe(last.kind === 'switch');
      }),
    );
  });

  test('a guest that writes slower than half of what is sent is moved', () => {
    fc.assert(
      fc.property(guests, (guest) => {
        const slow = { ...guest, dirtiedPerMs: guest.sentPerMs * 0.4 };
        expect(lead(slow, LIMITS).last.kind).toBe('switch');
      }),
    );
  });

  test('one that writes all the time as fast as it is sent is given up, long before the limit', () => {
    const { rounds, last } = lead(
      { pages: 1_000_000, workingSet: 500_000, dirtiedPerMs: 200, sentPerMs: 100 },
      { ...LIMITS, maxRounds: 1000 },
    );
    expect(last.kind).toBe('give-up');
    expect(rounds).toHaveLength(1 + MOST_ROUNDS_WITHOUT_PROGRESS);
    expect(last).toMatchObject({
      why: 'the guest writes its memory as fast as it is sent (390.6 MiB/s dirtied, 390.6 MiB/s sent): after round 5 the blackout would be 5020 ms, and no less after more; the longest that is allowed is 300 ms',
    });
  });
});

describe('a decision', () => {
  test('before any round is a round', () => {
    expect(decide([], LIMITS).kind).toBe('round');
  });

  test('after the first round is one more, unless next to nothing is left', () => {
    const few = pagesIn(WORTH_A_ROUND_MS - FIXED_MS);
    expect(decide([round({ dirtyPages: few + 1 })], LIMITS).kind).toBe('round');
    expect(decide([round({ dirtyPages: few })], LIMITS).kind).toBe('switch');
  });

  test('is a switch as soon as that fits', () => {
    const rounds = (dirtyPages: number) => [round({ dirtyPages }), round({ round: 2, dirtyPages })];
    const rate = sendRate(rounds(0)) / PAGE_BYTES; // pages a millisecond
    const most = (LIMITS.maxBlackoutMs - FIXED_MS) * rate;
    expect(decide(rounds(Math.floor(most)), LIMITS).kind).toBe('switch');
    expect(decide(rounds(Math.ceil(most) + 1), LIMITS).kind).toBe('round');
  });

  test('is one more round where the last left less than half of what it found, as long as rounds are allowed', () => {
    const rounds = (dirtyPages: number) => [round({ dirtyPages: 10_000 }), round({ round: 2, dirtyPages })];
    expect(decide(rounds(4999), LIMITS).kind).toBe('round');
    expect(decide(rounds(5000), LIMITS).kind).toBe('switch');
    expect(decide(rounds(pagesIn(WORTH_A_ROUND_MS - FIXED_MS)), LIMITS).kind).toBe('switch');
    expect(decide(rounds(4999), { ...LIMITS, maxRounds: 2 }).kind).toBe('switch');
  });

  test('at the last round is to give up, with what is missing in words', () => {
    const rounds = [round({ dirtyPages: 200_000 }), round({ round: 2, dirtyPages: 100_000 })];
    expect(decide(rounds, { ...LIMITS, maxRounds: 2 })).toMatchObject({
      kind: 'give-up',
      why: 'no more rounds are allowed (3906.3 MiB/s dirtied, 390.6 MiB/s sent): after round 2 the blackout would be 1020 ms; the longest that is allowed is 300 ms',
    });
  });
});

test('a limit that nothing is predicted to fit into ends it at once', () => {
  expect(decide([round({})], { ...LIMITS, maxBlackoutMs: FIXED_MS - 1 })).toMatchObject({
    kind: 'give-up',
    why: 'no switch is reckoned shorter than 20 ms, however little the guest writes; the longest that is allowed is 19 ms',
  });
  expect(decide([round({})], { ...LIMITS, maxBlackoutMs: FIXED_MS }).kind).toBe('switch');
});

describe('the rate', () => {
  test('is that of the fastest round that sent enough to tell', () => {
    const slow = round({ ms: 200 });
    const fast = round({ ms: 50 });
    const few = round({ pages: FEW_PAGES, sentBytes: 1e9, ms: 1 });
    expect(sendRate([slow, fast, few])).toBe(sendRate([fast]));
    expect(sendRate([few])).toBe(1e6 * 1000);
  });

  test('is never nothing, so that a prediction is a number', () => {
    expect(predictBlackout([])).toBe(FIXED_MS);
    expect(predictBlackout([round({ pages: 0, sentBytes: 0, ms: 0, dirtyPages: 10 })])).toBe(
      FIXED_MS + 10 * PAGE_BYTES,
    );
  });
});
