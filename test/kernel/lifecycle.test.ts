// The life of a VM: how it stops by itself and says why, runs, pauses, is watched, listed and deleted, whatever else
// is under way on it.

import { type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { errorInfoOf } from '../../lib/api/error-details.js';
import { VMCB12_CONTROL } from '../../lib/nested/layout.js';
import type { WatchVmResponse__Output } from '../../protos/gen/vcpud/v1/WatchVmResponse.js';
import { createGuest, NORMAL, readCounters } from '../guests/guest.js';
import { UNBACKED_GPA, UNHANDLED_PORT } from '../guests/layout.js';
import type { SceneName } from '../guests/scenes.js';
import { eventually } from '../harness/eventually.js';
import { everyVcpuInL2, pauseWhen, startGuest, unlike } from '../harness/live-guest.js';
import { refusalOf } from '../harness/refusal.js';
import { changed, nestedOf } from '../harness/states.js';
import { createTiny, type TINY_CODE, TINY_RAM_BYTES, type TinyShape } from '../harness/tiny-guest.js';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';
import { Watcher } from '../harness/watcher.js';

let vcpud: VcpudProcess;

beforeAll(async () => {
  vcpud = await startVcpud();
});

afterAll(async () => {
  expect(vcpud.log()).not.toMatch(/"level":(50|60)/);
  expect(await vcpud.stop()).toBe(0);
});

/** Each test leaves no VM behind, so that none takes the one CPU from the next. */
afterEach(async () => {
  const { vms } = await vcpud.client.vm.ListVms({});
  await Promise.all(vms.map(({ name }) => vcpud.client.vm.DeleteVm({ name })));
});

const ONE: TinyShape = { vcpuCount: 1, irqchip: false };
const VM = 'vm';
const name = `vms/${VM}`;
const vcpu = (index: number): string => `${name}/vcpus/${index}`;

const getVm = async (vmName = name) => {
  const { vm } = await vcpud.client.vm.GetVm({ name: vmName });
  if (vm === null) throw new Error('the answer has no vm');
  return vm;
};

const vcpuRunStates = async (parent = name): Promise<string[]> => {
  const { vcpus } = await vcpud.client.vcpu.ListVcpus({ parent });
  return vcpus.map(({ runState }) => runState.replace('VCPU_RUN_STATE_', ''));
};

const runStates = (events: readonly WatchVmResponse__Output[]): string[] =>
  events.flatMap(({ vm }) =>
    vm === null || vm === undefined ? [] : [vm.runState.replace('VM_RUN_STATE_', '')],
  );

const exits = (events: readonly WatchVmResponse__Output[]): string[] =>
  events.flatMap(({ exit }) =>
    exit === null || exit === undefined ? [] : [`${exit.vcpuIndex} ${exit.exit}`],
  );

const scene = (which: SceneName) => () => createGuest(vcpud.client, VM, { ...NORMAL, scene: which }, 1);
const tiny = (code: keyof typeof TINY_CODE) => () => createTiny(vcpud.client, VM, code, ONE);

/** L2 whose MSR permission map lies where the VM has no memory: KVM finds out when it is to run. */
async function createWithoutMsrMap(): Promise<void> {
  const watcher = await startGuest({ client: vcpud.client, vmId: VM }, NORMAL);
  const state = await pauseWhen({ client: vcpud.client, vmId: VM }, 'L2', everyVcpuInL2);
  watcher.stop();
  const [first] = state.vcpus;
  if (first?.nestedState === null || first === undefined) throw new Error('there is no nested state');
  const nested = changed(first.nestedState.data, (copy) => {
    copy.writeBigUInt64LE(UNBACKED_GPA, VMCB12_CONTROL.msrpm_base_pa.offset);
    const { offset } = VMCB12_CONTROL.intercept_misc1;
    copy.writeUInt32LE((copy.readUInt32LE(offset) | INTERCEPT_MSR) >>> 0, offset);
  });
  await vcpud.client.vcpu.SetVcpuState({ name: vcpu(0), state: { ...first, nestedState: nestedOf(nested) } });
}

/** Bit 28 of the VMCB's intercepts at 0xc: RDMSR and WRMSR, as the map says. */
const INTERCEPT_MSR = 1 << 28;

describe('a VM that stops by itself says why', () => {
  const rows = [
    ['HLT', tiny('halt'), 'HALTED', 'HLT', /HLT/],
    ['a triple fault', scene('tripleFault'), 'SHUTDOWN', 'SHUTDOWN', /triple fault/],
    [
      'OUT to a port that nobody serves',
      scene('unhandledPort'),
      'UNSUPPORTED_EXIT',
      'IO',
      new RegExp(`OUT to port 0x${UNHANDLED_PORT.toString(16)}, 1 bytes`),
    ],
    ['IN from one', tiny('readKeyboard'), 'UNSUPPORTED_EXIT', 'IO', /IN from port 0x60, 2 bytes/],
    [
      'a read where there is no memory',
      scene('unbackedRead'),
      'UNSUPPORTED_EXIT',
      'MMIO',
      new RegExp(`read from 0x${UNBACKED_GPA.toString(16)}`),
    ],
    [
      'a nested state whose pages are not there',
      createWithoutMsrMap,
      'INTERNAL_ERROR',
      'INTERNAL_ERROR',
      /KVM internal error 1 \(EMULATION\)/,
    ],
  ] as const;

  for (const [what, create, reason, exit, message] of rows) {
    test(`${what}: ${reason}`, async () => {
      await create();
      const watcher = new Watcher(vcpud.client, VM);
      await watcher.runState('PAUSED');
      await vcpud.client.vm.RunVm({ name });
      const stopped = await watcher.runState('STOPPED');
      const stop = {
        reason: `VM_STOP_REASON_${reason}`,
        vcpuIndex: 0,
        message: expect.stringMatching(message),
      };
      expect(stopped.stop).toEqual(stop);
      expect(exits(watcher.events)).toEqual([`0 ${exit}`]);
      expect(runStates(watcher.events)).toEqual(['PAUSED', 'RUNNING', 'STOPPED']);
      const vm = await getVm();
      expect(vm).toMatchObject({ runState: 'VM_RUN_STATE_STOPPED', stop });
      const { vcpu: held } = await vcpud.client.vcpu.GetVcpu({ name: vcpu(0) });
      expect(held?.lastExit).toBe(exit);
      // It stays so, whatever it is asked, until it is given a state.
      const refusal = await refusalOf(vcpud.client.vm.RunVm({ name }));
      expect(refusal).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'VM_STOPPED' });
      expect(refusal.metadata).toMatchObject({ stop_reason: reason, vcpu: '0' });
      expect(refusal.preconditionViolations).toMatchObject([{ type: 'VM_STOPPED', subject: name }]);
      const paused = await vcpud.client.vm.PauseVm({ name });
      expect(paused.vm).toMatchObject({ runState: 'VM_RUN_STATE_STOPPED', stop, updateTime: vm.updateTime });
      const { state } = await vcpud.client.vm.GetVmState({ name });
      expect(state?.vcpus).toHaveLength(1);
      await vcpud.client.nested.Reset({ name: vcpu(0) });
      expect(await getVm()).toMatchObject({ runState: 'VM_RUN_STATE_PAUSED', stop: null });
      await vcpud.client.vm.RunVm({ name });
      watcher.stop();
    });
  }

  test('and its other vCPUs stop with it', async () => {
    await createTiny(vcpud.client, VM, 'othersStop', { vcpuCount: 2, irqchip: false });
    const watcher = new Watcher(vcpud.client, VM);
    await vcpud.client.vm.RunVm({ name });
    const { stop } = await watcher.runState('STOPPED');
    expect(stop).toMatchObject({ vcpuIndex: 1, reason: 'VM_STOP_REASON_UNSUPPORTED_EXIT' });
    // A state taken at once, and one taken when vCPU 0 has had time to run on, are the same: it does not run.
    const { state } = await vcpud.client.vm.GetVmState({ name });
    if (state === null) throw new Error('the answer has no state');
    expect(await vcpuRunStates()).toEqual(['PAUSED', 'PAUSED']);
    const { vcpu: first } = await vcpud.client.vcpu.GetVcpu({ name: vcpu(0) });
    expect(await unlike({ client: vcpud.client, vmId: VM }, state)).toEqual([]);
    const { vcpu: again } = await vcpud.client.vcpu.GetVcpu({ name: vcpu(0) });
    expect(again?.entries).toBe(first?.entries);
    watcher.stop();
  });

  test('and an L2 beside the vCPU that stopped counts no more', async () => {
    const ref = { client: vcpud.client, vmId: VM };
    const watcher = await startGuest(ref, NORMAL, 2);
    const { vcpus } = await pauseWhen(ref, 'both vCPUs in L2', everyVcpuInL2);
    const second = vcpus[1];
    if (second?.nestedState === undefined || second.nestedState === null) throw new Error('no nested state');
    const nested = changed(second.nestedState.data, (copy) => {
      copy.writeBigUInt64LE(UNBACKED_GPA, VMCB12_CONTROL.msrpm_base_pa.offset);
      const { offset } = VMCB12_CONTROL.intercept_misc1;
      copy.writeUInt32LE((copy.readUInt32LE(offset) | INTERCEPT_MSR) >>> 0, offset);
    });
    await vcpud.client.vcpu.SetVcpuState({
      name: vcpu(1),
      state: { ...second, nestedState: nestedOf(nested) },
    });
    await vcpud.client.vm.RunVm({ name });
    const { stop } = await watcher.runState('STOPPED');
    expect(stop).toMatchObject({ vcpuIndex: 1, reason: 'VM_STOP_REASON_INTERNAL_ERROR' });
    await vcpud.client.vm.GetVmState({ name }); // waits for vCPU 0 to be out
    const counters = await readCounters(vcpud.client, VM, 0);
    expect(counters.l2Count).toBeGreaterThan(0n);
    expect(await readCounters(vcpud.client, VM, 0)).toEqual(counters);
    watcher.stop();
  });
});

