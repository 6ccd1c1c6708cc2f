// Nothing leaks: what a VM had is gone with it, also where it ran, and also where making it failed half-way.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NORMAL } from '../guests/guest.js';
import { eventually } from '../harness/eventually.js';
import { startGuest } from '../harness/live-guest.js';
import { openFiles, type ProcessFacts, partsOfVms, processFacts } from '../harness/process-facts.js';
import { refusalOf } from '../harness/refusal.js';
import { createTiny, type TINY_CODE } from '../harness/tiny-guest.js';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';

let vcpud: VcpudProcess;

beforeAll(async () => {
  vcpud = await startVcpud();
});

afterAll(async () => {
  expect(vcpud.log()).not.toMatch(/"level":(50|60)/);
  expect(await vcpud.stop()).toBe(0);
});

const filesOfVms = (): string[] => partsOfVms(vcpud.pid);

const name = 'vms/vm';

async function createAndDelete(): Promise<void> {
  await vcpud.client.vm.CreateVm({ vmId: 'vm', vm: { memoryRegions: [{ gpa: 0, sizeBytes: 1 << 20 }] } });
  await vcpud.client.vm.DeleteVm({ name });
}

async function createRunAndDelete(code: keyof typeof TINY_CODE): Promise<void> {
  await createTiny(vcpud.client, 'vm', code, { vcpuCount: 1, irqchip: false });
  await vcpud.client.vm.RunVm({ name });
  await vcpud.client.vm.DeleteVm({ name });
}

/** No more than before of anything, as soon as threads that have ended are gone from /proc. */
async function expectNoMoreThan(before: ProcessFacts): Promise<void> {
  const noMore = (now: ProcessFacts) =>
    now.descriptors <= before.descriptors &&
    now.threads <= before.threads &&
    now.mappings <= before.mappings + MAPPINGS_OF_THE_HEAP;
  let last = before;
  await eventually('vcpud to have no more than before', () => {
    last = processFacts(vcpud.pid);
    return noMore(last) ? true : undefined;
  }).catch((error: Error) => {
    throw new Error(`${error.message}: ${JSON.stringify({ before, last })}`);
  });
}

/** V8 maps and unmaps a page of its heap now and then. A VM that leaked has a mapping of memory, of kvm_run, and of a stack. */
const MAPPINGS_OF_THE_HEAP = 40;

/** Half a second a VM in an emulated host, and more where that shares its machine. */
const MANY_MS = 900_000;

test('200 VMs made and deleted, every tenth of which ran, leave as much as there was', {
  timeout: MANY_MS,
}, async () => {
  for (let i = 0; i < 5; i += 1) await createRunAndDelete('spin'); // what is made once and kept
  expect(filesOfVms()).toEqual([]);
  const before = processFacts(vcpud.pid);
  for (let i = 0; i < 200; i += 1) {
    if (i % 20 === 0) await createRunAndDelete('halt');
    else if (i % 10 === 0) await createRunAndDelete('spin');
    else await createAndDelete();
  }
  expect(filesOfVms()).toEqual([]);
  await expectNoMoreThan(before);
});

test('VMs with an irqchip, a PIT, many vCPUs and a live L2 leave as much as there was', async () => {
  const { client } = vcpud;
  const round = async () => {
    await client.vm.CreateVm({
      vmId: 'chips',
      vm: { vcpuCount: 4, irqchip: true, pit: true, memoryRegions: [{ gpa: 0, sizeBytes: 1 << 20 }] },
    });
    const watcher = await startGuest({ client, vmId: 'l2' }, NORMAL, 2);
    await watcher.line(/l2=/);
    await Promise.all(['chips', 'l2'].map((vmId) => client.vm.DeleteVm({ name: `vms/${vmId}` })));
    await watcher.finished;
  };
  await round();
  const before = processFacts(vcpud.pid);
  for (let i = 0; i < 2; i += 1) await round();
  expect(filesOfVms()).toEqual([]);
  await expectNoMoreThan(before);
});

test('a VM that cannot be made for want of descriptors is refused, whole, wherever they run out', async () => {
  const { client, pid } = vcpud;
  const limit = (descriptors: number | string) => {
    execFileSync('prlimit', ['--pid', String(pid), `--nofile=${descriptors}:`]);
  };
  const former = execFileSync('prlimit', ['--pid', String(pid), '--nofile', '--noheadings', '--output=SOFT'])
    .toString()
    .trim();
  await createRunAndDelete('spin');
  const before = processFacts(pid);
  const open = openFiles(pid);
  let most = 0;
  while (open.has(most)) most += 1; // from here on: no descriptor is free below it
  const refusals: string[] = [];
  try {
    for (; ; most += 1) {
      limit(most);
      const made = client.vm.CreateVm({
        vmId: 'vm',
        vm: { vcpuCount: 2, memoryRegions: [{ gpa: 0, sizeBytes: 1 << 20 }] },
      });
      const error = await made.then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      if (error === undefined) break;
      const { code, reason, metadata } = await refusalOf(Promise.reject(error));
      refusals.push(`${code} ${reason} ${metadata['errno']}`);
      await expectNoMoreThan(before);
      expect(filesOfVms()).toEqual([]);
    }
  } finally {
    limit(former);
  }
  // The memory, the VM, each vCPU and each of its thread's parts took one: no step of them was left out.
  expect(refusals.length).toBeGreaterThan(6);
  expect(new Set(refusals.map((text) => text.split(' ').slice(0, 2).join(' ')))).toEqual(
    new Set(['RESOURCE_EXHAUSTED HOST_RESOURCES']),
  );
  await client.vm.RunVm({ name: 'vms/vm' }).catch(() => undefined);
  await client.vm.DeleteVm({ name: 'vms/vm' });
  await expectNoMoreThan(before);
  // With room again, it is as if nothing had been.
  await createRunAndDelete('spin');
});

test('a VM whose memory finds no place is refused, whole', async () => {
  const { client, pid } = vcpud;
  const GIB = 2 ** 30;
  const mapped =
    Number(/^VmSize:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
  await createRunAndDelete('spin');
  const before = processFacts(pid);
  execFileSync('prlimit', ['--pid', String(pid), `--as=${mapped + 4 * GIB}:`]);
  try {
    const memoryRegions = [
      { gpa: 0, sizeBytes: GIB },
      { gpa: 8 * GIB, sizeBytes: 64 * GIB },
    ];
    const refusal = await refusalOf(client.vm.CreateVm({ vmId: 'vm', vm: { memoryRegions } }));
    expect(refusal).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'HOST_RESOURCES' });
    expect(refusal.metadata).toEqual({ errno: 'ENOMEM' });
    expect(filesOfVms()).toEqual([]);
    await expectNoMoreThan(before);
  } finally {
    execFileSync('prlimit', ['--pid', String(pid), '--as=unlimited:']);
  }
  await createRunAndDelete('spin');
});
