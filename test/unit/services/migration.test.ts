// MigrationService between two vcpuds on the model driver, over the wire: what is sent arrives, and whatever breaks,
// the VM is one side's. Guests that run while they move are for the tests on real kernels.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServiceError } from '@grpc/grpc-js';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { VcpudClient } from '../../../lib/api/client.js';
import { api } from '../../../lib/api/definitions.js';
import { errorInfoOf } from '../../../lib/api/error-details.js';
import { type ModelVendor, modelDriver } from '../../../lib/kvm/model/model-driver.js';
import { type LiveOptions, migrateLive } from '../../../lib/migration/live.js';
import { InDoubt, resolveMigration } from '../../../lib/migration/resolve.js';
import type { ReceiveVmRequest } from '../../../protos/gen/vcpud/v1/ReceiveVmRequest.js';
import { type RunningServer, startServer } from '../../../services/server.js';
import { vcpuctl } from '../cli/fake-io.js';

const NAME = 'vms/web';
const ID = 'move-1';
const MIB = 1024 * 1024;
const REGIONS = [
  { gpa: 0, sizeBytes: 4 * MIB },
  { gpa: 0xffff_0000, sizeBytes: 0x10000 },
];

interface Side {
  readonly server: RunningServer;
  readonly endpoint: string;
  readonly client: VcpudClient;
}

let folder: string;
let sides: Side[];

async function side(name: string, vendor: ModelVendor): Promise<Side> {
  const address = join(folder, `${name}.sock`);
  const listening = { endpoints: [{ kind: 'unix', address } as const], tls: undefined };
  const server = await startServer(modelDriver(vendor), listening, pino({ level: 'silent' }));
  const endpoint = `unix://${address}`;
  const made = { server, endpoint, client: new VcpudClient(endpoint) };
  sides.push(made);
  return made;
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vcpud-migration-'));
  sides = [];
});

afterEach(async () => {
  for (const { client, server } of sides) {
    client.close();
    await server.stop(0);
  }
  rmSync(folder, { recursive: true });
});

/** A VM with something in its memory and in its registers. */
async function web({ client }: Side): Promise<void> {
  await client.vm.CreateVm({
    vmId: 'web',
    vm: { vcpuCount: 2, memoryRegions: REGIONS, irqchip: true, pit: true, pc: true },
  });
  await client.writeMemory([
    { name: NAME, gpa: 0x3000, data: Buffer.alloc(5 * 4096, 7) },
    { name: NAME, gpa: 2 * MIB, data: Buffer.from('in the middle of a page') },
    { name: NAME, gpa: 0xffff_fff0, data: Buffer.from([0xf4]) },
  ]);
  const { state } = await client.vcpu.GetVcpuState({ name: `${NAME}/vcpus/1` });
  const regs = Buffer.from(state?.regs ?? []);
  regs.writeBigUInt64LE(0x1234_5678n, 0);
  await client.vcpu.SetVcpuState({ name: `${NAME}/vcpus/1`, state: { ...state, regs } });
  await client.writeConsole([{ name: NAME, data: Buffer.from('typed and not read') }]);
}

async function memoryOf({ client }: Side): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (const region of REGIONS) {
    for await (const { data, zeroBytes } of client.readMemory({ name: NAME, ...region }))
      parts.push(data ?? Buffer.alloc(Number(zeroBytes)));
  }
  return Buffer.concat(parts);
}

async function stateOf({ client }: Side) {
  const { state } = await client.vm.GetVmState({ name: NAME });
  return {
    regs: state?.vcpus.map(({ regs }) => regs.toString('hex')),
    nested: state?.vcpus.map(({ nestedState }) => nestedState?.data.toString('hex')),
    lapic: state?.vcpus.map(({ lapic }) => lapic.subarray(0, 0x380).toString('hex')),
    pc: state?.pc,
  };
}

const options = (from: Side, to: Side): LiveOptions => ({
  source: from.client,
  destination: to.client,
  destinationEndpoint: to.endpoint,
  vmId: 'web',
  verifyMemory: true,
  maxBlackoutMs: 10_000,
  maxRounds: 5,
  bandwidth: 0,
  onEvent: () => undefined,
});

