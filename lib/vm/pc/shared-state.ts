// The PC devices' registers, in memory that every vCPU thread and the main thread share. A device access comes
// out on whichever vCPU made it and is served there; a lock makes each access whole. What is here is what moves
// with the VM (lib/state calls it PcSnapshot), but for the bytes on their way to the watchers.

/** Words of the shared block (Int32Array), by index. */
export const PC_WORD = {
  /** 0 free, 1 taken, 2 taken and waited for. */
  lock: 0,
  /** 16550: IER, LCR, MCR, SCR, FCR as last written; the divisor latch. */
  ier: 1,
  lcr: 2,
  mcr: 3,
  scr: 4,
  fcr: 5,
  divisor: 6,
  /** Whether the transmitter-empty interrupt is pending: cleared by reading IIR. */
  thrEmptyPending: 7,
  /** Level of IRQ 4, as last told to KVM. */
  irqLevel: 8,
  /** Received bytes: how many were put in and taken out so far, modulo 2^32. */
  received: 9,
  taken: 10,
  /** Transmitted bytes: how many the guest wrote and the main thread took so far, modulo 2^32. */
  sent: 11,
  drained: 12,
  /** 1 while the main thread has been told of output and has not yet looked. */
  told: 13,
  /** CMOS: the index register. */
  cmosIndex: 14,
} as const;

const WORDS = 16;
/** What the main thread may put in ahead of the guest; a power of two. */
export const RECEIVE_BYTES = 1024;
/** Room for what the guest writes ahead of the main thread; a power of two. */
export const SEND_BYTES = 64 * 1024;
/** A vCPU doesn't enter the guest while more than this waits: the rest is room for one access of each vCPU. */
export const SEND_WINDOW_BYTES = SEND_BYTES / 2;

/** The divisor latch of a port that was never set up: 9600 baud. */
const POWER_ON_DIVISOR = 12;

export class PcShared {
  readonly buffer: SharedArrayBuffer;
  readonly words: Int32Array;
  readonly receive: Uint8Array;
  readonly send: Uint8Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.words = new Int32Array(buffer, 0, WORDS);
    this.receive = new Uint8Array(buffer, 4 * WORDS, RECEIVE_BYTES);
    this.send = new Uint8Array(buffer, 4 * WORDS + RECEIVE_BYTES, SEND_BYTES);
  }

  /** At power-on state. */
  static create(): PcShared {
    const shared = new PcShared(new SharedArrayBuffer(4 * WORDS + RECEIVE_BYTES + SEND_BYTES));
    shared.words[PC_WORD.divisor] = POWER_ON_DIVISOR;
    return shared;
  }

  /** Does something that no other thread does at the same time. Short: others wait for it, asleep. */
  exclusively<T>(task: () => T): T {
    const { words } = this;
    if (Atomics.compareExchange(words, PC_WORD.lock, 0, 1) !== 0) {
      while (Atomics.exchange(words, PC_WORD.lock, 2) !== 0) Atomics.wait(words, PC_WORD.lock, 2);
    }
    try {
      return task();
    } finally {
      if (Atomics.exchange(words, PC_WORD.lock, 0) === 2) Atomics.notify(words, PC_WORD.lock, 1);
    }
  }

  get(word: keyof typeof PC_WORD): number {
    return Atomics.load(this.words, PC_WORD[word]);
  }

  set(word: keyof typeof PC_WORD, value: number): void {
    Atomics.store(this.words, PC_WORD[word], value);
  }

  /** Bytes that the guest has not taken yet. */
  get receivedBytes(): number {
    return (this.get('received') - this.get('taken')) >>> 0;
  }

  /** Bytes that the main thread has not taken yet. */
  get sentBytes(): number {
    return (this.get('sent') - this.get('drained')) >>> 0;
  }
}
