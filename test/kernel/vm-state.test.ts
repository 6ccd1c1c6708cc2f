// Several VMs and vCPUs at once: their L2s count beside one another, their states come from one stop, and go into
// another VM together with the devices, or not at all.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MP_STATE } from '../../lib/kvm/abi.js';
import { viewOf, write } from '../../lib/nested/codec.js';
import { HEADER_BYTES, SVM_HEADER, VMCB12_CONTROL } from '../../lib/nested/layout.js';
import { resetNestedState } from '../../lib/nested/reset.js';
import type { VmState__Output } from '../../protos/gen/vcpud/v1/VmState.js';
import { createGuest, type GuestParameters, guestShape, NORMAL, readCounters } from '../guests/guest.js';
import { AREA_BYTES } from '../guests/layout.js';
import { VMCB_GPA } from '../guests/svm-l1/layout.js';
import { eventually } from '../harness/eventually.js';
import {
  copyMemory,
  countersWhen,
  createAlike,
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
import { changed, nestedOf } from '../harness/states.js';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';
import { Watcher } from '../harness/watcher.js';

/** Lines are seldom: a pause finds every vCPU in L2 soon. */
const QUIET: GuestParameters = { ...NORMAL, increments: 1 << 20, report: 1 << 20 };

let vcpud: VcpudProcess;

const ref = (vmId: string): VmRef => ({ client: vcpud.client, vmId });
const run = (vm: VmRef) => vm.client.vm.RunVm({ name: nameOf(vm) });
const pause = (vm: VmRef) => vm.client.vm.PauseVm({ name: nameOf(vm) });
const remove = (vm: VmRef) => vm.client.vm.DeleteVm({ name: nameOf(vm) });

async function stateOf(vm: VmRef): Promise<VmState__Output> {
  const { state } = await vm.client.vm.GetVmState({ name: nameOf(vm) });
  if (state === null) throw new Error('the answer has no state');
  return state;
}

const l2Counts = (vm: VmRef, vcpu = 0) =>
  countersWhen(vm, 'L2 to count', ({ l2Count }) => l2Count > 0n, vcpu);

beforeAll(async () => {
  vcpud = await startVcpud();
});

afterAll(async () => {
  expect(await vcpud.stop()).toBe(0);
});

describe('two VMs at once', () => {
  const CAPTURES = 20;
  let one: VmRef;
  let two: VmRef;
  let watchers: Watcher[];

  beforeAll(async () => {
    one = ref('one');
    two = ref('two');
    watchers = [await startGuest(one, QUIET), await startGuest(two, QUIET, 2)];
    await l2Counts(one);
    for (const vcpu of [0, 1]) await l2Counts(two, vcpu);
  });

  test('both count while the nested state of one is taken again and again', async () => {
    const before = [await readCounters(one.client, one.vmId, 0), await readCounters(two.client, two.vmId, 0)];
    let inL2 = 0;
    for (let i = 0; i < CAPTURES; i += 1) {
      const { nestedState } = await one.client.nested.GetNestedState({ name: vcpuOf(one) });
      if (isInGuestMode(nestedState)) inL2 += 1;
    }
    expect(inL2).toBeGreaterThan(CAPTURES / 2);
    for (const [i, vm] of [one, two].entries()) {
      const last = before[i];
      if (last !== undefined) expect((await l2Progress(vm, last)).starts).toBe(1n);
    }
  });

  test('a pause of one leaves the other counting', async () => {
    await pause(one);
    const stopped = await readCounters(one.client, one.vmId, 0);
    await l2Progress(two, await readCounters(two.client, two.vmId, 0));
    await l2Progress(two, await readCounters(two.client, two.vmId, 1), 1);
    expect(await readCounters(one.client, one.vmId, 0)).toEqual(stopped);
    await run(one);
    await l2Progress(one, stopped);
  });

  test('a batch gives the states of both, in the order asked for', async () => {
    for (const vm of [one, two]) await pauseWhen(vm, 'every vCPU in L2', everyVcpuInL2);
    const names = [vcpuOf(two, 1), vcpuOf(one), vcpuOf(two, 0), vcpuOf(one)];
    const { nestedStates } = await one.client.nested.BatchGetNestedStates({ parent: 'vms/-', names });
    expect(nestedStates.map(({ name }) => name)).toEqual(names);
    for (const { name, nestedState } of nestedStates) {
      expect(nestedState).toEqual((await one.client.nested.GetNestedState({ name })).nestedState);
      const vcpu = name.endsWith('/1') ? 1n : 0n;
      expect(nestedState?.data.readBigUInt64LE(SVM_HEADER.vmcb_pa.offset)).toBe(VMCB_GPA + vcpu * AREA_BYTES);
    }
  });

  test.each([
    ['a name that is not below the parent', 'vms/one', ['vms/two/vcpus/0'], 'NAME_MALFORMED'],
    ['no names for vms/-', 'vms/-', [], 'FIELD_REQUIRED'],
    ['a parent that is no VM', 'vms/none', [], 'VM_NOT_FOUND'],
    [
      'a vCPU that there is not, after one that there is',
      'vms/-',
      ['vms/one/vcpus/0', 'vms/one/vcpus/1'],
      'VCPU_NOT_FOUND',
    ],
    [
      'a VM that there is not, before one that there is',
      'vms/-',
      ['vms/none/vcpus/0', 'vms/one/vcpus/0'],
      'VM_NOT_FOUND',
    ],
    ['1025 names', 'vms/one', Array<string>(1025).fill('vms/one/vcpus/0'), 'TOO_MANY_NAMES'],
  ])('a batch with %s is refused as a whole', async (_what, parent, names, reason) => {
    expect(await refusalOf(one.client.nested.BatchGetNestedStates({ parent, names }))).toMatchObject({
      reason,
    });
  });

  test('a batch takes running vCPUs too, and lets them go on', async () => {
    for (const vm of [one, two]) await run(vm);
    const before = await readCounters(two.client, two.vmId, 1);
    const { nestedStates } = await two.client.nested.BatchGetNestedStates({ parent: nameOf(two), names: [] });
    expect(nestedStates.map(({ name }) => name)).toEqual([vcpuOf(two, 0), vcpuOf(two, 1)]);
    for (const { nestedState } of nestedStates) {
      expect([128, 4224]).toContain(nestedState?.data.length);
      expect(nestedState?.format).toBe('NESTED_STATE_FORMAT_SVM');
    }
    await l2Progress(two, before, 1);
  });

  test('one that is deleted leaves the other counting', async () => {
    const before = await readCounters(two.client, two.vmId, 0);
    await remove(one);
    await l2Progress(two, before);
    for (const watcher of watchers) expectNoPanic(watcher);
    await remove(two);
    for (const watcher of watchers) await watcher.finished;
  });
});

describe('a VM that runs', () => {
  test('refuses to be given any state, and its L2 counts on', async () => {
    const vm = ref('runs');
    const { client } = vm;
    const watcher = await startGuest(vm, QUIET);
    await l2Counts(vm);
    const state = await stateOf(vm);
    const vcpu = onlyVcpu(state);
    const before = await readCounters(client, vm.vmId, 0);
    const { nestedState } = vcpu;
    const calls = [
      () => client.nested.SetNestedState({ name: vcpuOf(vm), nestedState }),
      () => client.nested.SetNestedState({ name: vcpuOf(vm), nestedState, validateOnly: true }),
      () => client.vcpu.SetVcpuState({ name: vcpuOf(vm), state: vcpu }),
      () => client.vm.SetVmState({ name: nameOf(vm), state }),
    ];
    for (const call of calls) {
      const refusal = await refusalOf(call());
      expect(refusal).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'VM_RUNNING' });
      expect(refusal.preconditionViolations).toMatchObject([{ type: 'VM_RUNNING', subject: nameOf(vm) }]);
    }
    await l2Progress(vm, before);
    expectNoPanic(watcher);
    watcher.stop();
    await remove(vm);
  });
});

