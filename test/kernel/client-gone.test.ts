// Clients that go away in the middle of a call, or stay and take nothing: cancelled, cut off, killed. vcpud goes on,
// holds no more memory than before, and no vCPU is left half-set.

import {
  Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { VcpudClient } from '../../lib/api/client.js';
import { api } from '../../lib/api/definitions.js';
import { errorInfoOf } from '../../lib/api/error-details.js';
import { vcpuSnapshot } from '../../lib/api/vcpu-state.js';
import { VMCB12_CONTROL, VMCB12_SAVE } from '../../lib/nested/layout.js';
import { differences } from '../../lib/state/snapshot-compare.js';
import type { VcpuState__Output } from '../../protos/gen/vcpud/v1/VcpuState.js';
import type { WatchVmResponse__Output } from '../../protos/gen/vcpud/v1/WatchVmResponse.js';
import { type LoneTask, startLoneClient } from '../harness/client-process.js';
import { eventually } from '../harness/eventually.js';
import { ownMemoryMib, processFacts } from '../harness/process-facts.js';
import { severedLine } from '../harness/severed-line.js';
import { changed, withSvme } from '../harness/states.js';
import { createTiny } from '../harness/tiny-guest.js';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';
import { svmGuestMode } from '../vectors/nested-states.js';

const MIB = 1024 * 1024;
const VM = 'vm';
const name = `vms/${VM}`;
const vcpuName = `${name}/vcpus/0`;

let vcpud: VcpudProcess;
let client: VcpudClient;

beforeAll(async () => {
  vcpud = await startVcpud();
  client = vcpud.client;
});

afterAll(async () => {
  expect(vcpud.log()).not.toMatch(/"level":(50|60)/);
  expect(await vcpud.stop()).toBe(0);
});

/** After each client that went away: the others are served, and the VM can go. */
afterEach(async () => {
  const { host } = await client.host.GetHost({});
  expect(host?.kvmApiVersion).toBe(12);
  await client.vm.DeleteVm({ name });
});

/** Runs the task in a process of its own, kills it, and waits until vcpud has let go of its connection. */
async function killedInTheMiddle(
  task: LoneTask,
  meanwhile: () => Promise<unknown> = () => Promise.resolve(),
): Promise<void> {
  const before = processFacts(vcpud.pid);
  const lone = await startLoneClient(vcpud.target, task);
  expect(processFacts(vcpud.pid).descriptors).toBeGreaterThan(before.descriptors);
  await meanwhile();
  await lone.kill();
  await eventually('vcpud to close the connection of a client that was killed', () =>
    processFacts(vcpud.pid).descriptors <= before.descriptors ? true : undefined,
  );
}

/** What the task makes vcpud's own memory grow by, in MiB, at its end. */
async function growthMib(task: () => Promise<void>): Promise<number> {
  const before = ownMemoryMib(vcpud.pid);
  await task();
  return ownMemoryMib(vcpud.pid) - before;
}

/** More than V8's heap breathes, less than a few chunks or a backlog that is not bounded would take. */
const MOST_GROWTH_MIB = 48;

// ---------------------------------------------------------------------------------------------------------

describe('SetNestedState', () => {
  const FIRST = Buffer.from(svmGuestMode());
  /** Another L2 of another L1, in every field that is easily told. */
  const SECOND = changed(svmGuestMode({ vmcbPa: 0x7000n }), (copy) => {
    copy.writeUInt32LE(0x77, VMCB12_CONTROL.asid.offset);
    copy.writeBigUInt64LE(0x1234_5678n, VMCB12_CONTROL.exit_info_1.offset);
    copy.writeBigUInt64LE(0xffff_8000_0000_1000n, VMCB12_SAVE.rip.offset);
    copy.writeBigUInt64LE(0x5555n, VMCB12_SAVE.rax.offset);
  });
  const CALLS = [FIRST, SECOND, FIRST, SECOND, FIRST, SECOND];

  let base: VcpuState__Output;
  /** Every state that the vCPU can hold when calls have been done whole, or not at all. */
  let whole: VcpuState__Output[];

  const state = async (): Promise<VcpuState__Output> => {
    const { state: held } = await client.vcpu.GetVcpuState({ name: vcpuName });
    if (held === null) throw new Error('the answer has no state');
    return held;
  };
  const same = (a: VcpuState__Output, b: VcpuState__Output): boolean =>
    differences(vcpuSnapshot(a), vcpuSnapshot(b)).length === 0;
  const toBase = () => client.vcpu.SetVcpuState({ name: vcpuName, state: base });
  const set = (data: Buffer) => client.nested.SetNestedState({ name: vcpuName, nestedState: { data } });

  async function makeReferences(): Promise<void> {
    await createTiny(client, VM, 'halt', { vcpuCount: 1, irqchip: false });
    base = withSvme(await state());
    await toBase();
    base = await state();
    whole = [base];
    for (const from of [[], [FIRST], [SECOND], [FIRST, SECOND], [SECOND, FIRST]]) {
      for (const last of [FIRST, SECOND]) {
        await toBase();
        for (const data of [...from, last]) await set(data);
        const held = await state();
        if (!whole.some((known) => same(known, held))) whole.push(held);
      }
    }
  }

  /** The vCPU holds one of the whole states; gives which. */
  async function expectWhole(): Promise<number> {
    const held = await state();
    const which = whole.findIndex((known) => same(known, held));
    const unlike = whole.map((known) => differences(vcpuSnapshot(known), vcpuSnapshot(held)).join(' '));
    expect(which, `unlike every whole state: ${unlike.join(' | ')}`).toBeGreaterThanOrEqual(0);
    return which;
  }

  /** Sends all of CALLS at once; gives what settles when each has been answered or given up, and how to give them up. */
  function sendAll(target: string): {
    settled: Promise<Array<ServiceError | null>>;
    cancel: () => void;
    close: () => void;
  } {
    const lone = new Client(target, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_retries': 0,
      'grpc.initial_reconnect_backoff_ms': 60_000,
    });
    const { path, requestSerialize, responseDeserialize } = api.NestedStateService.service.SetNestedState;
    const calls: Array<{ cancel(): void }> = [];
    const settled = Promise.all(
      CALLS.map(
        (data) =>
          new Promise<ServiceError | null>((resolve) => {
            calls.push(
              lone.makeUnaryRequest(
                path,
                requestSerialize,
                responseDeserialize,
                { name: vcpuName, nestedState: { data } },
                new Metadata(),
                { deadline: Date.now() + 60_000 },
                resolve,
              ),
            );
          }),
      ),
    );
    return {
      settled,
      cancel: () => {
        for (const call of calls) call.cancel();
      },
      close: () => lone.close(),
    };
  }

  test('whose line is cut anywhere leaves the vCPU in the former state or the new one', async () => {
    await makeReferences();
    expect(whole.length).toBeGreaterThan(2);
    // How much a client sends that is not cut off.
    const line = await severedLine(vcpud.socketPath, Number.MAX_SAFE_INTEGER);
    const undisturbed = sendAll(line.target);
    expect(await undisturbed.settled).toEqual(CALLS.map(() => null));
    undisturbed.close();
    const total = line.sent();
    await line.sever();
    // Cut off before the last call has arrived whole: what comes after it is flow control.
    const max = total - FIRST.length - 256;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max }), async (bytes) => {
        await toBase();
        const cut = await severedLine(vcpud.socketPath, bytes);
        const { settled, close } = sendAll(cut.target);
        const errors = await settled;
        await cut.sever();
        close();
        expect(errors.some((error) => error?.code === status.UNAVAILABLE)).toBe(true);
        await expectWhole();
      }),
      { numRuns: 20 },
    );
  });

  test('that is cancelled at any moment leaves the vCPU in the former state or the new one', async () => {
    await makeReferences();
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 60 }), async (turns) => {
        await toBase();
        const { settled, cancel, close } = sendAll(vcpud.target);
        for (let i = 0; i < turns; i += 1) await new Promise(setImmediate);
        cancel();
        for (const error of await settled) seen.add(error === null ? 'done' : `${status[error.code]}`);
        close();
        await expectWhole();
      }),
      { numRuns: 20 },
    );
    expect(seen).toContain('CANCELLED');
    expect([...seen].filter((end) => end !== 'done' && end !== 'CANCELLED')).toEqual([]);
  });

  test('whose client is killed leaves the vCPU in one of the states that it was giving', async () => {
    await makeReferences();
    for (let round = 0; round < 2; round += 1) {
      await toBase();
      const states = [FIRST, SECOND].map((bytes) => bytes.toString('base64'));
      await killedInTheMiddle({ kind: 'set-nested-state', name: vcpuName, states });
      expect(await expectWhole()).toBeGreaterThan(0);
    }
  });
});

