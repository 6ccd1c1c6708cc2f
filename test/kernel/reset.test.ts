// Reset: from wherever a vCPU is, L2 included, to power-on state, any number of times, and from there it starts again.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { vcpuSnapshot } from '../../lib/api/vcpu-state.js';
import { FLAG, FORMAT, HEADER } from '../../lib/nested/layout.js';
import { differences } from '../../lib/state/snapshot-compare.js';
import type { NestedState__Output } from '../../protos/gen/vcpud/v1/NestedState.js';
import type { VcpuState__Output } from '../../protos/gen/vcpud/v1/VcpuState.js';
import { createGuest, type GuestParameters, guestShape, NORMAL, readCounters } from '../guests/guest.js';
import { PARAMETER, PARAMETERS_GPA } from '../guests/layout.js';
import { SCENES } from '../guests/scenes.js';
import {
  copyMemory,
  countersWhen,
  everyVcpuInL2,
  expectNoPanic,
  isInGuestMode,
  l2Progress,
  nameOf,
  onlyVcpu,
  pauseWhen,
  startGuest,
  unlike,
  type VmRef,
  vcpuOf,
} from '../harness/live-guest.js';
import { refusalOf } from '../harness/refusal.js';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';
import { Watcher } from '../harness/watcher.js';

const RESETS = 200;
/** No line but the first, and seldom a call: a reset finds the vCPU in L2 nearly always. */
const BUSY: GuestParameters = { ...NORMAL, increments: 1 << 20, report: 1 << 20 };

let vcpud: VcpudProcess;
/** What a vCPU holds that has never run. */
let powerOn: VcpuState__Output;

const ref = (vmId: string): VmRef => ({ client: vcpud.client, vmId });

async function stateOf(vm: VmRef, index = 0): Promise<VcpuState__Output> {
  const { state } = await vm.client.vcpu.GetVcpuState({ name: vcpuOf(vm, index) });
  if (state === null) throw new Error('the answer has no state');
  return state;
}

/** Names of the parts in which a vCPU is unlike one that has never run. */
async function unlikePowerOn(vm: VmRef): Promise<string[]> {
  return differences(vcpuSnapshot(powerOn), vcpuSnapshot(await stateOf(vm)));
}

async function runStateOf(vm: VmRef): Promise<string | undefined> {
  return (await vm.client.vm.GetVm({ name: nameOf(vm) })).vm?.runState;
}

const reset = async (vm: VmRef, index = 0): Promise<NestedState__Output | null> =>
  (await vm.client.nested.Reset({ name: vcpuOf(vm, index) })).nestedState;

function expectResetState(state: NestedState__Output | null): void {
  expect(state).toMatchObject({ flags: ['NESTED_STATE_FLAG_GIF_SET'], sizeBytes: 128 });
  const bytes = Buffer.alloc(128);
  bytes.writeUInt16LE(FLAG.GIF_SET, HEADER.flags.offset);
  bytes.writeUInt16LE(FORMAT.SVM, HEADER.format.offset);
  bytes.writeUInt32LE(128, HEADER.size.offset);
  expect(state?.data).toEqual(bytes);
}

/** The run states that a VM has gone through, as its watcher heard of them. */
function runStatesOf({ events }: Watcher): string[] {
  const states = events.flatMap(({ vm }) => (vm === null || vm === undefined ? [] : [vm.runState as string]));
  return states.filter((state, i) => state !== states[i - 1]);
}

async function setParameter(vm: VmRef, parameter: keyof typeof PARAMETER, value: number): Promise<void> {
  const data = Buffer.alloc(4);
  data.writeUInt32LE(value);
  await vm.client.writeMemory([
    { name: nameOf(vm), gpa: Number(PARAMETERS_GPA) + PARAMETER[parameter], data },
  ]);
}

/** Lets a reset VM run, and waits until L1 has come from the reset vector once more and has its L2 count. */
async function expectToStartAgain(vm: VmRef, starts: bigint): Promise<void> {
  await vm.client.vm.RunVm({ name: nameOf(vm) });
  await countersWhen(vm, 'L2 to count', (now) => now.starts === starts && now.l2Count > 0n);
}

async function end(vm: VmRef, watcher: Watcher): Promise<void> {
  expectNoPanic(watcher);
  watcher.stop();
  await vm.client.vm.DeleteVm({ name: nameOf(vm) });
}

