// MigrationService between two vcpuds on the model driver, over the wire: what is sent arrives, and whatever breaks,
// the VM is one side's. Guests that run while they move are for the tests on real kernels.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { ServiceError } from '@grpc/grpc-js';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { VcpudClient } from '../../../lib/api/client.js';
import { api } from '../../../lib/api/definitions.js';
import type { Duplex } from '../../../lib/api/duplex.js';
import type { Endpoint } from '../../../lib/api/endpoint.js';
import { errorInfoOf } from '../../../lib/api/error-details.js';
import { type ModelVendor, modelDriver } from '../../../lib/kvm/model/model-driver.js';
import { type LiveOptions, migrateLive } from '../../../lib/migration/live.js';
import { InDoubt, resolveMigration } from '../../../lib/migration/resolve.js';
import { showMemory } from '../../../lib/transfer/source-memory.js';
import type { ReceiveVmRequest } from '../../../protos/gen/vcpud/v1/ReceiveVmRequest.js';
import type { SendVmRequest } from '../../../protos/gen/vcpud/v1/SendVmRequest.js';
import type { SendVmResponse__Output } from '../../../protos/gen/vcpud/v1/SendVmResponse.js';
import { type RunningServer, startServer } from '../../../services/server.js';
import { type HeldLine, heldLine } from '../../harness/held-line.js';
import { overFor, WAYS, type Way } from '../../harness/memory-way.js';
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
  readonly tcpEndpoint: string;
  readonly socketPath: string;
  readonly client: VcpudClient;
}

let folder: string;
let sides: Side[];
let lines: HeldLine[];

async function side(name: string, vendor: ModelVendor): Promise<Side> {
  const address = join(folder, `${name}.sock`);
  const endpoints: Endpoint[] = [
    { kind: 'unix', address },
    { kind: 'tcp', address: '127.0.0.1:0' },
  ];
  const server = await startServer(
    modelDriver(vendor),
    { endpoints, tls: undefined },
    pino({ level: 'silent' }),
  );
  const endpoint = `unix://${address}`;
  const tcpEndpoint = `tcp://${server.targets[1]}`;
  const made = { server, endpoint, tcpEndpoint, socketPath: address, client: new VcpudClient(endpoint) };
  sides.push(made);
  return made;
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vcpud-migration-'));
  sides = [];
  lines = [];
});

afterEach(async () => {
  for (const line of lines) await line.close();
  for (const { client, server } of sides) {
    client.close();
    await server.stop(0);
  }
  rmSync(folder, { recursive: true });
});

