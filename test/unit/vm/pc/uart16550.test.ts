// The serial port against the rules of a 16550A (PC16550D data sheet, chapter 8), as a guest sees it by IN and OUT, and
// what of it moves with a VM.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KVM } from '../../../../lib/kvm/abi.js';
import { PcBus, SERIAL_PORT } from '../../../../lib/vm/pc/pc-bus.js';
import { PcDevices } from '../../../../lib/vm/pc/pc-devices.js';
import { RECEIVE_BYTES } from '../../../../lib/vm/pc/shared-state.js';

/** Registers by offset. */
const DATA = 0;
const IER = 1;
const IIR = 2;
const FCR = 2;
const LCR = 3;
const MCR = 4;
const LSR = 5;
const MSR = 6;
const SCR = 7;

const DLAB = 0x80;
const OUT2 = 0x08;
const LOOP = 0x10;
const RECEIVED_INTERRUPT = 0x01;
const THR_EMPTY_INTERRUPT = 0x02;
const NO_CAUSE = 0x01;
const THR_EMPTY = 0x02;
const RECEIVED = 0x04;
const FIFOS = 0xc0;
const DATA_READY = 0x01;
/** The transmitter is always empty again at once. */
const EMPTY = 0x60;

/** A PC's port, the vCPU's side and the main thread's. */
function pc() {
  const lines: number[] = [];
  const output: Buffer[] = [];
  const vm = {
    ioctl: (request: number, argument?: unknown) => {
      if (request === KVM.IRQ_LINE) {
        const line = argument as Buffer;
        expect(line.readUInt32LE(0)).toBe(4); // ISA IRQ 4
        lines.push(line.readUInt32LE(4));
      }
      return 0;
    },
  };
  const devices = new PcDevices(vm, (data) => output.push(Buffer.from(data)));
  const bus = new PcBus(devices.shared, {
    setIrq: (level) => void lines.push(level),
    output: () => devices.told(),
  });
  const read = (register: number): number => {
    const data = Buffer.alloc(1);
    bus.in(SERIAL_PORT + register, 1, data);
    return data[0] ?? 0;
  };
  const write = (register: number, value: number): boolean =>
    bus.out(SERIAL_PORT + register, 1, Buffer.of(value));
  return {
    devices,
    bus,
    read,
    write,
    /** What its interrupt line was set to, in order; and where it is now. */
    lines,
    level: () => lines.at(-1) ?? 0,
    type: (text: string) => devices.put(Buffer.from(text)),
    written: () => {
      devices.drain();
      return Buffer.concat(output).toString('latin1');
    },
  };
}

describe('registers', () => {
  test.each([
    ['IER, of which four bits are there', IER, 0xff, 0x0f],
    ['LCR', LCR, 0x1b, 0x1b],
    ['MCR, of which five bits are there', MCR, 0xff, 0x1f],
    ['SCR', SCR, 0xa5, 0xa5],
  ])('%s reads as it was written', (_what, register, value, held) => {
    const port = pc();
    port.write(register, value);
    expect(port.read(register)).toBe(held);
    port.devices.close();
  });

  test('LSR and MSR are read-only, and an idle port with a line says so', () => {
    const port = pc();
    port.write(LSR, 0xff);
    port.write(MSR, 0xff);
    expect([port.read(LSR), port.read(MSR)]).toEqual([EMPTY, 0xb0]); // CTS, DSR, DCD
  });

  test('while DLAB is set, the first two are the divisor; it begins at 9600 baud', () => {
    const port = pc();
    port.write(LCR, DLAB);
    expect([port.read(DATA), port.read(IER)]).toEqual([12, 0]);
    port.write(DATA, 0x34);
    port.write(IER, 0x12);
    expect([port.read(DATA), port.read(IER)]).toEqual([0x34, 0x12]);
    port.write(LCR, 3);
    expect([port.read(IER), port.written()]).toEqual([0, '']);
    expect(port.devices.capture()).toMatchObject({ divisor: 0x1234, ier: 0 });
  });

  test('IIR says that the FIFOs are on, as a 16550A does, once FCR has', () => {
    const port = pc();
    expect(port.read(IIR)).toBe(NO_CAUSE);
    port.write(FCR, 0x01);
    expect(port.read(IIR)).toBe(FIFOS | NO_CAUSE);
    port.write(FCR, 0x00);
    expect(port.read(IIR)).toBe(NO_CAUSE);
  });

  test('a port of another size, and one beside, answer as a bus without a device', () => {
    const port = pc();
    const data = Buffer.alloc(2);
    port.bus.in(SERIAL_PORT, 2, data);
    expect(data).toEqual(Buffer.from([0xff, 0xff]));
    for (const beside of [SERIAL_PORT - 1, SERIAL_PORT + 8]) {
      const byte = Buffer.alloc(1);
      port.bus.in(beside, 1, byte);
      expect(byte[0]).toBe(0xff);
      expect(port.bus.out(beside, 1, Buffer.of(0x41))).toBe(false);
    }
    expect(port.written()).toBe('');
  });
});

