// Booting Linux without a firmware: what the 64-bit boot protocol wants in memory and in vCPU 0's registers. Source:
// Documentation/arch/x86/boot.rst, "64-bit Boot Protocol" and "The Real-Mode Kernel Header"; zero-page.rst.

import { type FileHandle, open } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { VcpudError } from '../../errors/vcpud-error.js';
import { KVM, SIZE } from '../../kvm/abi.js';
import type { IoctlPort } from '../../kvm/port.js';
import type { GuestMemory, MemoryRegion } from '../guest-memory.js';
import { MOST_MP_CPUS, MP_TABLE_GPA, mpTable } from './mp-table.js';

export interface LinuxBoot {
  /** A bzImage on this host; an absolute path. */
  readonly kernelPath: string;
  /** An initramfs on this host; empty for none. */
  readonly initramfsPath: string;
  readonly commandLine: string;
}

/** Where things are put, guest-physical. All lie below 640 KiB but for the kernel and the initramfs. */
const PLACE = {
  gdt: 0x500,
  bootParams: 0x7000,
  pageTables: 0x9000, // PML4, PDPT, four page directories
  commandLine: 0x20000,
  kernel: 0x100000,
} as const;

/** The most of a command line that its place has room for; kernels take 2048. */
const MOST_COMMAND_LINE_BYTES = 4096;
const PAGE = 4096;

/** struct setup_header and boot_params: byte offsets from the start of the file and of the zero page alike. */
const HEADER = {
  setupSects: 0x1f1,
  bootFlag: 0x1fe,
  jump: 0x200, // the header ends at 0x202 + the byte at 0x201
  magic: 0x202, // "HdrS"
  version: 0x206,
  typeOfLoader: 0x210,
  loadflags: 0x211,
  ramdiskImage: 0x218,
  ramdiskSize: 0x21c,
  cmdLinePtr: 0x228,
  initrdAddrMax: 0x22c,
  relocatableKernel: 0x234,
  xloadflags: 0x236,
  cmdlineSize: 0x238,
  prefAddress: 0x258,
  initSize: 0x260,
} as const;
const HEADER_START = HEADER.setupSects;
const E820_ENTRIES = 0x1e8;
const E820_TABLE = 0x2d0;
const E820_ENTRY_BYTES = 20;
const E820 = { ram: 1, reserved: 2 } as const;
const SECTOR = 512;
const XLF_KERNEL_64 = 1;
const LOADER_UNDEFINED = 0xff;
/** The 64-bit entry point, from where the kernel is loaded. */
const ENTRY_64 = 0x200;
const FIRST_VERSION_WITH_64_BIT = 0x20c;

/** The first 64 MiB at least must be memory: a kernel, its initramfs and some room. */
const LEAST_LOW_MEMORY = 64n * 1024n * 1024n;
const COPY_BYTES = 1024 * 1024;

interface KernelImage {
  /** The setup header as the file has it, from HEADER_START. */
  readonly header: Buffer;
  /** Where the protected-mode kernel begins in the file. */
  readonly codeOffset: number;
  readonly initSize: number;
  readonly prefAddress: bigint;
  readonly initrdAddrMax: number;
  readonly cmdlineSize: number;
}

const invalidImage = (path: string, why: string): VcpudError =>
  VcpudError.of('BOOT_IMAGE_INVALID', `${path} ${why}`, {
    field: 'vm.linux_boot.kernel_path',
    metadata: { path },
  });

