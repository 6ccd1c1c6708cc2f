// Boots an emulated host, runs one command in it and ends it. The function that the demo, the test runner
// and the bench call; main.ts is its command line.
//
// The command finds the checkout and Node at their paths; what it writes is gone afterwards. Only its output and
// its exit status come back. It runs as root. What else the host has: emulator.ts (all of this machine's files),
// bochs.ts (busybox and the service's build).

import { homedir } from 'node:os';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { BOCHS_POWERED_OFF, startIntelHost } from './bochs.js';
import { cacheFolder } from './cache.js';
import { CONTROL, type Emulator, type Forward, type HostSettings } from './emulator.js';
import type { Kernel } from './kernel.js';
import { TestbedProblem, TIMED_OUT } from './problem.js';
import { type Progress, secondsSince, silent, whileReporting } from './progress.js';
import { startAmdHost } from './qemu.js';

export { type Forward, GATEWAY } from './emulator.js';
export { TestbedProblem } from './problem.js';

/** Takes output as it comes. Output stops flowing while a returned promise is pending. */
export type OutputSink = (chunk: Buffer) => void | Promise<void>;

export type Vendor = 'amd' | 'intel';

export interface TestbedRun {
  readonly cpu: Vendor;
  /** The host's. The Intel host has the default alone. */
  readonly kernel: Kernel;
  /** The parameter of kvm-amd or kvm-intel; without it KVM_CAP_NESTED_STATE is 0. */
  readonly nested: boolean;
  /** A number and M or G, such as '3G'. */
  readonly memory: string;
  readonly forwards: readonly Forward[];
  /** Added to the emulated host's own PATH, HOME, LANG and VCPUD_CACHE; nothing else is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** argv, run without a shell. */
  readonly command: readonly string[];
  readonly onStdout: OutputSink;
  readonly onStderr: OutputSink;
  /** From the emulator's start, so that a first run's downloads don't count. */
  readonly timeoutMs: number;
  readonly progress: Progress;
  /** Ends the host at once; the call then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What a caller seldom changes. */
export const DEFAULTS = {
  cpu: 'amd',
  kernel: '6.1',
  nested: true,
  memory: '3G',
  forwards: [],
  env: {},
  timeoutMs: 3_600_000,
  progress: silent,
} as const satisfies Partial<TestbedRun>;

export interface TestbedResult {
  /** The command's own; 128 + n when signal n ended it; 124 when the time limit did. */
  readonly exitCode: number;
  /** From the emulator's start to the command's. */
  readonly bootMs: number;
}

interface Host {
  readonly name: string;
  readonly emulator: string;
  /** Far beyond any boot: a guard against what hangs. */
  readonly bootLimitMs: number;
  /** Fills the cache first. */
  readonly start: (settings: HostSettings, progress: Progress) => Promise<Emulator>;
}

const HOSTS: Readonly<Record<Vendor, Host>> = {
  amd: { name: 'AMD', emulator: 'QEMU', bootLimitMs: 120_000, start: startAmdHost },
  intel: { name: 'Intel', emulator: 'Bochs', bootLimitMs: 600_000, start: startIntelHost },
};

/** Runs `run.command` in an emulated host. Rejects with a TestbedProblem when the host itself fails. */
export async function runInTestbed(run: TestbedRun): Promise<TestbedResult> {
  const host = HOSTS[run.cpu];
  const environment = new Map([
    ['PATH', `${dirname(process.execPath)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`],
    ['HOME', homedir()],
    ['LANG', 'C.UTF-8'],
    ['VCPUD_CACHE', cacheFolder()],
    ...Object.entries(run.env),
  ]);
  return await drive(run, host, await host.start({ ...run, environment }, run.progress));
}

/** Follows a started emulator until the command ends, then ends the emulator. */
async function drive(run: TestbedRun, host: Host, emulator: Emulator): Promise<TestbedResult> {
  const start = performance.now();
  const kernelLog = new KernelLog(emulator.console, run.progress);
  const complaints = new Tail(emulator.complaints);
  const outputs = Promise.all([
    forward(emulator.stdout, run.onStdout),
    forward(emulator.stderr, run.onStderr),
  ]);
  const control = new ControlPort(emulator.control);
  const closed = new Promise<void>((resolve) => emulator.process.once('close', () => resolve()));
  const broken = new Promise<never>((_, reject) => {
    emulator.process.once('exit', (code, signal) => {
      // The last lines may still be on their way.
      void closed.then(() => reject(died(host, signal ?? `status ${code}`, complaints.text, kernelLog.text)));
    });
    const abort = () => reject(run.signal?.reason);
    if (run.signal?.aborted === true) abort();
    run.signal?.addEventListener('abort', abort, { once: true });
    outputs.catch(reject);
  });
  broken.catch(() => {}); // it also rejects when the emulator is ended below

  const timers: NodeJS.Timeout[] = [];
  const after = <T>(ms: number, value: T) =>
    new Promise<T>((resolve) => timers.push(setTimeout(resolve, ms, value)));
  const outOfTime = after(run.timeoutMs, 'out of time' as const);
  try {
    run.progress(`booting the emulated ${host.name} host`);
    const booting = Promise.race([
      control.started,
      broken,
      outOfTime,
      after(host.bootLimitMs, 'too slow' as const),
    ]);
    const booted = await whileReporting(
      run.progress,
      () => `still booting after ${secondsSince(start)}`,
      booting,
    );
    if (booted === 'too slow') {
      throw new TestbedProblem(
        `The emulated host did not boot within ${host.bootLimitMs / 1000} s; look at its console above and at what else this machine is doing.`,
        kernelLog.text,
      );
    }
    const bootMs = performance.now() - start;
    if (booted === 'started') run.progress(`booted in ${secondsSince(start)}`);
    const commandStart = performance.now();
    const ended = await Promise.race([control.exited, broken, outOfTime]);
    if (ended === 'out of time') {
      if (kernelLog.inTrouble) run.progress(`the emulated host's console ends with\n${kernelLog.text}`);
      run.progress(`time limit of ${run.timeoutMs / 1000} s reached`);
      return { exitCode: TIMED_OUT, bootMs };
    }
    run.progress(`command ended in ${secondsSince(commandStart)} with status ${ended}`);
    return { exitCode: ended, bootMs };
  } finally {
    for (const timer of timers) clearTimeout(timer);
    emulator.process.kill('SIGKILL');
    await closed;
    await outputs;
  }
}

/** Reasons for an emulator's end that have a sentence of their own. */
const DEATHS: readonly { readonly said: RegExp; readonly sentence: (match: string) => string }[] = [
  {
    said: /Kernel panic.*/,
    sentence: (match) => `The emulated host's kernel died (${match}); its console is above.`,
  },
  {
    said: /(?<=host forwarding rule 'tcp:127\.0\.0\.1:)\d+/,
    sentence: (match) => `Port ${match} of 127.0.0.1 cannot be listened on; forward another one.`,
  },
];

function died(host: Host, how: string, complaints: string, kernelLog: string): TestbedProblem {
  for (const { said, sentence } of DEATHS) {
    const match = said.exec(`${complaints}\n${kernelLog}`)?.[0];
    if (match !== undefined) return new TestbedProblem(sentence(match.trim()), kernelLog);
  }
  if (how === 'status 0' || complaints.includes(BOCHS_POWERED_OFF)) {
    return new TestbedProblem('The emulated host powered off before the command ended.', kernelLog);
  }
  const said = complaints.trim().split('\n').at(-1) || 'it said nothing';
  return new TestbedProblem(`${host.emulator} ended by itself (${how}): ${said}`, kernelLog);
}

/** Hands everything to the sink, one chunk after the other, to the end of the stream. */
async function forward(from: Readable, sink: OutputSink): Promise<void> {
  for await (const chunk of from) await sink(chunk);
}

/** The last part of a stream's text. */
class Tail {
  text = '';

  constructor(stream: Readable) {
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => this.add(chunk));
  }

  protected add(chunk: string): void {
    this.text = (this.text + chunk).slice(-TAIL_CHARACTERS);
  }
}

const TAIL_CHARACTERS = 8_000;
const TROUBLE = /Kernel panic|soft lockup|BUG:|Oops|rcu_.* detected|hung task|Out of memory/;

/** The serial console: kept for failures, and lines that mean trouble told at once. */
class KernelLog extends Tail {
  inTrouble = false;
  readonly #progress: Progress;
  #line = '';

  constructor(stream: Readable, progress: Progress) {
    super(stream);
    this.#progress = progress;
  }

  protected override add(chunk: string): void {
    super.add(chunk);
    const lines = (this.#line + chunk).split('\n');
    this.#line = lines.pop() ?? '';
    for (const line of lines) {
      if (!TROUBLE.test(line)) continue;
      this.inTrouble = true;
      this.#progress(`the emulated host's kernel says: ${line.trim()}`);
    }
  }
}

/** The lines of CONTROL. */
class ControlPort {
  readonly started: Promise<'started'>;
  readonly exited: Promise<number>;

  constructor(stream: Readable) {
    const lines = createInterface({ input: stream });
    this.started = new Promise((resolve) =>
      lines.on('line', (line) => {
        if (line === CONTROL.started) resolve('started');
      }),
    );
    this.exited = new Promise((resolve) =>
      lines.on('line', (line) => {
        const [word, status] = line.split(' ');
        if (word === CONTROL.exited) resolve(Number(status));
      }),
    );
  }
}