describe('validate_only', () => {
  test('answers with what it was given and changes nothing', async () => {
    const vm = ref('checked');
    const watcher = await startGuest(vm, QUIET);
    const state = await pauseWhen(vm, 'the vCPU in L2', everyVcpuInL2);
    const held = onlyVcpu(state).nestedState?.data ?? Buffer.alloc(0);
    const otherAsid = changed(held, (copy) => write(viewOf(copy), VMCB12_CONTROL.asid, 7));
    for (const data of [Buffer.from(resetNestedState('SVM')), otherAsid]) {
      const { nestedState, ignored } = await vm.client.nested.SetNestedState({
        name: vcpuOf(vm),
        nestedState: { data },
        validateOnly: true,
      });
      expect(nestedState?.data).toEqual(data);
      expect(ignored).toEqual([]);
      expect(await unlike(vm, state)).toEqual([]);
      expect(onlyVcpu(await stateOf(vm)).nestedState?.data).toEqual(held);
    }
    expectNoPanic(watcher);
    watcher.stop();
    await remove(vm);
  });
});

describe('a VM with two vCPUs in L2, irqchip and PIT', () => {
  const IRQCHIP = { picMaster: 0, picSlave: 1, ioapic: 2 } as const;
  /** Of struct kvm_irqchip, after chip_id and a pad: the PIC's IMR, and the IOAPIC's entry for pin 5. */
  const PIC_IMR = 8 + 2;
  const IOAPIC_PIN_5 = 8 + 24 + 5 * 8;
  /** Of struct kvm_pit_state2: the count of channel 2. */
  const PIT_CHANNEL_2 = 2 * 24;
  /** Of the LAPIC's registers: LVT error, masked, with a vector. */
  const LVT_ERROR = 0x370;

  let pair: VmRef;
  let watcher: Watcher;

  /** A VM with the guest in its memory and devices beside it; both vCPUs are to run, as if the second had had its SIPI. */
  async function createWithDevices(vm: VmRef): Promise<void> {
    const plain = ref(`${vm.vmId}-plain`);
    await createGuest(plain.client, plain.vmId, QUIET, 2);
    await vm.client.vm.CreateVm({ vmId: vm.vmId, vm: { ...guestShape(2), irqchip: true, pit: true } });
    await copyMemory(plain, vm);
    await remove(plain);
    const { state } = await vm.client.vcpu.GetVcpuState({ name: vcpuOf(vm, 1) });
    expect(state?.mpState).toBe(MP_STATE.UNINITIALIZED);
    if (state === null) return;
    await vm.client.vcpu.SetVcpuState({
      name: vcpuOf(vm, 1),
      state: { ...state, mpState: MP_STATE.RUNNABLE },
    });
  }

  beforeAll(async () => {
    pair = ref('pair');
    await createWithDevices(pair);
    watcher = new Watcher(pair.client, pair.vmId);
    await run(pair);
    for (const vcpu of [0, 1]) await l2Counts(pair, vcpu);
  });

  /** The state with something of its own in every device. */
  function marked(state: VmState__Output): VmState__Output {
    const irqchips = state.irqchips.map((chip) => Buffer.from(chip));
    irqchips[IRQCHIP.picMaster]?.writeUInt8(0xfb, PIC_IMR);
    irqchips[IRQCHIP.picSlave]?.writeUInt8(0xef, PIC_IMR);
    irqchips[IRQCHIP.ioapic]?.writeBigUInt64LE(0x1_0055n, IOAPIC_PIN_5);
    const vcpus = state.vcpus.map((vcpu, i) => ({
      ...vcpu,
      lapic: changed(vcpu.lapic, (copy) => copy.writeUInt32LE(0x1_00e0 + i, LVT_ERROR)),
    }));
    return {
      ...state,
      irqchips,
      vcpus,
      pit: changed(state.pit, (copy) => copy.writeUInt32LE(0x1234, PIT_CHANNEL_2)),
    };
  }

  /** The PIT without the times of this host's clock at which its counts were loaded. */
  const countsOf = ({ pit }: VmState__Output): Buffer =>
    changed(pit, (copy) => {
      for (const channel of [0, 1, 2]) copy.writeBigInt64LE(0n, channel * 24 + 16);
    });

  const clockOf = ({ clock }: VmState__Output): bigint => clock.readBigUInt64LE(0);

  test('moves into another with all that its devices hold, and both L2s count on', async () => {
    const before = marked(await pauseWhen(pair, 'both vCPUs in L2', everyVcpuInL2));
    await pair.client.vm.SetVmState({ name: nameOf(pair), state: before });
    const state = await stateOf(pair);
    expect(state.irqchips).toEqual(before.irqchips);
    expect(state.vcpus.map(({ lapic }) => lapic.readUInt32LE(LVT_ERROR))).toEqual([0x1_00e0, 0x1_00e1]);
    const counters = [
      await readCounters(pair.client, pair.vmId, 0),
      await readCounters(pair.client, pair.vmId, 1),
    ];

    const moved = ref('pair-moved');
    await createAlike(pair, moved);
    await copyMemory(pair, moved);
    const fresh = await stateOf(moved);
    expect(clockOf(fresh)).toBeLessThan(clockOf(state));
    await moved.client.vm.SetVmState({ name: nameOf(moved), state });
    const held = await stateOf(moved);
    expect(await unlike(moved, state)).toEqual([]);
    expect(held.irqchips).toEqual(state.irqchips);
    expect(held.irqchips).not.toEqual(fresh.irqchips);
    expect(countsOf(held)).toEqual(countsOf(state));
    expect(countsOf(held)).not.toEqual(countsOf(fresh));
    expect(clockOf(held)).toBeGreaterThanOrEqual(clockOf(state));
    // It went on from there, and not from where the new VM's was.
    expect(clockOf(held) - clockOf(state)).toBeLessThan(60_000_000_000n);

    await run(moved);
    for (const [vcpu, last] of counters.entries())
      expect((await l2Progress(moved, last, vcpu)).starts).toBe(1n);
    await remove(moved);
  });

  test('takes no state of another shape, and holds what it held', async () => {
    await pause(pair);
    const state = await stateOf(pair);
    const [first] = state.vcpus;
    const shapes: ReadonlyArray<readonly [what: string, state: VmState__Output]> = [
      ['one vCPU less', { ...state, vcpus: first === undefined ? [] : [first] }],
      ['one vCPU more', { ...state, vcpus: first === undefined ? [] : [...state.vcpus, first] }],
      ['no irqchip', { ...state, irqchips: [] }],
      ['a chip less', { ...state, irqchips: state.irqchips.slice(1) }],
      ['no PIT', { ...state, pit: Buffer.alloc(0) }],
    ];
    for (const [what, shape] of shapes) {
      const refusal = await refusalOf(pair.client.vm.SetVmState({ name: nameOf(pair), state: shape }));
      expect([what, refusal.code, refusal.reason]).toEqual([what, 'FAILED_PRECONDITION', 'VM_SHAPE_DIFFERS']);
      expect(refusal.preconditionViolations).toMatchObject([
        { type: 'VM_SHAPE_DIFFERS', subject: nameOf(pair) },
      ]);
    }
    const bare = ref('bare');
    await bare.client.vm.CreateVm({ vmId: bare.vmId, vm: guestShape(2) });
    expect(await refusalOf(bare.client.vm.SetVmState({ name: nameOf(bare), state }))).toMatchObject({
      reason: 'VM_SHAPE_DIFFERS',
    });
    await remove(bare);
    expect(await unlike(pair, state)).toEqual([]);
    await run(pair);
  });

  /** Changes the nested state of vCPU 1. */
  const withSecond = (state: VmState__Output, change: (view: DataView) => void): VmState__Output => ({
    ...state,
    vcpus: state.vcpus.map((vcpu, i) =>
      i === 1
        ? {
            ...vcpu,
            nestedState: nestedOf(
              changed(vcpu.nestedState?.data ?? Buffer.alloc(0), (b) => change(viewOf(b))),
            ),
          }
        : vcpu,
    ),
  });

  test.each([
    [
      'breaks a rule, which shows before anything is set',
      { code: 'INVALID_ARGUMENT', reason: 'SVM_ASID_ZERO' },
      ['state.vcpus[1].nested_state.data:vmcb12.control.asid'],
      undefined,
      (view: DataView) => write(view, VMCB12_CONTROL.asid, 0),
    ],
    [
      'is not held by the kernel, when vCPU 0 has been set already',
      { code: 'DATA_LOSS', reason: 'NESTED_STATE_NOT_HELD' },
      [],
      'former state',
      (view: DataView) => view.setUint8(HEADER_BYTES - 1, 1), // a header byte that this kernel has no use for
    ],
  ] as const)(
    "takes none of a state in which vCPU 1's nested state %s",
    async (_what, expected, fields, holds, change) => {
      const former = await pauseWhen(pair, 'both vCPUs in L2', everyVcpuInL2);
      const counters = [
        await readCounters(pair.client, pair.vmId, 0),
        await readCounters(pair.client, pair.vmId, 1),
      ];
      // Another VM's state, so that a vCPU or a device that was not put back would show.
      const other = ref('other');
      await createWithDevices(other);
      const bad = withSecond({ ...(await stateOf(other)), vcpus: marked(former).vcpus }, change);
      const refusal = await refusalOf(pair.client.vm.SetVmState({ name: nameOf(pair), state: bad }));
      expect(refusal).toMatchObject(expected);
      expect(refusal.metadata['vcpu_holds']).toBe(holds);
      expect(refusal.fieldViolations.map(({ field }) => field)).toEqual(fields);
      expect(await unlike(pair, former)).toEqual([]);
      const held = await stateOf(pair);
      expect(held.irqchips).toEqual(former.irqchips);
      expect(countsOf(held)).toEqual(countsOf(former));
      await remove(other);
      await run(pair);
      for (const [vcpu, last] of counters.entries()) await l2Progress(pair, last, vcpu);
    },
  );

  test('has its second vCPU wait for SIPI again after a reset, while the first counts on', async () => {
    await pair.client.nested.Reset({ name: vcpuOf(pair, 1) });
    const { state } = await pair.client.vcpu.GetVcpuState({ name: vcpuOf(pair, 1) });
    expect(state?.mpState).toBe(MP_STATE.UNINITIALIZED);
    const before = await readCounters(pair.client, pair.vmId, 0);
    const waiting = await readCounters(pair.client, pair.vmId, 1);
    await run(pair);
    await l2Progress(pair, before);
    expect(await readCounters(pair.client, pair.vmId, 1)).toEqual(waiting);
    expectNoPanic(watcher);
    watcher.stop();
    await remove(pair);
  });
});

