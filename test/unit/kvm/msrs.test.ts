// MSRs through ioctls that stop at the first one they don't like.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KVM, MSR, SIZE } from '../../../lib/kvm/abi.js';
import {
  getMsrIndices,
  MsrRefused,
  type MsrRow,
  msrEntries,
  msrGroups,
  msrRows,
  msrsOfVcpu,
  readMsr,
  readMsrs,
  readMsrsStep,
  writeMsrs,
  writeMsrsStep,
} from '../../../lib/kvm/msrs.js';
import { type Ioctl, type IoctlPort, oneByOne, type SeriesPort } from '../../../lib/kvm/port.js';
import { doStep } from '../../../lib/kvm/steps.js';
import { KernelError } from '../../../lib/os/kernel-error.js';

/** A vCPU with these MSRs; those in `readOnly` take no other value than they have. */
function vcpuWith(msrs: Map<number, bigint>, readOnly: ReadonlySet<number> = new Set()): IoctlPort {
  const each = (table: Buffer, serve: (index: number, at: number) => boolean): number => {
    const count = table.readUInt32LE(0);
    for (let i = 0; i < count; i += 1) {
      const at = SIZE.msrsHeader + SIZE.msrEntry * i;
      if (!serve(table.readUInt32LE(at), at + 8)) return i; // as the kernel: how many went well
    }
    return count;
  };
  return {
    ioctl: (request, argument) => {
      const table = argument as Buffer;
      if (request === KVM.GET_MSRS) {
        return each(table, (index, at) => {
          const value = msrs.get(index);
          if (value !== undefined) table.writeBigUInt64LE(value, at);
          return value !== undefined;
        });
      }
      expect(request).toBe(KVM.SET_MSRS);
      return each(table, (index, at) => {
        if (!msrs.has(index) || readOnly.has(index)) return false;
        msrs.set(index, table.readBigUInt64LE(at));
        return true;
      });
    },
  };
}

const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const row = fc.record({ index: fc.nat(0xffff_ffff), value: u64 });

describe('a table', () => {
  test('has the rows that it was made of', () => {
    fc.assert(
      fc.property(fc.array(row), (rows) => {
        expect(msrRows(msrEntries(rows))).toEqual(rows);
        expect(msrEntries(rows)).toHaveLength(SIZE.msrEntry * rows.length);
        const remainder = (index: number) => String(index % 3);
        const group = msrGroups(msrEntries(rows), remainder);
        for (const name of ['0', '1', '2', 'none'])
          expect(group(name)).toEqual(msrEntries(rows.filter(({ index }) => remainder(index) === name)));
      }),
    );
  });
});

describe('reading', () => {
  test('gives those that are there, in the order asked, and lists the others', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(50), { maxLength: 20 }),
        fc.uniqueArray(fc.nat(50), { maxLength: 20 }),
        (there, asked) => {
          const vcpu = vcpuWith(new Map(there.map((index) => [index, BigInt(index) * 3n])));
          const { entries, unreadable } = readMsrs(vcpu, asked);
          expect(msrRows(entries)).toEqual(
            asked.filter((i) => there.includes(i)).map((index) => ({ index, value: BigInt(index) * 3n })),
          );
          expect(unreadable).toEqual(asked.filter((i) => !there.includes(i)));
        },
      ),
    );
  });

  test('one that is not there gives nothing', () => {
    const vcpu = vcpuWith(new Map([[0x10, 7n]]));
    expect(readMsr(vcpu, 0x10)).toBe(7n);
    expect(readMsr(vcpu, 0x11)).toBeUndefined();
  });
});

