// A saved VM as a file: what is written is read, and whatever is wrong with a file is found before anything is made of
// it, by the name of the section that it is in.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ArchiveError, type ArchiveReason } from '../../../lib/archive/archive-error.js';
import { SECTION_BYTES } from '../../../lib/archive/layout.js';
import { firstDifference } from '../../../lib/archive/load.js';
import { split, unknownFields, wireFields } from '../../../lib/archive/message-fields.js';
import {
  assembled,
  encoded,
  memorySection,
  type Part,
  partsOf,
  type Run,
  type SavedVm,
  SMALL,
  section,
  sectionsOf,
  sourceOf,
  strangeSection,
  verified,
  written,
} from './archives.js';

const PAGE = 4096;

const pages = (gpa: number, count: number, byte: number): Run => ({
  gpa,
  data: Buffer.alloc(count * PAGE, byte),
});

/** With memory: two runs in one section, and a section of its own. */
const WITH_MEMORY: SavedVm = { ...SMALL, runs: [pages(0, 1, 1), pages(2 * PAGE, 2, 2)] };

const contentOf = (runs: readonly Run[]): Buffer => Buffer.concat(runs.map(({ data }) => data));

async function faultOf(file: Buffer): Promise<ArchiveError> {
  try {
    await verified(file);
  } catch (error) {
    if (error instanceof ArchiveError) return error;
    throw error;
  }
  throw new Error('the file was taken');
}

async function expectFault(file: Buffer, reason: ArchiveReason, where: string): Promise<void> {
  const fault = await faultOf(file);
  expect([fault.reason, fault.section]).toEqual([reason, where]);
}

describe('what is written is read', () => {
  const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map(String);
  const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
  const vcpu = fc.record({
    cpuid: bytes,
    tscKhz: fc.nat(),
    sregs2: bytes,
    msrs: bytes,
    mpState: fc.nat(4),
    regs: bytes,
    nestedState: fc.option(fc.record({ data: bytes }), { nil: null }),
  });
  /** Pages of one region, by number, each zero or filled with a byte; regions 1 GiB apart. */
  const region = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 40 });
  const savedVm = fc
    .record({
      regions: fc.array(region, { minLength: 1, maxLength: 4 }),
      vcpus: fc.array(vcpu, { minLength: 1, maxLength: 4 }),
      devices: fc.record({ clock: bytes, irqchips: fc.array(bytes, { maxLength: 3 }), pit: bytes }),
      unexplainedRejections: u64,
      kernelRelease: fc.string(),
    })
    .map(({ regions, vcpus, devices, unexplainedRejections, kernelRelease }): SavedVm => {
      const gpa = (i: number) => i * (1 << 30);
      return {
        host: { kernelRelease, unexplainedRejections },
        vm: {
          name: 'vms/any',
          vcpuCount: vcpus.length,
          memoryRegions: regions.map((each, i) => ({ gpa: gpa(i), sizeBytes: each.length * PAGE })),
          irqchip: true,
        },
        devices,
        vcpus,
        runs: regions.flatMap((each, i) =>
          each.flatMap((byte, page) => (byte === 0 ? [] : [pages(gpa(i) + page * PAGE, 1, byte)])),
        ),
      };
    });

  test('of arbitrary VMs, sparse as they are', async () => {
    await fc.assert(
      fc.asyncProperty(savedVm, async (saved) => {
        const file = await written(saved);
        const archive = await verified(file);
        expect(archive.host).toMatchObject(saved.host);
        expect(encoded('Vm', archive.vm).equals(encoded('Vm', { ...saved.vm, ...archive.vm }))).toBe(true);
        expect(archive.vm).toMatchObject({ name: 'vms/any', vcpuCount: saved.vcpus.length, irqchip: true });
        expect(archive.state).toMatchObject({ ...saved.devices, vcpus: saved.vcpus });
        const runs: Run[] = [];
        for await (const { gpa, data } of archive.runs()) runs.push({ gpa: Number(gpa), data });
        expect(runs.map(({ gpa }) => gpa)).toEqual(saved.runs.map(({ gpa }) => gpa));
        expect(contentOf(runs).equals(contentOf(saved.runs))).toBe(true);
        expect([archive.memoryRuns, archive.memoryBytes]).toEqual([runs.length, runs.length * PAGE]);
        // Zero pages cost nothing: what a page costs is itself, and the head of its run.
        const empty = await written({ ...saved, runs: [] });
        const sections = archive.sections.filter(({ kind }) => kind === 'memory').length;
        expect(file.length - empty.length).toBe(runs.length * (PAGE + 16) + sections * 2 * SECTION_BYTES);
      }),
      { numRuns: 100 },
    );
  }, 60_000);

  test('memory is cut into sections of bounded size', async () => {
    const vm = { ...SMALL.vm, memoryRegions: [{ gpa: 0, sizeBytes: 4 << 20 }] };
    const runs = [0, 1, 2].map((i) => pages(i << 20, 256, i + 1));
    const { sections, memoryBytes } = await verified(await written({ ...SMALL, vm, runs }));
    const memory = sections.filter(({ kind }) => kind === 'memory');
    expect(memory.map(({ name, bytes }) => [name, bytes])).toEqual([
      ['memory/0', (1 << 20) + 16],
      ['memory/1', (1 << 20) + 16],
      ['memory/2', (1 << 20) + 16],
    ]);
    expect(memoryBytes).toBe(3 << 20);
  });

  test('the fingerprint stands for all of the file', async () => {
    const one = await verified(await written(WITH_MEMORY));
    expect((await verified(await written(WITH_MEMORY))).fingerprint).toEqual(one.fingerprint);
    const other = await written({ ...WITH_MEMORY, runs: [pages(0, 1, 1), pages(2 * PAGE, 2, 3)] });
    expect((await verified(other)).fingerprint).not.toEqual(one.fingerprint);
  });
});

