// A guest that runs a guest is a file for a while: saved on one vcpud, loaded on another under another name, by the
// built vcpuctl, and its L2 goes on from where it was.

import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NORMAL, readCounters } from '../guests/guest.js';
import {
  everyVcpuInL2,
  expectNoPanic,
  l2Progress,
  nameOf,
  pauseWhen,
  startGuest,
  unlike,
  type VmRef,
} from '../harness/live-guest.js';
import { VCPUCTL } from '../harness/programs.js';
import { refusalOf } from '../harness/refusal.js';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';
import { Watcher } from '../harness/watcher.js';

let vcpuds: [VcpudProcess, VcpudProcess];
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'saved-'));
  vcpuds = await Promise.all([startVcpud(), startVcpud()]);
});

afterAll(async () => {
  expect(await Promise.all(vcpuds.map((vcpud) => vcpud.stop()))).toEqual([0, 0]);
  rmSync(folder, { recursive: true });
});

/** Runs a vcpuctl that must succeed; gives what it printed. */
async function vcpuctl({ socketPath }: VcpudProcess, ...args: string[]): Promise<string> {
  const words = [VCPUCTL, '--endpoint', `unix://${socketPath}`, ...args];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, words);
  expect(stderr).toBe('');
  return stdout;
}

const refOf = ({ client }: VcpudProcess, vmId: string): VmRef => ({ client, vmId });

test('a live L2 is saved, loaded under another name on another vcpud, and counts on there', async () => {
  const [here, there] = vcpuds;
  const [from, to] = [refOf(here, 'first'), refOf(there, 'second')];
  const file = join(folder, 'in-l2');
  const watcher = await startGuest(from, NORMAL, 2);
  await watcher.line(/ l2=[1-9]/);
  const state = await pauseWhen(from, 'both vCPUs in L2', everyVcpuInL2);
  const before = [await readCounters(here.client, 'first', 0), await readCounters(here.client, 'first', 1)];

  await vcpuctl(here, 'save', 'first', file);
  const document = JSON.parse(await vcpuctl(here, '--json', 'file', 'info', file)) as object;
  expect(document).toMatchObject({
    vcpus: [
      { index: 0, inL2: true },
      { index: 1, inL2: true },
    ],
  });
  await here.client.vm.DeleteVm({ name: nameOf(from) });

  await vcpuctl(there, 'load', file, '--name', 'second');
  expect(await unlike(to, state)).toEqual([]);
  for (const [vcpu, last] of before.entries()) {
    expect(await readCounters(there.client, 'second', vcpu)).toEqual(last);
  }
  const second = new Watcher(there.client, 'second');
  await there.client.vm.RunVm({ name: nameOf(to) });
  for (const [vcpu, last] of before.entries()) {
    const now = await l2Progress(to, last, vcpu);
    expect(now.starts).toBe(last.starts);
  }
  expectNoPanic(watcher);
  expectNoPanic(second);
  watcher.stop();
  second.stop();
  await there.client.vm.DeleteVm({ name: nameOf(to) });
});

test('a guest that runs is saved from one stop and runs on; what is loaded with --run goes on from that stop', async () => {
  const [here, there] = vcpuds;
  const [from, to] = [refOf(here, 'runs'), refOf(there, 'clone')];
  const file = join(folder, 'running');
  const watcher = await startGuest(from, NORMAL);
  await watcher.line(/ l2=[1-9]/);
  const before = await readCounters(here.client, 'runs', 0);
  expect(await vcpuctl(here, 'vm', 'save', 'runs', file)).toMatch(/^stopped for +[1-9]\d*\.\d{3} ms$/m);
  await l2Progress(from, await readCounters(here.client, 'runs', 0));

  // Paused, it has what was counted at the stop, and no more.
  await vcpuctl(there, 'load', file, '--name', 'clone');
  const stopped = await readCounters(there.client, 'clone', 0);
  await here.client.vm.PauseVm({ name: nameOf(from) });
  const after = await readCounters(here.client, 'runs', 0);
  expect(stopped.l2Count).toBeGreaterThanOrEqual(before.l2Count);
  expect(after.l2Count).toBeGreaterThan(stopped.l2Count);
  await there.client.vm.DeleteVm({ name: nameOf(to) });
  await here.client.vm.DeleteVm({ name: nameOf(from) });

  await vcpuctl(there, 'load', file, '--name', 'clone', '--run');
  const now = await l2Progress(to, stopped);
  expect(now.starts).toBe(stopped.starts);
  expectNoPanic(watcher);
  watcher.stop();
  await there.client.vm.DeleteVm({ name: nameOf(to) });
});

test('an altered file makes no VM, and a kernel is never asked', async () => {
  const [, there] = vcpuds;
  const bytes = readFileSync(join(folder, 'in-l2'));
  const at = (bytes.length / 2) | 0;
  bytes[at] = (bytes[at] as number) ^ 1;
  const file = join(folder, 'altered');
  writeFileSync(file, bytes);
  const load = vcpuctl(there, '--json', 'load', file, '--name', 'never');
  await expect(load).rejects.toMatchObject({ code: 5, stderr: expect.stringContaining('"FILE_DAMAGED"') });
  expect(await refusalOf(there.client.vm.GetVm({ name: 'vms/never' }))).toMatchObject({
    reason: 'VM_NOT_FOUND',
  });
  expect(readdirSync(folder).sort()).toEqual(['altered', 'in-l2', 'running']);
});
