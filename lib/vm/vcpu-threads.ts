// The OS threads that vCPUs run in. A thread outlives its vCPU for a while: the start of one takes as long as all else of
// making a VM together, and a guest that is moved to and fro has its next vCPU here soon.

import { Worker } from 'node:worker_threads';
import { requireDescriptors } from '../os/descriptors.js';
import type { ThreadMessage, ThreadStart } from './vcpu-thread-protocol.js';

/** Heap bounds of a vCPU's thread, in MiB: it holds a few buffers and no data of its own. */
const THREAD_LIMITS = {
  maxOldGenerationSizeMb: 24,
  maxYoungGenerationSizeMb: 2,
  codeRangeSizeMb: 8,
  stackSizeMb: 1,
};

/** Descriptors that a worker thread needs while it starts (its event loop's, and one to read its program), and some over. */
const DESCRIPTORS_OF_A_THREAD = 12;

/** So many threads without a vCPU are kept, at some 8 MiB each, and each for so long. */
const MOST_SPARE = 8;
const SPARE_MS = 60_000;

/** Whose vCPU a thread runs. */
export interface ThreadUser {
  /** What the thread says of the vCPU; "ready" and "free" are not among it. */
  take(message: ThreadMessage): void;
  /** The thread touches the vCPU no more: it is free, or it is gone, by an error where there is one. */
  over(error: Error | undefined): void;
}

export class VcpuThread {
  readonly tid: number;
  private readonly worker: Worker;
  private user: ThreadUser | undefined;
  private expiry: NodeJS.Timeout | undefined;

  private constructor(worker: Worker, tid: number) {
    this.worker = worker;
    this.tid = tid;
    worker.on('message', (message: ThreadMessage) => {
      if (message.kind !== 'free') return this.user?.take(message);
      const { user } = this;
      this.beSpare();
      user?.over(undefined);
    });
    worker.once('error', (error: Error) => this.end(error));
    worker.once('exit', () => this.end(new Error('the vCPU thread ended by itself')));
  }

  /** A spare thread, or a new one; resolves when it can be given a vCPU. Throws EMFILE. */
  static async take(): Promise<VcpuThread> {
    const spare = spares.pop();
    if (spare === undefined) return VcpuThread.create();
    clearTimeout(spare.expiry);
    spare.worker.ref();
    return spare;
  }

  private static async create(): Promise<VcpuThread> {
    requireDescriptors(DESCRIPTORS_OF_A_THREAD);
    const worker = new Worker(new URL('./vcpu-thread.js', import.meta.url), {
      resourceLimits: THREAD_LIMITS,
      stdin: false,
      env: {},
      execArgv: [],
    });
    const tid = await new Promise<number>((resolve, reject) => {
      worker.once('message', (message: ThreadMessage) => {
        if (message.kind === 'ready') resolve(message.tid);
      });
      worker.once('error', reject);
      worker.once('exit', () => reject(new Error('the vCPU thread ended as it began')));
    });
    return new VcpuThread(worker, tid);
  }

  /** Has it run a vCPU. */
  begin(start: ThreadStart, user: ThreadUser): void {
    this.user = user;
    this.worker.postMessage(start);
  }

  /** Waits for another vCPU, for a while, or ends where enough others do. */
  private beSpare(): void {
    this.user = undefined;
    if (spares.length >= MOST_SPARE) return void this.worker.terminate();
    this.worker.unref();
    this.expiry = setTimeout(() => {
      this.leaveSpares(); // at once: it takes a moment to end
      void this.worker.terminate();
    }, SPARE_MS).unref();
    spares.push(this);
  }

  private end(error: Error): void {
    clearTimeout(this.expiry);
    this.leaveSpares();
    const former = this.user;
    this.user = undefined;
    former?.over(error);
  }

  private leaveSpares(): void {
    const at = spares.indexOf(this);
    if (at >= 0) spares.splice(at, 1);
  }
}

/** The one that was used last is taken first. */
const spares: VcpuThread[] = [];
