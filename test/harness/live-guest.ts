// Guests that run an L2, as the tests on real kernels have them: started, watched, caught where a test wants them,
// and moved to another VM. No sleeps: a guest that was let go is waited for until its counters have changed.

import assert from 'node:assert/strict';
import type { VcpudClient } from '../../lib/api/client.js';
import { vcpuSnapshot } from '../../lib/api/vcpu-state.js';
import { differences } from '../../lib/state/snapshot-compare.js';
import type { NestedState__Output } from '../../protos/gen/vcpud/v1/NestedState.js';
import type { VcpuState__Output } from '../../protos/gen/vcpud/v1/VcpuState.js';
import type { VmState__Output } from '../../protos/gen/vcpud/v1/VmState.js';
import type { WriteMemoryRequest } from '../../protos/gen/vcpud/v1/WriteMemoryRequest.js';
import { type Counters, createGuest, type GuestParameters, readCounters } from '../guests/guest.js';
import { Watcher } from './watcher.js';

/** A VM by the client that reaches its vcpud. */
export interface VmRef {
  readonly client: VcpudClient;
  readonly vmId: string;
}

export const nameOf = ({ vmId }: VmRef): string => `vms/${vmId}`;
export const vcpuOf = ({ vmId }: VmRef, index = 0): string => `vms/${vmId}/vcpus/${index}`;

/** Creates a VM with the guest, watches it, and lets it run. */
export async function startGuest(vm: VmRef, parameters: GuestParameters, vcpus = 1): Promise<Watcher> {
  await createGuest(vm.client, vm.vmId, parameters, vcpus);
  const watcher = new Watcher(vm.client, vm.vmId);
  await vm.client.vm.RunVm({ name: nameOf(vm) });
  return watcher;
}

export const isInGuestMode = (state: NestedState__Output | null | undefined): boolean =>
  state?.flags.includes('NESTED_STATE_FLAG_GUEST_MODE') === true;

/** Resolves with a vCPU's counters as soon as the predicate likes them. */
export async function countersWhen(
  { client, vmId }: VmRef,
  what: string,
  liked: (counters: Counters) => boolean,
  vcpu = 0,
): Promise<Counters> {
  const deadline = Date.now() + COUNTERS_TIMEOUT_MS;
  for (;;) {
    const counters = await readCounters(client, vmId, vcpu);
    if (liked(counters)) return counters;
    if (Date.now() > deadline) throw new Error(`timed out waiting for ${what}: ${show(counters)}`);
  }
}

const COUNTERS_TIMEOUT_MS = 60_000;

const show = (counters: Counters): string =>
  Object.entries(counters)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');

/** Resolves with the counters when the vCPU has got on since: any of those that the guest counts has changed. */
export function progress(vm: VmRef, since: Counters, vcpu = 0): Promise<Counters> {
  return countersWhen(vm, 'the guest to get on', (now) => show(now) !== show(since), vcpu);
}

/** Resolves with the counters when L2 has counted on since. */
export function l2Progress(vm: VmRef, since: Counters, vcpu = 0): Promise<Counters> {
  return countersWhen(vm, 'L2 to count on', (now) => now.l2Count > since.l2Count, vcpu);
}

/** Pauses a running VM again and again until what it holds is what is wanted; it stays paused then. */
export async function pauseWhen(
  vm: VmRef,
  what: string,
  wanted: (state: VmState__Output) => boolean,
  mostPauses = 100,
): Promise<VmState__Output> {
  const name = nameOf(vm);
  for (let pauses = 0; pauses < mostPauses; pauses += 1) {
    await vm.client.vm.PauseVm({ name });
    const { state } = await vm.client.vm.GetVmState({ name });
    if (state !== null && wanted(state)) return state;
    const counters = await readCounters(vm.client, vm.vmId, 0);
    await vm.client.vm.RunVm({ name });
    await progress(vm, counters);
  }
  throw new Error(`none of ${mostPauses} pauses found ${what}`);
}

/** Whether every vCPU of it is in L2. */
export const everyVcpuInL2 = ({ vcpus }: VmState__Output): boolean =>
  vcpus.every(({ nestedState }) => isInGuestMode(nestedState));

/** The one vCPU of a VM's state. */
export function onlyVcpu({ vcpus }: VmState__Output): VcpuState__Output {
  const [vcpu] = vcpus;
  if (vcpu === undefined || vcpus.length !== 1) throw new Error(`${vcpus.length} vCPUs instead of one`);
  return vcpu;
}

/** Copies all memory of a VM into another of the same regions. */
export async function copyMemory(from: VmRef, to: VmRef): Promise<void> {
  const { vm } = await from.client.vm.GetVm({ name: nameOf(from) });
  async function* chunks(): AsyncGenerator<WriteMemoryRequest> {
    for (const { gpa, sizeBytes } of vm?.memoryRegions ?? []) {
      for await (const chunk of from.client.readMemory({ name: nameOf(from), gpa, sizeBytes })) {
        // A new VM's memory is zero: holes need not travel.
        if (chunk.data !== undefined) yield { name: nameOf(to), gpa: chunk.gpa, data: chunk.data };
      }
    }
  }
  await to.client.writeMemory(chunks());
}

/** Creates a VM of the same shape. */
export async function createAlike(from: VmRef, to: VmRef): Promise<void> {
  const { vm } = await from.client.vm.GetVm({ name: nameOf(from) });
  if (vm === null) throw new Error('the answer has no vm');
  const { vcpuCount, memoryRegions, irqchip, pit } = vm;
  await to.client.vm.CreateVm({ vmId: to.vmId, vm: { vcpuCount, memoryRegions, irqchip, pit } });
}

/** Names of the parts in which what a VM holds is unlike what it was given. */
export async function unlike(vm: VmRef, given: VmState__Output): Promise<string[]> {
  const { state } = await vm.client.vm.GetVmState({ name: nameOf(vm) });
  return given.vcpus.flatMap((vcpu, i) => {
    const held = state?.vcpus[i];
    if (held === undefined) return [`vcpus[${i}]`];
    return differences(vcpuSnapshot(vcpu), vcpuSnapshot(held)).map((part) => `vcpus[${i}].${part}`);
  });
}

/** Gives a paused VM's memory and state to a new VM, paused, which then holds them to the byte. The first VM is deleted. */
export async function moveTo(from: VmRef, to: VmRef, state: VmState__Output): Promise<void> {
  await createAlike(from, to);
  await copyMemory(from, to);
  await to.client.vm.SetVmState({ name: nameOf(to), state });
  assert.deepEqual(await unlike(to, state), []);
  await from.client.vm.DeleteVm({ name: nameOf(from) });
}

/** What no line of a guest may say: that L1 or L2 found its own state changed. */
export function expectNoPanic({ lines }: Watcher): void {
  assert.deepEqual(
    lines.map(({ text }) => text).filter((text) => text.includes('panic')),
    [],
  );
}