// ---------------------------------------------------------------------------------------------------------

describe('ReadMemory', () => {
  const SIZE = 256 * MIB;
  const DENSE = 24 * MIB;

  /** 256 MiB: the first 24 full, then one page in every MiB. */
  async function createLarge(): Promise<void> {
    await client.vm.CreateVm({ vmId: VM, vm: { memoryRegions: [{ gpa: 0, sizeBytes: SIZE }] } });
    await client.writeMemory(
      (function* chunks() {
        for (let gpa = 0; gpa < DENSE; gpa += MIB)
          yield { name, gpa, data: Buffer.alloc(MIB, 1 + gpa / MIB) };
        for (let gpa = DENSE; gpa < SIZE; gpa += MIB) yield { name, gpa, data: Buffer.alloc(4096, 0xab) };
      })(),
    );
  }

  test('that is cancelled after its first chunk costs nothing, however often', async () => {
    await createLarge();
    const readOne = async () => {
      const incoming = client.readMemory({ name, gpa: 0, sizeBytes: SIZE, chunkBytes: 2 * MIB });
      for await (const { data } of incoming) {
        expect(data).toHaveLength(2 * MIB);
        break; // cancels
      }
    };
    for (let i = 0; i < 3; i += 1) await readOne(); // what is allocated once is not growth
    const growth = await growthMib(async () => {
      for (let i = 0; i < 30; i += 1) {
        await readOne();
        await client.vm.GetVm({ name });
      }
    });
    expect(growth).toBeLessThan(MOST_GROWTH_MIB);
  });

  test('whose clients take nothing more holds a few chunks for each, and answers others meanwhile', async () => {
    await createLarge();
    const readers = Array.from({ length: 4 }, () => vcpud.connect());
    const stalled = readers.map((reader) =>
      reader.readMemory({ name, gpa: 0, sizeBytes: DENSE, chunkBytes: MIB }),
    );
    const iterators = stalled.map((incoming) => incoming[Symbol.asyncIterator]());
    const growth = await growthMib(async () => {
      await Promise.all(iterators.map((iterator) => iterator.next()));
      // Another reads all of it while those stand still: vcpud had time to read ahead, if it did.
      let bytes = 0;
      for await (const { data } of client.readMemory({ name, gpa: 0, sizeBytes: DENSE }))
        bytes += data?.length ?? 0;
      expect(bytes).toBe(DENSE);
    });
    expect(growth).toBeLessThan(MOST_GROWTH_MIB);
    // Those that go on get the rest, unharmed.
    const [first] = iterators;
    let rest = 0;
    for (let next = await first?.next(); next?.done === false; next = await first?.next()) {
      rest += next.value.data?.length ?? 0;
    }
    expect(rest).toBe(DENSE - MIB);
    for (const incoming of stalled) incoming.cancel();
  });

  test('whose client is killed lets go of its connection', async () => {
    await createLarge();
    await killedInTheMiddle({ kind: 'read-memory', name, sizeBytes: SIZE });
  });
});

