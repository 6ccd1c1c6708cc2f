// A migration between two vcpuds on the model driver that is left in the middle, and ended by one who comes back.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { InDoubt, type Resolution, resolveMigration } from '../../../lib/migration/resolve.js';
import { refusalOf } from '../../harness/refusal.js';
import { startVcpud, type VcpudProcess } from '../../harness/vcpud-process.js';

/** Two processes start for each test. */
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const VM = 'left';
const NAME = `vms/${VM}`;
const ID = 'left-in-the-middle';

let source: VcpudProcess;
let destination: VcpudProcess;

beforeEach(async () => {
  const serve = () => startVcpud(['--driver', 'model', '--cpu', 'amd']);
  [source, destination] = await Promise.all([serve(), serve()]);
  await source.client.vm.CreateVm({ vmId: VM, vm: { memoryRegions: [{ gpa: 0, sizeBytes: 1024 * 1024 }] } });
});

afterEach(async () => {
  await Promise.all([source.stop(), destination.stop()]);
});

const resolve = (destinationIsGone = false): Promise<Resolution> =>
  resolveMigration({
    source: source.client,
    destination: destination.client,
    vmId: VM,
    destinationIsGone,
  });

async function prepare(): Promise<string> {
  const { vm } = await source.client.vm.GetVm({ name: NAME });
  return (await destination.client.migration.PrepareVm({ vmId: VM, vm, migrationId: ID })).token;
}

/** All of a migration but its end at the source. */
async function move(): Promise<void> {
  const token = await prepare();
  const stream = source.client.sendVm();
  await stream.send({
    start: { name: NAME, migrationId: ID, destination: `unix://${destination.socketPath}`, token },
  });
  await stream.next();
  await stream.send({ switchOver: {} });
  expect((await stream.next()).event).toBe('switched');
}

const phaseAt = async ({ client }: VcpudProcess): Promise<string | undefined> =>
  (await client.vm.GetVm({ name: NAME })).vm?.migration?.phase;
const expectNone = async ({ client }: VcpudProcess): Promise<void> => {
  expect(await refusalOf(client.vm.GetVm({ name: NAME }))).toMatchObject({ reason: 'VM_NOT_FOUND' });
};

test('where nothing was begun there is nothing to end', () => expect(resolve()).resolves.toBe('nothing'));

test('prepared and left: the destination gives it up, the source has it as before', async () => {
  await prepare();
  expect(await resolve()).toBe('undone');
  await expectNone(destination);
  expect(await phaseAt(source)).toBeUndefined();
  expect(await resolve()).toBe('nothing');
});

test('switched and left: the source gives it up, and once more there is nothing to end', async () => {
  await move();
  expect(await phaseAt(source)).toBe('MIGRATION_PHASE_MOVED');
  expect(await resolve()).toBe('finished');
  await expectNone(source);
  expect(await phaseAt(destination)).toBe('MIGRATION_PHASE_ARRIVED');
  expect(await resolve()).toBe('nothing');
});

test('switched, and the destination does not answer: in doubt, until one knows that its host is gone', async () => {
  await move();
  destination.kill('SIGKILL');
  await destination.exited;
  await expect(resolve()).rejects.toBeInstanceOf(InDoubt);
  expect(await phaseAt(source)).toBe('MIGRATION_PHASE_MOVED');
  expect(await resolve(true)).toBe('undone');
  expect(await phaseAt(source)).toBeUndefined();
});

test('switched, and the source does not answer: in doubt, and the destination keeps it', async () => {
  await move();
  source.kill('SIGKILL');
  await source.exited;
  await expect(resolve()).rejects.toThrow('the guest is at the destination; the source does not answer');
  expect(await phaseAt(destination)).toBe('MIGRATION_PHASE_ARRIVED');
});
