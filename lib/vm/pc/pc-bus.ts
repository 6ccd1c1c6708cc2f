// The ports of a PC beside those of the in-kernel devices: a table of who serves which. What no one serves reads
// as all ones and swallows writes, as on a bus where nobody answers; that is how an operating system learns that
// a device is not there. Runs in the thread of the vCPU that made the access.

import { readCmos } from './cmos.js';
import type { PcShared } from './shared-state.js';
import { Uart16550, type UartOwner } from './uart16550.js';

export const SERIAL_PORT = 0x3f8;
export const SERIAL_IRQ = 4;

const CMOS_INDEX = 0x70;
const CMOS_DATA = 0x71;
const KEYBOARD_COMMAND = 0x64;
/** "Pulse the CPU's reset line", by which a PC is reset through its keyboard controller. */
const KEYBOARD_RESET = 0xfe;
const RESET_CONTROL = 0xcf9;
const RESET_CONTROL_CPU = 0x04;

export class PcBus {
  private readonly shared: PcShared;
  private readonly uart: Uart16550;

  constructor(shared: PcShared, owner: UartOwner) {
    this.shared = shared;
    this.uart = new Uart16550(shared, owner);
  }

  /** An IN: fills the data, one datum of `size` bytes after the other. */
  in(port: number, size: number, data: Buffer): void {
    data.fill(0xff);
    if (size !== 1) return;
    if (port >= SERIAL_PORT && port < SERIAL_PORT + 8) {
      this.shared.exclusively(() => {
        for (let i = 0; i < data.length; i += 1) data[i] = this.uart.read(port - SERIAL_PORT);
      });
    } else if (port === CMOS_DATA) {
      data.fill(readCmos(this.shared.get('cmosIndex'), new Date()));
    } else if (port === CMOS_INDEX) {
      data.fill(this.shared.get('cmosIndex'));
    }
  }

  /** An OUT. Gives whether it resets the PC. */
  out(port: number, size: number, data: Buffer): boolean {
    const value = data[0] ?? 0;
    if (port >= SERIAL_PORT && port < SERIAL_PORT + 8 && size === 1) {
      this.shared.exclusively(() => {
        for (const byte of data) this.uart.write(port - SERIAL_PORT, byte);
      });
    }
    if (port === CMOS_INDEX && size === 1) this.shared.set('cmosIndex', value & 0x7f);
    if (port === KEYBOARD_COMMAND && value === KEYBOARD_RESET) return true;
    return port === RESET_CONTROL && (value & RESET_CONTROL_CPU) !== 0;
  }
}
