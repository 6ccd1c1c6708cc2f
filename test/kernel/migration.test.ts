// The reference orchestrator moves live L2s between two vcpud processes: wherever in its round a vCPU is caught,
// it goes on from there.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate } from '../../lib/migration/migrate.js';
import { FLAG, HEADER } from '../../lib/nested/layout.js';
import type { VmState__Output } from '../../protos/gen/vcpud/v1/VmState.js';
import { type Counters, NORMAL, readCounters } from '../guests/guest.js';
import { CONSOLE_PORT } from '../guests/layout.js';
import {
  countersWhen,
  everyVcpuInL2,
  expectNoPanic,
  nameOf,
  onlyVcpu,
  startGuest,
  type VmRef,
} from '../harness/live-guest.js';
import { refusalOf } from '../harness/refusal.js';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';
import { Watcher } from '../harness/watcher.js';

/** One increment between two VMMCALLs, and no line for a long time: most pauses find the vCPU on its way in or out. */
const RESTLESS = { ...NORMAL, increments: 1, report: 1 << 20 };

let vcpuds: [VcpudProcess, VcpudProcess];

beforeAll(async () => {
  vcpuds = await Promise.all([startVcpud(), startVcpud()]);
});

afterAll(async () => {
  expect(await Promise.all(vcpuds.map((vcpud) => vcpud.stop()))).toEqual([0, 0]);
});

/** Of struct kvm_regs. */
const RCX_IN_REGS = 16;
const RDX_IN_REGS = 24;

const flagsOf = (state: VmState__Output): number =>
  onlyVcpu(state).nestedState?.data.readUInt16LE(HEADER.flags.offset) ?? Number.NaN;

/** The counters of every vCPU of a paused VM. */
async function allCounters({ client, vmId }: VmRef, vcpus: number): Promise<Counters[]> {
  const counters: Counters[] = [];
  for (let vcpu = 0; vcpu < vcpus; vcpu += 1) counters.push(await readCounters(client, vmId, vcpu));
  return counters;
}

/** Whether the vCPU is in the middle of the REP OUTSB with which L1 writes a line. */
function isWriting(state: VmState__Output): boolean {
  const { regs } = onlyVcpu(state);
  const left = regs.readBigUInt64LE(RCX_IN_REGS);
  const port = regs.readBigUInt64LE(RDX_IN_REGS);
  return flagsOf(state) === FLAG.GIF_SET && port === BigInt(CONSOLE_PORT) && left > 0n && left < 10n;
}

/** All that a guest has written to the console, as its watcher had it. */
const consoleText = ({ events }: Watcher): string =>
  events.map(({ console: output }) => output?.data.toString() ?? '').join('');

interface Move {
  /** What left the source. */
  readonly state: VmState__Output;
  /** Every vCPU's counters, as the source had them last. */
  readonly before: readonly Counters[];
  /** Of the destination, from before it ran. */
  readonly watcher: Watcher;
}

/** Moves a running VM, caught where `wanted` likes it, and waits until L1 and L2 of each vCPU have counted on. */
async function moveAndGoOn(
  from: VmRef,
  to: VmRef,
  vcpus: number,
  wanted: (state: VmState__Output) => boolean,
): Promise<Move> {
  let before: Counters[] = [];
  let watcher: Watcher | undefined;
  const { state } = await migrate({
    source: from.client,
    destination: to.client,
    vmId: from.vmId,
    accept: async (captured) => {
      if (!wanted(captured)) return false;
      before = await allCounters(from, vcpus);
      return true;
    },
    onPhase: (phase) => {
      if (phase === 'create') watcher = new Watcher(to.client, to.vmId);
    },
  });
  for (const [vcpu, last] of before.entries()) {
    await countersWhen(
      to,
      'L1 and L2 to count on',
      (now) => now.l2Count > last.l2Count && now.l1Count > last.l1Count,
      vcpu,
    );
  }
  expect(before).toHaveLength(vcpus);
  expect(await refusalOf(from.client.vm.GetVm({ name: nameOf(from) }))).toMatchObject({
    reason: 'VM_NOT_FOUND',
  });
  if (watcher === undefined) throw new Error('the destination was never watched');
  return { state, before, watcher };
}

/** Ends a VM whose guest never found its state changed. */
async function end(vm: VmRef, ...watchers: Watcher[]): Promise<void> {
  for (const watcher of watchers) {
    expectNoPanic(watcher);
    watcher.stop();
  }
  await vm.client.vm.DeleteVm({ name: nameOf(vm) });
}

