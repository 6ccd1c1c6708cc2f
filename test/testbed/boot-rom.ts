// The ROM that starts Linux in Bochs, which boots no kernel itself. Built by cache.ts; what it finds in memory is laid
// out by ram.ts.
//
// It stands where a video BIOS would: the system BIOS has set up PCI, ACPI and its memory map by then and calls it
// before it looks for disks. The kernel, decompressed, is in memory already (Documentation/x86/boot.rst, "64-bit
// Boot Protocol"), so a boot reads no disk and decompresses nothing.

import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runTool } from './packages.js';
import { RAM } from './ram.js';

const ROM_BASE = 0xc0000;
const ROM_BYTES = 2048;

/** Offsets in struct boot_params (arch/x86/include/uapi/asm/bootparam.h). */
const E820_ENTRIES = 0x1e8; // u8
const E820_TABLE = 0x2d0; // entries of 20 bytes, as INT 15h AX=E820h gives them

const SOURCE = `
        .code16
        .byte 0x55, 0xaa, ${ROM_BYTES / 512}  # an option ROM of that many 512-byte blocks; the BIOS calls offset 3

        cld                             # the memory map: BIOS to boot_params
        movw $${RAM.bootParams >> 4}, %ax
        movw %ax, %es
        movw $${E820_TABLE}, %di
        xorl %ebx, %ebx                 # INT 15h's own: which entry is next
        xorw %bp, %bp
next:   movl $0xe820, %eax
        movl $0x534d4150, %edx          # "SMAP"
        movl $20, %ecx
        int $0x15
        jc last
        incw %bp
        addw %cx, %di
        testl %ebx, %ebx
        jnz next
last:   movw %bp, %ax
        movb %al, %es:${E820_ENTRIES}

        cli                             # to 64-bit mode
        movw %cs, %ax
        movw %ax, %ds
        lgdtl gdtr
        movl %cr4, %eax
        orl $0x20, %eax                 # PAE
        movl %eax, %cr4
        movl $${RAM.pml4}, %eax
        movl %eax, %cr3
        movl $0xc0000080, %ecx          # EFER
        rdmsr
        orl $0x100, %eax                # LME
        wrmsr
        movl %cr0, %eax
        orl $0x80000001, %eax           # PG, PE
        movl %eax, %cr0
        ljmpl $0x10, $(${ROM_BASE} + long)

        .code64
long:   movw $0x18, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movl $${RAM.bootParams}, %esi
        movl $${RAM.entry}, %eax
        jmp *(%rax)

        .balign 8                       # __BOOT_CS is 0x10, __BOOT_DS is 0x18; the accessed bits are set: this is ROM
gdt:    .quad 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdtr:   .word gdtr - gdt - 1
        .long ${ROM_BASE} + gdt
        .org ${ROM_BYTES}
`;

/** The ROM, built in `folder` by as and ld, which `tool` finds. */
export async function buildBootRom(
  tool: (name: string) => [string, ...string[]],
  folder: string,
): Promise<Buffer> {
  const [source, object, binary] = ['S', 'o', 'bin'].map((ending) => join(folder, `boot-rom.${ending}`)) as [
    string,
    string,
    string,
  ];
  const run = ([program, ...first]: [string, ...string[]], ...args: string[]) =>
    runTool(program, [...first, ...args]);
  try {
    await writeFile(source, SOURCE);
    await run(tool('as'), '--64', '-o', object, source);
    await run(tool('ld'), '-Ttext=0', '--entry=0', '--oformat=binary', '-o', binary, object);
    return checksummed(await readFile(binary));
  } finally {
    for (const file of [source, object, binary]) await rm(file, { force: true });
  }
}

/** The BIOS calls a ROM only if its bytes add up to 0. */
export function checksummed(rom: Buffer): Buffer {
  const sum = rom.subarray(0, -1).reduce((total, byte) => total + byte, 0);
  rom[rom.length - 1] = -sum & 0xff;
  return rom;
}
