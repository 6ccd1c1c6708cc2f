// A vCPU's OS thread: a worker that does KVM_RUN and nothing else while the guest runs, serves the exits that a guest may
// cause, and parks when it is told to. One vCPU at a time: when that is gone, the thread can be another's. Started by
// vcpu-threads.ts; speaks vcpu-thread-protocol.
//
// Between 'parked' and the next WANT.run the main thread owns the vCPU and may do ioctls on it; at all other
// times this thread does. KVM_RUN holds the vCPU's mutex, so there is no third way.

import { parentPort } from 'node:worker_threads';
import { EXIT, exitName, INTERNAL_ERROR_NAMES, KVM, KVM_RUN_LAYOUT as RUN } from '../kvm/abi.js';
import { KernelError } from '../os/kernel-error.js';
import { gettid, ioctlBuffer, ioctlErrno, viewOf } from '../os/libc.js';
import { beNice } from '../os/priority.js';
import { irqLine } from './pc/irq-line.js';
import { PcBus, SERIAL_IRQ } from './pc/pc-bus.js';
import { PC_WORD, PcShared, SEND_WINDOW_BYTES } from './pc/shared-state.js';
import {
  CONSOLE_WINDOW_BYTES,
  monotonicMs,
  type ParkReason,
  type ThreadMessage,
  type ThreadStart,
  TIME,
  WANT,
  WORD,
  windowBytes,
} from './vcpu-thread-protocol.js';

const DEBUG_CONSOLE_PORT = 0xe9;
const CONSOLE_FLUSH_BYTES = 4096;
const NEWLINE = 0x0a;
const EINTR = -4;
const EAGAIN = -11;

function say(message: ThreadMessage): void {
  parentPort?.postMessage(message);
}

/** One vCPU, as long as this thread is its. */
class VcpuLoop {
  private readonly start: ThreadStart;
  private readonly control: Int32Array;
  private readonly times: Float64Array;
  private readonly program: Uint8Array;
  private readonly run: Buffer;
  private readonly pcShared: PcShared | undefined;
  private readonly pc: PcBus | undefined;
  private entries = 0;
  private lastExit = '';
  /** Whether the last exit has a second half that the next KVM_RUN does: an IN or OUT, an MMIO access. */
  private completionPending = false;
  /** Whether the way back into the guest after a program has still to be stamped. */
  private outForProgram = false;
  private readonly consoleBuffer = Buffer.allocUnsafeSlow(CONSOLE_FLUSH_BYTES);
  private consoleLength = 0;
  private consoleSent = 0;

  constructor(start: ThreadStart) {
    this.start = start;
    this.control = new Int32Array(start.control);
    this.times = new Float64Array(start.times);
    this.program = new Uint8Array(start.programBuffer);
    this.run = viewOf(start.runAddress, start.runLength);
    this.pcShared = start.pc === undefined ? undefined : new PcShared(start.pc);
    this.pc = this.pcShared === undefined ? undefined : this.pcBus(this.pcShared);
  }

  private flushConsole(): void {
    if (this.consoleLength === 0) return;
    const data = new Uint8Array(this.consoleBuffer.subarray(0, this.consoleLength));
    this.consoleSent = (this.consoleSent + windowBytes(this.consoleLength)) | 0;
    this.consoleLength = 0;
    say({ kind: 'console', data, time: performance.timeOrigin + performance.now() });
  }

  private takeConsole(bytes: Buffer): void {
    for (let taken = 0; taken < bytes.length; ) {
      const part = bytes.subarray(taken, taken + CONSOLE_FLUSH_BYTES - this.consoleLength);
      part.copy(this.consoleBuffer, this.consoleLength);
      this.consoleLength += part.length;
      taken += part.length;
      if (this.consoleLength === CONSOLE_FLUSH_BYTES) this.flushConsole();
    }
    if (bytes[bytes.length - 1] === NEWLINE) this.flushConsole();
  }

  /** The PC devices, as this thread serves them. */
  private pcBus(shared: PcShared): PcBus {
    return new PcBus(shared, {
      setIrq: irqLine(SERIAL_IRQ, (request, line) => ioctlBuffer(this.start.vmFd, request, line)),
      output: () => {
        if (Atomics.exchange(shared.words, PC_WORD.told, 1) === 0) say({ kind: 'serial' });
      },
    });
  }