/** Reads a bzImage's setup header from its first KiB. Throws BOOT_IMAGE_INVALID. */
export function parseKernel(path: string, start: Buffer): KernelImage {
  if (start.length < 2 * SECTOR || start.readUInt16LE(HEADER.bootFlag) !== 0xaa55)
    throw invalidImage(path, 'is no Linux bzImage');
  if (start.toString('latin1', HEADER.magic, HEADER.magic + 4) !== 'HdrS')
    throw invalidImage(path, 'is no Linux bzImage');
  const version = start.readUInt16LE(HEADER.version);
  if (version < FIRST_VERSION_WITH_64_BIT || (start.readUInt16LE(HEADER.xloadflags) & XLF_KERNEL_64) === 0)
    throw invalidImage(path, 'has no 64-bit entry point (boot protocol 2.12 with XLF_KERNEL_64)');
  const setupSects = start.readUInt8(HEADER.setupSects) || 4;
  const headerEnd = HEADER.magic + start.readUInt8(HEADER.jump + 1);
  return {
    header: Buffer.from(start.subarray(HEADER_START, headerEnd)),
    codeOffset: (setupSects + 1) * SECTOR,
    initSize: start.readUInt32LE(HEADER.initSize),
    prefAddress: start.readBigUInt64LE(HEADER.prefAddress),
    initrdAddrMax: start.readUInt32LE(HEADER.initrdAddrMax),
    cmdlineSize: start.readUInt32LE(HEADER.cmdlineSize),
  };
}

/** Checks what can be known without the files. Throws BOOT_FILE_UNREADABLE, BOOT_IMAGE_INVALID, DEVICES_INVALID. */
export function checkLinuxBoot(boot: LinuxBoot, regions: readonly MemoryRegion[], vcpus: number): void {
  for (const [field, path] of [
    ['kernel_path', boot.kernelPath],
    ['initramfs_path', boot.initramfsPath],
  ] as const) {
    if (path === '' && field === 'initramfs_path') continue;
    if (!isAbsolute(path)) {
      throw VcpudError.of('BOOT_FILE_UNREADABLE', `${field} must be an absolute path on vcpud's host`, {
        field: `vm.linux_boot.${field}`,
        metadata: { path },
      });
    }
  }
  if (Buffer.byteLength(boot.commandLine) >= MOST_COMMAND_LINE_BYTES) {
    throw VcpudError.of(
      'BOOT_COMMAND_LINE_TOO_LONG',
      `a command line has at most ${MOST_COMMAND_LINE_BYTES - 1} bytes`,
      { field: 'vm.linux_boot.command_line' },
    );
  }
  if (vcpus > MOST_MP_CPUS) {
    throw VcpudError.of('VCPU_COUNT_OUT_OF_RANGE', `Linux is booted with 1 to ${MOST_MP_CPUS} vCPUs`, {
      field: 'vm.vcpu_count',
      metadata: { vcpu_count: String(vcpus), max_vcpus: String(MOST_MP_CPUS) },
    });
  }
  const low = regions.findIndex(({ gpa, bytes }) => gpa === 0n && bytes >= LEAST_LOW_MEMORY);
  if (low < 0) {
    throw VcpudError.of(
      'MEMORY_REGION_INVALID',
      'Linux is booted in a VM with a memory region of 64 MiB or more at 0',
      { field: 'vm.memory_regions' },
    );
  }
}

