// The error contract of the conformance suite, and the error tables in protos/: each says what the other says.

import { describe, expect, test } from 'vitest';
import { RULES } from '../../../lib/nested/rules.js';
import { CONTRACT } from '../../conformance/contract.js';
import { RPCS } from '../../conformance/wire.js';
import { errorTables } from '../../harness/error-tables.js';

/** Errors in the tables that no entry can bring about at any endpoint, and where they are brought about. */
const SHOWN_ELSEWHERE: Readonly<Record<string, string>> = {
  VM_DELETED: 'kernel/lifecycle.test.ts, unit/services/migration.test.ts',
  COLLECT_UNDER_WAY: 'kernel/dirty.test.ts',
  DIRTY_TRACKING_STOPPED: 'kernel/dirty.test.ts',
  KERNEL_REJECTED: 'unit/errors/refusals.test.ts: no state is known that brings it about',
  HOST_RESOURCES: 'kernel/leaks.test.ts',
  WATCHER_TOO_SLOW: 'kernel/client-gone.test.ts',
  SHUTTING_DOWN: 'kernel/serve.test.ts, unit/services/migration.test.ts',
  MIGRATION_IN_DOUBT: 'unit/services/migration.test.ts',
  IDENTITY_REQUIRED: 'unit/services/migration.test.ts: of a vcpud that serves without TLS',
  KERNEL_ERROR: 'unit/services/status.test.ts',
  INTERNAL: 'unit/services/handlers.test.ts',
  MESSAGE_TOO_LARGE: 'conformance/contract-rows.ts: gRPC itself answers, without details',
};

const tables = errorTables();
const isRule = new Set<string>(RULES.map(({ reason }) => reason));

describe('the entries of the contract', () => {
  test('are of every rpc that can be asked for something wrong', () => {
    const asked = new Set(CONTRACT.map(({ rpc }) => rpc));
    // GetHost's request has no field.
    expect(RPCS.map(({ name }) => name).filter((rpc) => !asked.has(rpc))).toEqual(['GetHost']);
  });

  test('are each in the table above its rpc in protos/', () => {
    const undocumented = CONTRACT.filter(
      ({ rpc, code, reason }) =>
        !tables
          .get(rpc)
          ?.some(
            (row) => row.code === code && (row.reasons.includes(reason) || (row.rules && isRule.has(reason))),
          ),
    );
    expect(undocumented.map(({ rpc, code, reason }) => `${rpc} ${code} ${reason}`)).toEqual([]);
  });

  test('show each error that protos/ promises, but for those that are shown elsewhere', () => {
    const shown = new Set(CONTRACT.map(({ rpc, reason }) => `${rpc} ${reason}`));
    const promised = [...tables].flatMap(([rpc, rows]) =>
      rows.flatMap(({ reasons }) => reasons.map((reason) => ({ rpc, reason }))),
    );
    const missing = promised.filter(
      ({ rpc, reason }) => !shown.has(`${rpc} ${reason}`) && SHOWN_ELSEWHERE[reason] === undefined,
    );
    expect(missing).toEqual([]);
    expect(promised.length).toBeGreaterThan(100);
  });
});