describe('bytes', () => {
  test('come in in order, however they are read, and then no more', () => {
    const port = pc();
    port.type('abc');
    expect(port.read(LSR)).toBe(EMPTY | DATA_READY);
    const two = Buffer.alloc(2);
    port.bus.in(SERIAL_PORT, 1, two); // REP INSB
    expect(two.toString()).toBe('ab');
    expect(String.fromCharCode(port.read(DATA))).toBe('c');
    expect([port.read(LSR), port.read(DATA)]).toEqual([EMPTY, 0]);
  });

  test('go out in order, however they are written', () => {
    const port = pc();
    port.write(DATA, 0x41);
    port.bus.out(SERIAL_PORT, 1, Buffer.from('BC')); // REP OUTSB
    expect(port.written()).toBe('ABC');
  });

  test('that do not fit in wait outside, and fit once some have been read', () => {
    const port = pc();
    expect(port.devices.put(Buffer.alloc(RECEIVE_BYTES + 7))).toBe(RECEIVE_BYTES);
    expect(port.type('x')).toBe(0);
    port.read(DATA);
    expect(port.type('xy')).toBe(1);
  });

  test('are thrown away by FCR’s reset of the receive FIFO, and who waits to put more in is told', async () => {
    const port = pc();
    port.devices.put(Buffer.alloc(RECEIVE_BYTES));
    const since = performance.now();
    const taken = port.devices.taken(60_000);
    port.write(FCR, 0x03);
    await taken;
    expect(performance.now() - since).toBeLessThan(30_000);
    expect(port.read(LSR)).toBe(EMPTY);
  });

  test('come back in loopback, and nothing goes out', () => {
    const port = pc();
    port.write(MCR, LOOP);
    port.write(DATA, 0x5a);
    expect([port.read(LSR), port.read(DATA), port.written()]).toEqual([EMPTY | DATA_READY, 0x5a, '']);
  });

  test.each([
    [0x01, 0x20], // DTR is DSR
    [0x02, 0x10], // RTS is CTS
    [0x04, 0x40], // OUT1 is RI
    [0x08, 0x80], // OUT2 is DCD
    [0x00, 0x00],
  ])('MCR 0x%s in loopback comes back in MSR', (mcr, msr) => {
    const port = pc();
    port.write(MCR, LOOP | mcr);
    expect(port.read(MSR)).toBe(msr);
  });
});