describe('vCPUs that halt without an irqchip', () => {
  test('stop the VM when the last of them has', async () => {
    await createTiny(vcpud.client, VM, 'halt', { vcpuCount: 3, irqchip: false });
    const watcher = new Watcher(vcpud.client, VM);
    await vcpud.client.vm.RunVm({ name });
    const { stop } = await watcher.runState('STOPPED');
    expect(stop?.reason).toBe('VM_STOP_REASON_HALTED');
    expect(exits(watcher.events).toSorted()).toEqual(['0 HLT', '1 HLT', '2 HLT']);
    expect(runStates(watcher.events)).toEqual(['PAUSED', 'RUNNING', 'STOPPED']);
    expect(await vcpuRunStates()).toEqual(['HALTED', 'HALTED', 'HALTED']);
    watcher.stop();
  });

  test('leave the others running, and stay halted through pause, run and a move to another VM', async () => {
    await createTiny(vcpud.client, VM, 'firstSpins', { vcpuCount: 2, irqchip: false });
    const watcher = new Watcher(vcpud.client, VM);
    await vcpud.client.vm.RunVm({ name });
    await watcher.until('vCPU 1 to halt', ({ events }) => (exits(events).length > 0 ? true : undefined));
    expect(await vcpuRunStates()).toEqual(['RUNNING', 'HALTED']);
    expect((await getVm()).runState).toBe('VM_RUN_STATE_RUNNING');
    const running = await vcpud.client.vm.GetVmState({ name });
    expect(running.state?.vcpus.map(({ mpState }) => mpState)).toEqual([0, 3]);
    expect(await vcpuRunStates()).toEqual(['RUNNING', 'HALTED']);
    await vcpud.client.vm.PauseVm({ name });
    expect(await vcpuRunStates()).toEqual(['PAUSED', 'HALTED']);
    const { state } = await vcpud.client.vm.GetVmState({ name });
    await createTiny(vcpud.client, 'other', 'firstSpins', { vcpuCount: 2, irqchip: false });
    await vcpud.client.vm.SetVmState({ name: 'vms/other', state });
    expect(await vcpuRunStates('vms/other')).toEqual(['PAUSED', 'HALTED']);
    const otherWatcher = new Watcher(vcpud.client, 'other');
    await vcpud.client.vm.RunVm({ name: 'vms/other' });
    await otherWatcher.runState('RUNNING');
    await vcpud.client.vm.PauseVm({ name: 'vms/other' });
    await otherWatcher.runState('PAUSED', 1);
    const [, halted] = (await vcpud.client.vcpu.ListVcpus({ parent: 'vms/other' })).vcpus;
    expect(halted).toMatchObject({ runState: 'VCPU_RUN_STATE_HALTED', entries: '0' });
    expect(exits(otherWatcher.events)).toEqual([]);
    watcher.stop();
    otherWatcher.stop();
  });

  test('arrive halted in a VM that then has nothing to run', async () => {
    await createTiny(vcpud.client, VM, 'halt', ONE);
    const watcher = new Watcher(vcpud.client, VM);
    await vcpud.client.vm.RunVm({ name });
    await watcher.runState('STOPPED');
    const { state } = await vcpud.client.vm.GetVmState({ name });
    await createTiny(vcpud.client, 'other', 'halt', ONE);
    const { vm } = await vcpud.client.vm.SetVmState({ name: 'vms/other', state });
    expect(vm).toMatchObject({
      runState: 'VM_RUN_STATE_STOPPED',
      stop: { reason: 'VM_STOP_REASON_HALTED' },
    });
    expect((await refusalOf(vcpud.client.vm.RunVm({ name: 'vms/other' }))).reason).toBe('VM_STOPPED');
    watcher.stop();
  });

  test('with one, wait in the kernel: the VM runs on', async () => {
    await createTiny(vcpud.client, VM, 'halt', { vcpuCount: 1, irqchip: true });
    await vcpud.client.vm.RunVm({ name });
    const { state } = await vcpud.client.vm.GetVmState({ name });
    expect(state?.vcpus[0]?.lapic).toHaveLength(1024);
    expect((await getVm()).runState).toBe('VM_RUN_STATE_RUNNING');
    expect(await vcpuRunStates()).toEqual(['RUNNING']);
    await vcpud.client.vm.PauseVm({ name });
    expect(await vcpuRunStates()).toEqual(['PAUSED']);
  });
});

