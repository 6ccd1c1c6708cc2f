// What the rules are told of a vCPU, from its captured parts, and what is known of one whose description lacks some.

import { describe, expect, test } from 'vitest';
import { CPUID_ENTRY, EVENTS_LAYOUT, SIZE, SREGS_LAYOUT } from '../../../lib/kvm/abi.js';
import { msrEntries } from '../../../lib/kvm/msrs.js';
import { knownOf, newVcpuFacts, vcpuFacts } from '../../../lib/kvm/vcpu-facts.js';

function sregsOf(bytes: number): Buffer {
  const sregs = Buffer.alloc(bytes);
  sregs.writeBigUInt64LE(0x1500n, SREGS_LAYOUT.efer);
  sregs.writeBigUInt64LE(0x8001_0033n, SREGS_LAYOUT.cr0);
  sregs.writeBigUInt64LE(0x5000n, SREGS_LAYOUT.cr3);
  return sregs;
}

function eventsOf(smm: 0 | 1): Buffer {
  const events = Buffer.alloc(SIZE.events);
  events.writeUInt8(smm, EVENTS_LAYOUT.smm);
  return events;
}

const REGISTERS = { efer: 0x1500n, cr0: 0x8001_0033n, cr3: 0x5000n };

describe('registers', () => {
  test.each([
    ['sregs2', { sregs2: sregsOf(SIZE.sregs2) }],
    ['sregs, where there is no sregs2', { sregs: sregsOf(SIZE.sregs) }],
  ])('come from %s', (_part, parts) => {
    expect(vcpuFacts(parts)).toMatchObject({ ...REGISTERS, inSmm: false });
  });

  test('SMM comes from the events', () => {
    const sregs2 = sregsOf(SIZE.sregs2);
    expect(vcpuFacts({ sregs2, events: eventsOf(1) }).inSmm).toBe(true);
    expect(vcpuFacts({ sregs2, events: eventsOf(0) }).inSmm).toBe(false);
  });

  test('are those of reset where nothing is given', () => {
    expect(vcpuFacts({})).toMatchObject({ efer: 0n, cr0: 0x6000_0010n, cr3: 0n, inSmm: false });
  });

  test('of a new vCPU are those of an L1 in 64-bit mode with SVM on', () => {
    expect(newVcpuFacts(Buffer.alloc(0), [])).toMatchObject({ efer: 0x1500n, cr0: 0x8001_0033n });
  });
});

describe('what CPUID says', () => {
  /** A table of the highest extended leaf, and of the physical address bits. */
  const writeBits = (table: Buffer, bits: number): Buffer => {
    table.writeUInt32LE(0x80000000, CPUID_ENTRY.function);
    table.writeUInt32LE(0x80000008, CPUID_ENTRY.eax);
    table.writeUInt32LE(0x80000008, SIZE.cpuidEntry + CPUID_ENTRY.function);
    table.writeUInt32LE(bits, SIZE.cpuidEntry + CPUID_ENTRY.eax);
    return table;
  };
  const bitsOf = (cpuid: Buffer) => vcpuFacts({ cpuid }).maxPhyAddr;

  test('is each table’s own, however many there were before, and whoever writes into one afterwards', () => {
    const all = Array.from({ length: 200 }, (_, bits) => bits);
    const table = (bits: number) => writeBits(Buffer.alloc(2 * SIZE.cpuidEntry), bits);
    for (let round = 0; round < 2; round += 1) expect(all.map((bits) => bitsOf(table(bits)))).toEqual(all);
    const one = table(40);
    expect([bitsOf(one), bitsOf(writeBits(one, 41)), bitsOf(table(40))]).toEqual([40, 41, 40]);
  });
});

describe('VMX capability MSRs', () => {
  const rows = [
    { index: 0x10, value: 1n },
    { index: 0x47f, value: 2n },
    { index: 0x480, value: 3n },
    { index: 0x491, value: 4n },
    { index: 0x492, value: 5n },
  ];
  const capability = new Map([
    [0x480, 3n],
    [0x491, 4n],
  ]);

  test('are those of 480h to 491h, of a vCPU and of a host', () => {
    expect(vcpuFacts({ msrs: msrEntries(rows) }).vmxCapabilityMsrs).toEqual(capability);
    expect(newVcpuFacts(Buffer.alloc(0), rows).vmxCapabilityMsrs).toEqual(capability);
  });
});

describe('what is known of a vCPU that is described', () => {
  const sregs2 = sregsOf(SIZE.sregs2);
  const events = eventsOf(0);
  test.each([
    ['by nothing', {}, []],
    ['by its special registers alone', { sregs2 }, []],
    ['by its events alone', { events }, []],
    ['by both', { sregs2, events }, ['registers']],
    ['by older special registers and events', { sregs: sregsOf(SIZE.sregs), events }, ['registers']],
    ['by its CPUID', { cpuid: Buffer.alloc(40) }, ['cpuid']],
    ['by its MSRs', { msrs: Buffer.alloc(16) }, ['vmx-msrs']],
    [
      'by all',
      { sregs2, events, cpuid: Buffer.alloc(40), msrs: Buffer.alloc(16) },
      ['registers', 'cpuid', 'vmx-msrs'],
    ],
  ])('%s', (_what, parts, known) => {
    expect([...knownOf(parts)]).toEqual(known);
  });
});