  /** A guest that writes faster than anyone takes waits here, as at a slow terminal; commands still come through. */
  private waitForConsoleReader(): void {
    for (;;) {
      const seen = Atomics.load(this.control, WORD.commands);
      const outstanding = (this.consoleSent - Atomics.load(this.control, WORD.consoleTaken)) >>> 0;
      const serial = this.pcShared?.sentBytes ?? 0;
      const caughtUp = outstanding <= CONSOLE_WINDOW_BYTES && serial <= SEND_WINDOW_BYTES;
      if (caughtUp || this.commandWaiting()) return;
      Atomics.wait(this.control, WORD.commands, seen);
    }
  }

  private commandWaiting(): boolean {
    return (
      Atomics.load(this.control, WORD.want) !== WANT.run ||
      Atomics.load(this.control, WORD.programAsked) !== Atomics.load(this.control, WORD.programDone)
    );
  }

  /** I/O: serves the debug console; gives why the vCPU must stop where it is anything else. */
  private serveIo(): ParkReason | undefined {
    const port = this.run.readUInt16LE(RUN.ioPort);
    const out = this.run[RUN.ioDirection] === 1;
    const size = this.run.readUInt8(RUN.ioSize);
    const count = this.run.readUInt32LE(RUN.ioCount);
    this.completionPending = true;
    const offset = Number(this.run.readBigUInt64LE(RUN.ioDataOffset));
    if (port !== DEBUG_CONSOLE_PORT || size !== 1) {
      if (this.pc !== undefined) {
        const data = this.run.subarray(offset, offset + size * count);
        if (!out) this.pc.in(port, size, data);
        else if (this.pc.out(port, size, data)) return this.stopped('RESET', 'the guest asked for a reset');
        return undefined;
      }
      const what = `${out ? 'OUT to' : 'IN from'} port 0x${port.toString(16)}, ${size} bytes`;
      return { kind: 'stopped', stop: 'UNSUPPORTED_EXIT', exit: 'IO', message: `unserved I/O: ${what}` };
    }
    const data = this.run.subarray(offset, offset + count);
    // Reading the port answers its own number: the sign by which guests know that the console is there.
    if (out) this.takeConsole(data);
    else data.fill(DEBUG_CONSOLE_PORT);
    return undefined;
  }

  private stopped(
    stop: 'RESET' | 'SHUTDOWN' | 'ENTRY_FAILED' | 'INTERNAL_ERROR' | 'UNSUPPORTED_EXIT',
    message: string,
  ): ParkReason {
    return { kind: 'stopped', stop, exit: this.lastExit, message };
  }

  /** Serves one exit. Gives why the vCPU must stop, or nothing where it may go on. */
  private serveExit(): ParkReason | undefined {
    const reason = this.run.readUInt32LE(RUN.exitReason);
    this.lastExit = exitName(reason);
    switch (reason) {
      case EXIT.IO:
        return this.serveIo();
      case EXIT.HLT:
        return { kind: 'halted' };
      case EXIT.INTR:
      case EXIT.IRQ_WINDOW_OPEN:
        return undefined;
      case EXIT.SHUTDOWN:
        return this.stopped('SHUTDOWN', 'the vCPU shut down: a triple fault');
      case EXIT.SYSTEM_EVENT:
        return this.stopped(
          'SHUTDOWN',
          `the guest asked for system event ${this.run.readUInt32LE(RUN.systemEventType)}`,
        );
      case EXIT.FAIL_ENTRY: {
        const why = this.run.readBigUInt64LE(RUN.hardwareEntryFailureReason).toString(16);
        return this.stopped('ENTRY_FAILED', `the CPU refused to enter the guest: hardware reason 0x${why}`);
      }
      case EXIT.INTERNAL_ERROR: {
        const suberror = this.run.readUInt32LE(RUN.suberror);
        const name = INTERNAL_ERROR_NAMES.get(suberror) ?? 'unknown';
        const words = Math.min(this.run.readUInt32LE(RUN.ndata), 16);
        const data = Array.from({ length: words }, (_, i) =>
          this.run.readBigUInt64LE(RUN.internalData + 8 * i).toString(16),
        );
        return this.stopped(
          'INTERNAL_ERROR',
          `KVM internal error ${suberror} (${name})${data.map((d) => ` 0x${d}`).join('')}`,
        );
      }
      case EXIT.MMIO: {
        this.completionPending = true;
        if (this.pc !== undefined) {
          // Nobody is there on a PC's bus: reads give all ones.
          if (!this.run[RUN.mmioIsWrite]) this.run.fill(0xff, RUN.mmioData, RUN.mmioData + 8);
          return undefined;
        }
        const verb = this.run[RUN.mmioIsWrite] ? 'write to' : 'read from';
        const address = this.run.readBigUInt64LE(RUN.mmioAddress).toString(16);
        return this.stopped('UNSUPPORTED_EXIT', `MMIO: a ${verb} 0x${address}, where the VM has no memory`);
      }
      default:
        return this.stopped('UNSUPPORTED_EXIT', `exit ${reason} (${this.lastExit}) is not served`);
    }
  }

