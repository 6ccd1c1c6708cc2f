// CPUID tables as kernels give them.
import { expect, test } from 'vitest';
import { KVM, SIZE } from '../../../lib/kvm/abi.js';
import { getCpuid, getSupportedCpuid } from '../../../lib/kvm/cpuid.js';
import { KernelError } from '../../../lib/os/kernel-error.js';

/** A kernel that has these entries, and may or may not say how many when it gives them. */
function kernelWith(entries: Buffer, saysHowMany: boolean) {
  const count = entries.length / SIZE.cpuidEntry;
  return {
    ioctl: (request: number, argument: Uint8Array | number) => {
      const table = argument as Buffer;
      expect([KVM.GET_CPUID2, KVM.GET_SUPPORTED_CPUID]).toContain(request);
      if (table.readUInt32LE(0) < count) throw new KernelError('KVM_GET_CPUID2', 7);
      entries.copy(table, SIZE.cpuidHeader);
      if (saysHowMany) table.writeUInt32LE(count, 0);
      return 0;
    },
  };
}

/** The last one all zero: a leaf that says nothing is an entry like any other. */
const entriesOf = (count: number): Buffer => {
  const entries = Buffer.alloc(SIZE.cpuidEntry * count);
  for (let i = 0; i < count - 1; i += 1) entries.writeUInt32LE(i + 1, SIZE.cpuidEntry * i + 12);
  return entries;
};

test.each([0, 1, 31, 128, 129, 256])(
  '%i entries come as they are, whether the kernel says how many or not',
  (count) => {
    const entries = entriesOf(count);
    expect(getCpuid(kernelWith(entries, true)).equals(entries)).toBe(true);
    expect(getCpuid(kernelWith(entries, false)).equals(entries)).toBe(true);
    expect(getSupportedCpuid(kernelWith(entries, true)).equals(entries)).toBe(true);
  },
);
