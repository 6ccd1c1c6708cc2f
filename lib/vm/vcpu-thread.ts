// One vCPU's OS thread: a worker that does KVM_RUN and nothing else while the guest runs, serves the exits that
// a guest may cause, and parks when it is told to. Started by VcpuRunner; speaks vcpu-thread-protocol.
//
// Between 'parked' and the next WANT.run the main thread owns the vCPU and may do ioctls on it; at all other
// times this thread does. KVM_RUN holds the vCPU's mutex, so there is no third way.

import { parentPort, workerData } from 'node:worker_threads';
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

const start = workerData as ThreadStart;
beNice(start.nice);
const control = new Int32Array(start.control);
const times = new Float64Array(start.times);
const program = new Uint8Array(start.programBuffer);
const run = viewOf(start.runAddress, start.runLength);
const pcShared = start.pc === undefined ? undefined : new PcShared(start.pc);
const pc = pcShared === undefined ? undefined : pcBus(pcShared);

let entries = 0;
let lastExit = '';
/** Whether the last exit has a second half that the next KVM_RUN does: an IN or OUT, an MMIO access. */
let completionPending = false;
/** Whether the way back into the guest after a program has still to be stamped. */
let outForProgram = false;
const consoleBuffer = Buffer.allocUnsafeSlow(CONSOLE_FLUSH_BYTES);
let consoleLength = 0;
let consoleSent = 0;

function say(message: ThreadMessage): void {
  parentPort?.postMessage(message);
}

function flushConsole(): void {
  if (consoleLength === 0) return;
  const data = new Uint8Array(consoleBuffer.subarray(0, consoleLength));
  consoleSent = (consoleSent + windowBytes(consoleLength)) | 0;
  consoleLength = 0;
  say({ kind: 'console', data, time: performance.timeOrigin + performance.now() });
}

function takeConsole(bytes: Buffer): void {
  for (let taken = 0; taken < bytes.length; ) {
    const part = bytes.subarray(taken, taken + CONSOLE_FLUSH_BYTES - consoleLength);
    part.copy(consoleBuffer, consoleLength);
    consoleLength += part.length;
    taken += part.length;
    if (consoleLength === CONSOLE_FLUSH_BYTES) flushConsole();
  }
  if (bytes[bytes.length - 1] === NEWLINE) flushConsole();
}

/** The PC devices, as this thread serves them. */
function pcBus(shared: PcShared): PcBus {
  return new PcBus(shared, {
    setIrq: irqLine(SERIAL_IRQ, (request, line) => ioctlBuffer(start.vmFd, request, line)),
    output: () => {
      if (Atomics.exchange(shared.words, PC_WORD.told, 1) === 0) say({ kind: 'serial' });
    },
  });
}

/** A guest that writes faster than anyone takes waits here, as at a slow terminal; commands still come through. */
function waitForConsoleReader(): void {
  for (;;) {
    const seen = Atomics.load(control, WORD.commands);
    const outstanding = (consoleSent - Atomics.load(control, WORD.consoleTaken)) >>> 0;
    const serial = pcShared?.sentBytes ?? 0;
    const caughtUp = outstanding <= CONSOLE_WINDOW_BYTES && serial <= SEND_WINDOW_BYTES;
    if (caughtUp || commandWaiting()) return;
    Atomics.wait(control, WORD.commands, seen);
  }
}

function commandWaiting(): boolean {
  return (
    Atomics.load(control, WORD.want) !== WANT.run ||
    Atomics.load(control, WORD.programAsked) !== Atomics.load(control, WORD.programDone)
  );
}

/** I/O: serves the debug console; gives why the vCPU must stop where it is anything else. */
function serveIo(): ParkReason | undefined {
  const port = run.readUInt16LE(RUN.ioPort);
  const out = run[RUN.ioDirection] === 1;
  const size = run.readUInt8(RUN.ioSize);
  const count = run.readUInt32LE(RUN.ioCount);
  completionPending = true;
  const offset = Number(run.readBigUInt64LE(RUN.ioDataOffset));
  if (port !== DEBUG_CONSOLE_PORT || size !== 1) {
    if (pc !== undefined) {
      const data = run.subarray(offset, offset + size * count);
      if (!out) pc.in(port, size, data);
      else if (pc.out(port, size, data)) return stopped('RESET', 'the guest asked for a reset');
      return undefined;
    }
    const what = `${out ? 'OUT to' : 'IN from'} port 0x${port.toString(16)}, ${size} bytes`;
    return { kind: 'stopped', stop: 'UNSUPPORTED_EXIT', exit: 'IO', message: `unserved I/O: ${what}` };
  }
  const data = run.subarray(offset, offset + count);
  // Reading the port answers its own number: the sign by which guests know that the console is there.
  if (out) takeConsole(data);
  else data.fill(DEBUG_CONSOLE_PORT);
  return undefined;
}

function stopped(
  stop: 'RESET' | 'SHUTDOWN' | 'ENTRY_FAILED' | 'INTERNAL_ERROR' | 'UNSUPPORTED_EXIT',
  message: string,
): ParkReason {
  return { kind: 'stopped', stop, exit: lastExit, message };
}

