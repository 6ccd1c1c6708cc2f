// npm run bench: every figure against its floor, in one run. What needs a guest that runs a guest of its own is
// measured on this machine's KVM where that has nested state, else in the emulated AMD host; what needs none is
// measured on this machine wherever it has a /dev/kvm.

import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { hasKvm, nestedKvm } from '../harness/host-kind.js';
import { DEFAULTS, runInTestbed, TestbedProblem } from '../testbed/run.js';
import { CASES } from './cases.js';
import { type Place, table } from './row.js';
import type { RunResult } from './run.js';

const HELP = `npm run bench [-- NAME...] [--json] [--out FILE]

Measures vcpud against a floor in the same run, prints a table and writes it as JSON. Progress goes to standard
error. A target that is missed is shown as such; the exit status says only whether all could be measured.

  NAME          only these cases; the first words of a name stand for all that begin with them
  --list        the names of the cases
  --out FILE    where the JSON goes (default: bench-results.json)
  --json        print the JSON as the last line, too
  --help        this text

Exit status: 0 measured, 1 something could not be, 125 the emulated host could not be had.
`;

const RUN = join(dirname(fileURLToPath(import.meta.url)), 'run.js');
/** For one case, or the emulated host's boot. */
const CASE_TIMEOUT_MS = 20 * 60_000;

const command = (place: Place, names: readonly string[]) => [process.execPath, RUN, place, ...names];

function lastLine(output: string): RunResult {
  return JSON.parse(output.trimEnd().split('\n').at(-1) ?? '') as RunResult;
}

function here(names: readonly string[]): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const [program, ...args] = command('this machine', names);
    const child = spawn(program as string, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(lastLine(output));
      else reject(new Error(`the bench on this machine ended with status ${code}`));
    });
  });
}

async function emulated(names: readonly string[]): Promise<RunResult> {
  let output = '';
  const { exitCode } = await runInTestbed({
    ...DEFAULTS,
    cwd: process.cwd(),
    command: command('emulated', names),
    timeoutMs: (1 + names.length) * CASE_TIMEOUT_MS,
    progress: (text) => void process.stderr.write(`testbed: ${text}\n`),
    onStdout: (chunk) => {
      output += chunk.toString();
    },
    onStderr: (chunk) => void process.stderr.write(chunk),
  });
  if (exitCode !== 0) throw new Error(`the bench in the emulated host ended with status ${exitCode}`);
  return lastLine(output);
}

async function measure(names: readonly string[]): Promise<RunResult[]> {
  if (nestedKvm() !== undefined) return [await here(names)];
  const withoutNesting = CASES.filter(({ name, nesting }) => !nesting && names.includes(name)).map(
    ({ name }) => name,
  );
  // One after the other: they would take each other's CPUs.
  const native = hasKvm() && withoutNesting.length > 0 ? withoutNesting : [];
  const rest = names.filter((name) => !native.includes(name));
  return [
    ...(native.length > 0 ? [await here(native)] : []),
    ...(rest.length > 0 ? [await emulated(rest)] : []),
  ];
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      list: { type: 'boolean', default: false },
      out: { type: 'string', default: 'bench-results.json' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  if (values.list) {
    for (const { name, what } of CASES) process.stdout.write(`${name.padEnd(22)} ${what}\n`);
    return;
  }
  const chosenBy =
    (word: string) =>
    ({ name }: { name: string }) =>
      name === word || name.startsWith(`${word}-`);
  const unknown = positionals.find((word) => !CASES.some(chosenBy(word)));
  if (unknown !== undefined) throw new Error(`there is no case ${unknown}: npm run bench -- --list`);
  const chosen = CASES.filter(
    (known) => positionals.length === 0 || positionals.some((word) => chosenBy(word)(known)),
  );
  const names = chosen.map(({ name }) => name);
  const hosts = await measure(names);
  const json = JSON.stringify({ time: new Date().toISOString(), node: process.version, hosts });
  writeFileSync(values.out, `${json}\n`);
  process.stdout.write(`${table(hosts.flatMap(({ rows }) => rows))}\n`);
  if (values.json) process.stdout.write(`${json}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`bench: ${(error as Error).message}\n`);
  process.exitCode = error instanceof TestbedProblem ? 125 : 1;
}
