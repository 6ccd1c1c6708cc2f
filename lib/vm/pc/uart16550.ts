// The first serial port of a PC, a 16550A: eight registers, a receive FIFO, and a transmitter that is always
// empty again at once. Source of its behaviour: National Semiconductor's PC16550D data sheet; what Linux's
// 8250 driver asks of it to find it and to use its FIFOs.

import { PC_WORD, type PcShared, RECEIVE_BYTES, SEND_BYTES } from './shared-state.js';

/** Registers by offset from the port's base. 0 and 1 are the divisor latch while LCR.DLAB is set. */
const REGISTER = { data: 0, ier: 1, iirFcr: 2, lcr: 3, mcr: 4, lsr: 5, msr: 6, scr: 7 } as const;

const IER = { received: 0x01, thrEmpty: 0x02, all: 0x0f } as const;
const IIR = { none: 0x01, thrEmpty: 0x02, received: 0x04, fifos: 0xc0 } as const;
const FCR = { enable: 0x01, clearReceived: 0x02 } as const;
const LCR = { dlab: 0x80 } as const;
const MCR = { dtr: 0x01, rts: 0x02, out1: 0x04, out2: 0x08, loop: 0x10, all: 0x1f } as const;
const LSR = { dataReady: 0x01, thrEmpty: 0x20, allEmpty: 0x40 } as const;
const MSR = { cts: 0x10, dsr: 0x20, ri: 0x40, dcd: 0x80 } as const;

/** What the port needs of where it runs. */
export interface UartOwner {
  /** Sets the level of the port's interrupt line; called when it changes. */
  setIrq(level: 0 | 1): void;
  /** There is output that the main thread has not been told of. */
  output(): void;
}

/** Every method is to be called within PcShared.exclusively. */
export class Uart16550 {
  private readonly shared: PcShared;
  private readonly owner: UartOwner;

  constructor(shared: PcShared, owner: UartOwner) {
    this.shared = shared;
    this.owner = owner;
  }

  read(register: number): number {
    const { shared } = this;
    const latch = (shared.get('lcr') & LCR.dlab) !== 0;
    switch (register) {
      case REGISTER.data:
        return latch ? shared.get('divisor') & 0xff : this.take();
      case REGISTER.ier:
        return latch ? shared.get('divisor') >>> 8 : shared.get('ier');
      case REGISTER.iirFcr:
        return this.readIir();
      case REGISTER.lcr:
        return shared.get('lcr');
      case REGISTER.mcr:
        return shared.get('mcr');
      case REGISTER.lsr:
        return LSR.thrEmpty | LSR.allEmpty | (shared.receivedBytes > 0 ? LSR.dataReady : 0);
      case REGISTER.msr:
        return this.modemStatus();
      default:
        return shared.get('scr');
    }
  }

  write(register: number, value: number): void {
    const { shared } = this;
    const latch = (shared.get('lcr') & LCR.dlab) !== 0;
    switch (register) {
      case REGISTER.data:
        if (latch) shared.set('divisor', (shared.get('divisor') & 0xff00) | value);
        else this.transmit(value);
        return;
      case REGISTER.ier:
        if (latch) {
          shared.set('divisor', (shared.get('divisor') & 0xff) | (value << 8));
          return;
        }
        // The transmitter is empty: enabling its interrupt raises it.
        if ((value & ~shared.get('ier') & IER.thrEmpty) !== 0) shared.set('thrEmptyPending', 1);
        shared.set('ier', value & IER.all);
        this.updateIrq();
        return;
      case REGISTER.iirFcr:
        shared.set('fcr', value & FCR.enable);
        if ((value & FCR.clearReceived) !== 0) {
          shared.set('taken', shared.get('received'));
          Atomics.notify(shared.words, PC_WORD.taken);
        }
        this.updateIrq();
        return;
      case REGISTER.lcr:
        shared.set('lcr', value);
        return;
      case REGISTER.mcr:
        shared.set('mcr', value & MCR.all);
        this.updateIrq(); // OUT2 may have let it through, or loopback have cut it off
        return;
      case REGISTER.scr:
        shared.set('scr', value);
        return;
      default: // LSR and MSR are read-only
    }
  }

  /** Puts bytes in, as far as there is room; gives how many. For input from outside. */
  put(data: Uint8Array): number {
    const { shared } = this;
    const count = Math.min(data.length, RECEIVE_BYTES - shared.receivedBytes);
    const at = shared.get('received');
    for (let i = 0; i < count; i += 1) shared.receive[(at + i) & (RECEIVE_BYTES - 1)] = data[i] ?? 0;
    shared.set('received', (at + count) | 0);
    this.updateIrq();
    return count;
  }

  private take(): number {
    const { shared } = this;
    if (shared.receivedBytes === 0) return 0;
    const at = shared.get('taken');
    const value = shared.receive[at & (RECEIVE_BYTES - 1)] ?? 0;
    shared.set('taken', (at + 1) | 0);
    Atomics.notify(shared.words, PC_WORD.taken);
    this.updateIrq();
    return value;
  }

  private transmit(value: number): void {
    const { shared } = this;
    if ((shared.get('mcr') & MCR.loop) !== 0) {
      this.put(Uint8Array.of(value));
    } else {
      const at = shared.get('sent');
      shared.send[at & (SEND_BYTES - 1)] = value;
      shared.set('sent', (at + 1) | 0);
      this.owner.output();
    }
    shared.set('thrEmptyPending', 1);
    this.updateIrq();
  }

  private readIir(): number {
    const { shared } = this;
    const fifos = shared.get('fcr') !== 0 ? IIR.fifos : 0;
    const cause = this.cause();
    if (cause === IIR.thrEmpty) {
      shared.set('thrEmptyPending', 0);
      this.updateIrq();
    }
    return fifos | cause;
  }

  /** The pending cause of highest priority. */
  private cause(): number {
    const { shared } = this;
    const ier = shared.get('ier');
    if ((ier & IER.received) !== 0 && shared.receivedBytes > 0) return IIR.received;
    if ((ier & IER.thrEmpty) !== 0 && shared.get('thrEmptyPending') === 1) return IIR.thrEmpty;
    return IIR.none;
  }

  /** In loopback the outputs of MCR come back as the inputs of MSR; else a line that is always there. */
  private modemStatus(): number {
    const mcr = this.shared.get('mcr');
    if ((mcr & MCR.loop) === 0) return MSR.cts | MSR.dsr | MSR.dcd;
    return (
      ((mcr & MCR.rts) !== 0 ? MSR.cts : 0) |
      ((mcr & MCR.dtr) !== 0 ? MSR.dsr : 0) |
      ((mcr & MCR.out1) !== 0 ? MSR.ri : 0) |
      ((mcr & MCR.out2) !== 0 ? MSR.dcd : 0)
    );
  }

  /** OUT2 is what connects a PC's UART to the interrupt controller. */
  private irqWanted(): boolean {
    const mcr = this.shared.get('mcr');
    return (mcr & MCR.out2) !== 0 && (mcr & MCR.loop) === 0 && this.cause() !== IIR.none;
  }

  private updateIrq(): void {
    const level = this.irqWanted() ? 1 : 0;
    if (level === this.shared.get('irqLevel')) return;
    this.shared.set('irqLevel', level);
    this.owner.setIrq(level);
  }
}