/** Puts a kernel, its initramfs and what describes them into a new VM's memory, and vCPU 0 at the entry point. */
export async function bootLinux(
  boot: LinuxBoot,
  memory: GuestMemory,
  vcpus: number,
  vcpu0: IoctlPort,
): Promise<void> {
  const { kernelPath, initramfsPath, commandLine } = boot;
  const low = memory.regions.find(({ gpa }) => gpa === 0n)?.bytes ?? 0n;
  const params = Buffer.alloc(PAGE);
  const kernel = await withFile('kernel_path', kernelPath, async (file, bytes) => {
    const start = Buffer.alloc(2 * SECTOR);
    await file.read(start, 0, start.length, 0);
    const image = parseKernel(kernelPath, start);
    const at = loadAddress(image);
    // What is loaded is less than what a kernel needs to unpack itself; in a header that is no kernel's it may be more.
    const needed = Math.max(image.initSize, bytes - image.codeOffset);
    if (at < BigInt(PLACE.kernel) || at + BigInt(needed) > low)
      throw invalidImage(kernelPath, 'does not fit into the VM’s memory');
    await copyFile(file, image.codeOffset, bytes, memory, at);
    return { image, at };
  });
  const { image, at } = kernel;
  if (Buffer.byteLength(commandLine) > image.cmdlineSize) {
    throw VcpudError.of('BOOT_COMMAND_LINE_TOO_LONG', `this kernel takes ${image.cmdlineSize} bytes`, {
      field: 'vm.linux_boot.command_line',
    });
  }
  image.header.copy(params, HEADER_START);
  if (initramfsPath !== '') {
    await withFile('initramfs_path', initramfsPath, async (file, bytes) => {
      const ceiling = low < BigInt(image.initrdAddrMax) + 1n ? low : BigInt(image.initrdAddrMax) + 1n;
      const place = ((ceiling - BigInt(bytes)) / BigInt(PAGE)) * BigInt(PAGE);
      if (place < at + BigInt(image.initSize)) {
        throw VcpudError.of(
          'BOOT_IMAGE_INVALID',
          `${initramfsPath} does not fit into the VM’s memory beside the kernel`,
          { field: 'vm.linux_boot.initramfs_path', metadata: { path: initramfsPath } },
        );
      }
      await copyFile(file, 0, bytes, memory, place);
      params.writeUInt32LE(Number(place), HEADER.ramdiskImage);
      params.writeUInt32LE(bytes, HEADER.ramdiskSize);
    });
  }
  params.writeUInt8(LOADER_UNDEFINED, HEADER.typeOfLoader);
  params.writeUInt32LE(PLACE.commandLine, HEADER.cmdLinePtr);
  writeE820(params, memory.regions);
  await memory.write(BigInt(PLACE.bootParams), params);
  await memory.write(BigInt(PLACE.commandLine), Buffer.from(`${commandLine}\0`));
  await memory.write(BigInt(PLACE.gdt), GDT);
  await memory.write(BigInt(PLACE.pageTables), identityMap());
  await memory.write(MP_TABLE_GPA, mpTable(vcpus));
  enterAt(vcpu0, at + BigInt(ENTRY_64));
}

/** A relocatable kernel runs where it is put; it prefers one place, where it need not move itself. */
function loadAddress({ header, prefAddress }: KernelImage): bigint {
  const relocatable = header.readUInt8(HEADER.relocatableKernel - HEADER_START) !== 0;
  return relocatable ? prefAddress : BigInt(PLACE.kernel);
}

async function withFile<T>(
  field: string,
  path: string,
  task: (file: FileHandle, bytes: number) => Promise<T>,
): Promise<T> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw VcpudError.of('BOOT_FILE_UNREADABLE', `${path} can't be read on vcpud's host: ${code}`, {
      field: `vm.linux_boot.${field}`,
      metadata: { path, errno: code },
      cause: error,
    });
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile()) {
      throw VcpudError.of('BOOT_FILE_UNREADABLE', `${path} is no file`, {
        field: `vm.linux_boot.${field}`,
        metadata: { path },
      });
    }
    return await task(file, stat.size);
  } finally {
    await file.close();
  }
}

