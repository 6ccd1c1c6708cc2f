// npm test: everything, in order: the checks of the sources, the unit tests, and the tests on real kernels: on this
// machine's KVM where that has nested state, else in the testbed. Its last line counts them all.

import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { nestedKvm } from './harness/host-kind.js';
import { filledCache } from './testbed/cache.js';
import { DEFAULTS, runInTestbed } from './testbed/run.js';

const HELP = `npm test [-- --only NAME]... [-- FILE...]

Runs every check and test and closes with "N passed, N failed".

  --only NAME   only this step; may be given more than once
  --list        the names of the steps
  FILE          only these test files, in the steps that run tests
  --help        this text
`;

const FOLDER = dirname(fileURLToPath(import.meta.url));
/** For one test file, from its host's boot on. */
const FILE_TIMEOUT_MS = 30 * 60_000;
const RESULT_PREFIX = 'vcpud-tests: ';

interface Counts {
  readonly passed: number;
  readonly failed: number;
}

interface Step {
  readonly name: string;
  readonly what: string;
  readonly run: (files: string[]) => Promise<Counts>;
}

/** Runs a program from node_modules or Node itself; its exit status is the one thing that counts. */
function check(...argv: string[]): () => Promise<Counts> {
  return async () => {
    const status = await spawned(argv, (chunk) => void process.stdout.write(chunk));
    return status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  };
}

const bin = (name: string): string => join('node_modules/.bin', name);

function spawned(argv: readonly string[], onStdout: (chunk: Buffer) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    const [program, ...args] = argv;
    const child = spawn(program as string, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout.on('data', onStdout);
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}

const projectCommand = (project: string, files: string[]) => [
  process.execPath,
  join(FOLDER, 'run-project.js'),
  project,
  ...files,
];

/** Finds the counts in the last line of a run's output. */
function countsOf(output: string, status: number): Counts {
  const line = output.split('\n').findLast((text) => text.startsWith(RESULT_PREFIX));
  // A run that died before it could count is a failure of its own.
  if (line === undefined) return { passed: 0, failed: 1 };
  const found = JSON.parse(line.slice(RESULT_PREFIX.length)) as Counts;
  return status !== 0 && found.failed === 0 ? { ...found, failed: 1 } : found;
}

async function here(project: string, files: string[]): Promise<Counts> {
  let output = '';
  const status = await spawned(projectCommand(project, files), (chunk) => {
    process.stdout.write(chunk);
    output = (output + chunk.toString()).slice(-4096);
  });
  return countsOf(output, status);
}

/** As many emulated hosts at a time as there are CPUs to emulate them, and not more than memory is good for. */
const LANES = Math.min(2, availableParallelism());

/**
 * Runs a project in emulated hosts, each test file in one of its own: one that hangs or crashes takes no other along.
 * A file's output is shown when it is done.
 */
async function emulated(project: string, files: string[], nested: boolean): Promise<Counts> {
  const queue = files.length > 0 ? [...files] : filesOf(project);
  const all: Counts[] = [];
  const lane = async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      all.push(await emulatedFile(project, file, nested));
    }
  };
  await filledCache((line) => void process.stderr.write(`testbed: ${line}\n`));
  await Promise.all(Array.from({ length: LANES }, lane));
  return { passed: sum(all.map(({ passed }) => passed)), failed: sum(all.map(({ failed }) => failed)) };
}

const sum = (numbers: number[]): number => numbers.reduce((a, b) => a + b, 0);

function filesOf(project: string): string[] {
  const names = readdirSync(join('test', project)).filter((name) => name.endsWith('.test.ts'));
  return names.sort().map((name) => join('test', project, name));
}

async function emulatedFile(project: string, file: string, nested: boolean): Promise<Counts> {
  const since = performance.now();
  process.stderr.write(`testbed: ${file} begins\n`);
  let output = '';
  const take = (chunk: Buffer) => {
    output += chunk.toString();
  };
  let exitCode = 1;
  try {
    const result = await runInTestbed({
      ...DEFAULTS,
      nested,
      cwd: process.cwd(),
      command: projectCommand(project, [file]),
      env: { CI: '1' },
      timeoutMs: FILE_TIMEOUT_MS,
      progress: (line) => take(Buffer.from(`testbed: ${line}\n`)),
      onStdout: take,
      onStderr: take,
    });
    exitCode = result.exitCode;
  } catch (error) {
    take(Buffer.from(`${(error as Error).message}\n`));
  }
  const counts = countsOf(output, exitCode);
  const seconds = ((performance.now() - since) / 1000).toFixed(0);
  process.stdout.write(
    `${output}-- ${file}: ${counts.passed} passed, ${counts.failed} failed (${seconds} s)\n`,
  );
  return counts;
}

const STEPS: readonly Step[] = [
  {
    name: 'lint',
    what: 'biome: format and lint',
    run: check(bin('biome'), 'check', '--error-on-warnings', '.'),
  },
  { name: 'types', what: 'tsc: types', run: check(bin('tsc'), '--noEmit', '-p', 'tsconfig.json') },
  { name: 'protos', what: 'buf: STANDARD and COMMENTS', run: check(bin('buf'), 'lint') },
  {
    name: 'generated',
    what: 'what is generated is current',
    run: check(process.execPath, join(FOLDER, 'checks/generate.js'), '--check'),
  },
  {
    name: 'floors',
    what: 'imports go down only',
    run: check(bin('depcruise'), '--no-progress', 'protos', 'lib', 'services', 'cli', 'demo', 'test'),
  },
  { name: 'unit', what: 'unit tests', run: (files) => here('unit', files) },
  {
    name: 'kernel',
    what: 'tests on a kernel with nested state',
    run: (files) => (nestedKvm() === 'amd' ? here('kernel', files) : emulated('kernel', files, true)),
  },
  {
    name: 'without-nesting',
    what: 'tests on a kernel with nesting switched off',
    run: (files) => emulated('without-nesting', files, false),
  },
];

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string', multiple: true, default: [] },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (values.list) {
    for (const { name, what } of STEPS) process.stdout.write(`${name.padEnd(16)} ${what}\n`);
    return 0;
  }
  const unknown = values.only.find((name) => !STEPS.some((step) => step.name === name));
  if (unknown !== undefined) throw new Error(`there is no step ${unknown}: npm test -- --list`);
  const chosen = STEPS.filter(({ name }) => values.only.length === 0 || values.only.includes(name));
  let passed = 0;
  let failed = 0;
  const summary: string[] = [];
  for (const step of chosen) {
    process.stdout.write(`\n== ${step.name}: ${step.what}\n`);
    const since = performance.now();
    let counts: Counts;
    try {
      counts = await step.run(positionals);
    } catch (error) {
      process.stdout.write(`${(error as Error).message}\n`);
      counts = { passed: 0, failed: 1 };
    }
    const seconds = ((performance.now() - since) / 1000).toFixed(1);
    summary.push(`${step.name.padEnd(16)} ${counts.passed} passed, ${counts.failed} failed  (${seconds} s)`);
    passed += counts.passed;
    failed += counts.failed;
  }
  process.stdout.write(
    `\n${summary.map((line) => `   ${line}`).join('\n')}\n\n${passed} passed, ${failed} failed\n`,
  );
  return failed === 0 && passed > 0 ? 0 : 1;
}

process.exitCode = await main();
