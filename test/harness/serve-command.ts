// `vcpud serve` as a shell starts it, with whatever arguments and around it whatever command: for tests of its start,
// its end, and the sentences with which it does not start. vcpud-process.ts is for tests that want one to talk to.

import { spawn } from 'node:child_process';
import { VCPUD } from './programs.js';

export interface ServeCommand {
  /** The process's id: what `around` became where it ends in exec, as unshare and setpriv do. */
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  /** What it listens on, as soon as it says so; rejects, with what it said instead, where it ends before. */
  readonly listens: Promise<string>;
  /** The same of one that listens on several, in order. It says all of them at once. */
  readonly listensOnAll: Promise<readonly string[]>;
  /** Its exit status, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;
  kill(signal: NodeJS.Signals): void;
}

/** Runs `[around...] node vcpud [args...]`. */
export function runVcpud(args: readonly string[], around: readonly string[] = []): ServeCommand {
  const [program, ...rest] = [...around, process.execPath, VCPUD, ...args];
  const child = spawn(program as string, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  const exited = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal ?? -1));
  });
  const listensOnAll = new Promise<readonly string[]>((resolve, reject) => {
    child.stdout.on('data', (bytes: Buffer) => {
      said.stdout += bytes.toString();
      const targets = [...said.stdout.matchAll(/listens on (.*)\n/g)].map(([, target]) => target as string);
      if (targets.length > 0) resolve(targets);
    });
    void exited.then((status) => reject(new Error(`vcpud ended with ${status}: ${said.stderr}`)));
  });
  const listens = listensOnAll.then(([target]) => target as string);
  listens.catch(() => undefined); // those who start one that is to fail don't ask
  child.stderr.on('data', (bytes: Buffer) => {
    said.stderr += bytes.toString();
  });
  return {
    pid: child.pid ?? -1,
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    listens,
    listensOnAll,
    exited,
    kill: (signal) => void child.kill(signal),
  };
}