const memoryOf = (file: Buffer): Part => partsOf(file).find(({ name }) => name === 'memory/0') as Part;

/** Changes every so-manieth byte of a part, by a bit and by all its bits; each must be found there. */
async function expectAlterationsFound(file: Buffer, { name, start, end }: Part, step: number): Promise<void> {
  for (let at = start; at < end; at += step) {
    for (const change of [1 << (at % 8), 0xff]) {
      const altered = Buffer.from(file);
      altered[at] = (file[at] as number) ^ change;
      const { section: where, offset } = await faultOf(altered);
      if (where !== name || offset !== start) expect([at, where, offset]).toEqual([at, name, start]);
    }
  }
}

describe('a file that was altered', () => {
  test('by any bit or byte, anywhere, is refused by the name of the section', async () => {
    const file = await written(SMALL);
    const parts = partsOf(file);
    expect(parts.map(({ name }) => name)).toEqual([
      ...[
        'preamble',
        'host',
        'vm',
        'requirements',
        'capture',
        'devices',
        'vcpus/0',
        'vcpus/1',
        'index',
        'trailer',
      ],
    ]);
    await verified(file);
    for (const part of parts) await expectAlterationsFound(file, part, 1);
  }, 60_000);

  test('in its memory too: in any bit of its headers, and wherever in its pages', async () => {
    const file = await written(WITH_MEMORY);
    const { start, end } = memoryOf(file);
    const pagesAt = start + SECTION_BYTES + 16;
    await expectAlterationsFound(file, { name: 'memory/0', start, end: pagesAt }, 1);
    await expectAlterationsFound(file, { name: 'memory/0', start, end }, 97);
  }, 60_000);

  test('in its memory names the section of it, and where that begins', async () => {
    const file = await written(WITH_MEMORY);
    const { start } = memoryOf(file);
    file[start + SECTION_BYTES + 5000] = 0xaa;
    const fault = await faultOf(file);
    expect(fault).toMatchObject({ reason: 'FILE_DAMAGED', section: 'memory/0', offset: start });
    expect(fault.message).toBe(`memory/0 (at byte ${start}) is damaged: its SHA-256 differs`);
  });

  test('cut off at any byte is refused by the name of the section that is cut', async () => {
    const file = await written(SMALL);
    const parts = partsOf(file);
    for (const [i, { name, start, end }] of parts.entries()) {
      for (let bytes = start; bytes < end; bytes += 1) {
        const fault = await faultOf(file.subarray(0, bytes));
        // Within its header a section has not said yet what it is.
        const isNamed = ['preamble', 'trailer'].includes(name) || bytes - start >= SECTION_BYTES;
        const expected = ['FILE_TRUNCATED', isNamed ? name : `after ${parts[i - 1]?.name}`, start];
        const found = [fault.reason, fault.section, fault.offset];
        if (String(found) !== String(expected)) expect([bytes, ...found]).toEqual([bytes, ...expected]);
      }
    }
    await verified(file);
  }, 60_000);

  test('by bytes after its end is refused', async () => {
    const file = await written(SMALL);
    await expectFault(Buffer.concat([file, Buffer.alloc(1)]), 'FILE_DAMAGED', 'trailer');
    await expectFault(Buffer.concat([file, file]), 'FILE_DAMAGED', 'trailer');
  });

  test('by sections that changed places is refused by the name of the first', async () => {
    const file = await written(SMALL);
    const named = (wanted: string): Buffer => {
      const part = partsOf(file).find(({ name }) => name === wanted);
      return file.subarray(part?.start, part?.end);
    };
    const [first, second] = [named('vcpus/0'), named('vcpus/1')];
    const at = file.indexOf(first);
    const after = file.subarray(at + first.length + second.length);
    const swapped = Buffer.concat([file.subarray(0, at), second, first, after]);
    await expectFault(swapped, 'FILE_DAMAGED', 'vcpus/0');
  });

  test('while it is loaded is found when its memory is read again', async () => {
    const file = await written(WITH_MEMORY);
    const source = sourceOf(file);
    const { verifyArchive } = await import('../../../lib/archive/read.js');
    const archive = await verifyArchive(source, () => undefined);
    file[memoryOf(file).start + SECTION_BYTES + 100] = 0xaa;
    const read = async () => {
      for await (const { data } of archive.runs()) expect(data.length).toBeGreaterThan(0);
    };
    await expect(read()).rejects.toMatchObject({ reason: 'FILE_DAMAGED', section: 'memory/0' });
  });
});

