// Nothing leaks: what a VM had is gone with it, also where it ran, and also where making it failed half-way.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
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

async function createRunAndDelete(code: keyof typeof TINY_CODE, client = vcpud.client): Promise<void> {
  await createTiny(client, 'vm', code, { vcpuCount: 1, irqchip: false });
  await client.vm.RunVm({ name });
  await client.vm.DeleteVm({ name });
}

/** No more than before of anything, as soon as threads that have ended are gone from /proc. */
async function expectNoMoreThan(before: ProcessFacts, pid = vcpud.pid): Promise<void> {
  const noMore = (now: ProcessFacts) =>
    now.descriptors <= before.descriptors &&
    now.threads <= before.threads &&
    now.mappings <= before.mappings + MAPPINGS_OF_THE_HEAP;
  let last = before;
  await eventually('vcpud to have no more than before', () => {
    last = processFacts(pid);
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
  // One of its own: the other has threads to spare, which need no descriptors any more.
  const own = await startVcpud();
  const { client, pid } = own;
  const limit = (descriptors: number | string) => {
    execFileSync('prlimit', ['--pid', String(pid), `--nofile=${descriptors}:`]);
  };
  const former = execFileSync('prlimit', ['--pid', String(pid), '--nofile', '--noheadings', '--output=SOFT'])
    .toString()
    .trim();
  await createRunAndDelete('spin', client);
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
      await expectNoMoreThan(before, pid);
      expect(partsOfVms(pid)).toEqual([]);
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
  expect(partsOfVms(pid)).toEqual([]);
  // With room again, it is as if nothing had been.
  await createRunAndDelete('spin', client);
  expect(own.log()).not.toMatch(/"level":(50|60)/);
  expect(await own.stop()).toBe(0);
});

test('a thread whose vCPU is gone is the next one’s, and no more than eight are kept', async () => {
  const own = await startVcpud();
  const threads = (): string[] => readdirSync(`/proc/${own.pid}/task`).sort();
  const withVcpus = async <T>(vcpuCount: number, task: () => T): Promise<T> => {
    await own.client.vm.CreateVm({
      vmId: 'vm',
      vm: { vcpuCount, memoryRegions: [{ gpa: 0, sizeBytes: 1 << 20 }] },
    });
    const result = task();
    await own.client.vm.DeleteVm({ name });
    return result;
  };
  const none = threads();
  const ten = await withVcpus(10, threads);
  const newOnes = ten.filter((tid) => !none.includes(tid));
  expect(newOnes).toHaveLength(10);
  const keptOf = () => threads().filter((tid) => newOnes.includes(tid)).length;
  expect(await eventually('two of ten threads to end', () => (keptOf() <= 8 ? keptOf() : undefined))).toBe(8);
  const kept = threads();
  expect(await withVcpus(2, threads)).toEqual(kept);
  expect(threads()).toEqual(kept);
  // They run guests.
  await createRunAndDelete('halt', own.client);
  expect(threads()).toEqual(kept);
  expect(await own.stop()).toBe(0);
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
