// node dist/test/bench/qemu-peer.js: QEMU's own live migration of the Linux guest, measured by itself, on this machine's
// KVM where that has nested state, else in the emulated AMD host.

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { linuxGuest, type Writer } from '../guests/linux/linux-guest.js';
import { nestedKvm } from '../harness/host-kind.js';
import type { Progress } from '../testbed/progress.js';
import { DEFAULTS, runInTestbed, TestbedProblem } from '../testbed/run.js';
import {
  measureQemuMigration,
  type QemuMigrationResult,
  type QemuMigrationSettings,
  qemuRows,
} from './qemu-migration.js';
import { judged, table } from './row.js';

const HELP = `node dist/test/bench/qemu-peer.js [--memory MIB] [--runs N] [--writer MIB:RATE] [--json]

Migrates a Linux guest with a live L2 from one QEMU to another, N times, and prints the medians of what QEMU says of it.

  --memory MIB       the guest's memory (default: 256)
  --runs N           migrations (default: 5)
  --writer MIB:RATE  the guest writes RATE pages a second, round and round in MIB of its memory (0: as it can)
  --json             print the result, raw values included, as the last line
  --help             this text

Exit status: 0 measured, 1 it could not be or the guest lost something, 125 the emulated host could not be had.
`;

const TIMEOUT_MS = 30 * 60_000;

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${option} is a positive number, not ${text}`);
  return value;
}

function writerOf(text: string): Writer {
  const [mib, pagesPerSecond] = (/^([1-9]\d*):(\d+)$/.exec(text)?.slice(1) ?? []).map(Number);
  if (mib === undefined || pagesPerSecond === undefined) {
    throw new Error(`--writer is MIB:RATE, such as 64:2000, not ${text}`);
  }
  return { mib, pagesPerSecond };
}

/** The same command in the emulated host, whose last line is the result. */
async function emulated(args: readonly string[], progress: Progress): Promise<QemuMigrationResult> {
  await linuxGuest(progress); // what it writes into the cache in there would be gone afterwards
  let output = '';
  const { exitCode } = await runInTestbed({
    ...DEFAULTS,
    cwd: process.cwd(),
    command: [process.execPath, fileURLToPath(import.meta.url), ...args, '--json'],
    timeoutMs: TIMEOUT_MS,
    progress,
    onStdout: (chunk) => {
      output += chunk.toString();
    },
    onStderr: (chunk) => void process.stderr.write(chunk),
  });
  if (exitCode !== 0) throw new Error(`it ended in the emulated host with status ${exitCode}`);
  return JSON.parse(output.trimEnd().split('\n').at(-1) ?? '') as QemuMigrationResult;
}

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const { values } = parseArgs({
    args,
    options: {
      memory: { type: 'string', default: '256' },
      runs: { type: 'string', default: '5' },
      writer: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const settings: QemuMigrationSettings = {
    memoryMib: positive('--memory', values.memory),
    writer: values.writer === undefined ? undefined : writerOf(values.writer),
    runs: positive('--runs', values.runs),
  };
  const progress: Progress = (line) => void process.stderr.write(`qemu-peer: ${line}\n`);
  const here = nestedKvm() !== undefined;
  const result = here
    ? await measureQemuMigration(settings, progress)
    : await emulated(
        args.filter((arg) => arg !== '--json'),
        progress,
      );
  const place = here ? 'this machine' : 'emulated';
  process.stdout.write(`${table(qemuRows(result).map((row) => judged(row, place)))}\n`);
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`qemu-peer: ${(error as Error).message}\n`);
  process.exitCode = error instanceof TestbedProblem ? 125 : 1;
}
