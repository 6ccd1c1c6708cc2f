// What the main thread and a vCPU's thread say to each other. Commands go through shared words, so that a kick
// costs one store and one signal; the answer to a program is a word too, all others are messages.

/** The words of the shared control block (Int32Array): index by name. */
export const WORD = {
  /** What the main thread wants of the thread: one of WANT. */
  want: 0,
  /** Number of the last program asked for; 0 for none yet. */
  programAsked: 1,
  /** Number of the last program that the thread finished. */
  programDone: 2,
  /** The program's request number, as an unsigned 32-bit value. */
  programRequest: 3,
  /** 0, or the errno with which the program's ioctl failed. */
  programErrno: 4,
  /** The program's ioctl's return value. */
  programValue: 5,
  /** What the main thread has taken of the console's window, modulo 2^32. */
  consoleTaken: 6,
  /** Counted up at every command, so that the thread can wait for the next one. */
  commands: 7,
} as const;

export const CONTROL_WORDS = 8;

/** Times within the shared block (Float64Array), as monotonicMs gives them. */
export const TIME = {
  /** When the vCPU was last about to enter the guest again after a program. */
  backAt: 0,
} as const;

export const TIME_SLOTS = 1;

/** Milliseconds of CLOCK_MONOTONIC: one clock for all threads, while each has a performance.timeOrigin of its own. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** What the thread is to do. */
export const WANT = { park: 0, run: 1, quit: 2 } as const;

/** What the thread is given a vCPU with. */
export interface ThreadStart {
  readonly vcpuFd: number;
  /** Address and length of the vCPU's mapped kvm_run. */
  readonly runAddress: number;
  readonly runLength: number;
  readonly control: SharedArrayBuffer;
  readonly times: SharedArrayBuffer;
  /** The buffer of programs: large enough for any nested state. */
  readonly programBuffer: SharedArrayBuffer;
  readonly vmFd: number;
  /** The PC devices' registers (pc/shared-state.ts); undefined for a VM without them. */
  readonly pc: SharedArrayBuffer | undefined;
  /** Its nice value. */
  readonly nice: number;
}

/** Why a thread parked. */
export type ParkReason =
  /** The main thread asked for it. */
  | { readonly kind: 'asked' }
  /** HLT, with no in-kernel irqchip: nothing but a reset or a new state wakes it. */
  | { readonly kind: 'halted' }
  /** An exit that ends the VM's run. */
  | { readonly kind: 'stopped'; readonly stop: StopKind; readonly exit: string; readonly message: string };

export type StopKind =
  | 'RESET'
  | 'SHUTDOWN'
  | 'ENTRY_FAILED'
  | 'INTERNAL_ERROR'
  | 'UNSUPPORTED_EXIT'
  | 'RUN_FAILED';

/** What the thread says to the main thread: at first that it is ready, and at the end of each vCPU that it is free. */
export type ThreadMessage =
  | { readonly kind: 'ready'; readonly tid: number }
  | { readonly kind: 'free' }
  | {
      readonly kind: 'parked';
      readonly reason: ParkReason;
      /** Whether the exit that stopped the vCPU has a second half that was not done. */
      readonly accessPending: boolean;
      readonly entries: number;
      readonly lastExit: string;
    }
  | { readonly kind: 'console'; readonly data: Uint8Array; readonly time: number }
  /** There is output of the serial port in the PC devices' shared state. */
  | { readonly kind: 'serial' };

/** How much console output may be on its way to the main thread before the guest is held up: 256 KiB. */
export const CONSOLE_WINDOW_BYTES = 256 * 1024;

/** What a message of this many bytes of output takes of the window: a message costs memory of its own. */
export const windowBytes = (length: number): number => length + 256;
