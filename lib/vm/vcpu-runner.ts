// The main thread's side of a vCPU's thread: gives it the vCPU, lets it run, parks it, and gets one ioctl done on a vCPU
// that runs. Who may touch the vCPU: this side from 'parked' to run(), the thread at all other times.

import { KVM, KVM_RUN_LAYOUT, REGS_LAYOUT, requestName, SIZE } from '../kvm/abi.js';
import { KernelError } from '../os/kernel-error.js';
import { INTERRUPT_SIGNAL, ioctlErrno, tgkill, viewOf } from '../os/libc.js';
import { usualNice } from '../os/priority.js';
import {
  CONTROL_WORDS,
  monotonicMs,
  type ParkReason,
  type ThreadMessage,
  type ThreadStart,
  TIME,
  TIME_SLOTS,
  WANT,
  WORD,
  windowBytes,
} from './vcpu-thread-protocol.js';
import { VcpuThread } from './vcpu-threads.js';

/** Most exits of one access without a REP: eight bytes each, of no more than a 64-byte register on two pages. */
const MOST_ACCESS_PARTS = 16;

/**
 * How long, ms, the main thread gives way to kicked vCPUs before it looks again. One that has a CPU of its own is out
 * and back within the first of these. Where they share one CPU, each sleep is what lets the vCPU run at all.
 */
const GIVE_WAY_MS = [0.05, 0.1, 0.2, 0.4];
/** How often, ms, it looks at a vCPU that takes longer, from timers of the event loop. */
const LOOK_AGAIN_MS = 1;
/** One that took longer than a timer's tick the last time is looked for by a timer at once, after this long at most. */
const LONGEST_FIRST_LOOK_MS = 4;
/** How often it looks for the way back of a vCPU whose ioctl is done: a guest held up by its console reader stays out. */
const MOST_BACK_LOOKS = 4;

export interface RunnerEvents {
  /** The vCPU left the guest by itself: halted, or stopped for good. Not called for parks that park() asked for. */
  parkedByItself(reason: ParkReason): void;
  console(data: Uint8Array, time: number): void;
  /** The guest wrote to the serial port; it is in the PC devices' shared state. */
  serial(): void;
  /** The thread ended without having been told to: a bug, or memory ran out. */
  died(error: Error): void;
}

/** What a program gave: the ioctl's return value, and for how long it kept the vCPU from running, kick included. */
export interface ProgramResult {
  readonly value: number;
  readonly outMs: number;
}

interface Program {
  readonly request: number;
  /** Its number: WORD.programDone once it is done. */
  readonly number: number;
  /** By monotonicMs. */
  readonly kickedAt: number;
  /** How often it was found done while the vCPU was not back in the guest. */
  looks: number;
  readonly resolve: (result: ProgramResult) => void;
  readonly reject: (error: Error) => void;
}

/** A vCPU, and what its thread needs of its VM. */
export type VcpuToRun = Omit<ThreadStart, 'control' | 'times' | 'programBuffer' | 'nice'>;

export class VcpuRunner {
  /** The buffer of programs; read it in the same turn in which program() resolves. */
  readonly programBuffer: Uint8Array;
  private readonly thread: VcpuThread;
  private readonly control: Int32Array;
  private readonly times: Float64Array;
  private readonly run: Buffer;
  private readonly vcpuFd: number;
  private readonly events: RunnerEvents;
  private readonly directIoctl: (request: number, buffer: Uint8Array) => number;
  /** Resolves when the thread touches the vCPU no more. */
  private readonly over: Promise<void>;
  private parked = true;
  private quitting = false;
  private dead = false;
  private parkWaiters: Array<() => void> = [];
  private active: Program | undefined;
  private lastOutMs = 0;
  private accessPending = false;
  private entriesSeen = 0;
  private lastExitSeen = '';

  private constructor(
    thread: VcpuThread,
    start: VcpuToRun,
    programBytes: number,
    directIoctl: (request: number, buffer: Uint8Array) => number,
    events: RunnerEvents,
    ready: (error?: Error) => void,
  ) {
    const shared: ThreadStart = {
      ...start,
      control: new SharedArrayBuffer(4 * CONTROL_WORDS),
      times: new SharedArrayBuffer(8 * TIME_SLOTS),
      programBuffer: new SharedArrayBuffer(programBytes),
      nice: usualNice(),
    };
    this.thread = thread;
    this.control = new Int32Array(shared.control);
    this.times = new Float64Array(shared.times);
    this.programBuffer = new Uint8Array(shared.programBuffer);
    this.run = viewOf(start.runAddress, start.runLength);
    this.vcpuFd = start.vcpuFd;
    this.directIoctl = directIoctl;
    this.events = events;
    this.over = new Promise((resolve) => {
      thread.begin(shared, {
        take: (message) => {
          if (this.quitting) return;
          if (message.kind === 'parked' && message.entries === 0 && this.parked) ready();
          else this.take(message);
        },
        over: (error) => {
          resolve();
          if (error === undefined) return;
          ready(error);
          if (!this.quitting) this.die(error);
        },
      });
    });
  }

