// How often a switch is rehearsed: often where the code is cold, once where it has just run.

import { expect, test } from 'vitest';
import { Rehearsals } from '../../../lib/transfer/rehearsals.js';

test('often at first and after a pause, once where it was just done', () => {
  let now = 5;
  const rehearsals = new Rehearsals(() => now);
  const [first, second] = [rehearsals.next(), rehearsals.next()];
  expect(first).toBeGreaterThan(1);
  expect(second).toBe(1);
  now += 59_000;
  expect(rehearsals.next()).toBe(1);
  now += 61_000;
  expect(rehearsals.next()).toBe(first);
});
