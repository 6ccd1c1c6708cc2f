// vcpuctl as a shell starts it: the built program, a process of its own, for tests of what it does when it is signalled
// or killed.

import { type ChildProcess, spawn } from 'node:child_process';
import { VCPUCTL } from './programs.js';

export interface VcpuctlOutcome {
  readonly status: number | NodeJS.Signals;
  readonly out: string;
  readonly err: string;
}

export interface VcpuctlProcess {
  readonly child: ChildProcess;
  /** When it has ended and all that it wrote is read. */
  readonly outcome: Promise<VcpuctlOutcome>;
}

/** Starts one, with environment variables beside this process's own. */
export function startVcpuctl(
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): VcpuctlProcess {
  const env = { ...process.env, ...variables };
  const child = spawn(process.execPath, [VCPUCTL, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  const outcome = new Promise<VcpuctlOutcome>((resolve) => {
    child.once('close', (code, signal) => resolve({ status: code ?? signal ?? -1, out, err }));
  });
  return { child, outcome };
}
