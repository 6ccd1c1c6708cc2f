// npm run demo: the main job, end to end. Runs on this machine's KVM where that has nested state, else in an emulated
// host of the testbed; with --driver model on a model of a kernel, which moves states and runs no guest.

import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { linuxGuest } from '../test/guests/linux/linux-guest.js';
import { type CpuKind, nestedKvm } from '../test/harness/host-kind.js';
import { DEFAULTS, runInTestbed, TestbedProblem } from '../test/testbed/run.js';
import type { DemoResult } from './scenario.js';

const HELP = `npm run demo [-- --guest small|linux] [--migrations N] [--cpu amd|intel] [--driver native|model] [--json]

Moves a VM whose guest runs a guest of its own (L2) from one vcpud to another and shows that L2 counts on.
Uses this machine's /dev/kvm where that has nested state, else boots an emulated host: AMD in seconds, Intel in
a minute or two (the first time it fetches Debian packages into a cache folder).

  --cpu CPU        amd or intel: whose nested virtualization (default: this machine's own, else amd)
  --driver DRIVER  native: a real KVM (default). model: no kernel; a live L2's captured state is checked, moved,
                   set and reset, and no guest runs
  --guest GUEST    small: an L1 hypervisor of a few hundred instructions, moved once, stopped (default). linux: a
                   Linux that runs its own KVM guest, moved back and forth while it runs
  --migrations N   how often the Linux guest moves (default: 20)
  --json           one JSON object as the last line of standard output; progress goes to standard error
  --help           this text

Exit status: 0 verified, 1 not verified or failed, 2 wrong usage, 125 the emulated host could not be had.
`;

/** For an emulated host's boot and the demo in it. */
const TIMEOUT_MS: Readonly<Record<CpuKind, number>> = { amd: 30 * 60_000, intel: 30 * 60_000 };

const HOSTS: Readonly<Record<CpuKind, string>> = {
  amd: 'an AMD host with nested SVM, emulated',
  intel: 'an Intel host with nested VMX, emulated',
};

interface Options {
  readonly cpu: CpuKind | undefined;
  readonly driver: 'native' | 'model';
  readonly guest: 'small' | 'linux';
  readonly migrations: number;
  readonly json: boolean;
}

class UsageError extends Error {}

function oneOf<const T extends string>(option: string, value: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  throw new UsageError(`${option} is one of ${choices.join(', ')}, not ${value}`);
}

/** Undefined where only the help was asked for. */
function readOptions(args: string[]): Options | undefined {
  let values: {
    cpu?: string;
    driver: string;
    guest: string;
    migrations: string;
    json: boolean;
    help: boolean;
  };
  try {
    values = parseArgs({
      args,
      options: {
        cpu: { type: 'string' },
        driver: { type: 'string', default: 'native' },
        guest: { type: 'string', default: 'small' },
        migrations: { type: 'string', default: '20' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  if (values.help) return undefined;
  const cpu = values.cpu === undefined ? undefined : oneOf('--cpu', values.cpu, ['amd', 'intel']);
  const driver = oneOf('--driver', values.driver, ['native', 'model']);
  const guest = oneOf('--guest', values.guest, ['small', 'linux']);
  const migrations = Number(values.migrations);
  if (!Number.isInteger(migrations) || migrations < 1)
    throw new UsageError(`--migrations is a whole number from 1 on, not ${values.migrations}`);
  if (driver === 'model' && guest === 'linux') throw new UsageError('the model driver runs no guest');
  return { cpu, driver, guest, migrations, json: values.json };
}

const script = (name: string): string => join(dirname(fileURLToPath(import.meta.url)), name);

async function main(args: string[]): Promise<number> {
  const options = readOptions(args);
  if (options === undefined) {
    process.stdout.write(HELP);
    return 0;
  }
  const { cpu, driver, guest, migrations, json } = options;
  const flags = json ? ['--json'] : [];
  if (driver === 'model') return runHere([process.execPath, script('model.js'), cpu ?? 'amd', ...flags]);
  // Made here: an emulated host would make it again each time.
  if (guest === 'linux') await linuxGuest((line) => void process.stderr.write(`${line}\n`));
  const scenario =
    guest === 'linux' ? [script('linux.js'), '--migrations', String(migrations)] : [script('scenario.js')];
  const command = [process.execPath, ...scenario, ...flags];
  const own = nestedKvm();
  if (own !== undefined && (cpu ?? own) === own) {
    process.stderr.write("this machine's KVM has nested state: the demo runs on it\n");
    return runHere(command);
  }
  return runEmulated(cpu ?? 'amd', own, command, json);
}

function runHere([program, ...args]: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program as string, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

/** The same, with the host's boot as the first phase. */
async function runEmulated(
  cpu: CpuKind,
  own: CpuKind | undefined,
  command: string[],
  json: boolean,
): Promise<number> {
  const why = own === undefined ? 'has no nested state' : `is ${own}`;
  process.stderr.write(`this machine's KVM ${why}: the demo runs in an emulated ${cpu} host\n`);
  let out = '';
  const since = performance.now();
  let bootMs = 0;
  const { exitCode } = await runInTestbed({
    ...DEFAULTS,
    cpu,
    cwd: process.cwd(),
    command,
    timeoutMs: TIMEOUT_MS[cpu],
    progress: (line) => {
      if (line.startsWith('booted')) {
        bootMs = performance.now() - since;
        const text = `${'boot'.padEnd(8)} ${bootMs.toFixed(1).padStart(9)} ms  ${HOSTS[cpu]}\n`;
        (json ? process.stderr : process.stdout).write(text);
      } else {
        process.stderr.write(`${line}\n`);
      }
    },
    onStdout: (chunk) => {
      if (json) out += chunk.toString();
      else process.stdout.write(chunk);
    },
    onStderr: (chunk) => void process.stderr.write(chunk),
  });
  if (json && out.trim() !== '') {
    const lines = out.trimEnd().split('\n');
    const result = JSON.parse(lines.pop() ?? '') as DemoResult;
    const phases = [{ name: 'boot', ms: Math.round(bootMs * 10) / 10 }, ...result.phases];
    for (const line of lines) process.stdout.write(`${line}\n`);
    process.stdout.write(`${JSON.stringify({ ...result, phases })}\n`);
  }
  return exitCode;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`demo: ${(error as Error).message}\n`);
  process.exitCode = error instanceof TestbedProblem ? 125 : error instanceof UsageError ? 2 : 1;
}
