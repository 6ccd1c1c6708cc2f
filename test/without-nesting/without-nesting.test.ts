// A host whose KVM has no nested state (kvm-amd nested=0): vcpud says so, refuses what needs it, and does all the rest.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { VcpuState__Output } from '../../protos/gen/vcpud/v1/VcpuState.js';
import { type GuestParameters, guestShape, NORMAL, readCounters } from '../guests/guest.js';
import {
  countersWhen,
  expectNoPanic,
  moveTo,
  nameOf,
  onlyVcpu,
  progress,
  startGuest,
  type VmRef,
  vcpuOf,
} from '../harness/live-guest.js';
import { refusalOf } from '../harness/refusal.js';
import { nestedOf } from '../harness/states.js';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';
import type { Watcher } from '../harness/watcher.js';
import { svmHeaderOnly } from '../vectors/nested-states.js';

/** L1 counts in long mode and never asks for SVM. */
const PLAIN: GuestParameters = { ...NORMAL, scene: 'withoutL2' };

let vcpud: VcpudProcess;

const ref = (vmId: string): VmRef => ({ client: vcpud.client, vmId });
const counts = (vm: VmRef) => countersWhen(vm, 'L1 to count', ({ l1Spin }) => l1Spin > 0n);

async function stateOf(vm: VmRef): Promise<VcpuState__Output> {
  const { state } = await vm.client.vcpu.GetVcpuState({ name: vcpuOf(vm) });
  if (state === null) throw new Error('the answer has no state');
  return state;
}

beforeAll(async () => {
  vcpud = await startVcpud();
});

afterAll(async () => {
  expect(await vcpud.stop()).toBe(0);
});

test('GetHost says that there is no nested state, why, and what to do', async () => {
  const { host } = await vcpud.client.host.GetHost({});
  expect(host?.nested).toEqual({
    enabled: false,
    format: 'NESTED_STATE_FORMAT_UNSPECIFIED',
    maxSizeBytes: 0,
    disabledReason:
      'guests are offered neither SVM nor VMX; kvm_amd was loaded with nested=0: load it with nested=1',
  });
  // The kernel answers its capability all the same: that alone tells nothing.
  expect(host?.capabilities).toContainEqual({ name: 'NESTED_STATE', number: 157, value: 4224 });
  expect(host?.enforcedRules).toEqual([]);
  expect(host?.cpuVendor).toBe('CPU_VENDOR_AMD');
});

describe.each(['paused', 'running'])('with a VM that is %s', (what) => {
  let vm: VmRef;
  let watcher: Watcher;

  beforeAll(async () => {
    vm = ref(what);
    watcher = await startGuest(vm, PLAIN);
    await counts(vm);
    if (what === 'paused') await vm.client.vm.PauseVm({ name: nameOf(vm) });
  });

  afterAll(async () => {
    expectNoPanic(watcher);
    watcher.stop();
    await vm.client.vm.DeleteVm({ name: nameOf(vm) });
  });

  const nestedState = () => nestedOf(svmHeaderOnly());
  const calls: ReadonlyArray<readonly [string, () => Promise<unknown>]> = [
    ['GetNestedState', () => vm.client.nested.GetNestedState({ name: vcpuOf(vm) })],
    [
      'BatchGetNestedStates of its vCPUs',
      () => vm.client.nested.BatchGetNestedStates({ parent: nameOf(vm) }),
    ],
    [
      'BatchGetNestedStates by name',
      () => vm.client.nested.BatchGetNestedStates({ parent: 'vms/-', names: [vcpuOf(vm)] }),
    ],
  ];
  const sets: typeof calls = [
    [
      'SetNestedState',
      () => vm.client.nested.SetNestedState({ name: vcpuOf(vm), nestedState: nestedState() }),
    ],
    [
      'SetNestedState with validate_only',
      () =>
        vm.client.nested.SetNestedState({ name: vcpuOf(vm), nestedState: nestedState(), validateOnly: true }),
    ],
    [
      'SetVcpuState with a nested part',
      async () =>
        vm.client.vcpu.SetVcpuState({
          name: vcpuOf(vm),
          state: { ...(await stateOf(vm)), nestedState: nestedState() },
        }),
    ],
    [
      'SetVmState with a nested part',
      async () => {
        const { state } = await vm.client.vm.GetVmState({ name: nameOf(vm) });
        const vcpus = state?.vcpus.map((vcpu) => ({ ...vcpu, nestedState: nestedState() })) ?? [];
        return vm.client.vm.SetVmState({ name: nameOf(vm), state: { ...state, vcpus } });
      },
    ],
  ];

  test.each(what === 'paused' ? [...calls, ...sets] : calls)(
    '%s is refused with NESTED_NOT_SUPPORTED',
    async (_rpc, call) => {
      const refusal = await refusalOf(call());
      expect(refusal).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'NESTED_NOT_SUPPORTED' });
      expect(refusal.preconditionViolations).toMatchObject([
        { type: 'NESTED_NOT_SUPPORTED', subject: 'host' },
      ]);
    },
  );
});

