// examples/python/migrate.py as its users run it: a process of its own, with stubs made of the protos at hand.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkoutRoot } from '../testbed/checkout.js';
import { type Python, pythonWithStubs } from '../testbed/python.js';

export interface Ended {
  readonly status: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

export class PythonClient {
  private readonly python: Python;
  private readonly stubs: string;
  private readonly script: string;

  private constructor(python: Python, stubs: string, script: string) {
    this.python = python;
    this.stubs = stubs;
    this.script = script;
  }

  /** Fetches Python where the cache has none; says on stderr what it does. close() deletes the stubs. */
  static async prepare(): Promise<PythonClient> {
    const root = await checkoutRoot();
    const stubs = mkdtempSync(join(tmpdir(), 'vcpud-stubs-'));
    const progress = (line: string) => void process.stderr.write(`${line}\n`);
    const python = await pythonWithStubs(join(root, 'protos'), stubs, progress);
    return new PythonClient(python, stubs, join(root, 'examples/python/migrate.py'));
  }

  /** Runs it with these arguments, to its end. */
  run(...args: readonly string[]): Promise<Ended> {
    const [program, ...before] = this.python.program;
    const child = spawn(program, [...before, this.script, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...this.python.environment },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve({ status: code ?? signal ?? -1, stdout, stderr }));
    });
  }

  close(): void {
    rmSync(this.stubs, { recursive: true, force: true });
  }
}