beforeAll(async () => {
  vcpud = await startVcpud();
  const fresh = ref('fresh');
  await fresh.client.vm.CreateVm({ vmId: fresh.vmId, vm: guestShape(1) });
  powerOn = await stateOf(fresh);
});

afterAll(async () => {
  expect(await vcpud.stop()).toBe(0);
});

test('two hundred resets in a row, each while L2 runs: each time the VM is paused and starts again', async () => {
  const vm = ref('again-and-again');
  const watcher = await startGuest(vm, BUSY);
  await countersWhen(vm, 'L2 to count', ({ l2Count }) => l2Count > 0n);
  let foundInL2 = 0;
  for (let i = 1; i <= RESETS; i += 1) {
    const { nestedState } = await vm.client.nested.GetNestedState({ name: vcpuOf(vm) });
    if (isInGuestMode(nestedState)) foundInL2 += 1;
    expectResetState(await reset(vm));
    if (i % 20 === 0) expect(await unlikePowerOn(vm)).toEqual([]);
    await expectToStartAgain(vm, BigInt(i + 1));
  }
  expect(foundInL2).toBeGreaterThan(RESETS * 0.8);
  await vm.client.vm.PauseVm({ name: nameOf(vm) });
  const once = ['VM_RUN_STATE_PAUSED', 'VM_RUN_STATE_RUNNING'];
  const runStates = [
    ...Array(RESETS + 1)
      .fill(once)
      .flat(),
    'VM_RUN_STATE_PAUSED',
  ];
  await watcher.until('every change of the run state', (now) =>
    runStatesOf(now).length >= runStates.length ? true : undefined,
  );
  expect(runStatesOf(watcher)).toEqual(runStates);
  expect(watcher.lines.map(({ text }) => text)).toEqual(Array(RESETS + 1).fill('cpu=0 start'));
  await end(vm, watcher);
});

test('a paused vCPU in L2 leaves L2 and holds power-on state; a second reset changes nothing', async () => {
  const vm = ref('paused');
  const watcher = await startGuest(vm, BUSY);
  await pauseWhen(vm, 'the vCPU in L2', everyVcpuInL2);
  expectResetState(await reset(vm));
  expect(await unlikePowerOn(vm)).toEqual([]);
  expectResetState(await reset(vm));
  expect(await unlikePowerOn(vm)).toEqual([]);
  expect(await runStateOf(vm)).toBe('VM_RUN_STATE_PAUSED');
  await expectToStartAgain(vm, 2n);
  await end(vm, watcher);
});

test('a vCPU that has never run can be reset, and holds what it held', async () => {
  const vm = ref('new');
  await createGuest(vm.client, vm.vmId, BUSY, 1);
  const watcher = new Watcher(vm.client, vm.vmId);
  expectResetState(await reset(vm));
  expect(await unlikePowerOn(vm)).toEqual([]);
  await expectToStartAgain(vm, 1n);
  await end(vm, watcher);
});

test.each([
  ['L1 has GIF clear', 'gifClear', 'l1Spin'],
  ['a virtual interrupt is pending for L2', 'virtualInterrupt', 'l2Spin'],
] as const)('a reset while %s sets GIF and leaves nothing pending', async (_when, scene, spin) => {
  const vm = ref(`at-gate-${spin}`.toLowerCase());
  const watcher = await startGuest(vm, { ...BUSY, scene, gate: true });
  await countersWhen(vm, 'the guest to wait at its gate', (counters) => counters[spin] > 0n);
  expectResetState(await reset(vm));
  expect(await unlikePowerOn(vm)).toEqual([]);
  await setParameter(vm, 'gate', 0);
  await expectToStartAgain(vm, 2n);
  await end(vm, watcher);
});

test('resets while L2 takes page faults leave none pending', async () => {
  const vm = ref('faulting');
  const watcher = await startGuest(vm, { ...BUSY, scene: 'pageFault', increments: 0 });
  for (let i = 1n; i <= 10n; i += 1n) {
    await countersWhen(vm, 'L2 to take page faults', ({ l2PfCount }) => l2PfCount > 0n);
    expectResetState(await reset(vm));
    expect(await unlikePowerOn(vm)).toEqual([]);
    await expectToStartAgain(vm, i + 1n);
  }
  await end(vm, watcher);
});

