// npm run demo: the main job, end to end. Runs on this machine's KVM where that has nested state, else in the
// emulated AMD host of the testbed.

import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { hasNestedKvm } from '../test/harness/host-kind.js';
import { DEFAULTS, runInTestbed, TestbedProblem } from '../test/testbed/run.js';
import type { DemoResult } from './scenario.js';

const HELP = `npm run demo [-- --json]

Moves a VM whose guest runs a guest of its own (L2) from one vcpud to another and shows that L2 counts on.
Uses this machine's /dev/kvm where that has nested state, else boots an emulated AMD host (the first time it
fetches about 130 MB of Debian packages into a cache folder).

  --json   one JSON object as the last line of standard output; progress goes to standard error
  --help   this text

Exit status: 0 verified, 1 not verified or failed, 125 the emulated host could not be had.
`;

const TIMEOUT_MS = 15 * 60_000;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const scenario = join(dirname(fileURLToPath(import.meta.url)), 'scenario.js');
  const command = [process.execPath, scenario, ...(values.json ? ['--json'] : [])];
  return hasNestedKvm() ? runHere(command) : runEmulated(command, values.json);
}

function runHere([program, ...args]: string[]): Promise<number> {
  process.stderr.write("this machine's KVM has nested state: the demo runs on it\n");
  return new Promise((resolve, reject) => {
    const child = spawn(program as string, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

/** The same, with the host's boot as the first phase. */
async function runEmulated(command: string[], json: boolean): Promise<number> {
  process.stderr.write("this machine's KVM has no nested state: the demo runs in an emulated AMD host\n");
  let out = '';
  const since = performance.now();
  let bootMs = 0;
  const { exitCode } = await runInTestbed({
    ...DEFAULTS,
    cwd: process.cwd(),
    command,
    timeoutMs: TIMEOUT_MS,
    progress: (line) => {
      if (line.startsWith('booted')) {
        bootMs = performance.now() - since;
        const text = `${'boot'.padEnd(8)} ${bootMs.toFixed(1).padStart(9)} ms  an AMD host with nested SVM, emulated\n`;
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
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`demo: ${(error as Error).message}\n`);
  process.exitCode = error instanceof TestbedProblem ? 125 : 1;
}