describe('a file from elsewhere', () => {
  test('that is no saved VM is told apart from a damaged one', async () => {
    await expectFault(Buffer.alloc(500, 1), 'NOT_A_SAVED_VM', 'preamble');
    await expectFault(Buffer.alloc(0), 'FILE_TRUNCATED', 'preamble');
  });

  test('of a newer major version is refused with a sentence, of a newer minor one read', async () => {
    const sections = sectionsOf(await written(SMALL));
    const newer = await faultOf(assembled(sections, { major: 2, minor: 3 }));
    expect(newer.reason).toBe('FILE_VERSION_NEWER');
    expect(newer.message).toContain(
      'has format version 2.3, newer than 1, the newest that this vcpuctl reads',
    );
    const archive = await verified(assembled(sections, { major: 1, minor: 9 }));
    expect(archive.version).toEqual({ major: 1, minor: 9 });
  });

  test('with a section that nobody knows yet: skipped, or refused where it must be understood', async () => {
    const sections = sectionsOf(await written(SMALL));
    const { state } = await verified(assembled([...sections, strangeSection(0)]));
    expect(state.vcpus).toHaveLength(2);
    await expectFault(assembled([...sections, strangeSection(1)]), 'FILE_NOT_UNDERSTOOD', 'kind 77/0');
    const altered = assembled([...sections, strangeSection(0)]);
    const part = partsOf(altered).find(({ name }) => name === 'kind 77/0');
    altered[(part?.end ?? 0) - 1] = 0;
    await expectFault(altered, 'FILE_DAMAGED', 'kind 77/0');
  });

  test('with a field that nobody knows yet: refused where it would be lost', async () => {
    // Field 1000, of one byte.
    const strange = Buffer.from([0xc2, 0x3e, 1, 7]);
    const sections = sectionsOf(await written(SMALL));
    const replaced = (at: number, name: 'host' | 'vm' | 'devices', type: string, message: object) =>
      assembled(sections.with(at, section(name, 0, Buffer.concat([encoded(type, message), strange]))));
    await verified(replaced(0, 'host', 'Host', SMALL.host));
    const fault = await faultOf(replaced(4, 'devices', 'VmState', SMALL.devices));
    expect([fault.reason, fault.section]).toEqual(['FILE_NOT_UNDERSTOOD', 'devices']);
    expect(fault.message).toContain('VmState.1000');
    await expectFault(replaced(1, 'vm', 'Vm', SMALL.vm), 'FILE_NOT_UNDERSTOOD', 'vm');
  });
});