  /** Gives a vCPU to a thread; resolves when it is parked there and ready. Throws EMFILE. */
  static async start(
    start: VcpuToRun,
    programBytes: number,
    directIoctl: (request: number, buffer: Uint8Array) => number,
    events: RunnerEvents,
  ): Promise<VcpuRunner> {
    const thread = await VcpuThread.take();
    return new Promise((resolve, reject) => {
      const runner = new VcpuRunner(thread, start, programBytes, directIoctl, events, (error) => {
        if (error === undefined) resolve(runner);
        else reject(error);
      });
    });
  }

  get isParked(): boolean {
    return this.parked;
  }

  /** Entries into KVM_RUN, and the last exit that wasn't a kick, as of the last park. */
  get entries(): number {
    return this.entriesSeen;
  }

  get lastExit(): string {
    return this.lastExitSeen;
  }

  /** Lets a parked vCPU run. */
  resume(): void {
    if (this.quitting) return;
    if (!this.parked || this.dead) throw new Error('resume needs a parked vCPU');
    this.parked = false;
    this.command(WORD.want, WANT.run);
    Atomics.notify(this.control, WORD.want);
  }

  /** Brings the vCPU out of the guest, with pending I/O completed; resolves when it is parked. */
  async park(): Promise<void> {
    // kvm_run is unmapped once the thread is another's: it must not be kicked then.
    if (this.quitting) return this.over;
    if (this.parked || this.dead) return;
    const parked = new Promise<void>((resolve) => this.parkWaiters.push(resolve));
    // The thread may be parking by itself this very moment; then the command says what it does anyway.
    this.command(WORD.want, WANT.park);
    this.kick();
    await parked;
  }

  /**
   * Does one ioctl with programBuffer on the vCPU, whether it runs or not. A running one leaves the guest, does it
   * in its own thread and goes on at once. One program at a time: the caller sees to that.
   */
  async program(request: number): Promise<ProgramResult> {
    if (this.quitting) throw new Error('the vCPU is going away');
    if (this.active !== undefined) throw new Error('a program is under way on this vCPU');
    if (this.parked) return { value: this.directIoctl(request, this.programBuffer), outMs: 0 };
    return new Promise((resolve, reject) => {
      const number = (Atomics.load(this.control, WORD.programAsked) + 1) | 0;
      this.active = { request, number, kickedAt: monotonicMs(), looks: 0, resolve, reject };
      Atomics.store(this.control, WORD.programRequest, request | 0);
      this.command(WORD.programAsked, number);
      this.kick();
      awaitBack(this);
    });
  }

  /**
   * Ends what the exit that stopped a parked vCPU left half done: the second half of an IN, an OUT or an MMIO access.
   * For a vCPU that is about to be given another state, on top of which the kernel would do it at the next KVM_RUN.
   * The registers are of no meaning afterwards.
   */
  dropPendingAccess(): void {
    if (!this.parked || this.quitting) throw new Error('only a parked vCPU has an access to drop');
    // Not without need: KVM_RUN on another thread than before waits for an RCU grace period, milliseconds.
    if (!this.accessPending) return;
    this.accessPending = false;
    Atomics.store(this.run, KVM_RUN_LAYOUT.immediateExit, 1);
    // An answer of 0 is a further part of the same access, or the next round of a REP.
    for (let parts = 1; ioctlErrno(this.vcpuFd, KVM.RUN) === 0; parts += 1) {
      if (parts === MOST_ACCESS_PARTS) this.endRepetition();
      else if (parts > 2 * MOST_ACCESS_PARTS)
        throw new Error('an access of the vCPU does not come to its end');
    }
  }

  /** RCX to 0: a REP ends there. */
  private endRepetition(): void {
    const regs = Buffer.alloc(SIZE.regs);
    this.directIoctl(KVM.GET_REGS, regs);
    regs.writeBigUInt64LE(0n, REGS_LAYOUT.rcx);
    this.directIoctl(KVM.SET_REGS, regs);
  }

  /** Takes the vCPU from the thread; resolves when nothing touches it or its mappings any more. */
  async quit(): Promise<void> {
    if (!this.quitting) {
      this.quitting = true;
      this.active?.reject(new Error('the vCPU is going away'));
      this.active = undefined;
      this.command(WORD.want, WANT.quit);
      Atomics.notify(this.control, WORD.want);
      if (!this.dead) this.kick();
    }
    await this.over;
    for (const waiter of this.parkWaiters.splice(0)) waiter();
  }