describe('running and pausing', () => {
  test('twice is as good as once, and watchers hear of it once', async () => {
    await createTiny(vcpud.client, VM, 'spin', ONE);
    const watcher = new Watcher(vcpud.client, VM);
    const pausedAtFirst = await vcpud.client.vm.PauseVm({ name });
    expect(pausedAtFirst.vm?.runState).toBe('VM_RUN_STATE_PAUSED');
    for (const _ of [1, 2]) {
      const { vm } = await vcpud.client.vm.RunVm({ name });
      expect(vm?.runState).toBe('VM_RUN_STATE_RUNNING');
    }
    for (const _ of [1, 2]) {
      const { vm } = await vcpud.client.vm.PauseVm({ name });
      expect(vm?.runState).toBe('VM_RUN_STATE_PAUSED');
    }
    await vcpud.client.vm.DeleteVm({ name });
    await watcher.finished;
    expect(runStates(watcher.events)).toEqual(['PAUSED', 'RUNNING', 'PAUSED']);
  });

  test('many at once end in what was asked for last', async () => {
    await createTiny(vcpud.client, VM, 'spin', { vcpuCount: 2, irqchip: false });
    const calls = Array.from({ length: 20 }, (_, i) =>
      i % 2 === 0 ? vcpud.client.vm.RunVm({ name }) : vcpud.client.vm.PauseVm({ name }),
    );
    const states = (await Promise.all(calls)).map(({ vm }) => vm?.runState);
    expect(states).toEqual(states.map((_, i) => `VM_RUN_STATE_${i % 2 === 0 ? 'RUNNING' : 'PAUSED'}`));
    expect((await getVm()).runState).toBe('VM_RUN_STATE_PAUSED');
    expect(await vcpuRunStates()).toEqual(['PAUSED', 'PAUSED']);
  });

  test('a guest finds the console, and what it prints arrives before the VM is said to have stopped', async () => {
    await createTiny(vcpud.client, VM, 'echo', ONE);
    const watcher = new Watcher(vcpud.client, VM);
    await vcpud.client.vm.RunVm({ name });
    await watcher.runState('STOPPED');
    const printed = watcher.events.flatMap(({ console: output }) => [...(output?.data ?? [])]);
    expect(printed).toEqual([0xe9]);
    watcher.stop();
  });
});