test('a guest that wants SVM finds none', async () => {
  const vm = ref('wants-svm');
  const watcher = await startGuest(vm, NORMAL);
  expect((await watcher.line(/panic/)).text).toBe('cpu=0 panic nosvm');
  expect((await watcher.runState('STOPPED')).stop?.reason).toBe('VM_STOP_REASON_HALTED');
  watcher.stop();
  await vm.client.vm.DeleteVm({ name: nameOf(vm) });
});

test('a VM runs, pauses, and goes on from where it was', async () => {
  const vm = ref('runs');
  const watcher = await startGuest(vm, PLAIN);
  await counts(vm);
  await vm.client.vm.PauseVm({ name: nameOf(vm) });
  const paused = await readCounters(vm.client, vm.vmId, 0);
  expect(await readCounters(vm.client, vm.vmId, 0)).toEqual(paused);
  await vm.client.vm.RunVm({ name: nameOf(vm) });
  expect((await progress(vm, paused)).starts).toBe(1n);
  expectNoPanic(watcher);
  watcher.stop();
  await vm.client.vm.DeleteVm({ name: nameOf(vm) });
});

test('a vCPU state comes without a nested part, and is taken back', async () => {
  const vm = ref('state');
  const watcher = await startGuest(vm, PLAIN);
  await counts(vm);
  // Of the running vCPU first.
  expect((await stateOf(vm)).nestedState).toBeNull();
  await vm.client.vm.PauseVm({ name: nameOf(vm) });
  const state = await stateOf(vm);
  const paused = await readCounters(vm.client, vm.vmId, 0);
  const { ignored } = await vm.client.vcpu.SetVcpuState({ name: vcpuOf(vm), state });
  expect(ignored).toEqual([]);
  await vm.client.vm.RunVm({ name: nameOf(vm) });
  await progress(vm, paused);
  expectNoPanic(watcher);
  watcher.stop();
  await vm.client.vm.DeleteVm({ name: nameOf(vm) });
});

test('a VM moves, and L1 counts on in the other', async () => {
  const from = ref('from');
  const watcher = await startGuest(from, PLAIN);
  await counts(from);
  await from.client.vm.PauseVm({ name: nameOf(from) });
  const { state } = await from.client.vm.GetVmState({ name: nameOf(from) });
  if (state === null) throw new Error('the answer has no state');
  expect(onlyVcpu(state).nestedState).toBeNull();
  const before = await readCounters(from.client, from.vmId, 0);
  const to = ref('to');
  await moveTo(from, to, state);
  await to.client.vm.RunVm({ name: nameOf(to) });
  const after = await countersWhen(to, 'L1 to count on', ({ l1Spin }) => l1Spin > before.l1Spin);
  expect(after.starts).toBe(1n);
  expectNoPanic(watcher);
  await to.client.vm.DeleteVm({ name: nameOf(to) });
});

test('a vCPU is reset while it runs, holds no nested state, and starts again', async () => {
  const vm = ref('reset');
  const watcher = await startGuest(vm, PLAIN);
  for (let i = 1n; i <= 5n; i += 1n) {
    await countersWhen(vm, 'L1 to start and count', ({ starts, l1Spin }) => starts === i && l1Spin > 0n);
    expect(await vm.client.nested.Reset({ name: vcpuOf(vm) })).toEqual({ nestedState: null });
    expect((await vm.client.vm.GetVm({ name: nameOf(vm) })).vm?.runState).toBe('VM_RUN_STATE_PAUSED');
    await vm.client.vm.RunVm({ name: nameOf(vm) });
  }
  await countersWhen(vm, 'L1 to start once more', ({ starts }) => starts === 6n);
  expectNoPanic(watcher);
  watcher.stop();
  await vm.client.vm.DeleteVm({ name: nameOf(vm) });
});

test('a VM that is deleted while it runs is gone', async () => {
  const vm = ref('deleted');
  const watcher = await startGuest(vm, PLAIN);
  await counts(vm);
  await vm.client.vm.DeleteVm({ name: nameOf(vm) });
  await watcher.finished;
  expect(await refusalOf(vm.client.vm.GetVm({ name: nameOf(vm) }))).toMatchObject({ reason: 'VM_NOT_FOUND' });
  await vm.client.vm.CreateVm({ vmId: vm.vmId, vm: guestShape(1) });
  await vm.client.vm.DeleteVm({ name: nameOf(vm) });
});