test('an L2 that moves there and back again counts on each time', async () => {
  const [here, there] = vcpuds.map(({ client }) => ({ client, vmId: 'to-and-fro' })) as [VmRef, VmRef];
  const watcher = await startGuest(here, NORMAL);
  await watcher.line(/ l2=[1-9]/);
  const watchers = [watcher];
  for (const [from, to] of [
    [here, there],
    [there, here],
    [here, there],
  ] as const) {
    watchers.push((await moveAndGoOn(from, to, 1, everyVcpuInL2)).watcher);
  }
  await end(there, ...watchers);
});

test.each([
  ['on its way into L2, RUN_PENDING', FLAG.GUEST_MODE | FLAG.RUN_PENDING | FLAG.GIF_SET],
  ['in L1 with GIF clear', 0],
] as const)('a vCPU that is caught %s goes on from there', async (_where, flags) => {
  const [from, to] = vcpuds.map(({ client }) => ({ client, vmId: `caught-${flags}` })) as [VmRef, VmRef];
  const watcher = await startGuest(from, RESTLESS);
  await countersWhen(from, 'L2 to count', ({ l2Count }) => l2Count > 0n);
  const move = await moveAndGoOn(from, to, 1, (captured) => flagsOf(captured) === flags);
  expect(flagsOf(move.state)).toBe(flags);
  await end(to, watcher, move.watcher);
});

test('a vCPU that is caught in L1 as it writes a line writes the rest of it at the destination', async () => {
  const [from, to] = vcpuds.map(({ client }) => ({ client, vmId: 'in-a-line' })) as [VmRef, VmRef];
  const here = await startGuest(from, { ...NORMAL, increments: 1, report: 1 });
  await here.line(/ l2=[1-9]/);
  const there = await moveAndGoOn(from, to, 1, isWriting);
  await to.client.vm.PauseVm({ name: nameOf(to) });
  const ran = there.watcher.events.findIndex(({ vm }) => vm?.runState === 'VM_RUN_STATE_RUNNING');
  await there.watcher.runState('PAUSED', ran);
  await here.finished;
  // Nothing lost, nothing twice: the I/O that was pending at the pause was completed at the source.
  const said = [consoleText(here), consoleText(there.watcher)] as const;
  expect(said[0]).not.toMatch(/\n$/);
  const lines = said.join('').split('\n').slice(0, -1);
  expect(lines.shift()).toBe('cpu=0 start');
  expect(lines).toEqual(lines.map((_, i) => `cpu=0 l1=${i + 1} l2=${i + 1}`));
  expect(lines.length).toBeGreaterThan(Number(there.before[0]?.l1Count));
  await end(to, here, there.watcher);
});

test('a VM with two vCPUs, both in L2, moves from one stop', async () => {
  const [from, to] = vcpuds.map(({ client }) => ({ client, vmId: 'pair' })) as [VmRef, VmRef];
  const watcher = await startGuest(from, { ...NORMAL, report: 1024 }, 2);
  for (const vcpu of [0, 1]) await countersWhen(from, 'L2 to count', ({ l2Count }) => l2Count > 0n, vcpu);
  const move = await moveAndGoOn(from, to, 2, everyVcpuInL2);
  expect(move.state.vcpus).toHaveLength(2);
  await end(to, watcher, move.watcher);
});

test('a move that fails leaves L2 counting where it was, and nothing at the destination', async () => {
  const [from, to] = vcpuds.map(({ client }) => ({ client, vmId: 'stays' })) as [VmRef, VmRef];
  const watcher = await startGuest(from, NORMAL);
  await watcher.line(/ l2=[1-9]/);
  let before: Counters[] = [];
  const move = migrate({
    source: from.client,
    destination: to.client,
    vmId: from.vmId,
    accept: async () => {
      before = await allCounters(from, 1);
      throw new Error('changed my mind');
    },
    onPhase: () => undefined,
  });
  await expect(move).rejects.toThrow('capture failed: changed my mind');
  await countersWhen(from, 'L2 to count on', ({ l2Count }) => l2Count > (before[0]?.l2Count ?? l2Count));
  expect(await refusalOf(to.client.vm.GetVm({ name: nameOf(to) }))).toMatchObject({ reason: 'VM_NOT_FOUND' });
  await end(from, watcher);
});
