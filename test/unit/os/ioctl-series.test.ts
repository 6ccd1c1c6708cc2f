// Series of ioctls against the kernel's own answers, one by one: FIONREAD of files of many lengths, descriptors that are none,
// requests that a file does not know.

import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { ioctlSeries, type SeriesCall } from '../../../lib/os/ioctl-series.js';
import { KernelError } from '../../../lib/os/kernel-error.js';
import { ioctlBuffer } from '../../../lib/os/libc.js';

/** How many bytes are left to read: written into an int. */
const FIONREAD = 0x541b;
/** FIOCLEX, which takes no argument and answers 0. */
const FIOCLEX = 0x5451;
/** Nothing that a file knows: ENOTTY. */
const UNKNOWN = 0x1234;
const NO_DESCRIPTOR = 1 << 20;

const folder = mkdtempSync(join(tmpdir(), 'ioctl-series-'));
const files = [0, 1, 511, 70_000].map((bytes) => {
  const path = join(folder, String(bytes));
  writeFileSync(path, Buffer.alloc(bytes));
  return openSync(path, 'r');
});

afterAll(() => {
  for (const fd of files) closeSync(fd);
  rmSync(folder, { recursive: true });
});

/** What the kernel answers to each, by calls of their own, until one is not as it should be. */
function oneByOne(calls: readonly SeriesCall[]): number[] {
  const results: number[] = [];
  for (const { fd, request, argument, answer } of calls) {
    let result: number;
    try {
      result = ioctlBuffer(fd, request, argument as Uint8Array);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      result = -error.errno;
    }
    results.push(result);
    if (result < 0 || (answer !== undefined && result !== answer)) break;
  }
  return results;
}

const callsOf = fc.array(
  fc.record({
    fd: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...files) }, fc.constantFrom(NO_DESCRIPTOR, -1)),
    request: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(FIONREAD, FIOCLEX) }, fc.constant(UNKNOWN)),
    size: fc.integer({ min: 4, max: 300 }),
    answer: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(undefined, 0) }, fc.constant(7)),
  }),
  { maxLength: 40 },
);

describe('a series of ioctls', () => {
  test('answers, ends and writes buffers as the same ones alone do', () => {
    fc.assert(
      fc.property(callsOf, (rows) => {
        const make = () =>
          rows.map(({ size, answer, ...row }) => ({
            ...row,
            argument: Buffer.alloc(size, 0xa5),
            ...(answer === undefined ? {} : { answer }),
          }));
        const alone = make();
        const together = make();
        // A descriptor of -1 would be the table's end: it must not be taken for one.
        expect(ioctlSeries(together)).toEqual(oneByOne(alone));
        expect(together.map(({ argument }) => argument)).toEqual(alone.map(({ argument }) => argument));
      }),
      { numRuns: 300 },
    );
  });

  test('of nothing gives nothing', () => {
    expect(ioctlSeries([])).toEqual([]);
  });

  test('ends before the first that would come after a wrong answer', () => {
    const [, , fd = -1] = files;
    const untouched = Buffer.alloc(4, 0xff);
    const results = ioctlSeries([
      { fd, request: FIONREAD, argument: Buffer.alloc(4), answer: 1 },
      { fd, request: FIONREAD, argument: untouched },
    ]);
    expect(results).toEqual([0]);
    expect(untouched).toEqual(Buffer.alloc(4, 0xff));
  });

  test('takes a number for what it is', () => {
    const [fd = -1] = files;
    expect(ioctlSeries([{ fd, request: FIOCLEX, argument: 0 }])).toEqual([0]);
  });

  test('larger than its table or its memory is not begun', () => {
    const [fd = -1] = files;
    const call = { fd, request: FIONREAD, argument: Buffer.alloc(4) };
    expect(() => ioctlSeries(Array.from({ length: 200 }, () => call))).toThrow(RangeError);
    expect(() => ioctlSeries([{ ...call, argument: Buffer.alloc(1 << 20) }])).toThrow(RangeError);
  });
});
