// Memory by name: what a source names, a destination that reads it has.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { api } from '../../../lib/api/definitions.js';
import type { Link } from '../../../lib/transfer/carrier.js';
import { NearMemory } from '../../../lib/transfer/near-memory.js';
import { REHEARSED_PAGES } from '../../../lib/transfer/rehearsals.js';
import { GuestMemory } from '../../../lib/vm/guest-memory.js';
import type { MemoryPages__Output } from '../../../protos/gen/vcpud/v1/MemoryPages.js';

const PAGE = 4096;
const PAGES = 40_960;
const MIB = 1024 * 1024;
const { requestDeserialize } = api.MigrationService.service.ReceiveVm;

/** A source with its memory, and what it has named, message by message. */
function source() {
  const memory = GuestMemory.create('web', [{ gpa: 0n, bytes: BigInt(PAGES * PAGE) }]);
  const named: MemoryPages__Output[] = [];
  let unread = 0;
  const link = {
    send: async (bytes: Buffer) => {
      const { pages } = requestDeserialize(bytes);
      if (pages === null || pages === undefined) throw new Error('not pages');
      unread += 1;
      // One is being read while the next is made, and no more.
      expect(unread).toBe(1);
      named.push(pages);
    },
  } as Pick<Link, 'send'> as Link;
  const near = new NearMemory(memory, link, async () => {
    await new Promise(setImmediate);
    unread -= 1;
  });
  return { memory, near, named };
}

const numbersOf = (messages: readonly MemoryPages__Output[]): number[] =>
  messages.flatMap(({ firstPages, pageCounts }) =>
    firstPages.flatMap((page, i) => Array.from({ length: pageCounts[i] ?? 0 }, (_, j) => page + j)),
  );

const nothing = async (): Promise<void> => undefined;

test('a first round names every page that holds anything, once, in order, and no other', async () => {
  const page = fc.integer({ min: 0, max: 255 });
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(page), fc.uniqueArray(page), async (data, zeroes) => {
      const { memory, near, named } = source();
      try {
        for (const each of zeroes) memory.writeNow(BigInt(each * PAGE), Buffer.alloc(PAGE));
        for (const each of data) memory.writeNow(BigInt(each * PAGE), Buffer.alloc(1, 7));
        const sent = await near.round(memory.written(), true, nothing);
        expect(numbersOf(named)).toEqual([...data].sort((a, b) => a - b));
        expect(named.every(({ inSource, data: { length } }) => inSource && length === 0)).toBe(true);
        expect(named.every(({ firstPages }) => firstPages.length > 0)).toBe(true);
        const written = new Set([...data, ...zeroes]).size;
        const zeroPages = written - data.length;
        expect(sent).toEqual({ pages: written, zeroPages, bytes: data.length * PAGE });
      } finally {
        memory.close();
      }
    }),
    { numRuns: 50 },
  );
});

test('a later round names pages that are zero again, too', async () => {
  const { memory, near, named } = source();
  memory.writeNow(0n, Buffer.alloc(PAGE));
  const sent = await near.round([{ gpa: 0n, bytes: PAGE }], false, nothing);
  expect([numbersOf(named), sent]).toEqual([[0], { pages: 1, zeroPages: 0, bytes: PAGE }]);
  memory.close();
});

test('no message names more than 16 MiB, or more than 8192 runs', async () => {
  const { memory, near, named } = source();
  // 20 MiB in one piece, then every second page.
  for (let at = 0; at < 20; at += 1) memory.writeNow(BigInt(at * MIB), Buffer.alloc(MIB, 7));
  const single = Array.from({ length: 10_000 }, (_, i) => 5121 + 2 * i);
  for (const page of single) memory.writeNow(BigInt(page * PAGE), Buffer.alloc(1, 7));
  await near.round(memory.written(), true, nothing);
  const whole = Array.from({ length: 5120 }, (_, i) => i);
  expect(numbersOf(named)).toEqual([...whole, ...single]);
  const sizes = named.map(({ pageCounts }) => pageCounts.reduce((sum, count) => sum + count, 0));
  expect(Math.max(...sizes)).toBe((16 * MIB) / PAGE);
  expect(Math.max(...named.map(({ firstPages }) => firstPages.length))).toBeLessThanOrEqual(8192);
  memory.close();
});

test('the last message is the commit’s, and a rehearsal names some of what is there', async () => {
  const { memory, near, named } = source();
  expect(near.rehearsal()).toBeNull();
  const last = await near.last([{ gpa: 0n, bytes: 20 * MIB }], false);
  expect(numbersOf(named)).toHaveLength((16 * MIB) / PAGE);
  expect(last.memory.pages).toMatchObject({ firstPages: [4096], pageCounts: [1024], inSource: true });
  expect(last.sent.pages).toBe(5120);
  await near.round([{ gpa: 0n, bytes: 20 * MIB }], false, nothing);
  const rehearsed = near.rehearsal()?.pages;
  expect([rehearsed?.firstPages, rehearsed?.pageCounts]).toEqual([[4096], [REHEARSED_PAGES]]);
  memory.close();
});
