// What the Linux boot protocol wants in memory and registers, checked by its own words (Documentation/arch/x86/boot.rst),
// with a kernel that is a header and nothing else; and everything that is refused. Real kernels: kernel/linux-guest.test.ts.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KVM, SIZE, SREGS_LAYOUT } from '../../../../lib/kvm/abi.js';
import { bootLinux, checkLinuxBoot, parseKernel } from '../../../../lib/vm/boot/linux-boot.js';
import { MOST_MP_CPUS, MP_TABLE_GPA, mpTable } from '../../../../lib/vm/boot/mp-table.js';
import { GuestMemory, type MemoryRegion } from '../../../../lib/vm/guest-memory.js';

const MIB = 1024 * 1024;
const SECTOR = 512;
/** The zero page: where the boot parameters are. */
const BOOT_PARAMS = 0x7000n;

interface Header {
  readonly setupSects: number;
  readonly bootFlag: number;
  readonly magic: string;
  readonly version: number;
  readonly xloadflags: number;
  readonly relocatable: number;
  readonly cmdlineSize: number;
  readonly prefAddress: bigint;
  readonly initSize: number;
  readonly initrdAddrMax: number;
}

const GOOD: Header = {
  setupSects: 1,
  bootFlag: 0xaa55,
  magic: 'HdrS',
  version: 0x20f,
  xloadflags: 0x3f,
  relocatable: 1,
  cmdlineSize: 2047,
  prefAddress: 0x100_0000n,
  initSize: 4 * MIB,
  initrdAddrMax: 0x7fff_ffff,
};
const CODE = Buffer.alloc(3 * MIB, 0xc0);

/** A bzImage: its setup sectors, and the code behind them. */
function bzImage(change: Partial<Header> = {}, code = CODE): Buffer {
  const header = { ...GOOD, ...change };
  const start = Buffer.alloc((header.setupSects || 4) * SECTOR + SECTOR);
  start.writeUInt8(header.setupSects, 0x1f1);
  start.writeUInt16LE(header.bootFlag, 0x1fe);
  start.set([0xeb, 0x6a], 0x200); // jmp: the header ends at 0x26c
  start.write(header.magic, 0x202, 'latin1');
  start.writeUInt16LE(header.version, 0x206);
  start.writeUInt8(0x11, 0x211); // loadflags
  start.writeUInt32LE(header.initrdAddrMax, 0x22c);
  start.writeUInt8(header.relocatable, 0x234);
  start.writeUInt16LE(header.xloadflags, 0x236);
  start.writeUInt32LE(header.cmdlineSize, 0x238);
  start.writeBigUInt64LE(header.prefAddress, 0x258);
  start.writeUInt32LE(header.initSize, 0x260);
  return Buffer.concat([start, code]);
}

const reasonOf = (task: () => unknown): string => {
  try {
    task();
    return 'OK';
  } catch (error) {
    return (error as { reason?: string }).reason ?? String(error);
  }
};

describe('a kernel’s header', () => {
  test.each<[string, Buffer]>([
    ['a file of less than two sectors', bzImage().subarray(0, 2 * SECTOR - 1)],
    ['an empty file', Buffer.alloc(0)],
    ['zeroes', Buffer.alloc(2 * SECTOR)],
    ['a boot sector without Linux’s magic', bzImage({ magic: 'NTFS' })],
    ['no boot flag', bzImage({ bootFlag: 0 })],
    ['boot protocol 2.11, which has no 64-bit entry point', bzImage({ version: 0x20b })],
    ['a kernel of 32 bits', bzImage({ xloadflags: 0x3e })],
  ])('of %s is refused', (_what, file) => {
    expect(reasonOf(() => parseKernel('/boot/vmlinuz', file))).toBe('BOOT_IMAGE_INVALID');
  });

  test('says where the code is and what it needs; no setup sectors mean four', () => {
    expect(parseKernel('/k', bzImage())).toMatchObject({
      codeOffset: 2 * SECTOR,
      initSize: 4 * MIB,
      prefAddress: 0x100_0000n,
      cmdlineSize: 2047,
    });
    expect(parseKernel('/k', bzImage({ setupSects: 0 })).codeOffset).toBe(5 * SECTOR);
    expect(parseKernel('/k', bzImage({ version: 0x20c })).header).toHaveLength(0x26c - 0x1f1);
  });

  test('of any bytes is read or refused, with no other error', () => {
    const some = fc.uint8Array({ minLength: 1024, maxLength: 1024 }).map((bytes) => Buffer.from(bytes));
    const edited = fc
      .array(fc.tuple(fc.integer({ min: 0x1f1, max: 0x26f }), fc.nat(255)), { maxLength: 5 })
      .map((edits) => {
        const file = bzImage().subarray(0, 1024);
        for (const [at, value] of edits) file[at] = value;
        return file;
      });
    fc.assert(
      fc.property(fc.oneof(some, edited), (file) => {
        expect(['OK', 'BOOT_IMAGE_INVALID']).toContain(reasonOf(() => parseKernel('/k', file)));
      }),
    );
  });
});