describe('writing', () => {
  test('sets all, past those that cannot be set but hold the value already', () => {
    const msrs = new Map([
      [1, 10n],
      [2, 20n],
      [3, 30n],
    ]);
    const rows: MsrRow[] = [
      { index: 1, value: 11n },
      { index: 2, value: 20n },
      { index: 3, value: 33n },
    ];
    writeMsrs(vcpuWith(msrs, new Set([2])), msrEntries(rows));
    expect([...msrs.values()]).toEqual([11n, 20n, 33n]);
  });

  test('stops at the first that is refused, and says which, what was wanted and what is held', () => {
    const msrs = new Map([
      [1, 10n],
      [2, 20n],
      [3, 30n],
    ]);
    const write = (rows: MsrRow[]) => () => writeMsrs(vcpuWith(msrs, new Set([2])), msrEntries(rows));
    expect(
      write([
        { index: 1, value: 1n },
        { index: 2, value: 2n },
        { index: 3, value: 3n },
      ]),
    ).toThrow(expect.objectContaining({ index: 2, wanted: 2n, held: 20n }));
    expect([...msrs.values()]).toEqual([1n, 20n, 30n]);
    expect(write([{ index: 9, value: 1n }])).toThrow(new MsrRefused(9, 1n, undefined));
    expect(write([{ index: 9, value: 1n }])).toThrow(/MSR 0x9 = 0x1; it is unreadable/);
  });

  test('leaves out what is not there where it would be 0, and goes on after it', () => {
    const msrs = new Map([[1, 10n]]);
    const rows: MsrRow[] = [
      { index: 9, value: 0n },
      { index: 1, value: 11n },
    ];
    writeMsrs(vcpuWith(msrs), msrEntries(rows));
    expect([...msrs]).toEqual([[1, 11n]]);
  });

  test('of nothing asks the kernel nothing', () => {
    const untouched: IoctlPort = {
      ioctl: () => {
        throw new Error('it was asked');
      },
    };
    expect(() => writeMsrs(untouched, Buffer.alloc(0))).not.toThrow();
    expect(readMsrs(untouched, [])).toMatchObject({ unreadable: [] });
  });
});

describe('the list of MSRs', () => {
  test('is asked for with the room that the kernel says it needs', () => {
    const indices = [0x10, 0x174, 0xc000_0080];
    const kvm: IoctlPort = {
      ioctl: (_, argument) => {
        const list = argument as Buffer;
        const room = list.readUInt32LE(0);
        list.writeUInt32LE(indices.length, 0);
        if (room < indices.length) throw new KernelError('KVM_GET_MSR_INDEX_LIST', 7);
        indices.forEach((index, i) => {
          list.writeUInt32LE(index, 4 + 4 * i);
        });
        return 0;
      },
    };
    expect(getMsrIndices(kvm, KVM.GET_MSR_INDEX_LIST)).toEqual(indices);
  });

  test('that fails otherwise is an error', () => {
    const kvm: IoctlPort = {
      ioctl: () => {
        throw new KernelError('KVM_GET_MSR_INDEX_LIST', 14);
      },
    };
    expect(() => getMsrIndices(kvm, KVM.GET_MSR_INDEX_LIST)).toThrow(KernelError);
  });
});

describe('of a vCPU', () => {
  test('those that it can never be given for want of a LAPIC are left out', () => {
    const indices = [MSR.IA32_TSC, MSR.KVM_ASYNC_PF_INT, MSR.IA32_TSC_DEADLINE];
    expect(msrsOfVcpu(indices, true)).toEqual(indices);
    expect(msrsOfVcpu(indices, false)).toEqual([MSR.IA32_TSC, MSR.IA32_TSC_DEADLINE]);
  });
});

describe('as a step', () => {
  const asSeries = ({ ioctl }: IoctlPort): SeriesPort => {
    const port = { ioctl, ioctls: (calls: readonly Ioctl[]) => oneByOne(port, calls) };
    return port;
  };
  const msrsArbitrary = fc.uniqueArray(fc.nat(12), { maxLength: 12 });
  const holding = (indices: readonly number[]) =>
    new Map(indices.map((index) => [index, BigInt(index) % 3n]));
  const outcomeOf = <T>(task: () => T): T | string => {
    try {
      return task();
    } catch (error) {
      return String(error);
    }
  };

  test('they read and write what they do at once, whatever is missing or refused', () => {
    fc.assert(
      fc.property(msrsArbitrary, msrsArbitrary, msrsArbitrary, (there, readOnly, asked) => {
        const write = (how: (port: SeriesPort, entries: Buffer) => void) => {
          const msrs = holding(there);
          const port = asSeries(vcpuWith(msrs, new Set(readOnly)));
          const rows = asked.map((index) => ({ index, value: BigInt(index + 1) % 3n }));
          return { outcome: outcomeOf(() => how(port, msrEntries(rows))), msrs: [...msrs] };
        };
        expect(write((port, entries) => doStep(port, writeMsrsStep(port, entries)))).toEqual(
          write(writeMsrs),
        );
        const port = asSeries(vcpuWith(holding(there)));
        expect(doStep(port, readMsrsStep(port, asked))).toEqual(readMsrs(port, asked).entries);
      }),
    );
  });
});