describe('the console', () => {
  /** Output of one vCPU as a watcher had it: where it begins, and whether it has a gap or an overlap. */
  function outputOf(events: readonly WatchVmResponse__Output[]): {
    begin: bigint;
    end: bigint;
    gaps: string[];
  } {
    const pieces = events.flatMap(({ console: output }) =>
      output === null || output === undefined ? [] : [{ at: BigInt(output.offset), bytes: output.data }],
    );
    const begin = pieces[0]?.at ?? 0n;
    let end = begin;
    const gaps: string[] = [];
    for (const { at, bytes } of pieces) {
      if (at !== end) gaps.push(`${end} to ${at}`);
      end = at + BigInt(bytes.length);
    }
    return { begin, end, gaps };
  }

  const until = (watcher: Watcher, bytes: bigint) =>
    watcher.until(`${bytes} bytes`, ({ events }) => (outputOf(events).end >= bytes ? true : undefined));

  test('has no gaps, neither live nor from the history on', async () => {
    await createTiny(vcpud.client, VM, 'tick', ONE);
    const early = new Watcher(vcpud.client, VM);
    await vcpud.client.vm.RunVm({ name });
    await until(early, 20n);
    // Comes while the guest prints: the history and what follows must meet.
    const late = new Watcher(vcpud.connect(), VM, true);
    const without = new Watcher(vcpud.connect(), VM, false);
    await Promise.all([late.runState('RUNNING'), without.runState('RUNNING')]);
    await until(early, outputOf(early.events).end + 20n);
    await vcpud.client.vm.PauseVm({ name });
    await Promise.all([
      early.runState('PAUSED', 2),
      late.runState('PAUSED', 1),
      without.runState('PAUSED', 1),
    ]);
    const [all, fromHistory, fromThenOn] = [early, late, without].map(({ events }) => outputOf(events));
    expect(all).toMatchObject({ begin: 0n, gaps: [] });
    expect(fromHistory).toEqual(all);
    expect(fromThenOn).toMatchObject({ end: all?.end, gaps: [] });
    expect(fromThenOn?.begin).toBeGreaterThan(0n);
    // What was printed before is there for one who comes when nothing runs any more.
    const afterwards = new Watcher(vcpud.client, VM, true);
    await until(afterwards, all?.end ?? 0n);
    expect(outputOf(afterwards.events)).toEqual(all);
    for (const watcher of [early, late, without, afterwards]) watcher.stop();
  });
});