const LOW: MemoryRegion = { gpa: 0n, bytes: BigInt(64 * MIB) };

describe('what is asked for', () => {
  const boot = { kernelPath: '/k', initramfsPath: '', commandLine: '' };

  test.each([
    ['a good one', {}, [LOW], 1, 'OK'],
    ['a relative kernel', { kernelPath: 'k' }, [LOW], 1, 'BOOT_FILE_UNREADABLE'],
    ['no kernel', { kernelPath: '' }, [LOW], 1, 'BOOT_FILE_UNREADABLE'],
    ['a relative initramfs', { initramfsPath: 'i' }, [LOW], 1, 'BOOT_FILE_UNREADABLE'],
    ['4095 bytes of command line', { commandLine: 'é'.repeat(2047) }, [LOW], 1, 'OK'],
    ['4096 bytes of command line', { commandLine: 'é'.repeat(2048) }, [LOW], 1, 'BOOT_COMMAND_LINE_TOO_LONG'],
    ['as many vCPUs as an MP table names', {}, [LOW], MOST_MP_CPUS, 'OK'],
    ['one more', {}, [LOW], MOST_MP_CPUS + 1, 'VCPU_COUNT_OUT_OF_RANGE'],
    ['a page less than 64 MiB', {}, [{ ...LOW, bytes: LOW.bytes - 4096n }], 1, 'MEMORY_REGION_INVALID'],
    ['64 MiB elsewhere', {}, [{ ...LOW, gpa: 4096n }], 1, 'MEMORY_REGION_INVALID'],
  ] as const)('%s: %s', (_what, change, regions, vcpus, reason) => {
    expect(reasonOf(() => checkLinuxBoot({ ...boot, ...change }, regions, vcpus))).toBe(reason);
  });
});

