// npm run demo: the main job, end to end. Runs on this machine's KVM where that has nested state, else in an emulated
// host of the testbed; with --driver model on a model of a kernel, which moves states and runs no guest.

import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { linuxGuest } from '../test/guests/linux/linux-guest.js';
import { type CpuKind, nestedKvm } from '../test/harness/host-kind.js';
import { DEFAULTS, runInTestbed, TestbedProblem } from '../test/testbed/run.js';
import { HELP, readOptions, type Scenario, timeLimitMs, UsageError } from './options.js';
import type { DemoResult } from './scenario.js';
import { betweenTwoHosts } from './two-hosts.js';

const HOSTS: Readonly<Record<CpuKind, string>> = {
  amd: 'an AMD host with nested SVM, emulated',
  intel: 'an Intel host with nested VMX, emulated',
};

const script = (name: string): string => join(dirname(fileURLToPath(import.meta.url)), name);

async function main(args: string[]): Promise<number> {
  const options = readOptions(args);
  if (options === undefined) {
    process.stdout.write(HELP);
    return 0;
  }
  const { cpu, scenario, json } = options;
  const flags = json ? ['--json'] : [];
  if (scenario.kind === 'model')
    return runHere([process.execPath, script('model.js'), cpu ?? 'amd', ...flags]);
  const progress = (line: string) => void process.stderr.write(`${line}\n`);
  // Made here: an emulated host would make it again each time.
  if (scenario.kind !== 'stopped' && scenario.guest === 'linux') await linuxGuest(progress);
  if (scenario.kind === 'two hosts') return betweenTwoHosts(scenario, json, progress);
  const command = [process.execPath, ...commandOf(scenario), ...flags];
  const own = nestedKvm();
  if (own !== undefined && (cpu ?? own) === own) {
    progress("this machine's KVM has nested state: the demo runs on it");
    return runHere(command);
  }
  const migrations = scenario.kind === 'live' ? scenario.migrations : 1;
  return runEmulated(cpu ?? 'amd', own, command, json, migrations);
}

/** What shows it on a host whose KVM has nested state. */
function commandOf(scenario: Extract<Scenario, { kind: 'stopped' | 'live' }>): string[] {
  if (scenario.kind === 'stopped') return [script('scenario.js')];
  const { guest, migrations } = scenario;
  return [script('live.js'), '--guest', guest, '--migrations', String(migrations)];
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
  migrations: number,
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
    timeoutMs: timeLimitMs(cpu, migrations),
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
