// Every place in which an L2 can be caught moves: captured, set on a new VM, read back equal, and run on from there,
// with nested paging and without.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EVENTS_LAYOUT } from '../../lib/kvm/abi.js';
import { FLAG, HEADER, SVM_HEADER, VMCB12_CONTROL, VMCB12_SAVE } from '../../lib/nested/layout.js';
import { resetNestedState } from '../../lib/nested/reset.js';
import type { VmState__Output } from '../../protos/gen/vcpud/v1/VmState.js';
import { type GuestParameters, NORMAL, openGate, readCounters } from '../guests/guest.js';
import { L2_BASE, L2_UNMAPPED, PAGING } from '../guests/layout.js';
import { VMCB_GPA } from '../guests/svm-l1/layout.js';
import {
  copyMemory,
  countersWhen,
  createAlike,
  everyVcpuInL2,
  expectNoPanic,
  isInGuestMode,
  l2Progress,
  moveTo,
  nameOf,
  onlyVcpu,
  pauseWhen,
  startGuest,
  unlike,
  type VmRef,
  vcpuOf,
} from '../harness/live-guest.js';
import { nestedOf } from '../harness/states.js';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';
import { Watcher } from '../harness/watcher.js';

const V_IRQ = 1 << 8;
const PAGE_FAULT = 14;
const EXCEPTION_HAS_PAYLOAD = 55;
const RIP_IN_REGS = 128;

let vcpud: VcpudProcess;

beforeAll(async () => {
  vcpud = await startVcpud();
});

afterAll(async () => {
  expect(await vcpud.stop()).toBe(0);
});

const nestedBytes = (state: VmState__Output): Buffer => onlyVcpu(state).nestedState?.data ?? Buffer.alloc(0);

const rip = (state: VmState__Output): bigint => onlyVcpu(state).regs.readBigUInt64LE(RIP_IN_REGS);

/** Whether L2 has taken a fault that has not been delivered yet: it is in the events, with the address as payload. */
function isPageFaultPending(state: VmState__Output): boolean {
  const { events } = onlyVcpu(state);
  return (
    everyVcpuInL2(state) &&
    events[EVENTS_LAYOUT.exceptionPending] === 1 &&
    events[EVENTS_LAYOUT.exceptionNr] === PAGE_FAULT
  );
}

/** A state but for two fields of L1's that the kernel takes from the debug registers and the special registers. */
function withoutDr6AndCr2(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  for (const { offset, bytes: length } of [VMCB12_SAVE.dr6, VMCB12_SAVE.cr2]) {
    copy.subarray(offset, offset + length).fill(0);
  }
  return copy;
}

/** What KVM_GET_NESTED_STATE gives of a paused vCPU. */
async function heldBy(vm: VmRef): Promise<Buffer> {
  const { nestedState } = await vm.client.nested.GetNestedState({ name: vcpuOf(vm) });
  return nestedState?.data ?? Buffer.alloc(0);
}

/** Moves a paused VM to a new one, watched from its first line on. */
async function moved(from: VmRef, state: VmState__Output): Promise<{ to: VmRef; watcher: Watcher }> {
  const to = { ...from, vmId: `${from.vmId}-moved` };
  await moveTo(from, to, state);
  expect(withoutDr6AndCr2(await heldBy(to))).toEqual(withoutDr6AndCr2(nestedBytes(state)));
  return { to, watcher: new Watcher(to.client, to.vmId) };
}

