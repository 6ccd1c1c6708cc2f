// Reset: from wherever a vCPU is, L2 included, to power-on state, any number of times, and from there it starts again.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { vcpuSnapshot } from '../../lib/api/vcpu-state.js';
import { FLAG, FORMAT, HEADER } from '../../lib/nested/layout.js';
import { differences } from '../../lib/state/snapshot-compare.js';
import type { NestedState__Output } from '../../protos/gen/vcpud/v1/NestedState.js';
import type { VcpuState__Output } from '../../protos/gen/vcpud/v1/VcpuState.js';
import {
  createGuest,
  type GuestParameters,
  guestShape,
  NORMAL,
  readCounters,
} from '../guests/svm-l1/guest.js';
import { PARAMETER, PARAMETERS_GPA, SCENE } from '../guests/svm-l1/layout.js';
import {
  countersWhen,
  everyVcpuInL2,
  expectNoPanic,
  isInGuestMode,
  l2Progress,
  nameOf,
  pauseWhen,
  startGuest,
  type VmRef,
  vcpuOf,
} from '../harness/live-guest.js';
import { refusalOf } from '../harness/refusal.js';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';
import { Watcher } from '../harness/watcher.js';

const RESETS = 200;
/** The first line comes soon after the start, and the vCPU is mostly in L2 then. */
const BRISK: GuestParameters = { ...NORMAL, increments: 16_384, report: 16 };

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

async function setParameter(vm: VmRef, parameter: keyof typeof PARAMETER, value: number): Promise<void> {
  const data = Buffer.alloc(4);
  data.writeUInt32LE(value);
  await vm.client.writeMemory([
    { name: nameOf(vm), gpa: Number(PARAMETERS_GPA) + PARAMETER[parameter], data },
  ]);
}

/** Lets a reset VM run, and waits for the line that its L1 begins with and for its L2. */
async function expectToStartAgain(vm: VmRef, watcher: Watcher, starts: bigint): Promise<void> {
  const from = watcher.lines.length;
  await vm.client.vm.RunVm({ name: nameOf(vm) });
  await watcher.line(/^cpu=0 start$/, from);
  const counters = await countersWhen(vm, 'L2 to count', ({ l2Count }) => l2Count > 0n);
  expect(counters.starts).toBe(starts);
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
  const watcher = await startGuest(vm, BRISK);
  let seen = 0;
  const l2Lines: number[] = [];
  for (let i = 1; i <= RESETS; i += 1) {
    await watcher.line(/ l2=[1-9]/, seen);
    expectResetState(await reset(vm));
    expect(await runStateOf(vm)).toBe('VM_RUN_STATE_PAUSED');
    if (i % 25 === 0) expect(await unlikePowerOn(vm)).toEqual([]);
    seen = watcher.lines.length;
    l2Lines.push(seen);
    await vm.client.vm.RunVm({ name: nameOf(vm) });
  }
  expect(l2Lines).toHaveLength(RESETS);
  await watcher.line(/ l2=[1-9]/, seen);
  expect((await readCounters(vm.client, vm.vmId, 0)).starts).toBe(BigInt(RESETS + 1));
  expect(watcher.lines.filter(({ text }) => text === 'cpu=0 start')).toHaveLength(RESETS + 1);
  await end(vm, watcher);
});

test('a paused vCPU in L2 leaves L2 and holds power-on state; a second reset changes nothing', async () => {
  const vm = ref('paused');
  const watcher = await startGuest(vm, BRISK);
  await pauseWhen(vm, 'the vCPU in L2', everyVcpuInL2);
  expectResetState(await reset(vm));
  expect(await unlikePowerOn(vm)).toEqual([]);
  expectResetState(await reset(vm));
  expect(await unlikePowerOn(vm)).toEqual([]);
  expect(await runStateOf(vm)).toBe('VM_RUN_STATE_PAUSED');
  await expectToStartAgain(vm, watcher, 2n);
  await end(vm, watcher);
});

test('a vCPU that has never run can be reset, and holds what it held', async () => {
  const vm = ref('new');
  await createGuest(vm.client, vm.vmId, BRISK, 1);
  const watcher = new Watcher(vm.client, vm.vmId);
  expectResetState(await reset(vm));
  expect(await unlikePowerOn(vm)).toEqual([]);
  await expectToStartAgain(vm, watcher, 1n);
  await end(vm, watcher);
});

test.each([
  ['L1 has GIF clear', 'gifClear', 'l1Spin'],
  ['a virtual interrupt is pending for L2', 'virtualInterrupt', 'l2Spin'],
] as const)('a reset while %s sets GIF and leaves nothing pending', async (_when, scene, spin) => {
  const vm = ref(`at-gate-${spin}`.toLowerCase());
  const watcher = await startGuest(vm, { ...BRISK, scene, gate: true });
  await countersWhen(vm, 'the guest to wait at its gate', (counters) => counters[spin] > 0n);
  expectResetState(await reset(vm));
  expect(await unlikePowerOn(vm)).toEqual([]);
  await setParameter(vm, 'gate', 0);
  await expectToStartAgain(vm, watcher, 2n);
  await end(vm, watcher);
});

test('resets while L2 takes page faults leave none pending', async () => {
  const vm = ref('faulting');
  const watcher = await startGuest(vm, { ...BRISK, scene: 'pageFault', increments: 0 });
  for (let i = 1n; i <= 10n; i += 1n) {
    await countersWhen(vm, 'L2 to take page faults', ({ l2PfCount }) => l2PfCount > 0n);
    expectResetState(await reset(vm));
    expect(await unlikePowerOn(vm)).toEqual([]);
    await expectToStartAgain(vm, watcher, i + 1n);
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
  const watcher = await startGuest(vm, { ...BRISK, scene });
  expect((await watcher.runState('STOPPED')).stop?.reason).toBe(reason);
  const refusal = await refusalOf(vm.client.vm.RunVm({ name: nameOf(vm) }));
  expect(refusal).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'VM_STOPPED' });

  expectResetState(await reset(vm));
  expect(await runStateOf(vm)).toBe('VM_RUN_STATE_PAUSED');
  expect(await unlikePowerOn(vm)).toEqual([]);
  await setParameter(vm, 'scene', SCENE.normal);
  await expectToStartAgain(vm, watcher, 2n);
  await end(vm, watcher);
});

test('a reset of one vCPU leaves the other in its L2', async () => {
  const vm = ref('two');
  const watcher = await startGuest(vm, { ...BRISK, report: 1024 }, 2);
  await countersWhen(vm, 'L2 to count', ({ l2Count }) => l2Count > 0n, 1);
  await pauseWhen(vm, 'both vCPUs in L2', everyVcpuInL2);
  const other = await stateOf(vm, 1);
  const before = await readCounters(vm.client, vm.vmId, 1);
  expectResetState(await reset(vm, 0));
  expect(differences(vcpuSnapshot(other), vcpuSnapshot(await stateOf(vm, 1)))).toEqual([]);
  expect(isInGuestMode((await stateOf(vm, 1)).nestedState)).toBe(true);
  await expectToStartAgain(vm, watcher, 2n);
  const after = await l2Progress(vm, before, 1);
  expect(after.starts).toBe(1n);
  await end(vm, watcher);
});
