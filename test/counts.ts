// How a run of tests says how it went: a line that test/main.ts reads, also from out of an emulated host:
// vcpud-tests: {"passed":12,"failed":0}. Written by the run-*.ts beside this file.

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  /** Which failed, a line each, for whoever sees only the end of a long output. */
  readonly failures?: readonly string[];
}

const PREFIX = 'vcpud-tests: ';

export const countsLine = (counts: Counts): string => `${PREFIX}${JSON.stringify(counts)}\n`;

export const sumOf = (all: readonly Counts[]): Counts => ({
  passed: all.reduce((sum, { passed }) => sum + passed, 0),
  failed: all.reduce((sum, { failed }) => sum + failed, 0),
  failures: all.flatMap(({ failures = [] }) => failures),
});

/** Whether a run's output has such a line. */
export const saysCounts = (output: string): boolean =>
  output.split('\n').some((line) => line.startsWith(PREFIX));

/** The sum of every such line of a run's output. A run that died before it could count is a failure of its own. */
export function countsOf(output: string, status: number): Counts {
  const lines = output.split('\n').filter((line) => line.startsWith(PREFIX));
  const said = sumOf(lines.map((line) => JSON.parse(line.slice(PREFIX.length)) as Counts));
  const silent = lines.length === 0 || (status !== 0 && said.failed === 0);
  return silent ? sumOf([said, { passed: 0, failed: 1, failures: [`it ended with ${status}`] }]) : said;
}