describe('interrupts', () => {
  test('received data comes before an empty transmitter; each goes away by what serves it', () => {
    const port = pc();
    port.write(MCR, OUT2);
    port.write(IER, RECEIVED_INTERRUPT | THR_EMPTY_INTERRUPT);
    port.type('a');
    expect(port.level()).toBe(1);
    expect(port.read(IIR)).toBe(RECEIVED);
    expect(port.read(IIR)).toBe(RECEIVED); // reading IIR serves no received data
    port.read(DATA);
    expect(port.level()).toBe(1);
    expect(port.read(IIR)).toBe(THR_EMPTY);
    expect(port.level()).toBe(0); // reading it serves that
    expect(port.read(IIR)).toBe(NO_CAUSE);
  });

  test('an empty transmitter interrupts when that is enabled, and after each byte', () => {
    const port = pc();
    port.write(MCR, OUT2);
    port.write(IER, THR_EMPTY_INTERRUPT);
    expect([port.level(), port.read(IIR)]).toEqual([1, THR_EMPTY]);
    port.write(IER, THR_EMPTY_INTERRUPT); // enabled already: nothing new
    expect([port.level(), port.read(IIR)]).toEqual([0, NO_CAUSE]);
    port.write(DATA, 0x41);
    expect([port.level(), port.read(IIR)]).toEqual([1, THR_EMPTY]);
    port.devices.close();
  });

  test('the line is told of changes only', () => {
    const port = pc();
    port.write(MCR, OUT2);
    port.write(IER, RECEIVED_INTERRUPT);
    port.type('a');
    port.type('b');
    port.read(DATA);
    port.read(DATA);
    expect(port.lines).toEqual([1, 0]);
  });

  test('OUT2 is the switch between port and interrupt controller: it lets a cause through that was there before', () => {
    const port = pc();
    port.write(IER, RECEIVED_INTERRUPT);
    port.type('a');
    expect(port.lines).toEqual([]);
    port.write(MCR, OUT2);
    expect(port.level()).toBe(1);
    port.write(MCR, OUT2 | LOOP);
    expect(port.level()).toBe(0);
    port.write(MCR, OUT2);
    port.write(MCR, 0);
    expect(port.lines).toEqual([1, 0, 1, 0]);
  });

  type Step =
    | { readonly put: number }
    | { readonly read: number }
    | { readonly write: readonly [register: number, value: number] };
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({ put: fc.integer({ min: 0, max: 2 * RECEIVE_BYTES }) }),
    fc.record({ read: fc.nat(7) }),
    fc.record({ write: fc.tuple(fc.nat(7), fc.nat(255)) }),
  );

  test('whatever a guest does, the line is up exactly while there is a cause and it is let through', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const port = pc();
        for (const each of steps) {
          if ('put' in each) port.devices.put(Buffer.alloc(each.put));
          else if ('read' in each) port.read(each.read);
          else port.write(...each.write);
        }
        const level = port.level();
        const { mcr } = port.devices.capture();
        const cause = (port.read(IIR) & NO_CAUSE) === 0;
        expect(level === 1).toBe(cause && (mcr & OUT2) !== 0 && (mcr & LOOP) === 0);
        port.devices.close();
      }),
    );
  });

  test('a port that was moved goes on as the one that was left', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.array(step, { maxLength: 40 }), (before, after) => {
        const [left, moved] = [pc(), pc()];
        const seen = (port: ReturnType<typeof pc>, steps: readonly Step[]) =>
          steps.map((each) => {
            if ('put' in each) return port.devices.put(Buffer.alloc(each.put, 7));
            if ('read' in each) return port.read(each.read);
            return port.write(...each.write);
          });
        seen(left, before);
        left.written();
        const snapshot = left.devices.capture();
        moved.devices.restore(snapshot);
        expect(moved.devices.capture()).toEqual(snapshot);
        const told = left.lines.length;
        expect(seen(moved, after)).toEqual(seen(left, after));
        expect(moved.lines).toEqual(left.lines.slice(told));
        expect(moved.devices.capture()).toEqual(left.devices.capture());
        left.devices.close();
        moved.devices.close();
      }),
    );
  });
});

describe('the rest of a PC', () => {
  test('is reset by the keyboard controller and by port 0xCF9, and by nothing else', () => {
    const { bus } = pc();
    const resets: Array<[number, number]> = [];
    for (const port of [0x60, 0x64, 0x70, 0x92, 0xcf9]) {
      for (const value of [0x00, 0x02, 0x04, 0x06, 0xfe, 0xff]) {
        if (bus.out(port, 1, Buffer.of(value))) resets.push([port, value]);
      }
    }
    expect(resets).toEqual([
      [0x64, 0xfe],
      ...[0x04, 0x06, 0xfe, 0xff].map((value): [number, number] => [0xcf9, value]),
    ]);
  });

  test('CMOS is read by its index, which moves with the VM', () => {
    const { bus, devices } = pc();
    bus.out(0x70, 1, Buffer.of(0x8d)); // bit 7 masks NMIs
    const data = Buffer.alloc(1);
    bus.in(0x71, 1, data);
    expect([data[0], devices.capture().cmosIndex]).toEqual([0x80, 0x0d]);
  });
});
