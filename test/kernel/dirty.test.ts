// Dirty tracking on a real kernel, of a guest whose L2 runs: what is written comes, what is not does not, and a copy of
// all memory that is given only what collects hand out is in the end, byte for byte, the guest's memory.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { VcpudClient } from '../../lib/api/client.js';
import type { CollectDirtyPagesRequest } from '../../protos/gen/vcpud/v1/CollectDirtyPagesRequest.js';
import type { CollectDirtyPagesResponse__Output } from '../../protos/gen/vcpud/v1/CollectDirtyPagesResponse.js';
import { type GuestParameters, guestImage, guestKindOf, guestShape, NORMAL } from '../guests/guest.js';
import { areaGpa, PARAMETERS_GPA } from '../guests/layout.js';
import { countersWhen, l2Progress, nameOf, startGuest, type VmRef } from '../harness/live-guest.js';
import { processFacts } from '../harness/process-facts.js';
import { refusalOf } from '../harness/refusal.js';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';

const PAGE = 4096;
const MIB = 1024 * 1024;

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

interface Region {
  readonly gpa: number;
  readonly sizeBytes: number;
}

/** Behind the guest's own memory, which it doesn't know of; not a multiple of the 64 pages of KVM's words. */
const SCRATCH: Region = { gpa: 0x1000_0000, sizeBytes: 257 * PAGE };

const vmRef = (vmId: string): VmRef => ({ client, vmId });
const startTracking = (name: string) => client.memory.StartDirtyTracking({ name });
const stopTracking = (name: string) => client.memory.StopDirtyTracking({ name });

interface Collected {
  readonly round: number;
  readonly pages: number;
  readonly pieces: readonly CollectDirtyPagesResponse__Output[];
}

/** A whole collect. Fails where its head is not what the pieces are. */
async function collect(name: string, request: CollectDirtyPagesRequest = {}): Promise<Collected> {
  const [first, ...pieces] = await messagesOf(client.collectDirtyPages({ name, ...request }));
  const round = Number(first?.head?.round);
  const pages = Number(first?.head?.pageCount);
  expect(pieces.reduce((sum, piece) => sum + bytesOf(piece).length, 0)).toBe(pages * PAGE);
  return { round, pages, pieces };
}

async function messagesOf<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const messages: T[] = [];
  for await (const message of stream) messages.push(message);
  return messages;
}

/** What a piece says that its pages hold; of ranges, nothing but their size. */
function bytesOf({ data, zeroBytes, rangeBytes }: CollectDirtyPagesResponse__Output): Buffer {
  return data ?? Buffer.alloc(Number(zeroBytes ?? rangeBytes ?? 0));
}

/** GPAs of the pages. */
const pagesOf = ({ pieces }: Collected): number[] =>
  pieces.flatMap((piece) =>
    Array.from({ length: bytesOf(piece).length / PAGE }, (_, i) => Number(piece.gpa) + i * PAGE),
  );

/** A VM's memory, a buffer a region. */
class Copy {
  private readonly parts: ReadonlyArray<{ readonly gpa: number; readonly bytes: Buffer }>;

  private constructor(parts: Copy['parts']) {
    this.parts = parts;
  }

  static async of(name: string): Promise<Copy> {
    const { vm } = await client.vm.GetVm({ name });
    const parts = (vm?.memoryRegions ?? []).map(({ gpa, sizeBytes }) => {
      return { gpa: Number(gpa), bytes: Buffer.alloc(Number(sizeBytes)) };
    });
    for (const { gpa, bytes } of parts) {
      for await (const chunk of client.readMemory({ name, gpa, sizeBytes: bytes.length })) {
        chunk.data?.copy(bytes, Number(chunk.gpa) - gpa);
      }
    }
    return new Copy(parts);
  }

  apply({ pieces }: Collected): void {
    for (const piece of pieces) {
      const at = Number(piece.gpa);
      const part = this.parts.find(({ gpa, bytes }) => at >= gpa && at < gpa + bytes.length);
      bytesOf(piece).copy(part?.bytes ?? Buffer.alloc(0), at - (part?.gpa ?? 0));
    }
  }

  /** GPAs of the pages that are not the same. */
  unlike(other: Copy): number[] {
    return this.parts.flatMap(({ gpa, bytes }, i) => {
      const theirs = other.parts[i]?.bytes ?? Buffer.alloc(0);
      return Array.from({ length: bytes.length / PAGE }, (_, page) => page * PAGE)
        .filter((at) => !bytes.subarray(at, at + PAGE).equals(theirs.subarray(at, at + PAGE)))
        .map((at) => gpa + at);
    });
  }
}