  private command(word: number, value: number): void {
    Atomics.store(this.control, word, value);
    Atomics.add(this.control, WORD.commands, 1);
    Atomics.notify(this.control, WORD.commands);
  }

  /** Wakes a thread that waits for its output to be taken. */
  outputTaken(): void {
    Atomics.add(this.control, WORD.commands, 1);
    Atomics.notify(this.control, WORD.commands);
  }

  private kick(): void {
    // Before the signal: whoever enters KVM_RUN after this store comes back at once (KVM_CAP_IMMEDIATE_EXIT).
    Atomics.store(this.run, KVM_RUN_LAYOUT.immediateExit, 1);
    try {
      tgkill(this.thread.tid, INTERRUPT_SIGNAL);
    } catch (error) {
      // The thread is gone; its exit is on its way to us.
      if (!(error instanceof KernelError && error.code === 'ESRCH')) throw error;
    }
  }

  private take(message: ThreadMessage): void {
    switch (message.kind) {
      case 'console':
        Atomics.add(this.control, WORD.consoleTaken, windowBytes(message.data.length));
        this.outputTaken();
        this.events.console(message.data, message.time);
        return;
      case 'parked':
        this.parked = true;
        this.accessPending = message.accessPending;
        this.entriesSeen = message.entries;
        this.lastExitSeen = message.lastExit;
        this.finishProgramDirectly();
        for (const waiter of this.parkWaiters.splice(0)) waiter();
        if (message.reason.kind !== 'asked') this.events.parkedByItself(message.reason);
        return;
      case 'serial':
        this.events.serial();
        return;
      case 'ready':
      case 'free':
        return; // the thread's own
    }
  }

  /** For how long the vCPU will be out for a program, as far as the last one tells; ms. */
  get expectedOutMs(): number {
    return this.lastOutMs;
  }

  /** Ends the program under way if it is done and the vCPU back in the guest, or as good as; gives whether none is left. */
  finishProgram(): boolean {
    const program = this.active;
    if (program === undefined) return true;
    if (Atomics.load(this.control, WORD.programDone) !== program.number) return false;
    const backAt = this.times[TIME.backAt] ?? 0;
    if (backAt < program.kickedAt && program.looks++ < MOST_BACK_LOOKS) return false;
    this.active = undefined;
    const errno = Atomics.load(this.control, WORD.programErrno);
    if (errno !== 0) {
      program.reject(new KernelError(requestName(program.request), errno));
    } else {
      this.lastOutMs = (backAt < program.kickedAt ? monotonicMs() : backAt) - program.kickedAt;
      program.resolve({ value: Atomics.load(this.control, WORD.programValue), outMs: this.lastOutMs });
    }
    return true;
  }

  /** A vCPU that parked by itself before it saw the program: it is this side's now, so the ioctl is done here. */
  private finishProgramDirectly(): void {
    const program = this.active;
    if (program === undefined) return;
    this.active = undefined;
    Atomics.store(this.control, WORD.programDone, Atomics.load(this.control, WORD.programAsked));
    try {
      program.resolve({ value: this.directIoctl(program.request, this.programBuffer), outMs: 0 });
    } catch (error) {
      program.reject(error as Error);
    }
  }

  private die(error: Error): void {
    if (this.dead) return;
    this.dead = true;
    this.parked = true;
    this.active?.reject(error);
    this.active = undefined;
    for (const waiter of this.parkWaiters.splice(0)) waiter();
    if (!this.quitting) this.events.died(error);
  }
}

let kicked: VcpuRunner[] = [];
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/**
 * Sees to it that a kicked vCPU's program is ended when it is done. The vCPU's thread says nothing: a message would
 * wake this thread, which on a host with few CPUs takes the CPU from the vCPU before it is back in the guest, and the
 * guest would stand still for three times as long (measured with one CPU). All that are kicked in one turn are
 * waited for together.
 */
function awaitBack(runner: VcpuRunner): void {
  kicked.push(runner);
  if (kicked.length === 1) process.nextTick(giveWay);
}

function giveWay(): void {
  let out = kicked;
  kicked = [];
  const expected = Math.max(...out.map(({ expectedOutMs }) => expectedOutMs));
  if (expected >= LOOK_AGAIN_MS) {
    setTimeout(lookAgain, Math.min(expected, LONGEST_FIRST_LOOK_MS), out);
    return;
  }
  for (const ms of GIVE_WAY_MS) {
    out = out.filter((runner) => !runner.finishProgram());
    if (out.length === 0) return;
    Atomics.wait(sleeper, 0, 0, ms);
  }
  lookAgain(out);
}

function lookAgain(runners: VcpuRunner[]): void {
  const out = runners.filter((runner) => !runner.finishProgram());
  if (out.length > 0) setTimeout(lookAgain, LOOK_AGAIN_MS, out);
}
