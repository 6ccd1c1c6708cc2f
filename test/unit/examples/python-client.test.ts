// The client in Python against vcpuds on the model driver: what it moves, and what it leaves where it can't.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { vcpuState } from '../../../lib/api/vcpu-state.js';
import type { CpuKind } from '../../harness/host-kind.js';
import { everyVcpuInL2, nameOf, unlike, type VmRef } from '../../harness/live-guest.js';
import { PythonClient } from '../../harness/python-client.js';
import { refusalOf } from '../../harness/refusal.js';
import { startVcpud, type VcpudProcess } from '../../harness/vcpud-process.js';
import { capturedStates } from '../../vectors/captured.js';

/** Python may have to be fetched first. */
const FETCH_TIMEOUT_MS = 600_000;
const MOVE_TIMEOUT_MS = 60_000;

const RAM_BYTES = 4 * 1024 * 1024;
const PAGE = Buffer.alloc(4096, 'a page that was written. ');
const PAGE_GPA = 0x3000;

let python: PythonClient;
let amd: [VcpudProcess, VcpudProcess];
let intel: VcpudProcess;

const serve = (cpu: CpuKind) => startVcpud(['--driver', 'model', '--cpu', cpu]);

beforeAll(async () => {
  python = await PythonClient.prepare();
  [intel, ...amd] = await Promise.all([serve('intel'), serve('amd'), serve('amd')]);
}, FETCH_TIMEOUT_MS);

afterAll(async () => {
  python.close();
  await Promise.all([intel, ...amd].map((vcpud) => vcpud.stop()));
}, MOVE_TIMEOUT_MS);

const endpointOf = ({ socketPath }: VcpudProcess): string => `unix://${socketPath}`;
const between = (from: VcpudProcess, to: VcpudProcess): string[] => [
  ...['--from', endpointOf(from)],
  ...['--to', endpointOf(to)],
];

/** A VM whose vCPU is in L2, as a real kernel had it, with a page of its memory written. */
async function vmInL2({ client }: VcpudProcess, vmId: string): Promise<VmRef> {
  const vm = { client, vmId };
  const name = nameOf(vm);
  await client.vm.CreateVm({ vmId, vm: { memoryRegions: [{ gpa: 0, sizeBytes: RAM_BYTES }] } });
  await client.writeMemory([{ name, gpa: PAGE_GPA, data: PAGE }]);
  const vcpu = `${name}/vcpus/0`;
  const { state } = await client.vcpu.GetVcpuState({ name: vcpu });
  const live = capturedStates('svm').find((captured) => captured.name.startsWith('normal'));
  await client.vcpu.SetVcpuState({ name: vcpu, state: { ...state, ...vcpuState(live?.parts ?? {}) } });
  return vm;
}

async function memoryOf({ client, vmId }: VmRef): Promise<Buffer> {
  const memory = Buffer.alloc(RAM_BYTES);
  for await (const { gpa, data } of client.readMemory({
    name: `vms/${vmId}`,
    gpa: 0,
    sizeBytes: RAM_BYTES,
  })) {
    data?.copy(memory, Number(gpa));
  }
  return memory;
}

async function expectGone(vm: VmRef): Promise<void> {
  expect(await refusalOf(vm.client.vm.GetVm({ name: nameOf(vm) }))).toMatchObject({ reason: 'VM_NOT_FOUND' });
}

/** The VM is as it was, and the destination has nothing of it. Deletes it. */
async function expectKept(vm: VmRef, destination: VcpudProcess): Promise<void> {
  await expectGone({ client: destination.client, vmId: vm.vmId });
  const { vm: kept } = await vm.client.vm.GetVm({ name: nameOf(vm) });
  expect(kept).toMatchObject({ migration: null, runState: 'VM_RUN_STATE_PAUSED', dirtyTracking: false });
  await vm.client.vm.DeleteVm({ name: nameOf(vm) });
}

test.each([
  ['from host to host', 'direct', []],
  ['from host to host, all memory compared', 'verified', ['--verify']],
  ['through the client', 'relayed', ['--relay']],
] as const)(
  'a VM in L2 moves %s: memory and state are the same, the source has no trace of it',
  async (_how, vmId, options) => {
    const [source, destination] = amd;
    const from = await vmInL2(source, vmId);
    const { state } = await from.client.vm.GetVmState({ name: nameOf(from) });
    if (state === null) throw new Error('the answer has no state');
    expect(everyVcpuInL2(state)).toBe(true);

    const ended = await python.run(vmId, ...between(source, destination), ...options);
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    expect(ended.stdout).toMatch(/moved, blackout \d+ ms\n$/);

    const to = { client: destination.client, vmId };
    await expectGone(from);
    expect(await unlike(to, state)).toEqual([]);
    const memory = await memoryOf(to);
    expect(memory.subarray(PAGE_GPA, PAGE_GPA + PAGE.length).equals(PAGE)).toBe(true);
    expect(memory.fill(0, PAGE_GPA, PAGE_GPA + PAGE.length).every((byte) => byte === 0)).toBe(true);
    await to.client.vm.DeleteVm({ name: nameOf(to) });
  },
  MOVE_TIMEOUT_MS,
);

test.each([
  ['direct', []],
  ['relayed', ['--relay']],
] as const)(
  'a host of another vendor is refused before anything is made there, %s',
  async (way, options) => {
    const [source] = amd;
    const vm = await vmInL2(source, `kept-${way}`);
    const { status, stdout, stderr } = await python.run(vm.vmId, ...between(source, intel), ...options);
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: "not moved: the destination can't take this VM\n",
    });
    expect(stdout).toContain('VENDOR_DIFFERS');
    await expectKept(vm, intel);
  },
  MOVE_TIMEOUT_MS,
);

/** No switch is as short as this. */
const SHORTER_THAN_ANY = '1';

test.each([
  ['direct', []],
  ['relayed', ['--relay']],
] as const)(
  'where rounds lead to no blackout as short as is wanted, the VM stays and the other side has nothing of it, %s',
  async (way, options) => {
    const [source, destination] = amd;
    const vm = await vmInL2(source, `too-slow-${way}`);
    const most = ['--max-blackout', SHORTER_THAN_ANY];
    const { status, stderr } = await python.run(
      vm.vmId,
      ...between(source, destination),
      ...most,
      ...options,
    );
    expect(stderr).toMatch(/^not moved: the guest writes too fast: a blackout of 20 ms after 5 rounds\n$/);
    expect(status).toBe(1);
    await expectKept(vm, destination);
  },
  MOVE_TIMEOUT_MS,
);

test(
  'where the source does not reach the destination, the VM stays and the one that waited for it goes',
  async () => {
    const [source, destination] = amd;
    const vm = await vmInL2(source, 'unreached');
    const nowhere = ['--peer', `${endpointOf(destination)}.nowhere`];
    const { status, stderr } = await python.run(vm.vmId, ...between(source, destination), ...nowhere);
    expect(stderr).toMatch(/^not moved: UNAVAILABLE: the destination went away/);
    expect(status).toBe(1);
    await expectKept(vm, destination);
  },
  MOVE_TIMEOUT_MS,
);