describe.each(Object.keys(PAGING) as Array<keyof typeof PAGING>)('an L2 with paging %s', (paging) => {
  const start = async (parameters: Partial<GuestParameters>) => {
    const vm: VmRef = { client: vcpud.client, vmId: `${parameters.scene}-${paging}`.toLowerCase() };
    const watcher = await startGuest(vm, { ...NORMAL, paging, ...parameters });
    return { vm, watcher };
  };
  const end = async (vm: VmRef, ...watchers: Watcher[]) => {
    for (const watcher of watchers) {
      expectNoPanic(watcher);
      watcher.stop();
    }
    await vm.client.vm.DeleteVm({ name: nameOf(vm) });
  };
  const run = (vm: VmRef) => vm.client.vm.RunVm({ name: nameOf(vm) });

  test('moves while it counts', async () => {
    const { vm, watcher } = await start({ scene: 'normal' });
    await watcher.line(/ l2=[1-9]/);
    const state = await pauseWhen(vm, 'the vCPU in L2', everyVcpuInL2);
    const bytes = nestedBytes(state);
    expect(bytes).toHaveLength(4224);
    expect(bytes.readBigUInt64LE(SVM_HEADER.vmcb_pa.offset)).toBe(VMCB_GPA);
    expect(bytes.readBigUInt64LE(VMCB12_CONTROL.nested_ctl.offset)).toBe(paging === 'nested' ? 1n : 0n);
    const before = await readCounters(vm.client, vm.vmId, 0);

    const { to, watcher: after } = await moved(vm, state);
    await run(to);
    const counters = await countersWhen(
      to,
      'L1 and L2 to count on',
      (now) => now.l2Count > before.l2Count && now.l1Count > before.l1Count,
    );
    expect(counters.starts).toBe(1n);
    await after.line(/ l2=[1-9]/);
    await end(to, watcher, after);
  });

  test('moves by its parts too: registers first, out of L2, and then the nested state', async () => {
    const { vm, watcher } = await start({ scene: 'normal', report: 1024 });
    await countersWhen(vm, 'L2 to count', ({ l2Count }) => l2Count > 0n);
    const state = await pauseWhen(vm, 'the vCPU in L2', everyVcpuInL2);
    const before = await readCounters(vm.client, vm.vmId, 0);

    const to = { ...vm, vmId: `${vm.vmId}-by-parts` };
    await createAlike(vm, to);
    await copyMemory(vm, to);
    const outOfL2 = nestedOf(resetNestedState('SVM'));
    await to.client.vcpu.SetVcpuState({
      name: vcpuOf(to),
      state: { ...onlyVcpu(state), nestedState: outOfL2 },
    });
    const { nestedState } = await to.client.nested.SetNestedState({
      name: vcpuOf(to),
      nestedState: { data: nestedBytes(state) },
    });
    expect(withoutDr6AndCr2(nestedState?.data ?? outOfL2.data)).toEqual(withoutDr6AndCr2(nestedBytes(state)));
    expect(await unlike(to, state)).toEqual([]);
    await vm.client.vm.DeleteVm({ name: nameOf(vm) });
    const after = new Watcher(to.client, to.vmId);
    await run(to);
    await l2Progress(to, before);
    await end(to, watcher, after);
  });

  test('moves while L1 has GIF clear, outside guest mode: a header alone, and yet a state', async () => {
    const { vm, watcher } = await start({ scene: 'gifClear', gate: true });
    await countersWhen(vm, 'L1 to wait at its gate', ({ l1Spin }) => l1Spin > 0n);
    const state = await pauseWhen(vm, 'the vCPU', () => true);
    const bytes = nestedBytes(state);
    expect(bytes).toHaveLength(128);
    expect(bytes.readUInt16LE(HEADER.flags.offset)).toBe(0);
    expect(onlyVcpu(state).nestedState?.flags).toEqual([]);
    const before = await readCounters(vm.client, vm.vmId, 0);

    const { to, watcher: after } = await moved(vm, state);
    await run(to);
    const atGate = await countersWhen(
      to,
      'L1 to wait on at its gate',
      ({ l1Spin }) => l1Spin > before.l1Spin,
    );
    expect(atGate.l2Count).toBe(before.l2Count);
    await openGate(to.client, to.vmId);
    await l2Progress(to, before);
    await end(to, watcher, after);
  });

  test('moves while a virtual interrupt is pending, and takes it once', async () => {
    const { vm, watcher } = await start({ scene: 'virtualInterrupt', gate: true });
    await countersWhen(vm, 'L2 to wait at its gate', ({ l2Spin }) => l2Spin > 0n);
    const state = await pauseWhen(vm, 'the vCPU in L2', everyVcpuInL2);
    expect(nestedBytes(state).readUInt32LE(VMCB12_CONTROL.int_ctl.offset) & V_IRQ).toBe(V_IRQ);
    const before = await readCounters(vm.client, vm.vmId, 0);
    expect(before).toMatchObject({ l2IrqCount: 0n, l2Count: 0n });

    const { to, watcher: after } = await moved(vm, state);
    await run(to);
    await countersWhen(to, 'L2 to wait on at its gate', ({ l2Spin }) => l2Spin > before.l2Spin);
    await openGate(to.client, to.vmId);
    // L1 has been called: past the interrupt, and past what L2 compares before each call.
    await countersWhen(to, 'L2 to call L1', ({ l1Count }) => l1Count > 0n);
    const later = await pauseWhen(to, 'the vCPU in L2', everyVcpuInL2);
    expect(nestedBytes(later).readUInt32LE(VMCB12_CONTROL.int_ctl.offset) & V_IRQ).toBe(0);
    expect((await readCounters(to.client, to.vmId, 0)).l2IrqCount).toBe(1n);
    await end(to, watcher, after);
  });

  test('moves while a page fault is pending, with the address in the payload', async () => {
    const { vm, watcher } = await start({ scene: 'pageFault', report: 64 });
    await countersWhen(vm, 'L2 to take page faults', ({ l2PfCount }) => l2PfCount > 0n);
    const state = await pauseWhen(vm, 'a page fault pending', isPageFaultPending);
    const { events } = onlyVcpu(state);
    expect(events[EXCEPTION_HAS_PAYLOAD]).toBe(1);
    const before = await readCounters(vm.client, vm.vmId, 0);
    // The round that is under way: L2 has counted what it did before this fault, and expects this one's address.
    const address = L2_UNMAPPED + (before.l2Count & 0xffffn);
    expect(events.readBigUInt64LE(EVENTS_LAYOUT.payload)).toBe(address);
    expect(before.l2PfCount).toBe(before.l2Count);
    expect(rip(state) >= L2_BASE).toBe(true);

    const { to, watcher: after } = await moved(vm, state);
    expect(isInGuestMode(onlyVcpu(state).nestedState)).toBe(true);
    await run(to);
    await countersWhen(
      to,
      'L2 to take this fault and more, and to call L1',
      (now) => now.l2PfCount > before.l2PfCount + 1n && now.l1Count > before.l1Count,
    );
    await end(to, watcher, after);
  });
});

