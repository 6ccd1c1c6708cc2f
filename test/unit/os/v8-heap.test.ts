// When the heap is collected: seen by what has become of an object that nobody has any more.

import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { collectAfter } from '../../../lib/os/v8-heap.js';

const MIB = 1024 * 1024;

test('it is collected once messages have used up much of what may be outside of it', async () => {
  collectAfter(64 * MIB); // from here on nothing is counted
  const lost = new WeakRef({ held: new Array(100).fill('by nobody') });
  await turn(); // a WeakRef holds what it is made of until the turn ends
  collectAfter(MIB);
  expect(lost.deref() === undefined).toBe(false);
  await turn();
  collectAfter(15 * MIB);
  expect(lost.deref()).toBeUndefined();
});
