// How often a switch is rehearsed: often where the code is cold, not at all where it has just run.

import { expect, test } from 'vitest';
import { Rehearsals } from '../../../lib/transfer/rehearsals.js';

test('often at first and after a pause, not where it was just done', () => {
  let now = 5;
  const rehearsals = new Rehearsals(() => now);
  const [first, second] = [rehearsals.next(), rehearsals.next()];
  expect(first).toBeGreaterThan(1);
  expect(second).toBe(0);
  now += 59_000;
  expect(rehearsals.next()).toBe(0);
  now += 61_000;
  expect(rehearsals.next()).toBe(first);
});