// ---------------------------------------------------------------------------------------------------------

describe('WriteMemory', () => {
  const CHUNK = 64 * 1024;
  const CHUNKS = 24;

  test('whose line is cut anywhere has written whole chunks, in order, and no others', async () => {
    await client.vm.CreateVm({ vmId: VM, vm: { memoryRegions: [{ gpa: 0, sizeBytes: CHUNKS * CHUNK }] } });
    const sizeBytes = CHUNKS * CHUNK;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: sizeBytes }), async (bytes) => {
        await client.writeMemory([{ name, gpa: 0, zeroBytes: sizeBytes }]);
        const line = await severedLine(vcpud.socketPath, bytes);
        const lone = new Client(line.target, credentials.createInsecure(), {
          'grpc.use_local_subchannel_pool': 1,
        });
        const { path, requestSerialize, responseDeserialize } = api.MemoryService.service.WriteMemory;
        const ended = new Promise<ServiceError | null>((resolve) => {
          const call = lone.makeClientStreamRequest(path, requestSerialize, responseDeserialize, resolve);
          for (let i = 0; i < CHUNKS; i += 1)
            call.write({ name, gpa: i * CHUNK, data: Buffer.alloc(CHUNK, 0xcd) });
          call.end();
        });
        expect((await ended)?.code).toBe(status.UNAVAILABLE);
        await line.sever();
        lone.close();
        const held = Buffer.alloc(sizeBytes);
        for await (const { gpa, data } of client.readMemory({ name, gpa: 0, sizeBytes }))
          data?.copy(held, Number(gpa));
        const written = held.lastIndexOf(0xcd) + 1;
        expect(written % CHUNK).toBe(0);
        expect(held.subarray(0, written).every((byte) => byte === 0xcd)).toBe(true);
        // Not more arrived than the line let through.
        expect(written).toBeLessThanOrEqual(bytes);
      }),
      { numRuns: 15 },
    );
  });

  test('whose client is killed leaves memory that others write', async () => {
    await client.vm.CreateVm({ vmId: VM, vm: { memoryRegions: [{ gpa: 0, sizeBytes: 2 * MIB }] } });
    const growth = await growthMib(async () => {
      for (let i = 0; i < 2; i += 1) await killedInTheMiddle({ kind: 'write-memory', name });
    });
    expect(growth).toBeLessThan(MOST_GROWTH_MIB);
    const { writtenBytes } = await client.writeMemory([{ name, gpa: 0, zeroBytes: 2 * MIB }]);
    expect(writtenBytes).toBe(String(2 * MIB));
  });
});

