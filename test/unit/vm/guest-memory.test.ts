// Guest memory over a memfd: which regions there can be, what is read is what was written, and nothing is touched
// any more once it is closed. No KVM is needed for any of it.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VcpudError } from '../../../lib/errors/vcpud-error.js';
import { KVM } from '../../../lib/kvm/abi.js';
import {
  checkRegions,
  GuestMemory,
  type MemoryPiece,
  type MemoryRegion,
} from '../../../lib/vm/guest-memory.js';
import { openFiles, processFacts } from '../../harness/process-facts.js';

const PAGE = 4096;

/** A piece with its own copy of the bytes. */
interface Piece {
  readonly gpa: bigint;
  readonly bytes: Buffer;
  readonly hole: boolean;
}

function ownPiece(piece: MemoryPiece, buffer: Buffer): Piece {
  const { gpa } = piece;
  return 'dataBytes' in piece
    ? { gpa, bytes: Buffer.from(buffer.subarray(0, piece.dataBytes)), hole: false }
    : { gpa, bytes: Buffer.alloc(Number(piece.zeroBytes)), hole: true };
}

/** Reads a range to its end, in pieces of at most so many bytes. */
async function readAll(memory: GuestMemory, gpa: bigint, bytes: bigint, most: number): Promise<Piece[]> {
  const buffer = Buffer.alloc(most);
  const pieces: Piece[] = [];
  for await (const piece of memory.read(gpa, bytes, buffer)) pieces.push(ownPiece(piece, buffer));
  return pieces;
}

async function withMemory<T>(
  regions: readonly MemoryRegion[],
  use: (memory: GuestMemory) => Promise<T> | T,
): Promise<T> {
  const memory = GuestMemory.create('test', regions);
  try {
    return await use(memory);
  } finally {
    memory.close();
  }
}

const region = (gpa: number | bigint, bytes: number | bigint): MemoryRegion => ({
  gpa: BigInt(gpa),
  bytes: BigInt(bytes),
});

async function reasonOf(task: () => unknown): Promise<string> {
  try {
    await task();
  } catch (error) {
    if (error instanceof VcpudError) return error.reason;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('regions', () => {
  const BITS = 40;

  test.each([
    ['one page', [region(0, PAGE)]],
    ['the last pages that the address width allows', [region((1n << 40n) - 8192n, 8192)]],
    ['neighbours', [region(0, PAGE), region(PAGE, PAGE)]],
    ['any order', [region(0x10_0000, PAGE), region(0, PAGE)]],
    [
      'up to what KVM needs for itself, and from behind it',
      [region(0, 0xfeff_c000), region(0xff00_0000, PAGE)],
    ],
    ['32 of them', Array.from({ length: 32 }, (_, i) => region(i * PAGE, PAGE))],
  ])('%s can be', (_, regions) => {
    expect(() => checkRegions(regions, BITS)).not.toThrow();
  });

  test.each([
    ['none', [], 'vm.memory_regions'],
    ['33 of them', Array.from({ length: 33 }, (_, i) => region(i * PAGE, PAGE)), 'vm.memory_regions'],
    ['not at a page', [region(1, PAGE)], 'vm.memory_regions[0]'],
    ['not of whole pages', [region(0, PAGE + 1)], 'vm.memory_regions[0]'],
    ['empty', [region(0, PAGE), region(PAGE, 0)], 'vm.memory_regions[1]'],
    ['one page too high', [region(1n << 40n, PAGE)], 'vm.memory_regions[0]'],
    ['ending one page too high', [region((1n << 40n) - 4096n, 8192)], 'vm.memory_regions[0]'],
    ['the same twice', [region(0, PAGE), region(0, PAGE)], 'vm.memory_regions[1]'],
    ['one in the other', [region(0, 3 * PAGE), region(PAGE, PAGE)], 'vm.memory_regions[1]'],
    ['over the first page that KVM needs', [region(0xfeff_b000, 2 * PAGE)], 'vm.memory_regions[0]'],
    ['over the last one', [region(0xfeff_f000, PAGE)], 'vm.memory_regions[0]'],
  ])('%s cannot be', (_, regions, field) => {
    expect(() => checkRegions(regions, BITS)).toThrow(
      expect.objectContaining({
        reason: 'MEMORY_REGION_INVALID',
        details: expect.objectContaining({ field }),
      }),
    );
  });

  test('overlap exactly where the check says so', () => {
    const some = fc.tuple(fc.nat(30), fc.integer({ min: 1, max: 10 }));
    fc.assert(
      fc.property(some, some, ([a, aPages], [b, bPages]) => {
        const pages = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);
        const shared = pages(a, aPages).some((page) => pages(b, bPages).includes(page));
        const check = () =>
          checkRegions([region(a * PAGE, aPages * PAGE), region(b * PAGE, bPages * PAGE)], BITS);
        if (shared) expect(check).toThrow(/overlaps memory_regions\[0\]/);
        else expect(check).not.toThrow();
      }),
    );
  });

  test('are given to KVM each in a slot of its own, where it is mapped', () =>
    withMemory([region(0, 2 * PAGE), region(0x10_0000, PAGE)], async (memory) => {
      const slots: Array<{ slot: number; gpa: bigint; bytes: bigint; address: bigint }> = [];
      memory.giveTo({
        ioctl: (request, argument) => {
          expect(request).toBe(KVM.SET_USER_MEMORY_REGION);
          const bytes = argument as Buffer;
          slots.push({
            slot: bytes.readUInt32LE(0),
            gpa: bytes.readBigUInt64LE(8),
            bytes: bytes.readBigUInt64LE(16),
            address: bytes.readBigUInt64LE(24),
          });
          return 0;
        },
      });
      expect(slots.map(({ slot, gpa, bytes }) => [slot, gpa, bytes])).toEqual([
        [0, 0n, 8192n],
        [1, 0x10_0000n, 4096n],
      ]);
      expect(slots.every(({ address }) => address > 0n && address % 4096n === 0n)).toBe(true);
    }));
});

describe('memory', () => {
  const SIZE = 48 * PAGE;
  const range = fc
    .tuple(fc.nat(SIZE - 1), fc.nat(SIZE - 1))
    .map(([a, b]) => ({ at: Math.min(a, b), length: Math.abs(a - b) + 1 }));
  const write = fc.record({ range, fill: fc.nat(255) });

  test('is what was written last, in pieces no larger than asked for', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(write, { maxLength: 8 }),
        range,
        fc.integer({ min: 100, max: 3 * PAGE }),
        async (writes, { at, length }, chunk) => {
          const model = Buffer.alloc(SIZE);
          await withMemory([region(0x1000, SIZE)], async (memory) => {
            for (const { range: where, fill } of writes) {
              model.fill(fill, where.at, where.at + where.length);
              const gpa = BigInt(0x1000 + where.at);
              if (fill === 0) await memory.writeZeroes(gpa, BigInt(where.length));
              else await memory.write(gpa, Buffer.alloc(where.length, fill));
            }
            const pieces = await readAll(memory, BigInt(0x1000 + at), BigInt(length), chunk);
            expect(
              Buffer.concat(pieces.map(({ bytes }) => bytes)).equals(model.subarray(at, at + length)),
            ).toBe(true);
            expect(pieces.every(({ hole, bytes }) => hole || bytes.length <= chunk)).toBe(true);
            let next = BigInt(0x1000 + at);
            for (const { gpa, bytes } of pieces) {
              expect(gpa).toBe(next);
              next += BigInt(bytes.length);
            }
          });
        },
      ),
    );
  });

  test('that was never written takes no room, and zeroes written over it neither', () =>
    withMemory([region(0, 64 * 1024 * 1024 * 1024)], async (memory) => {
      await memory.writeZeroes(0n, 64n * 1024n * 1024n * 1024n);
      const pieces: MemoryPiece[] = [];
      for await (const piece of memory.read(0n, 64n * 1024n * 1024n * 1024n, Buffer.alloc(PAGE)))
        pieces.push(piece);
      expect(pieces).toEqual([{ gpa: 0n, zeroBytes: 64 * 1024 * 1024 * 1024 }]);
    }));

  test('beyond a region or in two of them is refused, in whatever way it is asked for', () =>
    withMemory([region(0, 2 * PAGE), region(2 * PAGE, PAGE)], async (memory) => {
      for (const [gpa, bytes] of [
        [3n * 4096n, 1n],
        [3n * 4096n - 1n, 2n],
        [2n * 4096n - 1n, 2n],
        [2n ** 64n - 1n, 1n],
        [0n, 2n ** 64n - 1n],
      ] as const) {
        const data = Buffer.alloc(Number(bytes < 10n ? bytes : 10n));
        const expected = 'MEMORY_RANGE_NOT_BACKED';
        expect(await reasonOf(() => readAll(memory, gpa, bytes, 1))).toBe(expected);
        expect(await reasonOf(() => memory.writeZeroes(gpa, bytes))).toBe(expected);
        if (bytes < 10n) expect(await reasonOf(() => memory.write(gpa, data))).toBe(expected);
      }
    }));
});