const names = async ({ client }: Side): Promise<string[]> =>
  (await client.vm.ListVms({})).vms.map(({ name }) => name);
const phaseAt = async ({ client }: Side) => (await client.vm.GetVm({ name: NAME })).vm?.migration?.phase;
const reasonOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'OK',
    (error: ServiceError) => errorInfoOf(error)?.reason ?? error.message,
  );

describe.each(['amd', 'intel'] as const)('between two %s hosts', (vendor) => {
  test('a VM arrives whole, is the destination’s, and leaves nothing behind', async () => {
    const [from, to] = [await side('from', vendor), await side('to', vendor)];
    await web(from);
    const before = { memory: await memoryOf(from), state: await stateOf(from) };
    const result = await migrateLive(options(from, to));
    expect(await names(from)).toEqual([]);
    expect((await memoryOf(to)).equals(before.memory)).toBe(true);
    expect(await stateOf(to)).toEqual(before.state);
    expect(await phaseAt(to)).toBe('MIGRATION_PHASE_ARRIVED');
    expect(result.verifiedRanges).toBe(2);
    expect(result.rounds[0]?.pages).toBe(7);
    // And back: one that arrived can go on.
    await migrateLive(options(to, from));
    expect((await memoryOf(from)).equals(before.memory)).toBe(true);
    expect(await names(to)).toEqual([]);
  });
});

describe('what breaks before the switch', () => {
  test('a caller that gives up leaves the VM where it was', async () => {
    const [from, to] = [await side('from', 'amd'), await side('to', 'amd')];
    await web(from);
    const controller = new AbortController();
    const moving = migrateLive({
      ...options(from, to),
      signal: controller.signal,
      onEvent: (event) => {
        if (event.kind === 'round') controller.abort();
      },
    });
    await expect(moving).rejects.toThrow();
    await expect.poll(() => names(to)).toEqual([]);
    await expect.poll(() => phaseAt(from)).toBeUndefined();
    expect((await from.client.vm.GetVm({ name: NAME })).vm?.dirtyTracking).toBe(false);
    await migrateLive(options(from, to)); // nothing is in the way of another try
  });

  test('a destination of the other vendor refuses the state, and has nothing of it', async () => {
    const [from, to] = [await side('from', 'amd'), await side('to', 'intel')];
    await web(from);
    const before = await memoryOf(from);
    await expect(migrateLive(options(from, to))).rejects.toThrow(/AMD CPU, this one has an Intel CPU/);
    await expect.poll(() => names(to)).toEqual([]);
    await expect.poll(() => phaseAt(from)).toBeUndefined();
    expect((await memoryOf(from)).equals(before)).toBe(true);
  });

  test('a destination that ends is unreachable, and the VM stays', async () => {
    const [from, to] = [await side('from', 'amd'), await side('to', 'amd')];
    await web(from);
    const moving = migrateLive({
      ...options(from, to),
      maxBlackoutMs: 0,
      maxRounds: 1000,
      bandwidth: 4096,
      onEvent: (event) => {
        if (event.kind === 'phase' && event.phase === 'connect') void to.server.stop(0);
      },
    });
    await expect(moving).rejects.toThrow();
    await expect.poll(() => phaseAt(from)).toBeUndefined();
    expect(await names(from)).toEqual([NAME]);
  });
});