/** Starts the host's guest with a region of scratch memory more; resolves when L2 counts. */
async function startTracked(vmId: string, parameters: GuestParameters, vcpuCount: number): Promise<VmRef> {
  const vm = vmRef(vmId);
  const name = nameOf(vm);
  const shape = guestShape(vcpuCount);
  const image = guestImage(await guestKindOf(client), parameters);
  await client.vm.CreateVm({ vmId, vm: { ...shape, memoryRegions: [...shape.memoryRegions, SCRATCH] } });
  await client.writeMemory(image.map((chunk) => ({ name, ...chunk })));
  await client.vm.RunVm({ name });
  for (let vcpu = 0; vcpu < vcpuCount; vcpu += 1) {
    await countersWhen(vm, 'L2 to count', ({ l2Count }) => l2Count > 0n, vcpu);
  }
  return vm;
}

const counters = (vm: VmRef, vcpu = 0) => countersWhen(vm, 'any counters', () => true, vcpu);

/** A VM that never runs, with memory for tests of vcpud's own writes. */
async function createStill(vmId: string, regions: readonly Region[]): Promise<string> {
  await client.vm.CreateVm({ vmId, vm: { memoryRegions: [...regions] } });
  return `vms/${vmId}`;
}

const write = (name: string, gpa: number, bytes: number, fill: number) =>
  client.writeMemory(
    Array.from({ length: Math.ceil(bytes / MIB) }, (_, i) => ({
      name,
      gpa: gpa + i * MIB,
      data: Buffer.alloc(Math.min(MIB, bytes - i * MIB), fill),
    })),
  );

