// What counts as a difference between two snapshots of a vCPU, where the kernel itself holds less than it gave.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CPUID_ENTRY, SIZE } from '../../../lib/kvm/abi.js';
import { msrEntries } from '../../../lib/kvm/msrs.js';
import { differences } from '../../../lib/state/snapshot-compare.js';

const SYSENTER_ESP = 0x175;

/** A CPUID table of leaf 0 alone, with a vendor's name. */
function cpuidOf(vendor: string): Buffer {
  const entry = Buffer.alloc(SIZE.cpuidEntry);
  entry.write(vendor.slice(0, 4), CPUID_ENTRY.ebx, 'latin1');
  entry.write(vendor.slice(4, 8), CPUID_ENTRY.edx, 'latin1');
  entry.write(vendor.slice(8, 12), CPUID_ENTRY.ecx, 'latin1');
  return entry;
}

const snapshot = (vendor: string, value: bigint) => ({
  cpuid: cpuidOf(vendor),
  msrs: msrEntries([{ index: SYSENTER_ESP, value }]),
});

test('of SYSENTER_ESP kvm_amd keeps 32 bits, and those count', () => {
  const given = snapshot('AuthenticAMD', 0xffff_fe00_0000_3200n);
  expect(differences(given, snapshot('AuthenticAMD', 0x3200n))).toEqual([]);
  expect(differences(given, snapshot('AuthenticAMD', 0x3300n))).toEqual(['msrs.0x175']);
});

test('kvm_intel keeps all of it', () => {
  const given = snapshot('GenuineIntel', 0xffff_fe00_0000_3200n);
  expect(differences(given, snapshot('GenuineIntel', 0x3200n))).toEqual(['msrs.0x175']);
  expect(differences(given, given)).toEqual([]);
});

describe('of kernels that list other MSRs', () => {
  const of = (...rows: ReadonlyArray<readonly [index: number, value: bigint]>) => ({
    cpuid: cpuidOf('AuthenticAMD'),
    msrs: msrEntries(rows.map(([index, value]) => ({ index, value }))),
  });

  test('what was given and is 0 is not missed where it is not held', () => {
    expect(differences(of([0x277, 6n], [0x309, 0n]), of([0x277, 6n]))).toEqual([]);
  });

  test('what was given and is not 0 is missed', () => {
    expect(differences(of([0x277, 6n], [0x309, 1n]), of([0x277, 6n]))).toEqual(['msrs.0x309']);
  });

  test('what the other has beyond was given by nobody; what it holds of what was given counts', () => {
    expect(differences(of([0x277, 6n]), of([0x4000_0118, 0n], [0x277, 6n]))).toEqual([]);
    expect(differences(of([0x277, 6n]), of([0x4000_0118, 0n], [0x277, 7n]))).toEqual(['msrs.0x277']);
  });

  test("the rate of its host's TSC is none of the vCPU's own", () => {
    expect(differences(of([0x4000_0022, 2_445_385_000n]), of([0x4000_0022, 2_445_381_000n]))).toEqual([]);
  });

  test('each row that was given counts, wherever the other lists it', () => {
    const row = fc.tuple(fc.integer({ min: 0x200, max: 0x2ff }), fc.bigInt({ min: 0n, max: 3n }));
    const rows = fc.uniqueArray(row, { selector: ([index]) => index, maxLength: 80 });
    const others = fc.record({
      kept: fc.infiniteStream(fc.boolean()),
      beyond: rows,
      values: fc.infiniteStream(fc.bigInt({ min: 0n, max: 15n })),
    });
    fc.assert(
      fc.property(rows, others, (given, { kept, beyond, values }) => {
        const named = new Set(given.map(([index]) => index));
        const held = [
          ...beyond.filter(([index]) => !named.has(index)),
          // Of sixteen values one is another than was given.
          ...given.flatMap(([index, value]): Array<[number, bigint]> => {
            if (kept.next().value !== true) return [];
            return [[index, values.next().value === 0n ? value + 1n : value]];
          }),
        ];
        const now = new Map(held);
        const expected = given.filter(([index, value]) => (now.get(index) ?? 0n) !== value);
        expect(differences(of(...given), of(...held))).toEqual(
          expected.map(([index]) => `msrs.0x${index.toString(16)}`),
        );
      }),
      { numRuns: 300 },
    );
  });
});
