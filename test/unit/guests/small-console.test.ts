// What counts as wrong with the small guest's lines.

import { expect, test } from 'vitest';
import { countersOf, troublesOfSmall } from '../../guests/small-console.js';

const troubles = (...lines: string[]) => troublesOfSmall(lines, 8n, 100n);
const START = 'cpu=0 start';
const FIRST = 'cpu=0 l1=8 l2=800';
const SECOND = 'cpu=0 l1=16 l2=1600';
const THIRD = 'cpu=0 l1=24 l2=2400';

test('lines that follow one another are those of a guest that lost nothing', () => {
  expect(troubles(START, FIRST, SECOND, THIRD)).toEqual([]);
});

test.each([
  ['a line that is missing', [START, FIRST, THIRD], /L1 counted 24 after 8, and not 16/],
  ['a line that comes twice', [START, FIRST, SECOND, SECOND], /L1 counted 16 after 16/],
  ['a count that was reset', [START, FIRST, SECOND, FIRST], /L1 counted 8 after 16/],
  ['an increment that was lost', [START, FIRST, 'cpu=0 l1=16 l2=1599'], /L2 counted 1599, and not 1600/],
  ['a second start', [START, FIRST, START], /cpu=0 start/],
  ['a panic', [START, 'cpu=0 panic l2 corrupt'], /panic l2 corrupt/],
  ['half a line', [START, 'cpu=0 l1=8 l2'], /cpu=0 l1=8 l2$/],
])('%s is told', (_what, lines, message) => {
  expect(troubles(...lines).join('\n')).toMatch(message);
});

test('only a line of counters has counters', () => {
  expect(countersOf(FIRST)).toEqual({ l1: 8n, l2: 800n });
  expect(countersOf(START)).toBeUndefined();
});