describe('vcpuctl migrate', () => {
  const migrate = (from: Side, to: Side, ...words: string[]) =>
    vcpuctl(['--json', 'migrate', 'web', '--from', from.endpoint, '--to', to.endpoint, ...words]);

  test('checks, moves, and finds nothing to resume', async () => {
    const [from, to] = [await side('from', 'amd'), await side('to', 'amd')];
    await web(from);
    const before = await memoryOf(from);
    const dry = await migrate(from, to, '--dry-run');
    expect([dry.status, JSON.parse(dry.out).compatible]).toEqual([0, true]);
    expect(await names(to)).toEqual([]);
    const { status, out, err } = await migrate(from, to, '--verify-memory');
    expect([status, err]).toEqual([0, '']);
    expect(JSON.parse(out)).toMatchObject({ verifiedRanges: 2, memoryBytes: String(4 * MIB + 0x10000) });
    expect(await names(from)).toEqual([]);
    expect((await memoryOf(to)).equals(before)).toBe(true);
    const { out: resumed } = await migrate(from, to, '--resume');
    expect(JSON.parse(resumed)).toEqual({ resolution: 'nothing' });
  });

  test('refuses a host of the other vendor with its own status, and touches nothing', async () => {
    const [from, to] = [await side('from', 'amd'), await side('to', 'intel')];
    await web(from);
    for (const words of [['--dry-run'], []]) {
      const { status, err } = await migrate(from, to, ...words);
      expect([status, JSON.parse(err).reason]).toEqual([7, 'VENDOR_DIFFERS']);
    }
    expect(await names(to)).toEqual([]);
    expect(await phaseAt(from)).toBeUndefined();
  });

  test('undoes what waits for a source that does not come', async () => {
    const [from, to] = [await side('from', 'amd'), await side('to', 'amd')];
    await web(from);
    const { vm } = await from.client.vm.GetVm({ name: NAME });
    await to.client.migration.PrepareVm({ vmId: 'web', vm, migrationId: ID });
    const { status, out } = await migrate(from, to, '--resume');
    expect([status, JSON.parse(out)]).toEqual([0, { resolution: 'undone' }]);
    expect(await names(to)).toEqual([]);
  });
});

describe('who may do what', () => {
  test('a VM that waits does not run and takes no state, and takes part in no second migration', async () => {
    const [from, to] = [await side('from', 'amd'), await side('to', 'amd')];
    await web(from);
    const { vm } = await from.client.vm.GetVm({ name: NAME });
    await to.client.migration.PrepareVm({ vmId: 'web', vm, migrationId: ID });
    expect(await phaseAt(to)).toBe('MIGRATION_PHASE_PREPARED');
    const { state } = await from.client.vm.GetVmState({ name: NAME });
    expect(await reasonOf(to.client.vm.SetVmState({ name: NAME, state }))).toBe('VM_MIGRATING');
    expect(await reasonOf(to.client.nested.Reset({ name: `${NAME}/vcpus/0` }))).toBe('VM_MIGRATING');
    const stream = to.client.sendVm();
    await stream.send({
      start: { name: NAME, migrationId: 'move-2', destination: from.endpoint, token: 'x' },
    });
    expect(await reasonOf(stream.next())).toBe('VM_MIGRATING');
  });

  test('who has not the token does not send', async () => {
    const [from, to] = [await side('from', 'amd'), await side('to', 'amd')];
    await web(from);
    const { vm } = await from.client.vm.GetVm({ name: NAME });
    await to.client.migration.PrepareVm({ vmId: 'web', vm, migrationId: ID });
    const stream = from.client.sendVm();
    await stream.send({ start: { name: NAME, migrationId: ID, destination: to.endpoint, token: 'guess' } });
    expect(await reasonOf(stream.next())).toBe('DESTINATION_REFUSED');
    expect(await phaseAt(to)).toBe('MIGRATION_PHASE_PREPARED');
    await expect.poll(() => phaseAt(from)).toBeUndefined();
  });

  test('one that waits is abandoned, one that arrived is not', async () => {
    const [from, to] = [await side('from', 'amd'), await side('to', 'amd')];
    await web(from);
    const { migrationId } = await migrateLive(options(from, to));
    const resolve = (outcome: 'MIGRATION_OUTCOME_ABANDON' | 'MIGRATION_OUTCOME_RUN_HERE') =>
      reasonOf(to.client.migration.ResolveMigration({ name: NAME, migrationId, outcome }));
    expect(await resolve('MIGRATION_OUTCOME_ABANDON')).toBe('MIGRATION_PHASE');
    expect(await resolve('MIGRATION_OUTCOME_RUN_HERE')).toBe('MIGRATION_PHASE');
    expect(await names(to)).toEqual([NAME]);
  });
});

