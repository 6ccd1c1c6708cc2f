// The main thread's side of the PC devices: takes what the guest wrote to its serial port, puts in what it is to
// read, and gives and takes the registers when the VM moves.

import type { IoctlPort } from '../../kvm/port.js';
import { irqLine } from './irq-line.js';
import { SERIAL_IRQ } from './pc-bus.js';
import { PC_WORD, PcShared, RECEIVE_BYTES, SEND_BYTES } from './shared-state.js';
import { Uart16550 } from './uart16550.js';

/** What the PC devices hold: every register as it was last written, and the bytes that the guest has not read yet. */
export interface PcSnapshot {
  readonly cmosIndex: number;
  readonly ier: number;
  readonly lcr: number;
  readonly mcr: number;
  readonly scr: number;
  readonly fcr: number;
  readonly divisor: number;
  readonly thrEmptyPending: boolean;
  readonly irqLevel: boolean;
  readonly received: Buffer;
}

/**
 * How long output may wait for more of it, ms: the first after a silence, and at most, while it goes on. On a host
 * with few CPUs whoever takes a guest's output takes the CPU from the guest: a page of it must not be a thousand turns.
 */
const GATHER_MS = { first: 5, most: 160 } as const;

export class PcDevices {
  readonly shared = PcShared.create();
  private readonly uart: Uart16550;
  private readonly output: (data: Uint8Array) => void;
  private timer: NodeJS.Timeout | undefined;
  private gatherMs: number = GATHER_MS.first;
  private drainedAt = 0;

  /** `output` is called with what the guest wrote, in order. */
  constructor(vm: IoctlPort, output: (data: Uint8Array) => void) {
    this.output = output;
    this.uart = new Uart16550(this.shared, {
      setIrq: irqLine(SERIAL_IRQ, (request, line) => vm.ioctl(request, line)),
      output: () => this.told(),
    });
  }

  /** A vCPU's thread says that there is output. */
  told(): void {
    if (this.timer !== undefined) return;
    const silent = performance.now() - this.drainedAt > 2 * GATHER_MS.most;
    this.gatherMs = silent ? GATHER_MS.first : Math.min(2 * this.gatherMs, GATHER_MS.most);
    this.timer = setTimeout(() => this.drain(), this.gatherMs);
  }

  /** Takes all output that there is. */
  drain(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.drainedAt = performance.now();
    const { shared } = this;
    // Before looking: what comes after this is told of again.
    Atomics.store(shared.words, PC_WORD.told, 0);
    const count = shared.sentBytes;
    if (count === 0) return;
    const from = shared.get('drained');
    const data = new Uint8Array(count);
    for (let i = 0; i < count; i += 1) data[i] = shared.send[(from + i) & (SEND_BYTES - 1)] ?? 0;
    shared.set('drained', (from + count) | 0);
    this.output(data);
  }

  /** Puts in what fits; gives how many bytes did. */
  put(data: Uint8Array): number {
    return this.shared.exclusively(() => this.uart.put(data));
  }

  /** Resolves once the guest has read something since `put`, or after the time given. */
  async taken(timeoutMs: number): Promise<void> {
    const { words } = this.shared;
    if (this.shared.receivedBytes < RECEIVE_BYTES) return;
    const answer = Atomics.waitAsync(words, PC_WORD.taken, this.shared.get('taken'), timeoutMs);
    if (answer.async) await answer.value;
  }

  /** What they hold. Every vCPU must be stopped; output is taken before by drain. */
  capture(): PcSnapshot {
    const { shared } = this;
    const count = shared.receivedBytes;
    const received = Buffer.alloc(count);
    const from = shared.get('taken');
    for (let i = 0; i < count; i += 1) received[i] = shared.receive[(from + i) & (RECEIVE_BYTES - 1)] ?? 0;
    return {
      cmosIndex: shared.get('cmosIndex'),
      ier: shared.get('ier'),
      lcr: shared.get('lcr'),
      mcr: shared.get('mcr'),
      scr: shared.get('scr'),
      fcr: shared.get('fcr'),
      divisor: shared.get('divisor'),
      thrEmptyPending: shared.get('thrEmptyPending') === 1,
      irqLevel: shared.get('irqLevel') === 1,
      received,
    };
  }

  /**
   * Gives them what others held. The interrupt line is not told to KVM: its level is part of the irqchip's own state,
   * and from there goes on with the next change.
   */
  restore(snapshot: PcSnapshot): void {
    const { shared } = this;
    for (const word of ['cmosIndex', 'ier', 'lcr', 'mcr', 'scr', 'fcr', 'divisor'] as const) {
      shared.set(word, snapshot[word]);
    }
    shared.set('thrEmptyPending', snapshot.thrEmptyPending ? 1 : 0);
    shared.set('irqLevel', snapshot.irqLevel ? 1 : 0);
    shared.set('taken', 0);
    shared.set('received', snapshot.received.length);
    shared.receive.set(snapshot.received);
  }

  close(): void {
    clearTimeout(this.timer);
  }
}
