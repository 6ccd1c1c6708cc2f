// The Linux guest in an owned VM: L1 boots on vcpud's PC, runs its L2, and takes what is written to its serial port.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { GuestConsole, troublesOf } from '../guests/linux/console.js';
import { commandLine, linuxGuest } from '../guests/linux/linux-guest.js';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';

const name = 'vms/linux';
const RAM_BYTES = 256 * 1024 * 1024;

let vcpud: VcpudProcess;

beforeAll(async () => {
  vcpud = await startVcpud();
});

afterAll(async () => {
  expect(vcpud.log()).not.toMatch(/"level":(50|60)/);
  expect(await vcpud.stop()).toBe(0);
});

test('Linux boots, its L2 counts without a gap, its writer finds what it wrote, and its shell answers', async () => {
  const { client } = vcpud;
  const files = await linuxGuest((line) => void process.stderr.write(`${line}\n`));
  await client.vm.CreateVm({
    vmId: 'linux',
    vm: {
      vcpuCount: 1,
      memoryRegions: [{ gpa: 0, sizeBytes: RAM_BYTES }],
      irqchip: true,
      pit: true,
      pc: true,
      linuxBoot: {
        kernelPath: files.kernel,
        initramfsPath: files.initramfs,
        commandLine: commandLine({
          intervalMs: 1000,
          writer: { mib: 1, pagesPerSecond: 500 },
          shell: true,
        }),
      },
    },
  });
  const guest = new GuestConsole();
  const events = client.watchVm({ name });
  const followed = (async () => {
    for await (const { console: output } of events) {
      if (output?.port === 'CONSOLE_PORT_SERIAL') guest.push(output.data);
    }
  })();
  try {
    const round = guest.next((line) => Number(/^writer (\d+)$/.exec(line)?.[1]) > 256);
    const shell = guest.next((line) => line === 'l1 shell');
    await client.vm.RunVm({ name });
    await shell;

    const product = guest.next((line) => line === '42');
    const status = guest.next((line) => line.startsWith('l1 status'));
    await client.writeConsole([{ name, data: Buffer.from('echo $((6 * 7)); exit 3\n') }]);
    await product;
    expect(await status).toBe('l1 status 3');

    await guest.moreL2Lines(3);
    await round;
    expect(troublesOf(guest.lines)).toEqual([]);
  } finally {
    await client.vm.DeleteVm({ name }); // which ends the stream
    await followed;
  }
});
