// vcpuctl conformance against a vcpud that answers from a table: such a one is not conformant, and the suite must say so,
// row by row, and leave nothing behind.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FakeStreams, type Outcome, vcpuctl } from './fake-io.js';
import { type FakeVcpud, startFakeVcpud } from './fake-vcpud.js';

let vcpud: FakeVcpud;
let folder: string;

beforeEach(async () => {
  vcpud = await startFakeVcpud();
  folder = mkdtempSync(join(tmpdir(), 'vcpuctl-'));
});

afterEach(() => {
  vcpud.stop();
  rmSync(folder, { recursive: true });
});

const conformance = (args: readonly string[], streams: FakeStreams = {}): Promise<Outcome> =>
  vcpuctl(['--endpoint', vcpud.endpoint, 'conformance', ...args], streams);

/** A row that the table answers as a sound vcpud would, and one that it does not. */
const ROWS = ['--only', '^validate/described: (a valid SVM state in L2|EFER.SVME clear)$'];

test('prints each row with what was expected and what came, and fails where they differ', async () => {
  const { status, out, err } = await conformance(ROWS);
  expect(status).toBe(1);
  expect(out).toMatch(/^ {2}ok {6}described: a valid SVM state in L2 +none +none$/m);
  expect(out).toMatch(/^ {2}FAILED {2}described: EFER\.SVME clear +SVM_EFER_SVME_CLEAR +none$/m);
  expect(out).toMatch(/^1 passed, 1 failed, 0 not applicable in \d+\.\d s$/m);
  expect(err).toContain('vcpuctl: 1 row failed [CLIENT CONFORMANCE_FAILED]\n');
});

test('ends with 0 where every row that applies passes', async () => {
  const { status, out, err } = await conformance(['--only', 'a valid SVM state in L2$']);
  expect([status, err]).toEqual([0, '']);
  expect(out).toContain('\n1 passed, 0 failed, 0 not applicable in ');
});

test('ends with 1 where no row was asked', async () => {
  const { status, err } = await conformance(['--only', 'no such row']);
  expect(status).toBe(1);
  expect(err).toContain('no row was asked');
});

test('counts rows that do not apply, with the reason', async () => {
  const { out } = await conformance(['--only', 'selftest/V1 |a valid SVM state in L2$']);
  expect(out).toContain('1 passed, 0 failed, 1 not applicable (only on an Intel host (VMX): 1) in ');
});

test('writes JUnit XML with a test case a row', async () => {
  const path = join(folder, 'junit.xml');
  await conformance([...ROWS, '--junit', path]);
  const xml = readFileSync(path, 'utf8');
  expect(xml).toContain('<testsuites tests="2" failures="1" skipped="0"');
  expect(xml).toMatch(
    /classname="conformance\.validate" name="described: a valid SVM state in L2" time="[\d.]+"\/>/,
  );
  expect(xml).toContain('<failure message="expected SVM_EFER_SVME_CLEAR, got none"/>');
});

test('is one JSON document with --json', async () => {
  const { out } = await conformance([...ROWS, '--json']);
  expect(JSON.parse(out)).toMatchObject({
    passed: 1,
    failed: 1,
    notApplicable: 0,
    rows: [
      { group: 'validate', ending: 'passed' },
      { ending: 'failed', got: 'none' },
    ],
  });
});

test('lists rows, and which apply to the endpoint', async () => {
  const { status, out } = await conformance(['--list']);
  expect(status).toBe(0);
  expect(out).toMatch(/^selftest\/S1 format 0 +yes$/m);
  expect(out).toMatch(/^selftest\/V2 no VMX +only on an Intel host \(VMX\)$/m);
  expect(vcpud.calls.map(({ rpc }) => rpc)).toEqual(['HostService/GetHost']);
});

test('deletes every VM that it made, also where its rows fail', async () => {
  await conformance(['--only', '^selftest/S']);
  const idsOf = (rpc: string, field: string): string[] =>
    vcpud.calls
      .filter((call) => call.rpc === rpc)
      .map(({ requests: [request] }) =>
        String((request as Record<string, unknown>)[field]).replace('vms/', ''),
      )
      .sort();
  const made = idsOf('VmService/CreateVm', 'vmId');
  expect(made.length).toBeGreaterThan(0);
  for (const id of made) expect(id).toMatch(/^conformance-[0-9a-f]{8}-/);
  expect(idsOf('VmService/DeleteVm', 'name')).toEqual(made);
});

test('stops at Ctrl-C, says what was asked, and fails', async () => {
  let interrupt: () => void = () => undefined;
  vcpud.on('NestedStateService/ValidateNestedState', () => {
    interrupt();
    return { violations: [] };
  });
  const { status, err } = await conformance(['--only', 'described: a valid'], {
    onListening: (handler) => {
      interrupt = handler;
    },
  });
  expect(status).toBe(1);
  expect(err).toContain('interrupted: not every row was asked');
});