async function copyFile(
  file: FileHandle,
  from: number,
  end: number,
  memory: GuestMemory,
  gpa: bigint,
): Promise<void> {
  const buffer = Buffer.allocUnsafe(COPY_BYTES);
  for (let at = from; at < end; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(COPY_BYTES, end - at), at);
    if (bytesRead === 0) return;
    await memory.write(gpa + BigInt(at - from), buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
}

/** The map of memory: all of the VM's but what lies between the MP table and 1 MiB, where a PC has its ROMs. */
function writeE820(params: Buffer, regions: readonly MemoryRegion[]): void {
  const entries: Array<readonly [gpa: bigint, bytes: bigint, type: number]> = [];
  for (const { gpa, bytes } of regions) {
    if (gpa !== 0n) {
      entries.push([gpa, bytes, E820.ram]);
      continue;
    }
    entries.push([0n, MP_TABLE_GPA, E820.ram]);
    entries.push([MP_TABLE_GPA, BigInt(PLACE.kernel) - MP_TABLE_GPA, E820.reserved]);
    entries.push([BigInt(PLACE.kernel), bytes - BigInt(PLACE.kernel), E820.ram]);
  }
  params.writeUInt8(entries.length, E820_ENTRIES);
  entries.forEach(([gpa, bytes, type], i) => {
    const at = E820_TABLE + i * E820_ENTRY_BYTES;
    params.writeBigUInt64LE(gpa, at);
    params.writeBigUInt64LE(bytes, at + 8);
    params.writeUInt32LE(type, at + 16);
  });
}

/** Null, null, 64-bit code at 0x10, data at 0x18: the selectors that the protocol asks for. */
const GDT = Buffer.alloc(32);
GDT.writeBigUInt64LE(0x00af_9b00_0000_ffffn, 16);
GDT.writeBigUInt64LE(0x00cf_9300_0000_ffffn, 24);

/** The first 4 GiB mapped onto themselves, in pages of 2 MiB. */
function identityMap(): Buffer {
  const PRESENT_WRITABLE = 3n;
  const LARGE = 0x80n;
  const tables = Buffer.alloc(6 * PAGE);
  const base = BigInt(PLACE.pageTables);
  tables.writeBigUInt64LE((base + 4096n) | PRESENT_WRITABLE, 0);
  for (let gib = 0; gib < 4; gib += 1) {
    tables.writeBigUInt64LE((base + BigInt((2 + gib) * PAGE)) | PRESENT_WRITABLE, PAGE + 8 * gib);
    for (let i = 0; i < 512; i += 1) {
      const gpa = BigInt(gib * 512 + i) << 21n;
      tables.writeBigUInt64LE(gpa | PRESENT_WRITABLE | LARGE, (2 + gib) * PAGE + 8 * i);
    }
  }
  return tables;
}

/** struct kvm_segment: 24 bytes. */
const SEGMENT_BYTES = 24;
/** struct kvm_sregs: byte offsets of what is set. */
const SREGS = { cs: 0, ds: 24, es: 48, ss: 120, gdt: 192, cr0: 224, cr3: 240, cr4: 248, efer: 264 } as const;
const CR0_PE_ET_PG = 0x8000_0011n;
const CR4_PAE = 0x20n;
const EFER_LME_LMA = 0x500n;
/** struct kvm_regs: byte offsets of what is set. */
const REGS = { rsi: 32, rip: 128, rflags: 136 } as const;

function segment(selector: number, type: number, long: boolean): Buffer {
  const bytes = Buffer.alloc(SEGMENT_BYTES);
  bytes.writeUInt32LE(0xffffffff, 8); // limit
  bytes.writeUInt16LE(selector, 12);
  // type, present, dpl, db, s, l, g
  bytes.set([type, 1, 0, long ? 0 : 1, 1, long ? 1 : 0, 1], 14);
  return bytes;
}

/** Long mode at the entry point, paging on, RSI at the boot parameters, interrupts off. */
function enterAt(vcpu: IoctlPort, rip: bigint): void {
  const sregs = Buffer.alloc(SIZE.sregs);
  vcpu.ioctl(KVM.GET_SREGS, sregs);
  segment(0x10, 11, true).copy(sregs, SREGS.cs);
  for (const data of [SREGS.ds, SREGS.es, SREGS.ss]) segment(0x18, 3, false).copy(sregs, data);
  sregs.writeBigUInt64LE(BigInt(PLACE.gdt), SREGS.gdt);
  sregs.writeUInt16LE(GDT.length - 1, SREGS.gdt + 8);
  sregs.writeBigUInt64LE(CR0_PE_ET_PG, SREGS.cr0);
  sregs.writeBigUInt64LE(BigInt(PLACE.pageTables), SREGS.cr3);
  sregs.writeBigUInt64LE(CR4_PAE, SREGS.cr4);
  sregs.writeBigUInt64LE(EFER_LME_LMA, SREGS.efer);
  vcpu.ioctl(KVM.SET_SREGS, sregs);
  const regs = Buffer.alloc(SIZE.regs);
  regs.writeBigUInt64LE(BigInt(PLACE.bootParams), REGS.rsi);
  regs.writeBigUInt64LE(rip, REGS.rip);
  regs.writeBigUInt64LE(2n, REGS.rflags);
  vcpu.ioctl(KVM.SET_REGS, regs);
}
