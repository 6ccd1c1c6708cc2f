// Guest memory through the API: what is written is what is read, whatever the ranges and chunks; holes come as
// zero_bytes; nothing outside a region is touched.

import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { VcpudClient } from '../../lib/api/client.js';
import type { ReadMemoryRequest } from '../../protos/gen/vcpud/v1/ReadMemoryRequest.js';
import type { ReadMemoryResponse__Output } from '../../protos/gen/vcpud/v1/ReadMemoryResponse.js';
import type { WriteMemoryRequest } from '../../protos/gen/vcpud/v1/WriteMemoryRequest.js';
import { eventually } from '../harness/eventually.js';
import { refusalOf } from '../harness/refusal.js';
import { createTiny } from '../harness/tiny-guest.js';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';
import { Watcher } from '../harness/watcher.js';

const MIB = 1024 * 1024;
const PAGE = 4096;

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

const create = (vmId: string, memoryRegions: readonly Region[]) =>
  client.vm.CreateVm({ vmId, vm: { memoryRegions: [...memoryRegions] } });

async function read(request: ReadMemoryRequest): Promise<ReadMemoryResponse__Output[]> {
  const chunks: ReadMemoryResponse__Output[] = [];
  for await (const chunk of client.readMemory(request)) chunks.push(chunk);
  return chunks;
}

/** The bytes of chunks that follow one another from gpa on, each byte once. */
function bytesOf(chunks: readonly ReadMemoryResponse__Output[], gpa: number): Buffer {
  let at = BigInt(gpa);
  const parts = chunks.map((chunk) => {
    expect(BigInt(chunk.gpa)).toBe(at);
    const part =
      chunk.content === 'data' ? (chunk.data ?? Buffer.alloc(0)) : Buffer.alloc(Number(chunk.zeroBytes));
    expect(part.length).toBeGreaterThan(0);
    at += BigInt(part.length);
    return part;
  });
  return Buffer.concat(parts);
}

describe('memory that was never written', () => {
  const name = 'vms/holes';
  const SIZE = 8 * MIB;

  beforeAll(() => create('holes', [{ gpa: 0x10_0000, sizeBytes: SIZE }]));

  test('comes as one run of zero_bytes, however small the chunks', async () => {
    const chunks = await read({ name, gpa: 0x10_0000, sizeBytes: SIZE, chunkBytes: 1 });
    expect(chunks).toEqual([{ gpa: String(0x10_0000), content: 'zeroBytes', zeroBytes: String(SIZE) }]);
  });

  test('comes so up to the pages that were, and from them on', async () => {
    const gpa = 0x10_0000 + MIB;
    await client.writeMemory([{ name, gpa: gpa + 10, data: Buffer.from('here') }]);
    const chunks = await read({ name, gpa: 0x10_0000, sizeBytes: SIZE });
    expect(
      chunks.map(({ gpa: at, content, zeroBytes, data }) => [Number(at), content, zeroBytes ?? data?.length]),
    ).toEqual([
      [0x10_0000, 'zeroBytes', String(MIB)],
      [gpa, 'data', PAGE],
      [gpa + PAGE, 'zeroBytes', String(SIZE - MIB - PAGE)],
    ]);
    expect(bytesOf(chunks, 0x10_0000).indexOf('here')).toBe(MIB + 10);
  });

  test('stays so when zeroes are written over it', async () => {
    const { writtenBytes } = await client.writeMemory([{ name, gpa: 0x10_0000 + 2 * MIB, zeroBytes: MIB }]);
    expect(writtenBytes).toBe(String(MIB));
    const [chunk] = await read({ name, gpa: 0x10_0000 + 2 * MIB, sizeBytes: MIB });
    expect(chunk?.zeroBytes).toBe(String(MIB));
  });

  test('of no size is read as nothing', async () => {
    expect(await read({ name, gpa: 0x10_0000, sizeBytes: 0 })).toEqual([]);
  });
});