describe('deleting', () => {
  const deletedLast = ({ events }: Watcher): boolean => {
    const last = events.at(-1)?.deleted;
    return last !== null && last !== undefined;
  };

  test('a VM that runs ends it: watchers hear it last, and its name is free at once', async () => {
    for (let round = 0; round < 3; round += 1) {
      await createTiny(vcpud.client, VM, 'spin', { vcpuCount: 2, irqchip: false });
      const watchers = [new Watcher(vcpud.client, VM), new Watcher(vcpud.connect(), VM, true)];
      await vcpud.client.vm.RunVm({ name });
      await Promise.all(watchers.map((watcher) => watcher.runState('RUNNING')));
      await vcpud.client.vm.DeleteVm({ name });
      await Promise.all(watchers.map(({ finished }) => finished));
      expect(watchers.map(deletedLast)).toEqual([true, true]);
      expect((await refusalOf(vcpud.client.vm.GetVm({ name }))).reason).toBe('VM_NOT_FOUND');
    }
  });

  test('by two callers: one is told that there is none', async () => {
    await createTiny(vcpud.client, VM, 'spin', ONE);
    const answers = await Promise.allSettled([
      vcpud.client.vm.DeleteVm({ name }),
      vcpud.client.vm.DeleteVm({ name }),
    ]);
    expect(answers.map((answer) => answer.status).toSorted()).toEqual(['fulfilled', 'rejected']);
  });

  /** Calls by which a VM is kept busy. */
  const BUSY: Readonly<Record<string, () => Promise<unknown>>> = {
    RunVm: () => vcpud.client.vm.RunVm({ name }),
    PauseVm: () => vcpud.client.vm.PauseVm({ name }),
    GetVmState: () => vcpud.client.vm.GetVmState({ name }),
    GetVcpuState: () => vcpud.client.vcpu.GetVcpuState({ name: vcpu(1) }),
    GetNestedState: () => vcpud.client.nested.GetNestedState({ name: vcpu(0) }),
    BatchGetNestedStates: () => vcpud.client.nested.BatchGetNestedStates({ parent: name }),
    Reset: () => vcpud.client.nested.Reset({ name: vcpu(0) }),
  };

  for (const [rpc, call] of Object.entries(BUSY)) {
    test(`ends every ${rpc} under way with ABORTED`, async () => {
      await createTiny(vcpud.client, VM, 'spin', { vcpuCount: 2, irqchip: false });
      await vcpud.client.vm.RunVm({ name });
      // Those before it see to it that the calls wait for their turn when the VM goes.
      const calls = [
        ...Array.from({ length: 5 }, BUSY['GetVmState'] ?? call),
        ...Array.from({ length: 20 }, call),
      ];
      const deleted = vcpud.client.vm.DeleteVm({ name });
      const answers = await Promise.allSettled<unknown>(calls);
      await deleted;
      const errors = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []));
      const reasons = errors.map(
        (error: ServiceError) => `${status[error.code]} ${errorInfoOf(error)?.reason}`,
      );
      expect(new Set(reasons)).toEqual(new Set(['ABORTED VM_DELETED']));
    });
  }

  test('ends a ReadMemory under way with ABORTED', async () => {
    const sizeBytes = 64 * 1024 * 1024;
    await vcpud.client.vm.CreateVm({ vmId: VM, vm: { memoryRegions: [{ gpa: 0, sizeBytes }] } });
    // A byte in every MiB: pieces enough that the stream is never all under way at once.
    const chunks = Array.from({ length: 64 }, (_, i) => ({
      name,
      gpa: i << 20,
      data: Buffer.alloc(65_536, 1),
    }));
    await vcpud.client.writeMemory(chunks);
    const read = async () => {
      for await (const _ of vcpud.client.readMemory({ name, gpa: 0, sizeBytes, chunkBytes: 4096 })) {
        await vcpud.client.vm.DeleteVm({ name }).catch((error: ServiceError) => {
          expect(error.code).toBe(status.NOT_FOUND); // at the second chunk and after
        });
      }
    };
    expect(await refusalOf(read())).toMatchObject({ code: 'ABORTED', reason: 'VM_DELETED' });
  });

  test('ends a WriteMemory under way with ABORTED', async () => {
    await createTiny(vcpud.client, VM, 'spin', ONE);
    const firstByte = async () => {
      for await (const { data } of vcpud.client.readMemory({ name, gpa: 0, sizeBytes: 1 })) return data?.[0];
      return undefined;
    };
    const write = vcpud.client.writeMemory(
      (async function* chunks() {
        yield { name, gpa: 0, data: Buffer.alloc(TINY_RAM_BYTES, 1) };
        await eventually('the first chunk to be written', firstByte);
        await vcpud.client.vm.DeleteVm({ name });
        yield { name, gpa: 0, data: Buffer.alloc(TINY_RAM_BYTES, 2) };
      })(),
    );
    expect(await refusalOf(write)).toMatchObject({ code: 'ABORTED', reason: 'VM_DELETED' });
  });
});