test.each([
  ['a triple fault', 'tripleFault', 'VM_STOP_REASON_SHUTDOWN'],
  ['HLT', 'halt', 'VM_STOP_REASON_HALTED'],
  ['I/O to a port that nothing serves', 'unhandledPort', 'VM_STOP_REASON_UNSUPPORTED_EXIT'],
  ['a read where there is no memory', 'unbackedRead', 'VM_STOP_REASON_UNSUPPORTED_EXIT'],
] as const)('a VM that %s stopped runs again after a reset', async (_what, scene, reason) => {
  const vm = ref(`stopped-by-${scene}`.toLowerCase());
  const watcher = await startGuest(vm, { ...BUSY, scene });
  expect((await watcher.runState('STOPPED')).stop?.reason).toBe(reason);
  const refusal = await refusalOf(vm.client.vm.RunVm({ name: nameOf(vm) }));
  expect(refusal).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'VM_STOPPED' });

  expectResetState(await reset(vm));
  expect(await runStateOf(vm)).toBe('VM_RUN_STATE_PAUSED');
  expect(await unlikePowerOn(vm)).toEqual([]);
  await setParameter(vm, 'scene', SCENES.normal.number);
  await expectToStartAgain(vm, 2n);
  await end(vm, watcher);
});

test.each(['SetVcpuState', 'SetVmState'] as const)(
  'a VM that stopped in the middle of an MMIO read goes on from where %s takes it',
  async (rpc) => {
    const [from, to] = [ref(`from-${rpc}`.toLowerCase()), ref(`to-${rpc}`.toLowerCase())];
    const stopped = await startGuest(to, { ...BUSY, scene: 'unbackedRead' });
    await stopped.runState('STOPPED');
    const watcher = await startGuest(from, BUSY);
    const state = await pauseWhen(from, 'the vCPU in L2', everyVcpuInL2);
    const before = await readCounters(from.client, from.vmId, 0);
    await copyMemory(from, to);
    if (rpc === 'SetVmState') await to.client.vm.SetVmState({ name: nameOf(to), state });
    else await to.client.vcpu.SetVcpuState({ name: vcpuOf(to), state: onlyVcpu(state) });
    expect(await unlike(to, state)).toEqual([]);
    await end(from, watcher);
    await to.client.vm.RunVm({ name: nameOf(to) });
    await l2Progress(to, before);
    await end(to, stopped);
  },
);

test('a reset of one vCPU leaves the other in its L2', async () => {
  const vm = ref('two');
  const watcher = await startGuest(vm, BUSY, 2);
  await countersWhen(vm, 'L2 to count', ({ l2Count }) => l2Count > 0n, 1);
  await pauseWhen(vm, 'both vCPUs in L2', everyVcpuInL2);
  const other = await stateOf(vm, 1);
  const before = await readCounters(vm.client, vm.vmId, 1);
  expectResetState(await reset(vm, 0));
  expect(differences(vcpuSnapshot(other), vcpuSnapshot(await stateOf(vm, 1)))).toEqual([]);
  expect(isInGuestMode((await stateOf(vm, 1)).nestedState)).toBe(true);
  await expectToStartAgain(vm, 2n);
  const after = await l2Progress(vm, before, 1);
  expect(after.starts).toBe(1n);
  await end(vm, watcher);
});

test('a vCPU that stopped in the middle of a long REP OUTSB starts again after a reset', async () => {
  const vm = ref('in-a-rep');
  const { client } = vm;
  const RESET_VECTOR = 0xffff_fff0;
  // MOV CX, -1; MOV DX, 0x60; REP OUTSB; HLT
  const code = Buffer.from([0xb9, 0xff, 0xff, 0xba, 0x60, 0x00, 0xf3, 0x6e, 0xf4]);
  await client.vm.CreateVm({ vmId: vm.vmId, vm: guestShape(1) });
  await client.writeMemory([{ name: nameOf(vm), gpa: RESET_VECTOR, data: code }]);
  const watcher = new Watcher(client, vm.vmId);
  await client.vm.RunVm({ name: nameOf(vm) });
  expect((await watcher.runState('STOPPED')).stop?.reason).toBe('VM_STOP_REASON_UNSUPPORTED_EXIT');
  expectResetState(await reset(vm));
  expect(await unlikePowerOn(vm)).toEqual([]);
  const HLT = Buffer.from([0xf4]);
  await client.writeMemory([{ name: nameOf(vm), gpa: RESET_VECTOR, data: HLT }]);
  const seen = watcher.events.length;
  await client.vm.RunVm({ name: nameOf(vm) });
  expect((await watcher.runState('STOPPED', seen)).stop?.reason).toBe('VM_STOP_REASON_HALTED');
  await end(vm, watcher);
});