describe('writes and reads of any ranges and chunk sizes', () => {
  const name = 'vms/any';
  const FIRST: Region = { gpa: 0, sizeBytes: 40 * PAGE };
  /** Behind a hole, and its neighbour right behind it: a range may lie in either, not in both. */
  const SECOND: Region = { gpa: 64 * PAGE, sizeBytes: 20 * PAGE };
  const THIRD: Region = { gpa: 84 * PAGE, sizeBytes: 12 * PAGE };
  const REGIONS = [FIRST, SECOND, THIRD];
  const END = THIRD.gpa + THIRD.sizeBytes;
  /** What the guest's memory must hold, by GPA. */
  const model = Buffer.alloc(END);

  beforeAll(() => create('any', REGIONS));

  const within = ({ gpa, sizeBytes }: Region): fc.Arbitrary<Region> =>
    fc
      .tuple(fc.nat(sizeBytes - 1), fc.nat(sizeBytes - 1))
      .map(([a, b]) => ({ gpa: gpa + Math.min(a, b), sizeBytes: Math.abs(a - b) + 1 }));
  const range = fc.oneof(...REGIONS.map(within));

  const write = range.chain((at) =>
    fc.oneof(
      fc.integer({ min: 1, max: 255 }).map((seed) => ({
        ...at,
        data: Buffer.from(Array.from({ length: at.sizeBytes }, (_, i) => (seed + i * 7) & 0xff)),
      })),
      fc.constant({ ...at, data: undefined }),
    ),
  );
  const chunkBytes = fc.oneof(fc.constant(0), fc.integer({ min: 64, max: 5000 }), fc.constant(2 * MIB));

  test('agree with what was written last, byte for byte', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(write, { minLength: 1, maxLength: 6 }),
        fc.array(fc.tuple(range, chunkBytes), { minLength: 1, maxLength: 3 }),
        async (writes, reads) => {
          const messages = writes.map(({ gpa, sizeBytes, data }, i): WriteMemoryRequest => {
            const named = i === 0 ? { name, gpa } : { gpa };
            return data === undefined ? { ...named, zeroBytes: sizeBytes } : { ...named, data };
          });
          const { writtenBytes } = await client.writeMemory(messages);
          expect(writtenBytes).toBe(String(writes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)));
          for (const { gpa, sizeBytes, data } of writes) {
            model.fill(data ?? 0, gpa, gpa + sizeBytes);
          }
          for (const [{ gpa, sizeBytes }, most] of reads) {
            const chunks = await read({ name, gpa, sizeBytes, chunkBytes: most });
            expect(bytesOf(chunks, gpa).equals(model.subarray(gpa, gpa + sizeBytes))).toBe(true);
            const largest = Math.max(...chunks.map(({ data }) => data?.length ?? 0));
            expect(largest).toBeLessThanOrEqual(most === 0 ? MIB : most);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test('outside or across regions are refused, and a refused chunk writes nothing', async () => {
    const inOneRegion = ({ gpa, sizeBytes }: Region) =>
      REGIONS.some((region) => gpa >= region.gpa && gpa + sizeBytes <= region.gpa + region.sizeBytes);
    const stray = fc
      .record({ gpa: fc.nat(END + PAGE), sizeBytes: fc.integer({ min: 1, max: 3 * PAGE }) })
      .filter((at) => !inOneRegion(at));
    await fc.assert(
      fc.asyncProperty(stray, async ({ gpa, sizeBytes }) => {
        const expected = { code: 'OUT_OF_RANGE', reason: 'MEMORY_RANGE_NOT_BACKED' };
        expect(await refusalOf(read({ name, gpa, sizeBytes }))).toMatchObject(expected);
        const good = { name, gpa: 0, data: Buffer.from([1]) };
        model[0] = 1; // the chunks before stay written
        const data = client.writeMemory([good, { gpa, data: Buffer.alloc(sizeBytes, 0xee) }]);
        expect(await refusalOf(data)).toMatchObject(expected);
        const zeroes = client.writeMemory([good, { gpa, zeroBytes: sizeBytes }]);
        expect(await refusalOf(zeroes)).toMatchObject(expected);
      }),
      { numRuns: 25 },
    );
    for (const { gpa, sizeBytes } of REGIONS) {
      const held = bytesOf(await read({ name, gpa, sizeBytes }), gpa);
      expect(held.equals(model.subarray(gpa, gpa + sizeBytes))).toBe(true);
    }
  });
});

test('64 MiB go in and come out with the same SHA-256', async () => {
  const name = 'vms/large';
  const SIZE = 64 * MIB;
  await create('large', [{ gpa: 0, sizeBytes: SIZE }]);
  const written = createHash('sha256');
  const { writtenBytes } = await client.writeMemory(
    (function* chunks() {
      for (let gpa = 0; gpa < SIZE; gpa += MIB) {
        const data = randomBytes(MIB);
        written.update(data);
        yield gpa === 0 ? { name, gpa, data } : { gpa, data };
      }
    })(),
  );
  expect(writtenBytes).toBe(String(SIZE));
  const held = createHash('sha256');
  let next = 0;
  for await (const { gpa, data } of client.readMemory({
    name,
    gpa: 0,
    sizeBytes: SIZE,
    chunkBytes: 2 * MIB,
  })) {
    expect(Number(gpa)).toBe(next);
    next += data?.length ?? 0;
    held.update(data ?? Buffer.alloc(0));
  }
  expect(next).toBe(SIZE);
  expect(held.digest('hex')).toBe(written.digest('hex'));
  await client.vm.DeleteVm({ name });
});

test('zeroes written over data really are zeroes, also where they are not whole pages', async () => {
  const name = 'vms/zeroes';
  const SIZE = 64 * PAGE;
  await create('zeroes', [{ gpa: 0, sizeBytes: SIZE }]);
  await client.writeMemory([{ name, gpa: 0, data: Buffer.alloc(SIZE, 0xff) }]);
  const { writtenBytes } = await client.writeMemory([{ name, gpa: 100, zeroBytes: SIZE - 200 }]);
  expect(writtenBytes).toBe(String(SIZE - 200));
  const expected = Buffer.alloc(SIZE, 0xff).fill(0, 100, SIZE - 100);
  expect(bytesOf(await read({ name, gpa: 0, sizeBytes: SIZE }), 0).equals(expected)).toBe(true);
});

test('the guest and the API see the same memory while it runs', async () => {
  const name = 'vms/seen';
  await createTiny(client, 'seen', 'countUntilTold', { vcpuCount: 1, irqchip: false });
  const watcher = new Watcher(client, 'seen');
  await client.vm.RunVm({ name });
  const counted = async () => bytesOf(await read({ name, gpa: 0x8000, sizeBytes: 1 }), 0x8000)[0];
  const first = await counted();
  await eventually('the guest to count', async () => ((await counted()) === first ? undefined : true));
  await client.writeMemory([{ name, gpa: 0x8001, data: Buffer.from([1]) }]);
  const { stop } = await watcher.runState('STOPPED');
  expect(stop?.reason).toBe('VM_STOP_REASON_HALTED');
  watcher.stop();
  await client.vm.DeleteVm({ name });
});
