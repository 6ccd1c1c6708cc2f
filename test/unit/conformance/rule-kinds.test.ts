// What the conformance suite says of rules, of itself, against the service's table.
import { expect, test } from 'vitest';
import { RULES } from '../../../lib/nested/rules.js';
import { BYTES_RULES, LENGTH_RULES, RETURNING_RULES, VARYING_RULES } from '../../conformance/rule-kinds.js';

const reasons = (rules: typeof RULES): string[] => rules.map(({ reason }) => reason).sort();

test('the rules that not every kernel has are those that vary', () => {
  expect([...VARYING_RULES].sort()).toEqual(reasons(RULES.filter(({ varies }) => varies)));
});

test('the rules that are answered with a value above 0 are those that return one', () => {
  expect([...RETURNING_RULES].sort()).toEqual(reasons(RULES.filter(({ returns }) => returns !== undefined)));
});

test("the rules about a message's bytes are vcpud's own", () => {
  expect([...BYTES_RULES, ...LENGTH_RULES].sort()).toEqual(
    reasons(RULES.filter(({ origin }) => origin === 'service')),
  );
});