describe('of a guest that runs', () => {
  // So many that L2 never leaves for L1: what is written meanwhile, L2 has written.
  const L2_ALONE = { ...NORMAL, increments: 2 ** 50 };

  test.each(['nested', 'withoutNested'] as const)(
    'a page that L2 writes comes, others do not: %s',
    async (paging) => {
      const vm = await startTracked(`l2-${paging.toLowerCase()}`, { ...L2_ALONE, paging }, 1);
      const name = nameOf(vm);
      await startTracking(name);
      await collect(name);
      for (let round = 2; round < 5; round += 1) {
        const before = await counters(vm);
        const after = await l2Progress(vm, before);
        expect(after.l1Count).toBe(before.l1Count);
        const collected = await collect(name);
        expect(collected.round).toBe(round);
        const pages = pagesOf(collected);
        expect(pages).toContain(Number(areaGpa(0)));
        expect(pages).not.toContain(Number(PARAMETERS_GPA));
        expect(pages.filter((gpa) => gpa >= SCRATCH.gpa)).toEqual([]); // scratch memory, and the ROM
      }
      await client.vm.DeleteVm({ name });
    },
  );

  test.each([
    [1, 'nested'],
    [2, 'nested'],
    [1, 'withoutNested'],
  ] as const)(
    'a full copy and every collect after it are its memory: %i vCPUs, %s',
    async (vcpus, paging) => {
      const vm = await startTracked(
        `pre-copy-${vcpus}-${paging.toLowerCase()}`,
        { ...NORMAL, paging },
        vcpus,
      );
      const name = nameOf(vm);
      await startTracking(name);
      const copy = await Copy.of(name);
      for (let round = 0; round < 6; round += 1) {
        await l2Progress(vm, await counters(vm));
        // Our own writes on the way, one of which takes pages back to zeroes.
        const at = SCRATCH.gpa + round * PAGE;
        await write(name, at, 3 * PAGE, 0x11 * (round + 1));
        await client.writeMemory([{ name, gpa: at + 100, zeroBytes: PAGE }]);
        copy.apply(await collect(name, { chunkBytes: round % 2 === 0 ? PAGE : 0 }));
      }
      await write(name, SCRATCH.gpa + SCRATCH.sizeBytes - 1, 1, 0xee);
      await client.vm.PauseVm({ name });
      const held = await Copy.of(name);
      expect(copy.unlike(held)).not.toEqual([]);
      await client.vm.GetVmState({ name });
      copy.apply(await collect(name));
      expect(copy.unlike(held)).toEqual([]);
      expect((await collect(name)).pages).toBe(0);
      await client.vm.DeleteVm({ name });
    },
  );

  test('collects that are cancelled, wherever, lose nothing', async () => {
    const vm = await startTracked('cancelled', NORMAL, 1);
    const name = nameOf(vm);
    await startTracking(name);
    const copy = await Copy.of(name);
    await write(name, SCRATCH.gpa, SCRATCH.sizeBytes, 0x77);
    for (let taken = 0; taken < 12; taken += 1) {
      await l2Progress(vm, await counters(vm));
      let left = taken;
      for await (const _ of client.collectDirtyPages({ name, chunkBytes: PAGE })) {
        if (left === 0) break; // cancels
        left -= 1;
      }
    }
    await client.vm.PauseVm({ name });
    copy.apply(await collect(name));
    expect(copy.unlike(await Copy.of(name))).toEqual([]);
    await client.vm.DeleteVm({ name });
  });

  test('tracking goes on and off while it runs, and L2 counts on', async () => {
    const vm = await startTracked('on-off', NORMAL, 2);
    const name = nameOf(vm);
    for (let i = 0; i < 10; i += 1) {
      const before = await counters(vm, 1);
      expect((await startTracking(name)).vm?.dirtyTracking).toBe(true);
      await l2Progress(vm, before, 1);
      expect(pagesOf(await collect(name, { rangesOnly: true }))).toContain(Number(areaGpa(1)));
      expect((await stopTracking(name)).vm?.dirtyTracking).toBe(false);
    }
    await l2Progress(vm, await counters(vm, 1), 1);
    await client.vm.DeleteVm({ name });
  });

  test('two VMs are tracked each for itself', async () => {
    const one = await startTracked('one', NORMAL, 1);
    const other = await startTracked('other', NORMAL, 1);
    const names = [nameOf(one), nameOf(other)] as const;
    await Promise.all(names.map(startTracking));
    await client.vm.PauseVm({ name: names[1] });
    await collect(names[1]);
    await write(names[1], SCRATCH.gpa, 1, 1);
    await collect(names[0]);
    await l2Progress(one, await counters(one));
    expect(pagesOf(await collect(names[1]))).toEqual([SCRATCH.gpa]);
    const pages = pagesOf(await collect(names[0]));
    expect(pages).toContain(Number(areaGpa(0)));
    expect(pages).not.toContain(SCRATCH.gpa);
    await stopTracking(names[0]);
    expect((await client.vm.GetVm({ name: names[1] })).vm?.dirtyTracking).toBe(true);
    for (const name of names) await client.vm.DeleteVm({ name });
  });

  test('it is not kept from being deleted', async () => {
    const vm = vmRef('deleted-tracked');
    const watcher = await startGuest(vm, NORMAL);
    await startTracking(nameOf(vm));
    await client.vm.DeleteVm({ name: nameOf(vm) });
    await watcher.finished;
  });
});

describe("vcpud's own writes", () => {
  const REGIONS: readonly Region[] = [
    { gpa: 0, sizeBytes: 40 * PAGE },
    { gpa: 64 * PAGE, sizeBytes: 200 * PAGE },
  ];

  test('come by whole pages; what becomes zero comes without payload, holes do not come', async () => {
    const name = await createStill('own', REGIONS);
    await write(name, 0, 8 * PAGE, 1);
    await startTracking(name);
    expect((await collect(name)).pages).toBe(0);
    await write(name, 64 * PAGE + 4095, 2, 2); // two pages of the second region
    await client.writeMemory([{ name, gpa: 0, zeroBytes: 20 * PAGE }]); // 8 of them were something
    const { pages, pieces } = await collect(name);
    expect(pages).toBe(10);
    expect(
      pieces.map(({ gpa, content, data, zeroBytes }) => [Number(gpa), content, data?.length ?? zeroBytes]),
    ).toEqual([
      [0, 'zeroBytes', String(8 * PAGE)],
      [64 * PAGE, 'data', 2 * PAGE],
    ]);
    expect((await collect(name)).pages).toBe(0);
    await client.vm.DeleteVm({ name });
  });

  test('come in ranges, with no more than that said', async () => {
    const name = await createStill('ranges', REGIONS);
    await startTracking(name);
    await write(name, PAGE, 1, 1);
    await write(name, 31 * PAGE, 9 * PAGE, 1);
    await write(name, 64 * PAGE, 200 * PAGE, 1);
    const { pieces } = await collect(name, { rangesOnly: true });
    expect(pieces.map(({ gpa, content, rangeBytes }) => [Number(gpa), content, Number(rangeBytes)])).toEqual([
      [PAGE, 'rangeBytes', PAGE],
      [31 * PAGE, 'rangeBytes', 9 * PAGE],
      [64 * PAGE, 'rangeBytes', 200 * PAGE],
    ]);
    await client.vm.DeleteVm({ name });
  });

  test('come again when the client says that they did not arrive', async () => {
    const name = await createStill('again', REGIONS);
    await startTracking(name);
    await write(name, PAGE, PAGE, 1);
    expect(pagesOf(await collect(name))).toEqual([PAGE]);
    await write(name, 3 * PAGE, PAGE, 1);
    expect(pagesOf(await collect(name, { resend: true }))).toEqual([PAGE, 3 * PAGE]);
    expect(pagesOf(await collect(name, { resend: true }))).toEqual([PAGE, 3 * PAGE]);
    expect(pagesOf(await collect(name))).toEqual([]);
    await client.vm.DeleteVm({ name });
  });

  test('are not forgotten by a second start, and are by a stop', async () => {
    const name = await createStill('twice', REGIONS);
    await stopTracking(name);
    await startTracking(name);
    await write(name, 0, 1, 1);
    await startTracking(name);
    expect((await collect(name)).pages).toBe(1);
    await write(name, 0, 1, 1);
    await stopTracking(name);
    expect(await refusalOf(collect(name))).toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'DIRTY_TRACKING_OFF',
    });
    await startTracking(name);
    expect(await collect(name)).toEqual({ round: 1, pages: 0, pieces: [] });
    await client.vm.DeleteVm({ name });
  });
});

