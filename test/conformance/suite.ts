// The conformance suite: every table of rows, and the run of those that apply to an endpoint. Speaks gRPC and nothing
// else; knows of the server what GetHost says. `vcpuctl conformance` calls it, for anyone and from an installed package.

import { VcpudClient } from '../../lib/api/client.js';
import { Bench } from './bench.js';
import { BYTES_ROWS } from './bytes-rows.js';
import { CANCEL_ROWS } from './cancel-rows.js';
import { CAPTURED_ROWS } from './captured-rows.js';
import { CONTRACT_END, CONTRACT_ROWS } from './contract-rows.js';
import { type Facing, facingOf } from './facing.js';
import { Ground } from './ground.js';
import { RESET_ROWS, ROUND_TRIP_ROWS } from './round-trip-rows.js';
import { fullName, type Result, type Row } from './row.js';
import { RULE_ROWS } from './rule-rows.js';
import { SCENE_ROWS } from './scene-rows.js';
import { SELFTEST_ROWS } from './selftest-rows.js';
import { VALIDATE_ROWS } from './validate-rows.js';
import { VM_ROWS } from './vm-rows.js';
import { type Connection, Wire } from './wire.js';

/** Rows that may run side by side. */
const BODY: readonly Row[] = [
  ...SELFTEST_ROWS,
  ...RULE_ROWS,
  ...BYTES_ROWS,
  ...ROUND_TRIP_ROWS,
  ...RESET_ROWS,
  ...CAPTURED_ROWS,
  ...SCENE_ROWS,
  ...VALIDATE_ROWS,
  ...VM_ROWS,
  ...CONTRACT_ROWS,
  ...CANCEL_ROWS,
];

/** Asked when all others have ended: what they left behind. */
const END: readonly Row[] = [
  CONTRACT_END,
  {
    group: 'rules',
    name: 'and every vCPU that refused holds what it held, in every part',
    expected: () => 'unchanged',
    run: ({ ground }) => Promise.resolve(ground.disturbed.join('; ') || 'unchanged'),
  },
];

/** Every row there is. */
export const ROWS: readonly Row[] = [...BODY, ...END];

/** Side by side: while the answer to one is on its way the endpoint has the next. Each costs a VM, dear on a slow host. */
const LANES = 2;

export interface SuiteOptions extends Connection {
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

async function facingAt(client: VcpudClient, endpoint: string): Promise<Facing> {
  const { host } = await client.host.GetHost({});
  if (host === null) throw new Error('GetHost answers without a host');
  return facingOf(host, endpoint);
}

export interface ListedRow {
  readonly group: string;
  readonly name: string;
  readonly obstacle: string | undefined;
}

/** The rows, and which of them apply to the endpoint. */
export async function listRows(connection: Connection): Promise<readonly ListedRow[]> {
  const client = new VcpudClient(connection.endpoint, connection);
  try {
    const facing = await facingAt(client, connection.endpoint);
    return ROWS.map((row) => ({ group: row.group, name: row.name, obstacle: obstacle(row, facing) }));
  } finally {
    client.close();
  }
}

export async function runSuite(options: SuiteOptions): Promise<SuiteReport> {
  const since = performance.now();
  const client = new VcpudClient(options.endpoint, options);
  const wire = new Wire(options);
  try {
    const facing = await facingAt(client, options.endpoint);
    const ground = new Ground(facing, client, wire);
    const run = new Run(ground, options);
    const left: string[] = [];
    try {
      await run.sideBySide(BODY);
      await run.sideBySide(END);
    } finally {
      left.push(...(await ground.clear()));
    }
    return { facing, results: run.inOrder(), left, ms: performance.now() - since };
  } finally {
    wire.close();
    client.close();
  }
}

/** The rows of one run, and how each ended. */
class Run {
  private readonly ground: Ground;
  private readonly options: SuiteOptions;
  private readonly results = new Map<Row, Result>();
  private readonly of: number;

  constructor(ground: Ground, options: SuiteOptions) {
    this.ground = ground;
    this.options = options;
    this.of = this.wanted(ROWS).length;
  }

  private wanted(rows: readonly Row[]): readonly Row[] {
    return rows.filter((row) => this.options.wanted(fullName(row)));
  }

  /** Runs those that are wanted, on as many lanes as there are. */
  async sideBySide(rows: readonly Row[]): Promise<void> {
    const { onResult, signal } = this.options;
    const queue = [...this.wanted(rows)];
    const lane = async (number: number) => {
      const bench = new Bench(this.ground, number);
      for (let row = queue.shift(); row !== undefined && !signal.aborted; row = queue.shift()) {
        const result = await runRow(row, bench);
        this.results.set(row, result);
        onResult(result, this.results.size, this.of);
      }
      if (!signal.aborted) await bench.close();
    };
    await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)));
  }

  /** Of an interrupted run, those that were asked. */
  inOrder(): readonly Result[] {
    return ROWS.flatMap((row) => this.results.get(row) ?? []);
  }
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
