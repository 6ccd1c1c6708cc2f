// What holds for any host: a VM made on it can stay, and each bit of CPUID that is taken from it is found, alone.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compare } from '../../../lib/compat/compare.js';
import { FEATURE_REGISTERS, FEATURES, xsaveComponentName } from '../../../lib/compat/cpuid-features.js';
import type { DestinationFacts } from '../../../lib/compat/facts.js';
import { cpuidRegister } from '../../../lib/kvm/cpuid.js';
import { hostOf, type Place, vmOn, withRegister } from './hosts.js';

const XCR0 = { leaf: 0xd, subleaf: 0, register: 'eax' } as const;

const u32 = fc.nat(0xffff_ffff);

/** A host of either vendor with any features, on a kernel that says all that it offers in CPUID. */
const anyHost: fc.Arbitrary<DestinationFacts> = fc
  .record({
    base: fc.constantFrom(hostOf('amd'), hostOf('intel')),
    registers: fc.tuple(...FEATURE_REGISTERS.map(() => u32)),
    xcr0: u32,
    tscKhz: fc.nat(6_000_000),
    scales: fc.nat(1),
    memoryAvailableBytes: fc.bigInt({ min: 1n << 30n, max: 1n << 46n }),
  })
  .map(({ base, registers, xcr0, tscKhz, scales, memoryAvailableBytes }) => ({
    ...base,
    tscKhz,
    memoryAvailableBytes,
    capabilities: new Map([
      ...base.capabilities,
      ['TSC_CONTROL', scales] as const,
      ['TSC_DEADLINE_TIMER', 0] as const,
    ]),
    cpuid: FEATURE_REGISTERS.reduce(
      (entries, place, i) => withRegister(entries, place, () => registers[i] ?? 0),
      withRegister(base.cpuid, XCR0, () => xcr0),
    ),
  }));

interface Bit extends Place {
  readonly bit: number;
  readonly name: string;
}

/** Every bit of a CPUID that a VM can have. */
const BITS: readonly Bit[] = [
  ...FEATURES,
  ...Array.from({ length: 32 }, (_, bit) => ({ ...XCR0, bit, name: xsaveComponentName(bit) })),
];

const without = (host: DestinationFacts, { bit, ...place }: Bit): DestinationFacts => ({
  ...host,
  cpuid: withRegister(host.cpuid, place, (value) => value & ~(1 << bit)),
});

const bitsOf = ({ cpuid }: DestinationFacts): Bit[] =>
  BITS.filter(
    ({ leaf, subleaf, register, bit }) => ((cpuidRegister(cpuid, leaf, register, subleaf) >>> bit) & 1) === 1,
  );

describe('any host', () => {
  test('can keep a VM that was made on it: nothing is found', () => {
    fc.assert(
      fc.property(anyHost, (host) => {
        expect(compare(vmOn(host), host)).toEqual([]);
      }),
    );
  });

  test('is one bit short of a VM, whichever of those that it has: that bit is found, and nothing else', () => {
    fc.assert(
      fc.property(anyHost, fc.nat(), (host, pick) => {
        const had = bitsOf(host);
        const bit = had[pick % had.length];
        fc.pre(bit !== undefined);
        const findings = compare(vmOn(host), without(host, bit));
        expect(findings.map(({ severity, subject }) => `${severity} ${subject}`)).toEqual([
          `BLOCKER ${bit.name}`,
        ]);
      }),
      { numRuns: 300 },
    );
  });

  test('may have more than a VM asks for, whatever bit it is', () => {
    fc.assert(
      fc.property(anyHost, fc.nat(), (host, pick) => {
        const had = bitsOf(host);
        const bit = had[pick % had.length];
        fc.pre(bit !== undefined);
        const less = without(host, bit);
        expect(compare(vmOn(less), host)).toEqual([]);
      }),
    );
  });
});

test('no two bits have one name', () => {
  const names = BITS.map(({ name }) => name);
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
});