describe('a collect that its client does not go on with', () => {
  const BYTES = 32 * MIB;

  /** A tracked VM, all of whose pages are dirty, and a collect that has begun, by chunks of which few fit on their way. */
  async function begun(vmId: string) {
    const name = await createStill(vmId, [{ gpa: 0, sizeBytes: BYTES }]);
    await startTracking(name);
    await write(name, 0, BYTES, 0x5a);
    const stream = client.collectDirtyPages({ name, chunkBytes: 65_536 });
    const messages = stream[Symbol.asyncIterator]();
    const { value } = await messages.next();
    expect(value).toMatchObject({ head: { round: '1', pageCount: String(BYTES / PAGE) } });
    const rest = async () => {
      for (let next = await messages.next(); next.done !== true; next = await messages.next());
    };
    return { name, stream, rest };
  }

  test('keeps others out, until it is cancelled: then all of its pages come to the next', async () => {
    const { name, stream } = await begun('kept-out');
    const other = vcpud.connect();
    expect(await refusalOf(messagesOf(other.collectDirtyPages({ name })))).toMatchObject({
      code: 'ABORTED',
      reason: 'COLLECT_UNDER_WAY',
      metadata: { round: '1' },
    });
    stream.cancel();
    expect(await collect(name)).toMatchObject({ round: 2, pages: BYTES / PAGE });
    expect(await collect(name)).toMatchObject({ round: 3, pages: 0 });
    await client.vm.DeleteVm({ name });
  });

  test('ends when its VM is deleted', async () => {
    const { name, rest } = await begun('deleted');
    await client.vm.DeleteVm({ name });
    expect(await refusalOf(rest())).toMatchObject({ code: 'ABORTED', reason: 'VM_DELETED' });
  });

  test('ends when tracking is stopped; started again, it begins anew', async () => {
    const { name, rest } = await begun('stopped');
    await stopTracking(name);
    await startTracking(name);
    expect(await refusalOf(rest())).toMatchObject({ code: 'ABORTED', reason: 'DIRTY_TRACKING_STOPPED' });
    expect(await collect(name)).toMatchObject({ round: 1, pages: 0 });
    await client.vm.DeleteVm({ name });
  });

  test('goes on when its client does', async () => {
    const { name, rest } = await begun('goes-on');
    await rest();
    expect((await collect(name)).pages).toBe(0);
    await client.vm.DeleteVm({ name });
  });
});

test('tracking leaves no mapping and no descriptor', async () => {
  const name = await createStill('facts', [{ gpa: 0, sizeBytes: MIB }]);
  await startTracking(name);
  await stopTracking(name);
  const before = processFacts(vcpud.pid);
  for (let i = 0; i < 60; i += 1) {
    await startTracking(name);
    await stopTracking(name);
  }
  const after = processFacts(vcpud.pid);
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
  expect(after.mappings).toBeLessThan(before.mappings + 30);
  await client.vm.DeleteVm({ name });
});
