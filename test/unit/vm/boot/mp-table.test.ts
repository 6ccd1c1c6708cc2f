// The MP table against the MultiProcessor Specification 1.4, chapter 4: read back as an operating system reads it.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MOST_MP_CPUS, MP_TABLE_BYTES, MP_TABLE_GPA, mpTable } from '../../../../lib/vm/boot/mp-table.js';

const sum = (bytes: Buffer): number => bytes.reduce((all, byte) => (all + byte) & 0xff, 0);

/** Lengths of entries by their type: processor, bus, I/O APIC, I/O interrupt, local interrupt. */
const ENTRY_BYTES = [20, 8, 8, 8, 8];

interface Read {
  readonly entries: readonly Buffer[];
  readonly header: Buffer;
}

/** Finds the table by its floating pointer, and its entries by their types. */
function read(bytes: Buffer): Read {
  const floating = bytes.subarray(0, 16);
  expect(floating.toString('latin1', 0, 4)).toBe('_MP_');
  expect([sum(floating), floating[8], floating[9]]).toEqual([0, 1, 4]);
  expect(floating.readUInt8(11)).toBe(0); // a table is there, not a default configuration
  const start = floating.readUInt32LE(4) - Number(MP_TABLE_GPA);
  const table = bytes.subarray(start, start + bytes.readUInt16LE(start + 4));
  expect(table.toString('latin1', 0, 4)).toBe('PCMP');
  expect([sum(table), table[6]]).toEqual([0, 4]);
  const entries: Buffer[] = [];
  for (let at = 44; at < table.length; ) {
    const length = ENTRY_BYTES[table[at] ?? -1];
    if (length === undefined) throw new Error(`no entry has type ${table[at]}`);
    entries.push(table.subarray(at, at + length));
    at += length;
  }
  expect(entries).toHaveLength(table.readUInt16LE(34));
  return { entries, header: table.subarray(0, 44) };
}

test('whatever the number of CPUs, sums are 0, every CPU is named once, and the first one boots', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: MOST_MP_CPUS }), (cpus) => {
      const { entries, header } = read(mpTable(cpus));
      const processors = entries.filter(([type]) => type === 0);
      expect(processors.map((entry) => entry[1])).toEqual(Array.from({ length: cpus }, (_, id) => id));
      expect(processors.map((entry) => entry[3])).toEqual([3, ...Array(cpus - 1).fill(1)]);
      expect(header.readUInt32LE(36)).toBe(0xfee0_0000);
    }),
  );
});

test('the IOAPIC has an id of its own, and each ISA IRQ is its pin of that number', () => {
  const { entries } = read(mpTable(3));
  const [ioapic] = entries.filter(([type]) => type === 2);
  expect([ioapic?.[1], ioapic?.[3], ioapic?.readUInt32LE(4)]).toEqual([3, 1, 0xfec0_0000]);
  const pins = entries.filter(([type]) => type === 3).map((entry) => [entry[5], entry[6], entry[7]]);
  expect(pins).toEqual(Array.from({ length: 16 }, (_, irq) => [irq, 3, irq]));
});

test('it fits into the last KiB of base memory up to its limit, and not beyond', () => {
  expect(mpTable(MOST_MP_CPUS).length).toBeLessThanOrEqual(MP_TABLE_BYTES);
  expect(mpTable(MOST_MP_CPUS + 1).length).toBeGreaterThan(MP_TABLE_BYTES);
  expect(Number(MP_TABLE_GPA) + MP_TABLE_BYTES).toBe(640 * 1024);
});