test('a vCPU holds each state that is a header alone, and gives it back', async () => {
  const vm: VmRef = { client: vcpud.client, vmId: 'header-only' };
  const { client } = vm;
  // A vCPU with EFER.SVME: only such a one can have GIF clear.
  const watcher = await startGuest(vm, { ...NORMAL, scene: 'gifClear', gate: true });
  await countersWhen(vm, 'L1 to wait at its gate', ({ l1Spin }) => l1Spin > 0n);
  await client.vm.PauseVm({ name: nameOf(vm) });
  const gifClear = await heldBy(vm);
  const gifSet = Buffer.from(gifClear);
  gifSet.writeUInt16LE(FLAG.GIF_SET, HEADER.flags.offset);
  for (const data of [gifSet, gifClear, gifSet, gifSet, gifClear, gifClear]) {
    const { nestedState, ignored } = await client.nested.SetNestedState({
      name: vcpuOf(vm),
      nestedState: { data },
    });
    expect(nestedState?.data).toEqual(data);
    expect(ignored).toEqual([]);
    expect(await heldBy(vm)).toEqual(data);
  }
  const before = await readCounters(client, vm.vmId, 0);
  await openGate(client, vm.vmId);
  await client.vm.RunVm({ name: nameOf(vm) });
  await l2Progress(vm, before);
  expectNoPanic(watcher);
  watcher.stop();
});
