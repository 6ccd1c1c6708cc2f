// Memory of another process's VM, read from its file: only where that is one that the token's holder may write, and then
// exactly what stands there.

import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KernelError } from '../../../lib/os/kernel-error.js';
import { memfdCreate } from '../../../lib/os/libc.js';
import { SourceMemory, showMemory } from '../../../lib/transfer/source-memory.js';
import { GuestMemory, type MemoryPlace } from '../../../lib/vm/guest-memory.js';
import { openFiles } from '../../harness/process-facts.js';

const PAGE = 4096;
const MIB = 1024 * 1024;
const TOKEN = 'a token';
const REGIONS = [
  { gpa: 0n, bytes: BigInt(MIB) },
  { gpa: 0xffff_0000n, bytes: 0x10000n },
];

let source: GuestMemory;
let destination: GuestMemory;
beforeEach(() => {
  source = GuestMemory.create('web', REGIONS);
  destination = GuestMemory.create('web', REGIONS);
});
afterEach(() => {
  source.close();
  destination.close();
});

/** What a destination finds, closed; undefined where it finds nothing. */
function find(place: MemoryPlace, token = TOKEN): 'found' | undefined {
  const found = SourceMemory.open(place, token, destination);
  found?.close();
  return found === undefined ? undefined : 'found';
}

describe('is found', () => {
  test('by its token', () => {
    expect(find(showMemory(source, TOKEN))).toBe('found');
  });

  test('only by the token that it was shown with last', () => {
    const place = showMemory(source, TOKEN);
    expect(find(place, 'a guess')).toBeUndefined();
    showMemory(source, 'the next move');
    expect(find(place)).toBeUndefined();
    expect(find(place, 'the next move')).toBe('found');
  });

  test('not before it is shown', () => {
    expect(find(source.place)).toBeUndefined();
  });

  test.each([
    ['a process that is gone', { pid: 2 ** 22 + 1, fd: 3 }],
    ['a file that is not open', { pid: process.pid, fd: 1_000_000 }],
    ['what is no process’s number', { pid: -1, fd: 0 }],
  ])('not by %s', (_what, place) => {
    expect(find(place)).toBeUndefined();
  });

  test('not where the file is shorter than the memory', () => {
    const short = GuestMemory.create('web', REGIONS.slice(1));
    try {
      expect(find(showMemory(short, TOKEN))).toBeUndefined();
    } finally {
      short.close();
    }
  });

  test('not in a file of another kind, though the token stands in it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'vcpud-source-'));
    const place = showMemory(source, TOKEN);
    const others = [
      openSync(join(folder, 'vcpud-web'), 'w+'),
      openSync('/dev/zero', 'r+'),
      memfdCreate('web'),
    ];
    try {
      expect(find(place)).toBe('found');
      const whole = readFileSync(`/proc/${place.pid}/fd/${place.fd}`);
      for (const fd of others) writeSync(fd, whole, 0, whole.length, 0);
      for (const fd of others) expect(find({ ...place, fd })).toBeUndefined();
    } finally {
      for (const fd of others) closeSync(fd);
      rmSync(folder, { recursive: true });
    }
  });

  test('and no file stays open of what was looked at', () => {
    const place = showMemory(source, TOKEN);
    find(place);
    const before = openFiles(process.pid);
    for (const token of [TOKEN, 'a guess']) find(place, token);
    expect(openFiles(process.pid)).toEqual(before);
  });
});

describe('what is read', () => {
  const range = fc
    .record({
      page: fc.integer({ min: 0, max: MIB / PAGE - 1 }),
      pages: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: MIB / PAGE })),
      fill: fc.integer({ min: 1, max: 255 }),
    })
    .map(({ page, pages, fill }) => ({ page, pages: Math.min(pages, MIB / PAGE - page), fill }));

  test('is what stands in the source, and nothing beside it is touched; the listener hears of it', () => {
    fc.assert(
      fc.property(fc.array(range, { minLength: 1, maxLength: 6 }), range, (written, read) => {
        const [from, to] = [GuestMemory.create('web', REGIONS), GuestMemory.create('web', REGIONS)];
        try {
          for (const { page, pages, fill } of written)
            from.writeNow(BigInt(page * PAGE), Buffer.alloc(pages * PAGE, fill));
          const gpa = BigInt(read.page * PAGE);
          const bytes = read.pages * PAGE;
          const heard: Array<[bigint, number]> = [];
          to.onWrite((at, length) => void heard.push([at, length]));
          const opened = SourceMemory.open(showMemory(from, TOKEN), TOKEN, to);
          opened?.copyTo(to, gpa, bytes);
          opened?.close();
          const expected = Buffer.alloc(MIB);
          from.readInto(gpa, bytes, expected, read.page * PAGE);
          expect(to.readNow(0n, MIB)?.equals(expected)).toBe(true);
          expect(heard).toEqual([[gpa, bytes]]);
        } finally {
          from.close();
          to.close();
        }
      }),
      { numRuns: 100 },
    );
  });

  test.each([1, 64])(
    'is refused by the kernel, and nothing worse, where %i pages of the source are gone',
    (pages) => {
      const opened = SourceMemory.open(showMemory(source, TOKEN), TOKEN, destination);
      ftruncateSync(source.place.fd, PAGE);
      try {
        expect(() => opened?.copyTo(destination, BigInt(PAGE), pages * PAGE)).toThrow(KernelError);
      } finally {
        opened?.close();
      }
    },
  );

  test('is there after the source has gone', () => {
    source.writeNow(0n, Buffer.from('the last word'));
    const opened = SourceMemory.open(showMemory(source, TOKEN), TOKEN, destination);
    source.close();
    opened?.copyTo(destination, 0n, PAGE);
    opened?.close();
    expect(destination.readNow(0n, 13)?.toString()).toBe('the last word');
    source = GuestMemory.create('web', REGIONS);
  });
});
