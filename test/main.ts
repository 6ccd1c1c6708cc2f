// npm test: every step of steps.ts. Two jobs at a time: what needs this machine alone goes on while emulated hosts boot
// and run, the Intel one, which takes longest, from the start. The last line counts them all.

import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { type Counts, countsOf, sumOf } from './counts.js';
import { GROUPS, type Group, type Job, type Place, STEPS, type Step } from './steps.js';
import { DEFAULTS, runInTestbed } from './testbed/run.js';

const HELP = `npm test [-- --group NAME]... [--only NAME]... [-- FILE...]

Runs every check and test and closes with "N passed, N failed". npm run test:unit, test:model, test:amd and test:intel
run a group each.

  --group NAME  only this group; may be given more than once
  --only NAME   only this step; may be given more than once
  --list        the names of groups and steps
  FILE          only these test files, in the steps that run tests
  --help        this text
`;

/** For one job, its emulated host's boot included. */
const JOB_TIMEOUT_MS = 70 * 60_000;
/** What is kept of a job's output to read its counts from. */
const TAIL_CHARACTERS = 64 * 1024;

interface Ended {
  readonly status: number;
  readonly output: string;
}

/** Output goes through as it comes. */
function runHere([program, ...args]: readonly string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(program as string, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      process.stdout.write(chunk);
      output = (output + chunk.toString()).slice(-TAIL_CHARACTERS);
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ status: code ?? 1, output }));
  });
}

/** Output is shown when the job is done, in one piece. */
async function runEmulated(
  argv: readonly string[],
  { cpu, nested }: Extract<Place, { kind: 'emulated' }>,
): Promise<Ended> {
  let output = '';
  const take = (chunk: Buffer | string) => {
    output += chunk.toString();
  };
  let status = 1;
  try {
    const result = await runInTestbed({
      ...DEFAULTS,
      cpu,
      nested,
      cwd: process.cwd(),
      command: argv,
      env: { CI: '1' },
      timeoutMs: JOB_TIMEOUT_MS,
      progress: (line) => take(`testbed: ${line}\n`),
      onStdout: take,
      onStderr: take,
    });
    status = result.exitCode;
  } catch (error) {
    take(`${(error as Error).message}\n`);
  }
  process.stdout.write(output);
  return { status, output };
}

interface Task {
  readonly step: Step;
  readonly job: Job;
}

interface Done {
  readonly step: Step;
  readonly name: string;
  readonly counts: Counts;
  readonly seconds: number;
}

async function run({ step, job }: Task): Promise<Done> {
  const { name, place, argv, verdict } = job;
  const since = performance.now();
  process.stdout.write(`\n== ${name} begins: ${step.what}\n`);
  const { status, output } = await (place.kind === 'here' ? runHere(argv) : runEmulated(argv, place));
  const check: Counts =
    status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1, failures: [`it ended with ${status}`] };
  const counts = verdict === 'status' ? check : countsOf(output, status);
  const seconds = (performance.now() - since) / 1000;
  const { passed, failed } = counts;
  process.stdout.write(`== ${name}: ${passed} passed, ${failed} failed (${seconds.toFixed(0)} s)\n`);
  return { step, name, counts, seconds };
}

const isIntel = ({ job: { place } }: Task): boolean => place.kind === 'emulated' && place.cpu === 'intel';
const isHere = ({ job: { place } }: Task): boolean => place.kind === 'here';

/** Two lanes, each with tasks that it takes first; then whatever is left, in order. */
async function runAll(tasks: readonly Task[]): Promise<Done[]> {
  const queue = [...tasks];
  const done: Done[] = [];
  const take = (first: (task: Task) => boolean): Task | undefined => {
    const at = queue.findIndex(first);
    return at < 0 ? queue.shift() : queue.splice(at, 1)[0];
  };
  const lane = async (first: (task: Task) => boolean) => {
    for (let task = take(first); task !== undefined; task = take(first)) done.push(await run(task));
  };
  await Promise.all([lane(isIntel), lane(isHere)]);
  return done;
}

function summary(steps: readonly Step[], done: readonly Done[]): string[] {
  return steps.map((step) => {
    const own = done.filter((each) => each.step === step);
    const { passed, failed } = sumOf(own.map(({ counts }) => counts));
    const seconds = own.reduce((sum, each) => sum + each.seconds, 0).toFixed(1);
    return `   ${step.name.padEnd(18)} ${passed} passed, ${failed} failed  (${seconds} s)`;
  });
}

const failuresOf = (done: readonly Done[]): string =>
  done
    .flatMap(({ name, counts: { failures = [] } }) => failures.map((line) => `failed: ${name}: ${line}\n`))
    .join('');

function list(): string {
  const groups = Object.entries(GROUPS) as Array<[Group, string]>;
  const lines = groups.flatMap(([name, what]) => [
    `${name.padEnd(20)} ${what}`,
    ...STEPS.filter(({ group }) => group === name).map((step) => `  ${step.name.padEnd(18)} ${step.what}`),
  ]);
  return `${lines.join('\n')}\n`;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      group: { type: 'string', multiple: true, default: [] },
      only: { type: 'string', multiple: true, default: [] },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help || values.list) {
    process.stdout.write(values.help ? HELP : list());
    return 0;
  }
  const unknown = [
    ...values.group.filter((name) => !(name in GROUPS)),
    ...values.only.filter((name) => !STEPS.some((step) => step.name === name)),
  ][0];
  if (unknown !== undefined) throw new Error(`there is no group or step ${unknown}: npm test -- --list`);
  const all = values.group.length === 0 && values.only.length === 0;
  const steps = STEPS.filter(
    ({ name, group }) => all || values.only.includes(name) || values.group.includes(group),
  );
  const done = await runAll(steps.flatMap((step) => step.jobs(positionals).map((job) => ({ step, job }))));
  const { passed, failed } = sumOf(done.map(({ counts }) => counts));
  process.stdout.write(
    `\n${failuresOf(done)}\n${summary(steps, done).join('\n')}\n\n${passed} passed, ${failed} failed\n`,
  );
  return failed === 0 && passed > 0 ? 0 : 1;
}

process.exitCode = await main();