/** A VM with something in its memory and in its registers. */
async function web({ client }: Side, memoryRegions = REGIONS): Promise<void> {
  await client.vm.CreateVm({
    vmId: 'web',
    vm: { vcpuCount: 2, memoryRegions, irqchip: true, pit: true, pc: true },
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

const options = (from: Side, to: Side, way: Way = 'by name'): LiveOptions => ({
  source: from.client,
  destination: to.client,
  destinationEndpoint: overFor(way) === 'tcp' ? to.tcpEndpoint : to.endpoint,
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

type Leading = Duplex<SendVmRequest, SendVmResponse__Output>;

interface Started {
  readonly from: Side;
  readonly to: Side;
  readonly line: HeldLine;
  readonly leading: Leading;
  readonly token: string;
}

/** A VM at the source, one that waits for it at the destination, and the stream that leads it there, over a line. */
async function started(way: Way, regions = REGIONS): Promise<Started> {
  const [from, to] = [await side('from', 'amd'), await side('to', 'amd')];
  await web(from, regions);
  const { vm } = await from.client.vm.GetVm({ name: NAME });
  const { token } = await to.client.migration.PrepareVm({ vmId: 'web', vm, migrationId: ID });
  const line = await heldLine(to.socketPath, overFor(way));
  lines.push(line);
  const leading = from.client.sendVm();
  await leading.send({ start: { name: NAME, migrationId: ID, destination: line.endpoint, token } });
  expect((await leading.next()).started).toBeTruthy();
  return { from, to, line, leading, token };
}

const resolveAt = ({ client }: Side, outcome: 'RUN_HERE' | 'ABANDON') =>
  client.migration.ResolveMigration({
    name: NAME,
    migrationId: ID,
    outcome: `MIGRATION_OUTCOME_${outcome}`,
  });

describe.each([
  ['amd', 'by name'],
  ['amd', 'streamed'],
  ['intel', 'by name'],
] as const)('between two %s hosts, memory %s', (vendor, way) => {
  test('a VM arrives whole, is the destination’s, and leaves nothing behind', async () => {
    const [from, to] = [await side('from', vendor), await side('to', vendor)];
    await web(from);
    const before = { memory: await memoryOf(from), state: await stateOf(from) };
    const result = await migrateLive(options(from, to, way));
    expect(await names(from)).toEqual([]);
    expect((await memoryOf(to)).equals(before.memory)).toBe(true);
    expect(await stateOf(to)).toEqual(before.state);
    expect(await phaseAt(to)).toBe('MIGRATION_PHASE_ARRIVED');
    expect(result.verifiedRanges).toBe(2);
    expect(result.readsSource).toBe(way === 'by name');
    expect(result.rounds[0]?.pages).toBe(7);
    // And back: one that arrived can go on.
    await migrateLive(options(to, from, way));
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
    const memoryBytes = String(4 * MIB + 0x10000);
    expect(JSON.parse(out)).toMatchObject({ verifiedRanges: 2, memoryBytes, readsSource: true });
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

describe('a source', () => {
  test('whose guest has gone on elsewhere does not run it again, whatever fails after that', async () => {
    const from = await side('from', 'amd');
    await web(from);
    const vm = from.server.vms.get('web');
    await vm.beginSending({ gone: () => false }, ID, 'unix:///elsewhere');
    // The first thing that happens after the destination's word: those who watch are told.
    const forget = vm.watch(() => {
      throw new Error('a watcher that must not throw');
    });
    await expect(vm.handOver(async () => 'it runs there')).rejects.toThrow('must not throw');
    forget();
    expect(vm.migration?.phase).toBe('MOVED');
    expect(vm.runState).toBe('PAUSED');
  });

  test('that is ending begins no migration', async () => {
    const from = await side('from', 'amd');
    await web(from);
    const leading = from.client.sendVm();
    from.server.vms.beginEnding();
    await leading.send({ start: { name: NAME, migrationId: ID, destination: 'unix:///nowhere.sock' } });
    expect(await reasonOf(leading.next())).toBe('SHUTTING_DOWN');
    expect(
      await reasonOf(
        from.client.migration.PrepareVm({ vmId: 'other', vm: { memoryRegions: REGIONS }, migrationId: ID }),
      ),
    ).toBe('SHUTTING_DOWN');
  });

  test('that serves without TLS does not speak to another host', async () => {
    const from = await side('from', 'amd');
    await web(from);
    const leading = from.client.sendVm();
    await leading.send({ start: { name: NAME, migrationId: ID, destination: 'tcp://192.0.2.1:7000' } });
    expect(await reasonOf(leading.next())).toBe('IDENTITY_REQUIRED');
    expect(await phaseAt(from)).toBeUndefined();
  });
});

describe.each(WAYS)('a source, memory %s,', (way) => {
  test('that is told to switch without a round sends all memory then', async () => {
    const { from, to, leading } = await started(way);
    const before = await memoryOf(from);
    await leading.send({ switchOver: { verifyMemory: true } });
    const { switched } = await leading.next();
    expect(switched).toMatchObject({ pages: '7', verifiedRanges: 2 });
    expect((await memoryOf(to)).equals(before)).toBe(true);
    // The stream ends well: its client is not left waiting.
    await expect(leading.next()).rejects.toThrow('ended without an answer');
    expect(await phaseAt(from)).toBe('MIGRATION_PHASE_MOVED');
  });

  test('sends in each further round what was written since, and in the switch the rest', async () => {
    const { from, to, leading } = await started(way);
    const write = (gpa: number) => from.client.writeMemory([{ name: NAME, gpa, data: Buffer.alloc(1, gpa) }]);
    await leading.send({ round: {} });
    expect((await leading.next()).roundDone).toMatchObject({ round: 1, pages: '7', dirtyPages: '0' });
    await write(0x1001);
    await write(0x1002);
    await leading.send({ round: {} });
    expect((await leading.next()).roundDone).toMatchObject({ round: 2, pages: '1', zeroPages: '0' });
    await write(0x2003);
    const before = await memoryOf(from);
    await leading.send({ switchOver: { verifyMemory: true } });
    expect((await leading.next()).switched).toMatchObject({ pages: '1' });
    expect((await memoryOf(to)).equals(before)).toBe(true);
  });

  test('whose VM is deleted between two rounds says so, and the destination has nothing of it', async () => {
    const { from, to, leading } = await started(way);
    await from.client.vm.DeleteVm({ name: NAME });
    await leading.send({ round: {} });
    expect(await reasonOf(leading.next())).toBe('VM_DELETED');
    await expect.poll(() => names(to)).toEqual([]);
  });

  test('that is told of a VM deleted at the destination keeps its own', async () => {
    const { from, to, leading } = await started(way);
    await to.client.vm.DeleteVm({ name: NAME });
    await leading.send({ round: {} });
    const error = await leading.next().then(
      () => undefined,
      (thrown: ServiceError) => errorInfoOf(thrown),
    );
    expect(error).toMatchObject({
      reason: 'DESTINATION_REFUSED',
      metadata: { destination_reason: 'VM_DELETED' },
    });
    await expect.poll(() => phaseAt(from)).toBeUndefined();
  });
});

const { requestSerialize } = api.MigrationService.service.ReceiveVm;

describe('a destination', () => {
  test('deletes what has waited a minute for its source', async () => {
    const to = await side('to', 'amd');
    await to.client.vm.ListVms({}); // it is connected
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      await to.client.migration.PrepareVm({
        vmId: 'web',
        vm: { memoryRegions: REGIONS },
        migrationId: ID,
      });
      vi.advanceTimersByTime(59_000);
      expect(await names(to)).toEqual([NAME]);
      vi.advanceTimersByTime(1_000);
    } finally {
      vi.useRealTimers();
    }
    await expect.poll(() => names(to)).toEqual([]);
  });

  test.each([
    ['of memory that was not shown', false, 1, 'pages.in_source'],
    ['of more than 16 MiB', true, 4097, 'pages.page_counts'],
  ])('reads no pages by name %s', async (_what, shown, count, field) => {
    const [from, to] = [await side('from', 'amd'), await side('to', 'amd')];
    const memoryRegions = [{ gpa: 0, sizeBytes: 32 * MIB }];
    await from.client.vm.CreateVm({ vmId: 'web', vm: { memoryRegions } });
    const { token } = await to.client.migration.PrepareVm({
      vmId: 'web',
      vm: { memoryRegions },
      migrationId: ID,
    });
    const memory = shown ? showMemory(from.server.vms.get('web').memory, token) : null;
    const link = to.client.receiveVm();
    await link.send(requestSerialize({ begin: { name: NAME, migrationId: ID, token, memory } }));
    expect((await link.next()).ready?.readsSource).toBe(shown);
    const pages = (pageCount: number) => ({ firstPages: [0], pageCounts: [pageCount], inSource: true });
    if (shown) {
      await link.send(requestSerialize({ pages: pages(4096) }));
      expect((await link.next()).pagesRead).toBeTruthy();
    }
    await link.send(requestSerialize({ pages: pages(count) }));
    const info = await link.next().then(
      () => undefined,
      (error: ServiceError) => errorInfoOf(error),
    );
    expect(info).toMatchObject({ reason: 'PAGES_MALFORMED', fieldViolations: [{ field }] });
    await expect.poll(() => names(to)).toEqual([]);
  });

  test('serves a commit that arrived whole, though its source died of it', async () => {
    const to = await side('to', 'amd');
    const shape = { vcpuCount: 1, memoryRegions: REGIONS };
    await to.client.vm.CreateVm({ vmId: 'like', vm: shape });
    const { state } = await to.client.vm.GetVmState({ name: 'vms/like' });
    const { token } = await to.client.migration.PrepareVm({ vmId: 'web', vm: shape, migrationId: ID });
    const line = await heldLine(to.socketPath);
    lines.push(line);
    const source = new VcpudClient(line.endpoint);
    try {
      const link = source.receiveVm();
      const send = (message: ReceiveVmRequest) => link.send(requestSerialize(message));
      await send({ begin: { name: NAME, migrationId: ID, token } });
      expect((await link.next()).ready).toBeTruthy();
      line.hold('there');
      const data = Buffer.alloc(4096, 9);
      const pages = { firstPages: [3], pageCounts: [1], crc32: crc32(data), data };
      await send({ pages });
      await send({ commit: { state, run: false } });
      await expect
        .poll(() => line.heldBytes())
        .toBeGreaterThan(data.length + (state?.vcpus[0]?.xsave.length ?? 0));
      await line.deliverAndCut();
      await expect.poll(() => phaseAt(to)).toBe('MIGRATION_PHASE_ARRIVED');
      expect((await memoryOf(to)).subarray(0x3000, 0x4000).equals(data)).toBe(true);
    } finally {
      source.close();
    }
  });
});

describe.each(WAYS)('a destination, memory %s,', (way) => {
  test('lets nobody in who has the token, while it receives', async () => {
    const { to, leading, token } = await started(way);
    const second = to.client.receiveVm();
    await second.send(requestSerialize({ begin: { name: NAME, migrationId: ID, token } }));
    expect(await reasonOf(second.next())).toBe('NOT_PREPARED');
    await leading.send({ round: {} });
    expect((await leading.next()).roundDone).toBeTruthy();
  });

  test('deletes what was not sent whole', async () => {
    const { to, line } = await started(way);
    line.cut();
    await expect.poll(() => names(to)).toEqual([]);
  });

  test('has a VM that was abandoned no more, and the next of its id is another', async () => {
    const { to, leading } = await started(way);
    await resolveAt(to, 'ABANDON');
    expect(await names(to)).toEqual([]);
    const shape = { memoryRegions: REGIONS };
    await to.client.migration.PrepareVm({ vmId: 'web', vm: shape, migrationId: 'move-2' });
    await leading.send({ round: {} });
    expect(await reasonOf(leading.next())).toBe('DESTINATION_REFUSED');
    expect(await phaseAt(to)).toBe('MIGRATION_PHASE_PREPARED');
  });
});

const resolve = (from: Side, to: Side, destinationIsGone = false) =>
  resolveMigration({ source: from.client, destination: to.client, vmId: 'web', destinationIsGone });

/** What may be left behind, how it comes about, and what ends it. */
describe('what a migration leaves that sent nothing', () => {
  test('nothing: nothing is to be ended', async () => {
    const [from, to] = [await side('from', 'amd'), await side('to', 'amd')];
    expect(await resolve(from, to)).toBe('nothing');
    await web(from);
    expect(await resolve(from, to)).toBe('nothing');
    expect(await names(from)).toEqual([NAME]);
  });

  test('PREPARED, and a source that never came: undone', async () => {
    const [from, to] = [await side('from', 'amd'), await side('to', 'amd')];
    await web(from);
    const { vm } = await from.client.vm.GetVm({ name: NAME });
    await to.client.migration.PrepareVm({ vmId: 'web', vm, migrationId: ID });
    expect(await resolve(from, to)).toBe('undone');
    expect([await names(from), await names(to)]).toEqual([[NAME], []]);
  });
});

describe.each(WAYS)('what a broken migration leaves, memory %s:', (way) => {
  /** The line is cut while the commit is on its way: the destination never sees it. */
  async function lostThere() {
    const all = await started(way);
    const { from, to, line, leading } = all;
    await leading.send({ round: {} });
    await leading.next();
    line.hold('there');
    await leading.send({ switchOver: {} });
    await expect.poll(() => phaseAt(from)).toBe('MIGRATION_PHASE_HANDED_OVER');
    await expect.poll(() => line.heldBytes()).toBeGreaterThan(0);
    expect(await phaseAt(to)).toBe('MIGRATION_PHASE_RECEIVING');
    return all;
  }

  /** The line is cut while the answer to the commit is on its way: the source never sees it. */
  async function lostBack() {
    const all = await started(way);
    const { to, line, leading } = all;
    await leading.send({ round: {} });
    await leading.next();
    line.hold('back');
    await leading.send({ switchOver: {} });
    await expect.poll(() => phaseAt(to)).toBe('MIGRATION_PHASE_ARRIVED');
    line.cut();
    expect(await reasonOf(leading.next())).toBe('MIGRATION_IN_DOUBT');
    return all;
  }

  test('SENDING and RECEIVING: undone', async () => {
    const { from, to, leading } = await started(way);
    expect(await resolve(from, to)).toBe('undone');
    expect([await names(from), await names(to)]).toEqual([[NAME], []]);
    expect(await phaseAt(from)).toBe('MIGRATION_PHASE_SENDING'); // its stream is its leader's to end
    leading.cancel();
    await expect.poll(() => phaseAt(from)).toBeUndefined();
  });

  test('nothing, where the line is cut in the last pages: the commit has not left, and there is no doubt', async () => {
    // More than HTTP/2's flow control lets out unheard, and than one message names.
    const mib = 20;
    const { from, to, line, leading } = await started(way, [
      { gpa: 0, sizeBytes: (mib + 4) * MIB },
      ...REGIONS.slice(1),
    ]);
    await leading.send({ round: {} });
    await leading.next();
    const pages = Array.from({ length: mib }, (_, i) => ({
      name: NAME,
      gpa: (i + 4) * MIB,
      data: randomBytes(MIB),
    }));
    await from.client.writeMemory(pages);
    line.hold('there');
    await leading.send({ switchOver: {} });
    await expect.poll(() => phaseAt(from)).toBe('MIGRATION_PHASE_HANDED_OVER');
    await expect.poll(() => line.heldBytes()).toBeGreaterThan(0);
    line.cut();
    expect(await reasonOf(leading.next())).toBe('DESTINATION_UNREACHABLE');
    await expect.poll(() => phaseAt(from)).toBeUndefined();
    await expect.poll(() => names(to)).toEqual([]);
    expect(await resolve(from, to)).toBe('nothing');
  });

  test('HANDED_OVER, and nothing at the destination: undone, and a paused VM stays paused', async () => {
    const { from, to, line, leading } = await lostThere();
    line.cut();
    expect(await reasonOf(leading.next())).toBe('MIGRATION_IN_DOUBT');
    await expect.poll(() => names(to)).toEqual([]);
    expect(await reasonOf(from.client.nested.Reset({ name: `${NAME}/vcpus/0` }))).toBe('VM_MIGRATING');
    expect(await resolve(from, to)).toBe('undone');
    const { vm } = await from.client.vm.GetVm({ name: NAME });
    expect(vm).toMatchObject({ migration: null, runState: 'VM_RUN_STATE_PAUSED', dirtyTracking: false });
    expect(await resolve(from, to)).toBe('nothing');
  });

  test('HANDED_OVER and ARRIVED: finished', async () => {
    const { from, to } = await lostBack();
    expect(await phaseAt(from)).toBe('MIGRATION_PHASE_HANDED_OVER');
    expect(await resolve(from, to)).toBe('finished');
    expect([await names(from), await names(to)]).toEqual([[], [NAME]]);
    expect(await resolve(from, to)).toBe('nothing');
  });

  test('MOVED and ARRIVED: finished', async () => {
    const { from, to, leading } = await started(way);
    await leading.send({ switchOver: {} });
    await leading.next();
    expect(await resolve(from, to)).toBe('finished');
    expect([await names(from), await names(to)]).toEqual([[], [NAME]]);
  });

  test('MOVED, and nothing at the destination any more: in doubt, for it may have moved on', async () => {
    const { from, to, leading } = await started(way);
    await leading.send({ switchOver: {} });
    await leading.next();
    await to.client.vm.DeleteVm({ name: NAME });
    await expect(resolve(from, to)).rejects.toThrow(InDoubt);
    expect(await phaseAt(from)).toBe('MIGRATION_PHASE_MOVED');
    expect(await resolve(from, to, true)).toBe('undone');
    expect(await phaseAt(from)).toBeUndefined();
  });

  test('HANDED_OVER, and a destination that does not answer: in doubt, until somebody knows that it is gone', async () => {
    const { from, to } = await lostBack();
    await to.server.stop(0);
    await expect(resolve(from, to)).rejects.toThrow(InDoubt);
    expect(await phaseAt(from)).toBe('MIGRATION_PHASE_HANDED_OVER');
    expect(await resolve(from, to, true)).toBe('undone');
    expect(await phaseAt(from)).toBeUndefined();
  });

  test('ARRIVED, and a source that does not answer: in doubt; the VM is the destination’s', async () => {
    const { from, to } = await lostBack();
    await from.server.stop(0);
    await expect(resolve(from, to)).rejects.toThrow(InDoubt);
    expect(await phaseAt(to)).toBe('MIGRATION_PHASE_ARRIVED');
  });

  test('HANDED_OVER, and one that arrived and has moved on from there: in doubt, for it runs elsewhere', async () => {
    const { from, to } = await lostBack();
    const third = await side('third', 'amd');
    await migrateLive(options(to, third));
    expect([await names(to), await names(third)]).toEqual([[], [NAME]]);
    await expect(resolve(from, to)).rejects.toThrow(InDoubt);
    expect(await phaseAt(from)).toBe('MIGRATION_PHASE_HANDED_OVER');
  });

  test('HANDED_OVER, and one that arrived and is on its way elsewhere: in doubt until it stays', async () => {
    const { from, to } = await lostBack();
    const third = await side('third', 'amd');
    const { vm } = await to.client.vm.GetVm({ name: NAME });
    const { token } = await third.client.migration.PrepareVm({ vmId: 'web', vm, migrationId: 'move-2' });
    const onward = to.client.sendVm();
    await onward.send({ start: { name: NAME, migrationId: 'move-2', destination: third.endpoint, token } });
    expect((await onward.next()).started).toBeTruthy();
    await expect(resolve(from, to)).rejects.toThrow(InDoubt);
    expect(await phaseAt(from)).toBe('MIGRATION_PHASE_HANDED_OVER');
    onward.cancel();
    await expect.poll(() => phaseAt(to)).toBe('MIGRATION_PHASE_ARRIVED');
    expect(await resolve(from, to)).toBe('finished');
    expect([await names(from), await names(to)]).toEqual([[], [NAME]]);
  });

  test('another VM of the same id at the destination: it is let be', async () => {
    const { from, to, line } = await lostThere();
    line.cut();
    await expect.poll(() => names(to)).toEqual([]);
    await to.client.migration.PrepareVm({
      vmId: 'web',
      vm: { memoryRegions: REGIONS },
      migrationId: 'move-2',
    });
    expect(await resolve(from, to)).toBe('undone');
    expect(await names(to)).toEqual([NAME]);
  });
});