/** Serves one exit. Gives why the vCPU must stop, or nothing where it may go on. */
function serveExit(): ParkReason | undefined {
  const reason = run.readUInt32LE(RUN.exitReason);
  lastExit = exitName(reason);
  switch (reason) {
    case EXIT.IO:
      return serveIo();
    case EXIT.HLT:
      return { kind: 'halted' };
    case EXIT.INTR:
    case EXIT.IRQ_WINDOW_OPEN:
      return undefined;
    case EXIT.SHUTDOWN:
      return stopped('SHUTDOWN', 'the vCPU shut down: a triple fault');
    case EXIT.SYSTEM_EVENT:
      return stopped('SHUTDOWN', `the guest asked for system event ${run.readUInt32LE(RUN.systemEventType)}`);
    case EXIT.FAIL_ENTRY: {
      const why = run.readBigUInt64LE(RUN.hardwareEntryFailureReason).toString(16);
      return stopped('ENTRY_FAILED', `the CPU refused to enter the guest: hardware reason 0x${why}`);
    }
    case EXIT.INTERNAL_ERROR: {
      const suberror = run.readUInt32LE(RUN.suberror);
      const name = INTERNAL_ERROR_NAMES.get(suberror) ?? 'unknown';
      const words = Math.min(run.readUInt32LE(RUN.ndata), 16);
      const data = Array.from({ length: words }, (_, i) =>
        run.readBigUInt64LE(RUN.internalData + 8 * i).toString(16),
      );
      return stopped(
        'INTERNAL_ERROR',
        `KVM internal error ${suberror} (${name})${data.map((d) => ` 0x${d}`).join('')}`,
      );
    }
    case EXIT.MMIO: {
      completionPending = true;
      if (pc !== undefined) {
        // Nobody is there on a PC's bus: reads give all ones.
        if (!run[RUN.mmioIsWrite]) run.fill(0xff, RUN.mmioData, RUN.mmioData + 8);
        return undefined;
      }
      const verb = run[RUN.mmioIsWrite] ? 'write to' : 'read from';
      const address = run.readBigUInt64LE(RUN.mmioAddress).toString(16);
      return stopped('UNSUPPORTED_EXIT', `MMIO: a ${verb} 0x${address}, where the VM has no memory`);
    }
    default:
      return stopped('UNSUPPORTED_EXIT', `exit ${reason} (${lastExit}) is not served`);
  }
}

/**
 * Completes what the last exit left half done, without letting the guest run: KVM_RUN with immediate_exit set
 * does the second half of an IN, OUT or MMIO and comes back with EINTR (api.rst, 5: "KVM_EXIT_IO ... complete").
 */
function completePending(): ParkReason | undefined {
  while (completionPending) {
    completionPending = false;
    Atomics.store(run, RUN.immediateExit, 1);
    const result = ioctlErrno(start.vcpuFd, KVM.RUN);
    if (result === EINTR) return undefined;
    if (result < 0) return runFailed(result);
    const reason = serveExit();
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function runFailed(result: number): ParkReason {
  const message = `KVM_RUN: ${new KernelError('KVM_RUN', -result).code}`;
  return { kind: 'stopped', stop: 'RUN_FAILED', exit: 'RUN_FAILED', message };
}

/** Does the one ioctl that the main thread asked for, on the buffer that both share. */
function runProgram(asked: number): void {
  try {
    const value = ioctlBuffer(start.vcpuFd, Atomics.load(control, WORD.programRequest) >>> 0, program);
    Atomics.store(control, WORD.programErrno, 0);
    Atomics.store(control, WORD.programValue, value);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    Atomics.store(control, WORD.programErrno, error.errno);
  }
  Atomics.store(control, WORD.programDone, asked);
}

function park(reason: ParkReason): void {
  flushConsole();
  // A thread that parks by itself must not run on because of the command it was started with.
  Atomics.compareExchange(control, WORD.want, WANT.run, WANT.park);
  say({ kind: 'parked', reason, accessPending: completionPending, entries, lastExit });
  completionPending = false;
  Atomics.wait(control, WORD.want, WANT.park);
}

function loop(): void {
  park({ kind: 'asked' });
  for (;;) {
    // immediate_exit is cleared before the commands are read, and set by the main thread after it wrote them:
    // whichever comes last, the command is seen. The exchange is a full fence between the two.
    Atomics.store(run, RUN.immediateExit, 0);
    const asked = Atomics.or(control, WORD.programAsked, 0);
    if (asked !== Atomics.load(control, WORD.programDone)) {
      const reason = completePending();
      if (reason !== undefined) {
        park(reason);
        continue;
      }
      runProgram(asked);
      outForProgram = true;
      continue;
    }
    const want = Atomics.load(control, WORD.want);
    if (want === WANT.quit) return;
    if (want === WANT.park) {
      park(completePending() ?? { kind: 'asked' });
      continue;
    }
    waitForConsoleReader();
    if (commandWaiting()) continue;
    entries += 1;
    completionPending = false;
    if (outForProgram) {
      outForProgram = false;
      times[TIME.backAt] = monotonicMs();
    }
    const result = ioctlErrno(start.vcpuFd, KVM.RUN);
    if (result === EINTR || result === EAGAIN) continue;
    const reason = result < 0 ? runFailed(result) : serveExit();
    if (reason !== undefined) park(reason);
  }
}

say({ kind: 'ready', tid: gettid() });
loop();
