// The table of reasons, and the error tables in protos/: each says what the other says.

import { describe, expect, test } from 'vitest';
import { REASONS } from '../../../lib/errors/vcpud-error.js';
import { RULES } from '../../../lib/nested/rules.js';
import { RPCS } from '../../conformance/wire.js';
import { errorTables } from '../../harness/error-tables.js';

/** Reasons that are in no rpc's table, and why. */
const NOT_OF_CALLS: Readonly<Record<string, string>> = {
  KVM_UNAVAILABLE: 'vcpud does not start',
  CANCELLED: 'the caller is gone',
  PEER_NOT_ALLOWED: 'any rpc at all, of a server that was told whom to let in',
};

const tables = errorTables();
const reasons: Readonly<Record<string, { readonly status: string; readonly when: string }>> = REASONS;

describe('the error tables in protos/', () => {
  test('are there for every rpc of the service definitions, and for no other', () => {
    expect([...tables.keys()].toSorted()).toEqual(RPCS.map(({ name }) => name).toSorted());
    expect(RPCS).toHaveLength(31);
    expect([...tables].filter(([, rows]) => rows.length === 0)).toEqual([]);
  });

  test('name only reasons that there are, with the status that they have', () => {
    const wrong = [...tables].flatMap(([rpc, rows]) =>
      rows.flatMap((row) =>
        row.reasons
          .filter((reason) => reasons[reason]?.status !== row.code)
          .map((reason) => `${rpc}: ${row.code} ${reason}`),
      ),
    );
    expect(wrong).toEqual([]);
  });

  test('name a reason once for each rpc', () => {
    for (const [rpc, rows] of tables) {
      const named = rows.flatMap((row) => row.reasons);
      expect(new Set(named).size, rpc).toBe(named.length);
    }
  });

  test('name the rules where a nested state is set, as INVALID_ARGUMENT', () => {
    const withRules = [...tables].filter(([, rows]) => rows.some(({ rules }) => rules));
    expect(withRules.map(([rpc]) => rpc).toSorted()).toEqual([
      'ReceiveVm',
      'SetNestedState',
      'SetVcpuState',
      'SetVmState',
    ]);
    expect(
      withRules.flatMap(([, rows]) => rows.filter(({ rules }) => rules).map(({ code }) => code)),
    ).toEqual(withRules.map(() => 'INVALID_ARGUMENT'));
  });

  test('together name every reason that a call can be answered with', () => {
    const named = new Set([...tables.values()].flatMap((rows) => rows.flatMap((row) => row.reasons)));
    const unnamed = Object.keys(reasons).filter((reason) => !named.has(reason));
    expect(unnamed.toSorted()).toEqual(Object.keys(NOT_OF_CALLS).toSorted());
  });
});

describe('a reason', () => {
  const all = [...Object.keys(reasons), ...RULES.map(({ reason }) => reason)];

  test('is as google.rpc.ErrorInfo wants it: upper snake case, at most 63 characters', () => {
    expect(all.filter((reason) => !/^[A-Z][A-Z0-9_]+[A-Z0-9]$/.test(reason) || reason.length > 63)).toEqual(
      [],
    );
  });

  test('means one thing: none is twice in the two tables', () => {
    expect(new Set(all).size).toBe(all.length);
  });

  test('says when it comes', () => {
    expect(Object.values(reasons).filter(({ when }) => when.length < 10)).toEqual([]);
  });
});