describe('a kernel that is loaded', () => {
  let folder: string;
  let memory: GuestMemory;
  const set = new Map<number, Buffer>();
  /** vCPU 0: what it was set to. */
  const vcpu = {
    ioctl: (request: number, argument?: unknown) => {
      if (request !== KVM.GET_SREGS) set.set(request, Buffer.from(argument as Buffer));
      return 0;
    },
  };
  const REGIONS = [LOW, { gpa: 0x1_0000_0000n, bytes: BigInt(2 * MIB) }];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vcpud-boot-'));
    memory = GuestMemory.create('boot', REGIONS);
    set.clear();
  });

  afterEach(() => {
    memory.close();
    rmSync(folder, { recursive: true });
  });

  const file = (name: string, content: Buffer): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };

  const boot = (kernel: Buffer, initramfs?: Buffer, commandLine = 'console=ttyS0') =>
    bootLinux(
      {
        kernelPath: file('vmlinuz', kernel),
        initramfsPath: initramfs === undefined ? '' : file('initrd', initramfs),
        commandLine,
      },
      memory,
      2,
      vcpu,
    );

  const read = (gpa: bigint, bytes: number): Buffer => {
    const buffer = Buffer.alloc(bytes);
    memory.readInto(gpa, bytes, buffer, 0);
    return buffer;
  };

  test('is where it prefers to be, byte for byte, and vCPU 0 is at its 64-bit entry point', async () => {
    const code = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 31) & 0xff));
    await boot(bzImage({}, code));
    expect(read(0x100_0000n, code.length).equals(code)).toBe(true);
    const regs = set.get(KVM.SET_REGS) ?? Buffer.alloc(SIZE.regs);
    expect(regs.readBigUInt64LE(128)).toBe(0x100_0200n); // RIP
    expect(regs.readBigUInt64LE(32)).toBe(BOOT_PARAMS); // RSI
    expect(regs.readBigUInt64LE(136)).toBe(2n); // RFLAGS: interrupts off
    const sregs = set.get(KVM.SET_SREGS) ?? Buffer.alloc(SIZE.sregs);
    expect(sregs.readUInt16LE(12)).toBe(0x10); // CS: __BOOT_CS
    for (const segment of [24, 48, 120]) expect(sregs.readUInt16LE(segment + 12)).toBe(0x18); // __BOOT_DS
    const cr3 = sregs.readBigUInt64LE(SREGS_LAYOUT.cr3);
    for (const linear of [0n, BOOT_PARAMS, 0x100_0200n, 0xffff_ffffn]) expect(walk(cr3, linear)).toBe(linear);
  });

  /** The physical address of a linear one, by the tables that were written. */
  function walk(cr3: bigint, linear: bigint): bigint {
    const entry = (table: bigint, shift: bigint) => {
      const value = read((table & ~0xfffn) + 8n * ((linear >> shift) & 511n), 8).readBigUInt64LE();
      expect(value & 1n).toBe(1n);
      return value;
    };
    const large = entry(entry(entry(cr3, 39n), 30n), 21n);
    expect(large & 0x80n).toBe(0x80n);
    return (large & ~0x1f_ffffn) | (linear & 0x1f_ffffn);
  }

  test('that is not relocatable is at 1 MiB', async () => {
    await boot(bzImage({ relocatable: 0 }));
    expect(read(0x10_0000n, 4)).toEqual(CODE.subarray(0, 4));
    expect(set.get(KVM.SET_REGS)?.readBigUInt64LE(128)).toBe(0x10_0200n);
  });

  test('finds its header, its command line and its initramfs by the boot parameters', async () => {
    const initramfs = Buffer.alloc(5000, 0x17);
    await boot(bzImage(), initramfs, 'console=ttyS0 quiet');
    const params = read(BOOT_PARAMS, 4096);
    expect(params.toString('latin1', 0x202, 0x206)).toBe('HdrS');
    expect(params.readUInt8(0x210)).toBe(0xff); // type_of_loader: undefined
    const line = read(BigInt(params.readUInt32LE(0x228)), 20);
    expect(line.toString('latin1')).toBe('console=ttyS0 quiet\0');
    const place = params.readUInt32LE(0x218);
    expect(params.readUInt32LE(0x21c)).toBe(initramfs.length);
    expect(place % 4096).toBe(0);
    expect(place + initramfs.length).toBeLessThanOrEqual(64 * MIB);
    expect(read(BigInt(place), initramfs.length).equals(initramfs)).toBe(true);
  });

  test('keeps its initramfs below what it says it can reach', async () => {
    await boot(bzImage({ initrdAddrMax: 0x27f_ffff }), Buffer.alloc(4097));
    expect(read(BOOT_PARAMS, 4096).readUInt32LE(0x218)).toBe(0x280_0000 - 2 * 4096);
  });

  test('is told of all memory, and of the hole below 1 MiB in which its MP table is', async () => {
    await boot(bzImage());
    const params = read(BOOT_PARAMS, 4096);
    const entries = Array.from({ length: params.readUInt8(0x1e8) }, (_, i) => {
      const at = 0x2d0 + 20 * i;
      return [params.readBigUInt64LE(at), params.readBigUInt64LE(at + 8), params.readUInt32LE(at + 16)];
    });
    expect(entries).toEqual([
      [0n, MP_TABLE_GPA, 1],
      [MP_TABLE_GPA, 0x10_0000n - MP_TABLE_GPA, 2],
      [0x10_0000n, BigInt(63 * MIB), 1],
      [0x1_0000_0000n, BigInt(2 * MIB), 1],
    ]);
    const table = mpTable(2);
    expect(read(MP_TABLE_GPA, table.length).equals(table)).toBe(true);
  });

  test.each<[string, () => Promise<void>, string, string]>([
    [
      'needs more memory than there is',
      () => boot(bzImage({ initSize: 64 * MIB })),
      'BOOT_IMAGE_INVALID',
      'kernel_path',
    ],
    [
      'is larger than it says that it needs',
      () => boot(bzImage({ initSize: 4096, prefAddress: BigInt(62 * MIB) })),
      'BOOT_IMAGE_INVALID',
      'kernel_path',
    ],
    [
      'wants to be where its parameters are',
      () => boot(bzImage({ prefAddress: 0x1000n })),
      'BOOT_IMAGE_INVALID',
      'kernel_path',
    ],
    [
      'wants to be behind all memory',
      () => boot(bzImage({ prefAddress: 2n ** 63n })),
      'BOOT_IMAGE_INVALID',
      'kernel_path',
    ],
    [
      'leaves no room for its initramfs',
      () => boot(bzImage(), Buffer.alloc(45 * MIB)),
      'BOOT_IMAGE_INVALID',
      'initramfs_path',
    ],
    [
      'takes a shorter command line',
      () => boot(bzImage({ cmdlineSize: 9 }), undefined, '0123456789'),
      'BOOT_COMMAND_LINE_TOO_LONG',
      'command_line',
    ],
  ])('that %s is refused, and says which field', async (_what, task, reason, field) => {
    await expect(task()).rejects.toMatchObject({ reason, details: { field: `vm.linux_boot.${field}` } });
    expect(set.size).toBe(0);
  });

  test('and that is not there, or is no file, is refused with the errno', async () => {
    const from = (kernelPath: string) =>
      bootLinux({ kernelPath, initramfsPath: '', commandLine: '' }, memory, 1, vcpu);
    await expect(from(join(folder, 'none'))).rejects.toMatchObject({
      reason: 'BOOT_FILE_UNREADABLE',
      details: { metadata: { errno: 'ENOENT' } },
    });
    await expect(from(folder)).rejects.toMatchObject({ reason: 'BOOT_FILE_UNREADABLE' });
  });
});