describe('a file whose checksums are right, and that makes no VM', () => {
  const withMemory = async (...memory: Buffer[]) =>
    assembled([...sectionsOf(await written(SMALL)), ...memory]);

  test.each([
    ['in no region', [memorySection(0, pages(4 * PAGE, 1, 1))], 'memory/0'],
    ['over the end of its region', [memorySection(0, pages(3 * PAGE, 2, 1))], 'memory/0'],
    ['out of order', [memorySection(0, pages(PAGE, 1, 1), pages(0, 1, 1))], 'memory/0'],
    ['twice', [memorySection(0, pages(0, 1, 1)), memorySection(1, pages(0, 1, 1))], 'memory/1'],
    [
      'of a region before',
      [memorySection(0, pages(0xffff0000, 1, 1)), memorySection(1, pages(0, 1, 1))],
      'memory/1',
    ],
    ['in parts of pages', [memorySection(0, { gpa: 0, data: Buffer.alloc(100, 1) })], 'memory/0'],
    ['beside pages', [memorySection(0, { gpa: 8, data: Buffer.alloc(PAGE, 1) })], 'memory/0'],
    ['with a wrong number', [memorySection(1, pages(0, 1, 1))], 'memory/1'],
    ['cut off', [section('memory', 0, Buffer.alloc(20, 1))], 'memory/0'],
    ['in an empty run', [section('memory', 0, Buffer.alloc(16))], 'memory/0'],
    ['in half a head', [section('memory', 0, Buffer.alloc(9))], 'memory/0'],
    ['in a huge section', [section('memory', 0, Buffer.alloc((4 << 20) + 1))], 'memory/0'],
  ] as const)('memory %s', async (_what, memory, where) => {
    await expectFault(await withMemory(...memory), 'FILE_INCONSISTENT', where);
  });

  test.each([
    ['no host', (s: Buffer[]) => s.toSpliced(0, 1), 'index'],
    ['no devices', (s: Buffer[]) => s.toSpliced(4, 1), 'index'],
    ['a vCPU less', (s: Buffer[]) => s.toSpliced(6, 1), 'index'],
    ['two VMs', (s: Buffer[]) => s.toSpliced(2, 0, s[1] as Buffer), 'vm'],
    ['vCPUs in another order', (s: Buffer[]) => [...s.slice(0, 5), s[6], s[5]] as Buffer[], 'vcpus/1'],
    ['memory before its VM', (s: Buffer[]) => [memorySection(0, pages(0, 1, 1)), ...s], 'memory/0'],
    [
      'a message that is none',
      (s: Buffer[]) => s.with(4, section('devices', 0, Buffer.from([0x0a, 9]))),
      'devices',
    ],
  ] as const)('%s', async (_what, change, where) => {
    const sections = sectionsOf(await written(SMALL));
    await expectFault(assembled(change(sections)), 'FILE_INCONSISTENT', where);
  });

  test('an index that lists other sections', async () => {
    const sections = sectionsOf(await written(SMALL));
    const listed = assembled(sections);
    const [index] = partsOf(assembled(sections.slice(0, -1)))
      .slice(-2)
      .map(({ start, end }) => assembled(sections.slice(0, -1)).subarray(start, end));
    const at = partsOf(listed).at(-2)?.start ?? 0;
    // The trailer is another file's too: both ends are read from the front.
    const file = Buffer.concat([listed.subarray(0, at), index as Buffer, listed.subarray(-64)]);
    await expectFault(file, 'FILE_INCONSISTENT', 'index');
  });
});