  /**
   * Completes what the last exit left half done, without letting the guest run: KVM_RUN with immediate_exit set
   * does the second half of an IN, OUT or MMIO and comes back with EINTR (api.rst, 5: "KVM_EXIT_IO ... complete").
   */
  private completePending(): ParkReason | undefined {
    while (this.completionPending) {
      this.completionPending = false;
      Atomics.store(this.run, RUN.immediateExit, 1);
      const result = ioctlErrno(this.start.vcpuFd, KVM.RUN);
      if (result === EINTR) return undefined;
      if (result < 0) return this.runFailed(result);
      const reason = this.serveExit();
      if (reason !== undefined) return reason;
    }
    return undefined;
  }

  private runFailed(result: number): ParkReason {
    const message = `KVM_RUN: ${new KernelError('KVM_RUN', -result).code}`;
    return { kind: 'stopped', stop: 'RUN_FAILED', exit: 'RUN_FAILED', message };
  }

  /** Does the one ioctl that the main thread asked for, on the buffer that both share. */
  private runProgram(asked: number): void {
    try {
      const value = ioctlBuffer(
        this.start.vcpuFd,
        Atomics.load(this.control, WORD.programRequest) >>> 0,
        this.program,
      );
      Atomics.store(this.control, WORD.programErrno, 0);
      Atomics.store(this.control, WORD.programValue, value);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      Atomics.store(this.control, WORD.programErrno, error.errno);
    }
    Atomics.store(this.control, WORD.programDone, asked);
  }

  private park(reason: ParkReason): void {
    this.flushConsole();
    // A thread that parks by itself must not run on because of the command it was started with.
    Atomics.compareExchange(this.control, WORD.want, WANT.run, WANT.park);
    const { completionPending: accessPending, entries, lastExit } = this;
    say({ kind: 'parked', reason, accessPending, entries, lastExit });
    this.completionPending = false;
    Atomics.wait(this.control, WORD.want, WANT.park);
  }

  /** Until the main thread wants no more of it: from then on the vCPU and its mappings are not touched. */
  loop(): void {
    this.park({ kind: 'asked' });
    for (;;) {
      // immediate_exit is cleared before the commands are read, and set by the main thread after it wrote them:
      // whichever comes last, the command is seen. The exchange is a full fence between the two.
      Atomics.store(this.run, RUN.immediateExit, 0);
      const asked = Atomics.or(this.control, WORD.programAsked, 0);
      if (asked !== Atomics.load(this.control, WORD.programDone)) {
        const reason = this.completePending();
        if (reason !== undefined) {
          this.park(reason);
          continue;
        }
        this.runProgram(asked);
        this.outForProgram = true;
        continue;
      }
      const want = Atomics.load(this.control, WORD.want);
      if (want === WANT.quit) return;
      if (want === WANT.park) {
        this.park(this.completePending() ?? { kind: 'asked' });
        continue;
      }
      this.waitForConsoleReader();
      if (this.commandWaiting()) continue;
      this.entries += 1;
      this.completionPending = false;
      if (this.outForProgram) {
        this.outForProgram = false;
        this.times[TIME.backAt] = monotonicMs();
      }
      const result = ioctlErrno(this.start.vcpuFd, KVM.RUN);
      if (result === EINTR || result === EAGAIN) continue;
      const reason = result < 0 ? this.runFailed(result) : this.serveExit();
      if (reason !== undefined) this.park(reason);
    }
  }
}

parentPort?.on('message', (start: ThreadStart) => {
  beNice(start.nice);
  new VcpuLoop(start).loop();
  say({ kind: 'free' });
});
say({ kind: 'ready', tid: gettid() });
