// The client in Python moves an L2 that runs from one vcpud to another: by the way from host to host, and back through
// itself. What is written to the guest's memory meanwhile comes along: L1 and L2 count there.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { NORMAL } from '../guests/guest.js';
import {
  countersWhen,
  expectNoPanic,
  l2Progress,
  nameOf,
  startGuest,
  type VmRef,
} from '../harness/live-guest.js';
import { PythonClient } from '../harness/python-client.js';
import { refusalOf } from '../harness/refusal.js';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';
import { Watcher } from '../harness/watcher.js';

let python: PythonClient;
let vcpuds: [VcpudProcess, VcpudProcess];

beforeAll(async () => {
  python = await PythonClient.prepare();
  vcpuds = await Promise.all([startVcpud(), startVcpud()]);
});

afterAll(async () => {
  python.close();
  expect(await Promise.all(vcpuds.map((vcpud) => vcpud.stop()))).toEqual([0, 0]);
});

const VM = 'by-python';

test('an L2 that counts is moved there from host to host, and back through the client, and counts on', async () => {
  const [here, there] = vcpuds;
  const at = ({ client }: VcpudProcess): VmRef => ({ client, vmId: VM });
  const watchers = [await startGuest(at(here), NORMAL)];
  let before = await countersWhen(at(here), 'L2 to count', ({ l2Count }) => l2Count > 0n);
  for (const { from, to, options } of [
    { from: here, to: there, options: ['--verify'] },
    { from: there, to: here, options: ['--relay'] },
  ]) {
    before = await l2Progress(at(from), before);
    const ends = ['--from', `unix://${from.socketPath}`, '--to', `unix://${to.socketPath}`];
    // An emulated host is slow, and its guests write fast for that.
    const ended = await python.run(VM, ...ends, '--max-blackout', '5000', ...options);
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    // It ran meanwhile: pages were written again.
    expect(ended.stdout).toMatch(
      /^round 1: .*, [1-9]\d* pages left, .*\n(round .*\n)*moved, blackout \d+ ms\n$/m,
    );
    expect(await refusalOf(from.client.vm.GetVm({ name: nameOf(at(from)) }))).toMatchObject({
      reason: 'VM_NOT_FOUND',
    });
    watchers.push(new Watcher(to.client, VM));
    before = await l2Progress(at(to), before);
    expect(before.l1Count).toBeGreaterThan(0n);
  }
  for (const watcher of watchers) {
    expectNoPanic(watcher);
    watcher.stop();
  }
  await here.client.vm.DeleteVm({ name: nameOf(at(here)) });
});