// ---------------------------------------------------------------------------------------------------------

describe('WatchVm, of a guest that prints as fast as it can', () => {
  const STRETCH_BYTES = 4096;

  /** How many bytes the guest has printed, by the console's history. */
  async function printed(): Promise<number> {
    const events = client.watchVm({ name, consoleHistory: true });
    for await (const { console: output } of events) {
      // The history comes in stretches, of which only the last one is not full.
      if (output !== null && output !== undefined && output.data.length < STRETCH_BYTES) {
        return Number(output.offset) + output.data.length;
      }
    }
    return 0;
  }

  /** Takes what comes first, and then nothing: from there on only what fits into buffers is sent. */
  const takeOneAndStop = (stream: ClientReadableStream<WatchVmResponse__Output>) =>
    new Promise<void>((resolve) => {
      stream.once('data', () => {
        stream.pause();
        resolve();
      });
    });

  const endOf = (stream: ClientReadableStream<WatchVmResponse__Output>) =>
    new Promise<{ code: status; reason: string | undefined }>((resolve) => {
      stream.once('error', (error: ServiceError) =>
        resolve({ code: error.code, reason: errorInfoOf(error)?.reason }),
      );
    });

  const createFlood = () => createTiny(client, VM, 'flood', { vcpuCount: 1, irqchip: false });

  /** Lets the guest run until it has printed so many lines more. */
  async function flood(lines: number): Promise<void> {
    await client.vm.RunVm({ name });
    await eventually(`the guest to print ${lines} lines`, async () => (await printed()) > lines || undefined);
  }

  test('cuts off the clients that stay and take nothing, without growing, and the guest runs on', async () => {
    await createFlood();
    const { path, requestSerialize, responseDeserialize } = api.VmService.service.WatchVm;
    const clients = Array.from(
      { length: 2 },
      () => new Client(vcpud.target, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 }),
    );
    const growth = await growthMib(async () => {
      const streams = clients.map((lone) =>
        lone.makeServerStreamRequest(path, requestSerialize, responseDeserialize, { name }),
      );
      const ends = Promise.all(streams.map(endOf));
      await Promise.all(streams.map(takeOneAndStop));
      await flood(MORE_THAN_WAITS);
      for (const stream of streams) stream.on('data', () => undefined).resume();
      expect(await ends).toEqual(
        clients.map(() => ({ code: status.RESOURCE_EXHAUSTED, reason: 'WATCHER_TOO_SLOW' })),
      );
    });
    expect(growth).toBeLessThan(MOST_GROWTH_MIB);
    for (const lone of clients) lone.close();
    const { vm } = await client.vm.GetVm({ name });
    expect(vm?.runState).toBe('VM_RUN_STATE_RUNNING');
    await client.vm.PauseVm({ name });
  });

  /** 1 MiB of waiting events is 8,128 of them at 129 bytes each; HTTP/2 and gRPC hold some on the way. */
  const MORE_THAN_WAITS = 12_000;

  test('lets go of a client that is killed', async () => {
    await createFlood();
    await killedInTheMiddle({ kind: 'watch-vm', name }, () => flood(1000));
    const { vm } = await client.vm.PauseVm({ name });
    expect(vm?.runState).toBe('VM_RUN_STATE_PAUSED');
  });
});