test('a vCPU that executed HLT with an irqchip waits in the kernel: paused, moved and reset it is a halted one', async () => {
  const plain = ref('halts-plain');
  await createGuest(plain.client, plain.vmId, { ...QUIET, scene: 'halt' }, 1);
  const vm = ref('halts');
  await vm.client.vm.CreateVm({ vmId: vm.vmId, vm: { ...guestShape(1), irqchip: true } });
  await copyMemory(plain, vm);
  await remove(plain);
  await run(vm);
  // A running vCPU's state can be taken too: it is stopped for that, and waits on.
  await eventually('the vCPU to halt', async () =>
    onlyVcpu(await stateOf(vm)).mpState === MP_STATE.HALTED ? true : undefined,
  );
  expect((await vm.client.vm.GetVm({ name: nameOf(vm) })).vm?.runState).toBe('VM_RUN_STATE_RUNNING');
  await pause(vm);
  const state = await stateOf(vm);
  expect(onlyVcpu(state).mpState).toBe(MP_STATE.HALTED);

  const moved = ref('halts-moved');
  await createAlike(vm, moved);
  await copyMemory(vm, moved);
  await moved.client.vm.SetVmState({ name: nameOf(moved), state });
  expect(await unlike(moved, state)).toEqual([]);
  expect(onlyVcpu(await stateOf(moved)).mpState).toBe(MP_STATE.HALTED);
  await run(moved);
  expect((await moved.client.vm.GetVm({ name: nameOf(moved) })).vm?.runState).toBe('VM_RUN_STATE_RUNNING');
  await moved.client.nested.Reset({ name: vcpuOf(moved) });
  expect(onlyVcpu(await stateOf(moved)).mpState).toBe(MP_STATE.RUNNABLE);
  await run(moved);
  await countersWhen(moved, 'L1 to start again', ({ starts }) => starts === 2n);
});