describe('what a destination refuses', () => {
  /** Sends messages to a prepared VM; gives the reason of the end. */
  async function received(...messages: ReceiveVmRequest[]): Promise<string> {
    const to = await side('to', 'amd');
    const shape = { vcpuCount: 1, memoryRegions: REGIONS };
    const { token } = await to.client.migration.PrepareVm({ vmId: 'web', vm: shape, migrationId: ID });
    const stream = to.client.receiveVm();
    const { requestSerialize } = api.MigrationService.service.ReceiveVm;
    for (const message of [{ begin: { name: NAME, migrationId: ID, token } }, ...messages])
      await stream.send(requestSerialize(message));
    await stream.next(); // ready
    const reason = await reasonOf(stream.next());
    await expect.poll(() => names(to)).toEqual([]);
    return reason;
  }

  const page = Buffer.alloc(4096, 1);

  test('memory that arrives otherwise than it was sent', async () => {
    const pages = { firstPages: [1], pageCounts: [1], crc32: 1, data: page };
    expect(await received({ pages })).toBe('CHECKSUM_WRONG');
  });

  test('pages and runs that do not fit together', async () => {
    expect(await received({ pages: { firstPages: [1], pageCounts: [2], data: page } })).toBe(
      'PAGES_MALFORMED',
    );
  });

  test('pages where the VM has no memory', async () => {
    const pages = { zeroFirstPages: [0x8000_0000], zeroPageCounts: [1] };
    expect(await received({ pages })).toBe('MEMORY_RANGE_NOT_BACKED');
  });

  test('a commit without a state, and one of another shape', async () => {
    expect(await received({ commit: { run: false } })).toBe('FIELD_REQUIRED');
  });

  test('a state of another shape', async () => {
    const state = { vcpus: [{}, {}], clock: Buffer.alloc(48) };
    expect(await received({ commit: { state } })).toBe('VM_SHAPE_DIFFERS');
  });
});

describe('what a broken switch leaves', () => {
  /** A source whose commit got no answer: the destination is a vcpud that ends when it sees one. */
  async function inDoubt(): Promise<{ from: Side; to: Side }> {
    const [from, to] = [await side('from', 'amd'), await side('to', 'amd')];
    await web(from);
    const { vm } = await from.client.vm.GetVm({ name: NAME });
    const { token } = await to.client.migration.PrepareVm({ vmId: 'web', vm, migrationId: ID });
    const stream = from.client.sendVm();
    await stream.send({ start: { name: NAME, migrationId: ID, destination: to.endpoint, token } });
    await stream.next();
    // All memory is hashed for the switch: time enough for the destination to end in its middle.
    await stream.send({ switchOver: { verifyMemory: true } });
    await expect.poll(() => phaseAt(from), { interval: 1 }).toBe('MIGRATION_PHASE_HANDED_OVER');
    await to.server.stop(0);
    expect(['MIGRATION_IN_DOUBT', 'DESTINATION_REFUSED']).toContain(await reasonOf(stream.next()));
    return { from, to };
  }

  test('the source goes on only when the destination is known to be gone', async () => {
    const { from, to } = await inDoubt();
    const resolve = (destinationIsGone: boolean) =>
      resolveMigration({ source: from.client, destination: to.client, vmId: 'web', destinationIsGone });
    if ((await phaseAt(from)) === undefined) return; // the destination said no in time: nothing is in doubt
    await expect(resolve(false)).rejects.toThrow(InDoubt);
    expect(await phaseAt(from)).toBe('MIGRATION_PHASE_HANDED_OVER');
    expect(await resolve(true)).toBe('undone');
    expect(await phaseAt(from)).toBeUndefined();
    expect(await resolve(true)).toBe('nothing');
  });

  test('nothing is left of a destination that waits for a source that does not come', async () => {
    const [from, to] = [await side('from', 'amd'), await side('to', 'amd')];
    await web(from);
    const { vm } = await from.client.vm.GetVm({ name: NAME });
    await to.client.migration.PrepareVm({ vmId: 'web', vm, migrationId: ID });
    const given = { source: from.client, destination: to.client, vmId: 'web', destinationIsGone: false };
    expect(await resolveMigration(given)).toBe('undone');
    expect(await names(to)).toEqual([]);
    expect(await names(from)).toEqual([NAME]);
  });
});
