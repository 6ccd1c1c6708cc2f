// The Intel host's memory as it is when Bochs starts: kernel, initramfs and what boot-rom.ts hands to the kernel.
// Written by intel-host.ts; Bochs's debugger command "restore" reads it.

import type { FileHandle } from 'node:fs/promises';

const MIB = 1 << 20;

/** Physical addresses. Below 1 MiB: what the BIOS leaves alone, which uses 0x30000 up and 0x600 down. */
export const RAM = {
  bootParams: 0x20000,
  commandLine: 0x21000,
  pml4: 0x22000,
  pdpt: 0x23000,
  /** Holds the kernel's entry point, for boot-rom.ts: u64. */
  entry: 0x24000,
  /** Where a vmlinux of x86-64 is linked to run. */
  kernel: 0x1000000,
  /** What one run alone has (intel-host.ts); reserved, so that the kernel neither uses nor clears it. */
  run: 0x6000000,
  runBytes: 48 * MIB,
  initramfs: 0x9000000,
} as const;

/** Offsets in an ELF file (elf(5), Elf64_Ehdr and Elf64_Phdr). */
const ELF = { entry: 24, phoff: 32, phnum: 56, phentsize: 56 } as const;
const SEGMENT = { type: 0, offset: 8, paddr: 24, filesz: 32, memsz: 40 } as const;
const PT_LOAD = 1;

/** Offsets in struct boot_params, which holds the bzImage's setup header (Documentation/x86/boot.rst). */
const SETUP_HEADER = 0x1f1;
const SETUP_HEADER_END = 0x201; // u8: the header ends this many bytes after 0x202
const TYPE_OF_LOADER = 0x210;
const UNDEFINED_LOADER = 0xff;
const LOADFLAGS = 0x211;
const LOADED_HIGH = 1;
const RAMDISK_IMAGE = 0x218; // u32
const RAMDISK_SIZE = 0x21c; // u32
const CMD_LINE_PTR = 0x228; // u32
const PAGE = 4096;

const PRESENT_WRITABLE = 0x3;
const LARGE = 0x80;
const GIB = 1 << 30;

/** Bytes and their physical address. */
interface Piece {
  readonly at: number;
  readonly data: Uint8Array;
}

/** All that is in memory, but what one run alone has. */
export function memoryPieces(
  vmlinux: Buffer,
  bzImage: Buffer,
  initramfs: Buffer,
  commandLine: string,
): Piece[] {
  return [
    ...kernelSegments(vmlinux),
    { at: RAM.bootParams, data: bootParams(bzImage, initramfs.length) },
    { at: RAM.commandLine, data: Buffer.from(`${commandLine}\0`) },
    ...identityMap(),
    { at: RAM.entry, data: vmlinux.subarray(ELF.entry, ELF.entry + 8) },
    { at: RAM.initramfs, data: initramfs },
  ];
}

function kernelSegments(vmlinux: Buffer): Piece[] {
  const pieces: Piece[] = [];
  const number = (at: number) => Number(vmlinux.readBigUInt64LE(at));
  for (let index = 0; index < vmlinux.readUInt16LE(ELF.phnum); index += 1) {
    const header = number(ELF.phoff) + index * ELF.phentsize;
    if (vmlinux.readUInt32LE(header + SEGMENT.type) !== PT_LOAD) continue;
    const offset = number(header + SEGMENT.offset);
    const at = number(header + SEGMENT.paddr);
    if (at < RAM.kernel || at + number(header + SEGMENT.memsz) > RAM.run) {
      throw new RangeError(`The kernel's segment at 0x${at.toString(16)} does not fit into RAM's layout.`);
    }
    pieces.push({ at, data: vmlinux.subarray(offset, offset + number(header + SEGMENT.filesz)) });
  }
  return pieces;
}

function bootParams(bzImage: Buffer, initramfsBytes: number): Buffer {
  const page = Buffer.alloc(PAGE);
  bzImage.copy(page, SETUP_HEADER, SETUP_HEADER, 0x202 + (bzImage[SETUP_HEADER_END] ?? 0));
  page[TYPE_OF_LOADER] = UNDEFINED_LOADER;
  page[LOADFLAGS] = (page[LOADFLAGS] ?? 0) | LOADED_HIGH;
  page.writeUInt32LE(RAM.initramfs, RAMDISK_IMAGE);
  page.writeUInt32LE(initramfsBytes, RAMDISK_SIZE);
  page.writeUInt32LE(RAM.commandLine, CMD_LINE_PTR);
  return page;
}

/** The first 4 GiB at their own addresses, in pages of 1 GiB. */
function identityMap(): Piece[] {
  const pml4 = Buffer.alloc(PAGE);
  pml4.writeUInt32LE(RAM.pdpt | PRESENT_WRITABLE);
  const pdpt = Buffer.alloc(PAGE);
  for (let index = 0; index < 4; index += 1) {
    pdpt.writeUInt32LE(index * GIB + (PRESENT_WRITABLE | LARGE), index * 8);
  }
  return [
    { at: RAM.pml4, data: pml4 },
    { at: RAM.pdpt, data: pdpt },
  ];
}

/** Bochs hands memory out in blocks; `restore` reads whole ones. */
const BLOCK_BYTES = 128 * 1024;

/** Writes the pieces where `restore` looks for them: a file whose offsets are physical addresses. */
export async function writeMemory(file: FileHandle, pieces: readonly Piece[]): Promise<void> {
  for (const { at, data } of pieces) await writeAt(file, data, at);
  const { size } = await file.stat();
  await file.truncate(Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES);
}

export async function writeAt(file: FileHandle, data: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < data.length; ) {
    done += (await file.write(data, done, data.length - done, at + done)).bytesWritten;
  }
}

/** The file named `memory` of a Bochs state folder: which blocks are there, for a memory.ram of `bytes`. */
export function memoryState(bytes: number): string {
  const blocks = Array.from({ length: Math.ceil(bytes / BLOCK_BYTES) }, (_, block) => block);
  return [
    'memory = {',
    '  ram = memory.ram',
    '  next_swapout_idx = 0',
    `  used_blocks = ${blocks.length}`,
    '  mapping = {',
    ...blocks.map((block) => `    blk${block} = ${block}`),
    '  }',
    '}',
    '',
  ].join('\n');
}
