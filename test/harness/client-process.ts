// Starts lone-client.ts, a client of its own process, and kills it: what vcpud sees of a client that crashes.

import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What it does, until it is killed. */
export type LoneTask =
  /** Gives the vCPU these states (base64) in turn, eight calls at a time. */
  | { readonly kind: 'set-nested-state'; readonly name: string; readonly states: readonly string[] }
  /** Writes MiB after MiB to GPA 0. */
  | { readonly kind: 'write-memory'; readonly name: string }
  /** Asks for so much memory, takes one chunk and no more. */
  | { readonly kind: 'read-memory'; readonly name: string; readonly sizeBytes: number }
  /** Watches the VM, takes one event and no more. */
  | { readonly kind: 'watch-vm'; readonly name: string };

export interface ClientProcess {
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
}

const FOLDER = dirname(fileURLToPath(import.meta.url));
/** In dist, from dist itself or from the sources (vitest runs those). */
const PROGRAM = FOLDER.includes('/dist/')
  ? join(FOLDER, 'lone-client.js')
  : join(FOLDER, '../../dist/test/harness/lone-client.js');

/** Starts one; resolves when its task is well under way. */
export async function startLoneClient(target: string, task: LoneTask): Promise<ClientProcess> {
  const child = spawn(process.execPath, [PROGRAM, target, JSON.stringify(task)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let complaints = '';
  child.stderr.on('data', (bytes: Buffer) => {
    complaints += bytes.toString();
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    void exited.then(() => reject(new Error(`the client ended: ${complaints}`)));
  });
  return {
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
