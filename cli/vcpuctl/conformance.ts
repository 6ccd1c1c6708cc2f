// vcpuctl conformance: the conformance suite, run against the endpoint. The one file of the command line that knows
// test/: the suite is loaded when it is called for, and speaks only gRPC.

import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { VcpuctlError } from './failure.js';
import { saveFile } from './files.js';
import type { Io } from './io.js';
import { examples, plural, table } from './output.js';
import type { Act, Session } from './session.js';

const HELP = `
Asks the vcpud at the endpoint everything that a sound one answers in one way: the
rules about nested states one by one, round trips, sizes, resets, errors,
deadlines and cancellation. What applies follows from what GetHost says. It makes
VMs of its own (conformance-*), deletes them, and touches no other: a vcpud in
production can be asked.

Each row prints what was expected and what came. Exit status 0 where every row that
applies passed, 1 where one failed. A pattern is a regular expression on the full
name of a row, such as "selftest/S4" or "^rules/.*ASID".
`;

interface Options {
  readonly only?: RegExp;
  readonly junit?: string;
  readonly list?: true;
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

export function register(group: Command, act: Act): void {
  group
    .option('--only <pattern>', 'only rows whose name matches', pattern)
    .option('--junit <file>', 'write the results there too, as JUnit XML')
    .option('--list', 'only list the rows, and which apply')
    .addHelpText(
      'after',
      HELP +
        examples(
          'conformance --list',
          'conformance --only selftest/',
          'conformance --junit conformance.xml',
          '--json conformance',
        ),
    )
    .action(
      act((session, options: Options) =>
        options.list === true ? list(session, options) : run(session, options),
      ),
    );
}

const wantedBy =
  ({ only }: Options) =>
  (name: string): boolean =>
    only === undefined || only.test(name);

async function list(session: Session, options: Options): Promise<void> {
  const [{ listRows }, { fullName }] = await suiteModules();
  const rows = (await listRows(await session.connection())).filter((row) => wantedBy(options)(fullName(row)));
  const lines = rows.map((row) => [fullName(row), row.obstacle ?? 'yes']);
  await session.say({ rows }, table(['ROW', 'APPLIES'], lines));
}

async function run(session: Session, options: Options): Promise<void> {
  const [{ runSuite }, , { countsOf, junitXml, reportJson, reportText }] = await suiteModules();
  const stop = new AbortController();
  const takeBack = session.io.onInterrupt(() => stop.abort());
  const progress = new RowProgress(session.io);
  try {
    const report = await runSuite({
      ...(await session.connection()),
      wanted: wantedBy(options),
      signal: stop.signal,
      onResult: ({ ending }, done, of) => progress.add(ending === 'failed', done, of),
    });
    progress.end();
    if (options.junit !== undefined) await saveFile(options.junit, Buffer.from(junitXml(report)));
    await session.say(reportJson(report), reportText(report));
    const { passed, failed } = countsOf(report.results);
    if (failed > 0) throw notConformant(`${plural(failed, 'row')} failed`);
    if (passed === 0) throw notConformant('no row was asked: none matches, or none applies');
    if (stop.signal.aborted) throw notConformant('interrupted: not every row was asked');
    if (report.left.length > 0) throw notConformant('VMs of the suite could not be deleted');
  } finally {
    takeBack();
  }
}

const notConformant = (message: string): VcpuctlError =>
  new VcpuctlError('CLIENT', 'CONFORMANCE_FAILED', message);

const suiteModules = () =>
  Promise.all([
    import('../../test/conformance/suite.js'),
    import('../../test/conformance/row.js'),
    import('../../test/conformance/report.js'),
  ]);

const TERMINAL_INTERVAL_MS = 100;
const LINE_INTERVAL_MS = 5000;
const CLEAR_LINE = '\r\u001b[K';

/** How far the run is: one line that changes on a terminal, else one every few seconds. */
class RowProgress {
  private readonly io: Io;
  private failed = 0;
  private shownAt = performance.now();
  private shown = false;

  constructor(io: Io) {
    this.io = io;
  }

  add(isFailure: boolean, done: number, of: number): void {
    if (isFailure) this.failed += 1;
    const now = performance.now();
    const interval = this.io.errIsTerminal ? TERMINAL_INTERVAL_MS : LINE_INTERVAL_MS;
    if (now - this.shownAt < interval) return;
    this.shownAt = now;
    const text = `${done} of ${of} rows, ${this.failed} failed`;
    this.io.err(this.io.errIsTerminal ? `${CLEAR_LINE}${text}` : `vcpuctl: ${text}\n`);
    this.shown = this.io.errIsTerminal;
  }

  /** Takes the line away. */
  end(): void {
    if (this.shown) this.io.err(CLEAR_LINE);
  }
}