describe('memory that goes while it is in use', () => {
  const MIB = 1024 * 1024;
  const full = async (): Promise<GuestMemory> => {
    const memory = GuestMemory.create('going', [region(0, 4 * MIB)]);
    await memory.write(0n, Buffer.alloc(4 * MIB, 1));
    return memory;
  };
  const ofIt = (): string[] =>
    [...openFiles(process.pid).values()].filter((path) => path.includes('vcpud-going'));

  test('ends a read at its next piece, and frees everything once the last piece is there', async () => {
    const memory = await full();
    const pieces = memory.read(0n, BigInt(4 * MIB), Buffer.alloc(MIB));
    expect((await pieces.next()).done).toBe(false);
    const second = pieces.next(); // under way in libuv's pool
    memory.close();
    expect(ofIt()).toHaveLength(1);
    expect((await second).done).toBe(false);
    expect(ofIt()).toEqual([]);
    expect(await reasonOf(() => pieces.next())).toBe('VM_DELETED');
  });

  test('ends zeroes being written', async () => {
    const memory = await full();
    const zeroes = reasonOf(() => memory.writeZeroes(0n, BigInt(4 * MIB)));
    memory.close();
    expect(await zeroes).toBe('VM_DELETED');
    expect(ofIt()).toEqual([]);
  });

  test('lets a write that is under way be done, and refuses the next', async () => {
    const memory = await full();
    const first = memory.write(0n, Buffer.alloc(MIB, 2));
    memory.close();
    expect(ofIt()).toHaveLength(1);
    await first;
    expect(ofIt()).toEqual([]);
    expect(await reasonOf(() => memory.write(0n, Buffer.alloc(1)))).toBe('VM_DELETED');
    expect(await reasonOf(() => readAll(memory, 0n, 1n, 1))).toBe('VM_DELETED');
  });

  test('leaves no mapping and no descriptor, a hundred times', () => {
    GuestMemory.create('warm', [region(0, MIB)]).close();
    const before = processFacts(process.pid);
    for (let i = 0; i < 100; i += 1)
      GuestMemory.create('many', [region(0, MIB), region(2 * MIB, MIB)]).close();
    const after = processFacts(process.pid);
    expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
    expect(after.mappings).toBeLessThan(before.mappings + 50);
  });
});
