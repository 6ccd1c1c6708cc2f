// A vcpud of its own process, on a socket of its own: what the demo, the tests on real kernels and the bench speak to.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VcpudClient } from '../../lib/api/client.js';
import { VCPUD } from './programs.js';

/** Long enough for an emulated host. */
const START_TIMEOUT_MS = 240_000;
const CALL_TIMEOUT_MS = 300_000;

export interface VcpudProcess {
  readonly pid: number;
  /** As a client takes it: unix:/path or host:port. */
  readonly target: string;
  readonly socketPath: string;
  /** The same as a --listen has it, and another vcpud is told it: unix:///path. */
  readonly endpoint: string;
  /** tcp://127.0.0.1:PORT, of a --listen tcp://127.0.0.1:0: from there memory is streamed, as from another host. */
  readonly tcpEndpoint: string | undefined;
  readonly client: VcpudClient;
  /** What it wrote to stderr: its log. */
  log(): string;
  /** A further client, on a connection of its own; closed by stop(). */
  connect(): VcpudClient;
  /** Resolves with the exit status, or the signal's name. */
  readonly exited: Promise<number | NodeJS.Signals>;
  /** SIGTERM; resolves with the exit status when it has ended. */
  stop(): Promise<number | NodeJS.Signals>;
  /** Any signal. */
  kill(signal: NodeJS.Signals): void;
}

/** Starts a vcpud; resolves when it says that it listens. Rejects with what it wrote where it doesn't. */
export async function startVcpud(
  extraArguments: readonly string[] = [],
  nodeArguments: readonly string[] = [],
): Promise<VcpudProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'vcpud-'));
  const socketPath = join(folder, 'vcpud.sock');
  const endpoint = `unix://${socketPath}`;
  const args = [...nodeArguments, VCPUD, 'serve', '--listen', endpoint, ...extraArguments];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => {
    log += chunk.toString();
  });
  const exited = exitOf(child).finally(() => rmSync(folder, { recursive: true, force: true }));
  const said = await listening(child, exited, () => log);
  const tcp = /listens on (127\.0\.0\.1:\d+)\n/.exec(said)?.[1];
  const target = `unix:${socketPath}`;
  const clients: VcpudClient[] = [];
  const connect = () => {
    const client = new VcpudClient(target, { timeoutMs: CALL_TIMEOUT_MS });
    clients.push(client);
    return client;
  };
  return {
    pid: child.pid as number,
    target,
    socketPath,
    endpoint,
    tcpEndpoint: tcp === undefined ? undefined : `tcp://${tcp}`,
    client: connect(),
    log: () => log,
    connect,
    exited,
    stop: async () => {
      for (const client of clients.splice(0)) client.close();
      child.kill('SIGTERM');
      return exited;
    },
    kill: (signal) => void child.kill(signal),
  };
}

function exitOf(child: ChildProcess): Promise<number | NodeJS.Signals> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal ?? -1));
  });
}

/** Resolves with what it says: on what it listens. */
function listening(child: ChildProcess, exited: Promise<unknown>, log: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    const timer = setTimeout(
      () => reject(new Error(`vcpud did not listen in time: ${log()}`)),
      START_TIMEOUT_MS,
    );
    child.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (!said.includes('listens on')) return;
      clearTimeout(timer);
      resolve(said);
    });
    void exited.then((status) => {
      clearTimeout(timer);
      reject(new Error(`vcpud ended with ${status}: ${log()}`));
    });
  });
}
