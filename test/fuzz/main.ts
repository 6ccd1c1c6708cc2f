// npm run fuzz -- [--seconds N] [--states N] [--seed S] [--cpu amd|intel]
//
// Nested states that are a few changes from real ones, given to the real kernel and to the model: both must answer the
// same, hold the same afterwards, and a rule must explain each refusal. Runs on this machine's KVM where that has nested
// state of the vendor's, else in the testbed. Exit status: 0 all is well, 1 a disagreement or a rule that no state broke,
// 2 wrong usage.

import '../../lib/os/libc.js';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { ModelVendor } from '../../lib/kvm/model/model-driver.js';
import { nestedKvm } from '../harness/host-kind.js';
import { DEFAULTS, runInTestbed } from '../testbed/run.js';
import { FUZZ_VENDORS, Fuzz, type FuzzReport } from './fuzz.js';

const TESTBED_EXTRA_S = 600;

interface Options {
  readonly cpu: ModelVendor;
  readonly seed: number;
  readonly seconds: number;
  readonly states: number;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError('A whole number is expected.');
  return value;
}

function options(): Options {
  const program = new Command('fuzz')
    .description(
      'Gives changed nested states to the real kernel and to the model, and compares all that they answer.',
    )
    .addOption(new Option('--cpu <vendor>', 'whose').choices(Object.keys(FUZZ_VENDORS)).default('amd'))
    .option('--seed <number>', 'the same seed makes the same states', wholeNumber, Date.now() % 2 ** 32)
    .option('--seconds <number>', 'end after this time', wholeNumber, 3600)
    .option('--states <number>', 'end after so many states', wholeNumber, 20_000)
    .exitOverride((end) => process.exit(end.exitCode === 0 ? 0 : 2))
    .parse();
  return program.opts<Options>();
}

function here({ cpu, ...limits }: Options): number {
  Error.stackTraceLimit = 0; // refusals are many, and their stacks are looked at by nobody
  const fuzz = new Fuzz(cpu);
  process.stdout.write(`seed ${limits.seed}, ${cpu}\n`);
  const report = fuzz.run(limits, (tried, accepted) => {
    process.stderr.write(`${tried} states, ${accepted} accepted\n`);
  });
  fuzz.close();
  tell(report);
  return report.found === undefined && report.missed.length === 0 ? 0 : 1;
}

function tell({ tried, accepted, hits, missed, unreachable, found, seconds }: FuzzReport): void {
  const say = (line: string) => process.stdout.write(`${line}\n`);
  say(`${tried} states in ${seconds.toFixed(1)} s: ${accepted} accepted, ${tried - accepted} refused`);
  const byCount = [...hits].sort(([, a], [, b]) => b - a);
  for (const [reason, count] of byCount) say(`  ${String(count).padStart(6)} ${reason}`);
  for (const [reason, why] of unreachable) say(`       - ${reason}: ${why}`);
  for (const reason of missed) say(`       0 ${reason}: no state broke it`);
  if (found === undefined) {
    say('no disagreement');
    return;
  }
  const { where, kernel, model, cases } = found;
  say(
    `DISAGREEMENT at ${where}: the kernel has ${kernel}, the model ${model}. As a row of test/vectors/fuzz-rows.ts:`,
  );
  say(JSON.stringify({ name: where, cases }, undefined, 2));
}

async function inTestbed({ cpu, seed, seconds, states }: Options): Promise<number> {
  const argv = Object.entries({ cpu, seed, seconds, states }).flatMap(([name, value]) => [
    `--${name}`,
    String(value),
  ]);
  const { exitCode } = await runInTestbed({
    ...DEFAULTS,
    cpu,
    cwd: process.cwd(),
    command: [process.execPath, 'dist/test/fuzz/main.js', ...argv],
    onStdout: (chunk) => void process.stdout.write(chunk),
    onStderr: (chunk) => void process.stderr.write(chunk),
    timeoutMs: (seconds + TESTBED_EXTRA_S) * 1000,
    progress: (line) => void process.stderr.write(`testbed: ${line}\n`),
  });
  return exitCode;
}

const wanted = options();
process.exitCode = nestedKvm() === wanted.cpu ? here(wanted) : await inTestbed(wanted);