describe('lists', () => {
  const pages = async <T>(next: (pageToken: string) => Promise<{ items: T[]; nextPageToken: string }>) => {
    const all: T[][] = [];
    for (let pageToken = ''; ; ) {
      const { items, nextPageToken } = await next(pageToken);
      all.push(items);
      if (nextPageToken === '') return all;
      pageToken = nextPageToken;
    }
  };

  test('of VMs come by name, in pages, also while VMs come and go', async () => {
    const memoryRegions = [{ gpa: 0, sizeBytes: 4096 }];
    const create = (vmId: string) => vcpud.client.vm.CreateVm({ vmId, vm: { memoryRegions } });
    await Promise.all(['e', 'b', 'a', 'd', 'c'].map(create));
    const list = (pageSize: number) => (pageToken: string) =>
      vcpud.client.vm
        .ListVms({ pageSize, pageToken })
        .then(({ vms, nextPageToken }) => ({ items: vms.map((vm) => vm.name), nextPageToken }));
    expect(await pages(list(2))).toEqual([['vms/a', 'vms/b'], ['vms/c', 'vms/d'], ['vms/e']]);
    expect(await pages(list(5))).toEqual([['vms/a', 'vms/b', 'vms/c', 'vms/d', 'vms/e']]);
    for (const size of [0, 1000, 2 ** 31 - 1]) {
      expect(await pages(list(size))).toEqual([['vms/a', 'vms/b', 'vms/c', 'vms/d', 'vms/e']]);
    }
    const { nextPageToken } = await list(2)('');
    await vcpud.client.vm.DeleteVm({ name: 'vms/b' });
    await create('bb');
    expect((await list(2)(nextPageToken)).items).toEqual(['vms/bb', 'vms/c']);
  });

  test('of vCPUs come by index, in pages', async () => {
    await vcpud.client.vm.CreateVm({
      vmId: VM,
      vm: { vcpuCount: 11, memoryRegions: [{ gpa: 0, sizeBytes: 4096 }] },
    });
    const list = (pageSize: number) => (pageToken: string) =>
      vcpud.client.vcpu
        .ListVcpus({ parent: name, pageSize, pageToken })
        .then(({ vcpus, nextPageToken }) => ({ items: vcpus.map(({ index }) => index), nextPageToken }));
    const indices = Array.from({ length: 11 }, (_, i) => i);
    expect(await pages(list(4))).toEqual([indices.slice(0, 4), indices.slice(4, 8), indices.slice(8)]);
    expect(await pages(list(0))).toEqual([indices]);
  });
});
