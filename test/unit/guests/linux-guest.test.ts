// The Linux guest, booted by QEMU with a CPU that is emulated whole: what it writes, and what it takes.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { GuestConsole, troublesOf } from '../../guests/linux/console.js';
import { linuxGuest } from '../../guests/linux/linux-guest.js';
import { QemuMachine } from '../../harness/qemu-machine.js';
import { filledCache } from '../../testbed/cache.js';

/** The testbed's packages may have to be fetched first. */
const FETCH_TIMEOUT_MS = 600_000;
/** About 15 s on a machine that does nothing else. */
const BOOT_TIMEOUT_MS = 240_000;

const guest = new GuestConsole();
let machine: QemuMachine;

beforeAll(async () => {
  const progress = (line: string) => void process.stderr.write(`${line}\n`);
  machine = await QemuMachine.boot({
    processor: 'emulated',
    cache: await filledCache(progress),
    guest: await linuxGuest(progress),
    options: { intervalMs: 200, writer: { mib: 4, pagesPerSecond: 500 }, shell: true },
    memoryMib: 256,
  });
  machine.serial.on('data', (chunk: Buffer) => guest.push(chunk));
}, FETCH_TIMEOUT_MS);

afterAll(() => machine.end());

test(
  'L1 boots, L2 counts, the writer goes round, and the shell runs what it is told',
  async () => {
    const round = guest.next((line) => Number(/^writer (\d+)$/.exec(line)?.[1]) > 1024);
    await guest.next((line) => line === 'l1 shell');
    const [ready] = guest.lines.filter((line) => line.startsWith('l1 '));
    expect(ready).toMatch(/^l1 ready \d+\.\d+\./);

    const product = guest.next((line) => line === '42');
    const status = guest.next((line) => line.startsWith('l1 status'));
    machine.serial.write('echo $((6 * 7)); exit 3\n');
    await product;
    expect(await status).toBe('l1 status 3');

    await guest.moreL2Lines(5);
    await round;
    expect(troublesOf(guest.lines)).toEqual([]);
  },
  BOOT_TIMEOUT_MS,
);
