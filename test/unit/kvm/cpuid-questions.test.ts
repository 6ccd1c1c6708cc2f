// The few questions that are asked of a CPUID table.

import { describe, expect, test } from 'vitest';
import { CPUID_ENTRY, SIZE } from '../../../lib/kvm/abi.js';
import {
  cpuidRegister,
  forOperatingSystem,
  hasSvm,
  hasVmx,
  maxPhyAddr,
  vendorString,
  withApicId,
} from '../../../lib/kvm/cpuid.js';

interface Leaf {
  readonly leaf: number;
  readonly index?: number;
  readonly eax?: number;
  readonly ebx?: number;
  readonly ecx?: number;
  readonly edx?: number;
}

function table(...leaves: readonly Leaf[]): Buffer {
  const bytes = Buffer.alloc(SIZE.cpuidEntry * leaves.length);
  leaves.forEach(({ leaf, index = 0, ...registers }, i) => {
    const at = SIZE.cpuidEntry * i;
    bytes.writeUInt32LE(leaf, at + CPUID_ENTRY.function);
    bytes.writeUInt32LE(index, at + CPUID_ENTRY.index);
    for (const name of ['eax', 'ebx', 'ecx', 'edx'] as const) {
      bytes.writeUInt32LE(registers[name] ?? 0, at + CPUID_ENTRY[name]);
    }
  });
  return bytes;
}

describe('a register of a leaf', () => {
  const entries = table(
    { leaf: 7, index: 1, eax: 1 },
    { leaf: 7, eax: 0xffff_ffff },
    { leaf: 13, index: 2, eax: 3 },
  );

  test('is that of its first subleaf', () => {
    expect(cpuidRegister(entries, 7, 'eax')).toBe(0xffff_ffff);
  });

  test('is 0 where the table lacks the leaf', () => {
    expect(cpuidRegister(entries, 13, 'eax')).toBe(0);
    expect(cpuidRegister(Buffer.alloc(0), 0, 'eax')).toBe(0);
  });
});

test('SVM is bit 2 of 80000001h ECX, VMX bit 5 of 1 ECX', () => {
  expect([hasSvm(table({ leaf: 0x8000_0001, ecx: 4 })), hasVmx(table({ leaf: 1, ecx: 32 }))]).toEqual([
    true,
    true,
  ]);
  expect([
    hasSvm(table({ leaf: 0x8000_0001, ecx: ~4 >>> 0 })),
    hasVmx(table({ leaf: 1, ecx: ~32 >>> 0 })),
  ]).toEqual([false, false]);
  expect([hasSvm(Buffer.alloc(0)), hasVmx(Buffer.alloc(0))]).toEqual([false, false]);
});

test('the physical address width is that of 80000008h, or 36 bits', () => {
  const width = { leaf: 0x8000_0008, eax: 0x3028 };
  expect(maxPhyAddr(table({ leaf: 0x8000_0000, eax: 0x8000_000a }, width))).toBe(0x28);
  expect(maxPhyAddr(table({ leaf: 0x8000_0000, eax: 0x8000_0007 }, width))).toBe(36);
  expect(maxPhyAddr(table({ leaf: 0x8000_0000, eax: 0x8000_0008 }, { leaf: 0x8000_0008, eax: 0x3000 }))).toBe(
    0,
  );
  expect(maxPhyAddr(Buffer.alloc(0))).toBe(36);
});

test('the vendor stands in EBX, EDX, ECX of leaf 0', () => {
  const amd = table({ leaf: 0, ebx: 0x6874_7541, edx: 0x6974_6e65, ecx: 0x444d_4163 });
  expect(vendorString(amd)).toBe('AuthenticAMD');
});

test('an APIC id goes to every leaf that has one, and nowhere else', () => {
  const before = table(
    { leaf: 1, ebx: 0xaa12_3456 },
    { leaf: 0xb, edx: 9 },
    { leaf: 0xb, index: 1, edx: 9 },
    { leaf: 0x1f, edx: 9 },
    { leaf: 0x8000_001e, eax: 9 },
    { leaf: 2, eax: 9, ebx: 9, ecx: 9, edx: 9 },
  );
  const after = withApicId(before, 0x105);
  const expected = table(
    { leaf: 1, ebx: 0x0512_3456 }, // 8 bits there
    { leaf: 0xb, edx: 0x105 },
    { leaf: 0xb, index: 1, edx: 0x105 },
    { leaf: 0x1f, edx: 0x105 },
    { leaf: 0x8000_001e, eax: 0x105 },
    { leaf: 2, eax: 9, ebx: 9, ecx: 9, edx: 9 },
  );
  expect(after.equals(expected)).toBe(true);
  expect(cpuidRegister(before, 0xb, 'edx')).toBe(9);
});

test('an operating system is shown the hypervisor, and the TSC deadline timer where KVM has it', () => {
  const before = table({ leaf: 1, ecx: 1, edx: 2 }, { leaf: 2, ecx: 4 });
  const shown = (ecx: number) => table({ leaf: 1, ecx, edx: 2 }, { leaf: 2, ecx: 4 });
  expect(forOperatingSystem(before, false)).toEqual(shown(0x8000_0001));
  expect(forOperatingSystem(before, true)).toEqual(shown(0x8100_0001));
  expect(before.readUInt32LE(CPUID_ENTRY.ecx)).toBe(1);
});
