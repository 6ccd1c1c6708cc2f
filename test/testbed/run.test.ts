// The emulated AMD host as its callers see it: output, arguments, exit status, forwarded ports, its KVM.

import { createConnection } from 'node:net';
import { expect, test } from 'vitest';
import { DEFAULTS, GATEWAY, runInTestbed, type TestbedRun } from './run.js';

/** A boot takes seconds; a first run's downloads may take minutes. */
const TIMEOUT_MS = 600_000;

async function collect(changes: Partial<TestbedRun> & Pick<TestbedRun, 'command'>) {
  let stdout = '';
  let stderr = '';
  const { exitCode } = await runInTestbed({
    ...DEFAULTS,
    cwd: process.cwd(),
    timeoutMs: 120_000,
    onStdout: (chunk) => {
      stdout += chunk.toString();
    },
    onStderr: (chunk) => {
      stderr += chunk.toString();
    },
    ...changes,
  });
  return { exitCode, stdout, stderr };
}

test(
  "a command's arguments, both outputs, environment, folder and exit status come through as they are",
  async () => {
    const script = 'printf "%s|" "$@"; echo "$NAME"; pwd; echo problem >&2; exit 7';
    const command = ['sh', '-c', script, 'sh', 'two words', '', 'a"b', 'line\nbreak'];
    const run = await collect({ command, env: { NAME: 'value' } });
    expect(run).toEqual({
      exitCode: 7,
      stdout: `two words||a"b|line\nbreak|value\n${process.cwd()}\n`,
      stderr: 'problem\n',
    });
  },
  TIMEOUT_MS,
);

test(
  'a forwarded port reaches a server inside that listens on 127.0.0.1 alone',
  async () => {
    const hostPort = 20_000 + (process.pid % 20_000);
    const server =
      "require('net').createServer((s) => { s.end('from inside'); setImmediate(() => process.exit(0)); })" +
      ".listen(5000, '127.0.0.1', () => console.log('listening'))";
    let answer: Promise<string> | undefined;
    const run = await collect({
      command: ['node', '-e', server],
      forwards: [{ hostPort, guestPort: 5000 }],
      onStdout: () => {
        answer ??= new Promise((resolve, reject) => {
          let text = '';
          const socket = createConnection(hostPort, '127.0.0.1');
          socket.on('data', (chunk: Buffer) => {
            text += chunk.toString();
          });
          socket.once('error', reject);
          socket.once('end', () => resolve(text));
        });
      },
    });
    expect(run.exitCode).toBe(0);
    expect(await answer).toBe('from inside');
  },
  TIMEOUT_MS,
);

test(
  'of two hosts side by side, each on a kernel of its own, one reaches a service of the other',
  async () => {
    const hostPort = 20_000 + (process.pid % 20_000);
    const server =
      "require('net').createServer((s) => { s.end(require('os').release()); setImmediate(() => process.exit(0)); })" +
      ".listen(5000, '0.0.0.0', () => console.log('listening'))";
    const client = `require('net').connect(${hostPort}, '${GATEWAY}').pipe(process.stdout)`;
    let other: ReturnType<typeof collect> | undefined;
    const served = await collect({
      command: ['node', '-e', server],
      forwards: [{ hostPort, guestPort: 5000 }],
      timeoutMs: 300_000, // the other's boot is in it
      onStdout: () => {
        other ??= collect({
          kernel: '6.12',
          command: ['sh', '-c', 'uname -r && exec node -e "$1"', 'sh', client],
        });
      },
    });
    expect(served.exitCode).toBe(0);
    expect((await other)?.stdout).toMatch(/^6\.12\.\S+\n6\.1\.\S+$/);
  },
  TIMEOUT_MS,
);

test(
  'a command that does not end is ended at the time limit, with status 124',
  async () => {
    const run = await collect({ command: ['sleep', '1000'], timeoutMs: 8_000 });
    expect(run.exitCode).toBe(124);
  },
  TIMEOUT_MS,
);
