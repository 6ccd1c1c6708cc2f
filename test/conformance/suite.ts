// The conformance suite: every table of rows, and the run of those that apply to an endpoint. Speaks gRPC and nothing
// else; knows of the server what GetHost says. `vcpuctl conformance` calls it, for anyone and from an installed package.

import { VcpudClient } from '../../lib/api/client.js';
import { Bench } from './bench.js';
import { BYTES_ROWS } from './bytes-rows.js';
import { type Facing, facingOf } from './facing.js';
import { Ground } from './ground.js';
import { RESET_ROWS, ROUND_TRIP_ROWS } from './round-trip-rows.js';
import { fullName, type Result, type Row } from './row.js';
import { RULE_ROWS } from './rule-rows.js';
import { SELFTEST_ROWS } from './selftest-rows.js';
import { VALIDATE_ROWS } from './validate-rows.js';
import { Wire } from './wire.js';

/** Every row there is, in the order of the report. */
export const ROWS: readonly Row[] = [
  ...SELFTEST_ROWS,
  ...RULE_ROWS,
  ...BYTES_ROWS,
  ...ROUND_TRIP_ROWS,
  ...RESET_ROWS,
  ...VALIDATE_ROWS,
];

/** Side by side: while the answer to one is on its way the endpoint has the next. Each has a VM of its own. */
const LANES = 3;

export interface SuiteOptions {
  /** As a gRPC client takes it: unix:/path or host:port. */
  readonly target: string;
  /** How long one call may take, ms. */
  readonly timeoutMs: number;
  readonly wanted: (name: string) => boolean;
  readonly onResult: (result: Result, done: number, of: number) => void;
  /** Ends the run after the rows that are under way. */
  readonly signal: AbortSignal;
}

export interface SuiteReport {
  readonly facing: Facing;
  /** In the order of ROWS. */
  readonly results: readonly Result[];
  /** VMs of the suite that could not be deleted. */
  readonly left: readonly string[];
  readonly ms: number;
}

/** Why the row can't be asked of the endpoint; undefined where it can. */
function obstacle({ needs = [] }: Row, facing: Facing): string | undefined {
  for (const need of needs) {
    const why = need(facing);
    if (why !== undefined) return why;
  }
  return undefined;
}

async function facingAt(client: VcpudClient): Promise<Facing> {
  const { host } = await client.host.GetHost({});
  if (host === null) throw new Error('GetHost answers without a host');
  return facingOf(host);
}

export interface ListedRow {
  readonly group: string;
  readonly name: string;
  readonly obstacle: string | undefined;
}

/** The rows, and which of them apply to the endpoint. */
export async function listRows(target: string, timeoutMs: number): Promise<readonly ListedRow[]> {
  const client = new VcpudClient(target, timeoutMs);
  try {
    const facing = await facingAt(client);
    return ROWS.map((row) => ({ group: row.group, name: row.name, obstacle: obstacle(row, facing) }));
  } finally {
    client.close();
  }
}

export async function runSuite(options: SuiteOptions): Promise<SuiteReport> {
  const since = performance.now();
  const client = new VcpudClient(options.target, options.timeoutMs);
  const wire = new Wire(options.target, options.timeoutMs);
  try {
    const facing = await facingAt(client);
    const ground = new Ground(facing, client, wire);
    const rows = ROWS.filter((row) => options.wanted(fullName(row)));
    const results: Result[] = [];
    const left: string[] = [];
    try {
      await runRows(ground, rows, options, results);
    } finally {
      left.push(...(await ground.clear()));
    }
    // Of an interrupted run, those that were asked.
    const asked = rows.flatMap((_row, at) => results[at] ?? []);
    return { facing, results: asked, left, ms: performance.now() - since };
  } finally {
    wire.close();
    client.close();
  }
}

/** Runs the rows on as many lanes as there are; results stand where their rows do. */
async function runRows(
  ground: Ground,
  rows: readonly Row[],
  { onResult, signal }: SuiteOptions,
  results: Result[],
): Promise<void> {
  let next = 0;
  let done = 0;
  const lane = async (number: number) => {
    const bench = new Bench(ground, number);
    for (let at = next++; at < rows.length && !signal.aborted; at = next++) {
      const result = await runRow(rows[at] as Row, bench);
      results[at] = result;
      done += 1;
      onResult(result, done, rows.length);
    }
    if (!signal.aborted) await bench.close();
  };
  await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)));
}

async function runRow(row: Row, bench: Bench): Promise<Result> {
  const { group, name } = row;
  const { facing } = bench;
  const since = performance.now();
  const why = obstacle(row, facing);
  if (why !== undefined) return { group, name, ending: 'not applicable', expected: '', got: why, ms: 0 };
  const wanted = [row.expected(facing)].flat();
  let got: string;
  try {
    got = await row.run(bench);
  } catch (error) {
    bench.disturb();
    got = `failed to ask: ${(error as Error).message}`;
  }
  return {
    group,
    name,
    ending: wanted.includes(got) ? 'passed' : 'failed',
    expected: wanted.join(' or '),
    got,
    ms: performance.now() - since,
  };
}