describe('two memories', () => {
  async function* cut(
    memory: Buffer,
    cuts: readonly number[],
  ): AsyncGenerator<{ gpa: bigint; data: Buffer }> {
    const ends = [...new Set([...cuts.map((page) => page * PAGE), memory.length])].sort((a, b) => a - b);
    let start = 0;
    for (const end of ends) {
      if (end > start) yield { gpa: BigInt(start), data: memory.subarray(start, end) };
      start = Math.max(start, end);
    }
  }

  const byPages = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 12 });
  const memoryOf = (kinds: readonly number[]) => Buffer.concat(kinds.map((byte) => Buffer.alloc(PAGE, byte)));
  const cuts = (kinds: readonly number[]) => fc.array(fc.nat(kinds.length), { maxLength: 6 });

  test('are the same however they are cut, zeroes sent or not', async () => {
    const cases = byPages.chain((kinds) => fc.tuple(fc.constant(kinds), cuts(kinds), cuts(kinds)));
    await fc.assert(
      fc.asyncProperty(cases, async ([kinds, one, other]) => {
        const memory = memoryOf(kinds);
        expect(await firstDifference(cut(memory, one), cut(memory, other))).toBeUndefined();
      }),
    );
  });

  test('that differ are told by the address of a page that does', async () => {
    const cases = byPages.chain((kinds) =>
      fc.tuple(fc.constant(kinds), cuts(kinds), fc.nat(kinds.length - 1)),
    );
    await fc.assert(
      fc.asyncProperty(cases, async ([kinds, pieces, page]) => {
        const changed = memoryOf(kinds.with(page, ((kinds[page] as number) + 1) % 3));
        const at = await firstDifference(cut(memoryOf(kinds), pieces), cut(changed, pieces));
        expect(at).toBeDefined();
        expect(Number(at)).toBeLessThanOrEqual(page * PAGE);
        const back = await firstDifference(cut(changed, pieces), cut(memoryOf(kinds), pieces));
        expect(back).toBe(at);
      }),
    );
  });
});

describe('messages on the wire', () => {
  test('are split by a field, and nothing of them is lost', () => {
    const vcpus = [encoded('VcpuState', { mpState: 3 }), encoded('VcpuState', { tscKhz: 5 })];
    const strange = Buffer.from([
      0x99, 0x06, 1, 2, 3, 4, 5, 6, 7, 8, 0x9d, 0x06, 1, 2, 3, 4, 0x98, 0x06, 0x80, 1,
    ]);
    const state = Buffer.concat([
      encoded('VmState', { ...SMALL.devices, vcpus: SMALL.vcpus.map((_, i) => ({ mpState: i })) }),
      strange,
    ]);
    const { parts, rest } = split(state, 1);
    expect(parts).toHaveLength(vcpus.length);
    expect(rest.equals(Buffer.concat([encoded('VmState', SMALL.devices), strange]))).toBe(true);
  });

  test('name what they have that nobody knows, at any depth', () => {
    const vm = encoded('Vm', SMALL.vm);
    expect(unknownFields('vcpud.v1.Vm', vm)).toEqual([]);
    const region = Buffer.concat([encoded('MemoryRegion', { gpa: 4096 }), Buffer.from([0x38, 1])]);
    const strange = Buffer.concat([vm, Buffer.from([0x1a, region.length]), region]);
    expect(unknownFields('vcpud.v1.Vm', strange)).toEqual(['Vm.memoryRegions.7']);
  });

  test.each([
    ['an end within a number', [0x08, 0x80]],
    ['an end within a field', [0x0a, 5, 1]],
    ['a wire type that is none', [0x0b]],
  ])('with %s are none', (_what, bytes) => {
    expect(() => [...wireFields(Buffer.from(bytes))]).toThrow(RangeError);
  });
});
