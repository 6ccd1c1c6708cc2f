// CPUID tables as KVM takes and gives them (struct kvm_cpuid2), and the few questions asked of them.

import { KernelError } from '../os/kernel-error.js';
import { CPUID_ENTRY, KVM, SIZE } from './abi.js';
import type { IoctlPort } from './port.js';
import type { SeriesStep } from './steps.js';

const FIRST_TRY_ENTRIES = 128;
const MOST_ENTRIES = 1024;
/** No entry consists of such bytes: its padding is 0. */
const UNTOUCHED = 0xff;
const UNTOUCHED_WORD = 0xffff_ffff;

/** The entries of a CPUID table: 40 bytes each, no header. */
function readTable(port: IoctlPort, request: number): Buffer {
  for (let count = FIRST_TRY_ENTRIES; ; count *= 2) {
    const table = roomFor(count);
    try {
      port.ioctl(request, table);
    } catch (error) {
      // E2BIG: more entries than there was room for.
      if (error instanceof KernelError && error.code === 'E2BIG' && count < MOST_ENTRIES) continue;
      throw error;
    }
    return writtenEntries(table);
  }
}

function roomFor(count: number): Buffer {
  const table = Buffer.alloc(SIZE.cpuidHeader + SIZE.cpuidEntry * count, UNTOUCHED);
  table.writeUInt32LE(count, 0);
  table.writeUInt32LE(0, 4);
  return table;
}

/**
 * The entries that the kernel wrote. Kernels before 6.4 leave KVM_GET_CPUID2's count as it was asked for, and a table
 * that is given back with more entries than it had is refused by a vCPU that ran: so the bytes themselves tell.
 */
function writtenEntries(table: Buffer): Buffer {
  const end = SIZE.cpuidHeader + SIZE.cpuidEntry * table.readUInt32LE(0);
  const entries = table.subarray(SIZE.cpuidHeader, end);
  const view = new DataView(entries.buffer, entries.byteOffset, entries.length);
  for (let at = 0; at < entries.length; at += SIZE.cpuidEntry) {
    if (view.getUint32(at + CPUID_ENTRY.function, true) !== UNTOUCHED_WORD) continue; // most, and at once
    const untouched = entries.subarray(at, at + SIZE.cpuidEntry).every((byte) => byte === UNTOUCHED);
    if (untouched) return entries.subarray(0, at);
  }
  return entries;
}

/** KVM_GET_SUPPORTED_CPUID on /dev/kvm: what the host can give a guest, SVM or VMX included where nesting is on. */
export const getSupportedCpuid = (kvm: IoctlPort): Buffer => readTable(kvm, KVM.GET_SUPPORTED_CPUID);

/** KVM_GET_CPUID2: what a vCPU has. */
export const getCpuid = (vcpu: IoctlPort): Buffer => readTable(vcpu, KVM.GET_CPUID2);

/** The same as a step: in one ioctl, where there are no more entries than most vCPUs have. */
export function getCpuidStep(vcpu: IoctlPort): SeriesStep<Buffer> {
  const table = roomFor(FIRST_TRY_ENTRIES);
  return {
    calls: [{ request: KVM.GET_CPUID2, argument: table }],
    done: () => writtenEntries(table),
    otherwise: () => getCpuid(vcpu),
  };
}

/** struct kvm_cpuid2 with these entries. */
export function cpuidTable(entries: Buffer): Buffer {
  const table = Buffer.allocUnsafe(SIZE.cpuidHeader + entries.length).fill(0, 0, SIZE.cpuidHeader);
  table.writeUInt32LE(entries.length / SIZE.cpuidEntry, 0);
  entries.copy(table, SIZE.cpuidHeader);
  return table;
}

/** KVM_SET_CPUID2. A vCPU that has run takes only what it has already. */
export function setCpuid(vcpu: IoctlPort, entries: Buffer): void {
  vcpu.ioctl(KVM.SET_CPUID2, cpuidTable(entries));
}

export type Register = 'eax' | 'ebx' | 'ecx' | 'edx';

/** A register of a leaf (of its only subleaf, or of the one given); 0 where the table lacks it. */
export function cpuidRegister(entries: Buffer, leaf: number, register: Register, subleaf = 0): number {
  for (let at = 0; at < entries.length; at += SIZE.cpuidEntry) {
    if (entries.readUInt32LE(at + CPUID_ENTRY.function) !== leaf) continue;
    if (entries.readUInt32LE(at + CPUID_ENTRY.index) === subleaf)
      return entries.readUInt32LE(at + CPUID_ENTRY[register]);
  }
  return 0;
}

const bit = (value: number, n: number): boolean => ((value >>> n) & 1) === 1;

/** CPUID 0x80000001 ECX bit 2: AMD's SVM. */
export const hasSvm = (entries: Buffer): boolean => bit(cpuidRegister(entries, 0x80000001, 'ecx'), 2);

/** CPUID 1 ECX bit 5: Intel's VMX. */
export const hasVmx = (entries: Buffer): boolean => bit(cpuidRegister(entries, 1, 'ecx'), 5);

const DEFAULT_PHYSICAL_ADDRESS_BITS = 36;

/**
 * CPUID 0x80000008 EAX bits 0-7: bits of a physical address, as cpuid_query_maxphyaddr reads it; 36 where the leaf is
 * missing, or beyond what leaf 0x80000000 says there is.
 */
export function maxPhyAddr(entries: Buffer): number {
  const missing = cpuidRegister(entries, 0x80000000, 'eax') < 0x80000008;
  return missing ? DEFAULT_PHYSICAL_ADDRESS_BITS : cpuidRegister(entries, 0x80000008, 'eax') & 0xff;
}

/** The vendor string, such as "AuthenticAMD". */
export function vendorString(entries: Buffer): string {
  const text = Buffer.alloc(12);
  text.writeUInt32LE(cpuidRegister(entries, 0, 'ebx'), 0);
  text.writeUInt32LE(cpuidRegister(entries, 0, 'edx'), 4);
  text.writeUInt32LE(cpuidRegister(entries, 0, 'ecx'), 8);
  return text.toString('latin1');
}

/** Where a vCPU's APIC id stands: leaf, register, how it is put in. */
const APIC_ID_PLACES: ReadonlyArray<
  readonly [leaf: number, register: Register, insert: (old: number, id: number) => number]
> = [
  [0x1, 'ebx', (old, id) => ((old & 0x00ffffff) | ((id & 0xff) << 24)) >>> 0],
  [0xb, 'edx', (_old, id) => id],
  [0x1f, 'edx', (_old, id) => id],
  [0x8000001e, 'eax', (_old, id) => id],
];

/** A copy of the table for the vCPU of that APIC id. */
export function withApicId(entries: Buffer, id: number): Buffer {
  const copy = Buffer.from(entries);
  for (let at = 0; at < copy.length; at += SIZE.cpuidEntry) {
    const leaf = copy.readUInt32LE(at + CPUID_ENTRY.function);
    for (const [place, register, insert] of APIC_ID_PLACES) {
      if (place !== leaf) continue;
      const offset = at + CPUID_ENTRY[register];
      copy.writeUInt32LE(insert(copy.readUInt32LE(offset), id), offset);
    }
  }
  return copy;
}

/** Features that KVM has and does not list (TSC_DEADLINE_TIMER before 6.14): bits of CPUID 1 ECX. */
const UNLISTED = { TSC_DEADLINE_TIMER: 24, HYPERVISOR: 31 } as const;

/**
 * A copy of the table for an operating system. That there is a hypervisor: one that doesn't see it looks no further for
 * KVM's leaves, its clock among them. And the LAPIC's TSC deadline mode, where KVM has it: else an operating system
 * measures how fast the LAPIC's timer counts, and does without that timer where a busy host made the measure a bad one.
 */
export function forOperatingSystem(entries: Buffer, tscDeadlineTimer: boolean): Buffer {
  const bits = (1 << UNLISTED.HYPERVISOR) | (tscDeadlineTimer ? 1 << UNLISTED.TSC_DEADLINE_TIMER : 0);
  const copy = Buffer.from(entries);
  for (let at = 0; at < copy.length; at += SIZE.cpuidEntry) {
    if (copy.readUInt32LE(at + CPUID_ENTRY.function) !== 1) continue;
    copy.writeUInt32LE((copy.readUInt32LE(at + CPUID_ENTRY.ecx) | bits) >>> 0, at + CPUID_ENTRY.ecx);
  }
  return copy;
}

/** A copy of the table without nested paging: CPUID 0x8000000A EDX bit 0. */
export function hidingNpt(entries: Buffer): Buffer {
  const copy = Buffer.from(entries);
  for (let at = 0; at < copy.length; at += SIZE.cpuidEntry) {
    if (copy.readUInt32LE(at + CPUID_ENTRY.function) !== 0x8000000a) continue;
    copy.writeUInt32LE((copy.readUInt32LE(at + CPUID_ENTRY.edx) & ~1) >>> 0, at + CPUID_ENTRY.edx);
  }
  return copy;
}

/** What of a vCPU's table follows its registers: leaf, subleaf, register, bits (kvm_update_cpuid_runtime). */
const RUNTIME_BITS: ReadonlyArray<
  readonly [leaf: number, subleaf: number, register: Register, mask: number]
> = [
  [0x1, 0, 'ecx', 1 << 27], // OSXSAVE
  [0x1, 0, 'edx', 1 << 9], // APIC
  [0x7, 0, 'ecx', 1 << 4], // OSPKE
  [0xd, 0, 'ebx', 0xffff_ffff], // size of an XSAVE area with the components of XCR0
  [0xd, 1, 'ebx', 0xffff_ffff], // the same, compacted
];

/** A copy of the table without what tells one vCPU from another: its APIC id, and what its registers say. */
export function commonCpuid(entries: Buffer): Buffer {
  const copy = withApicId(entries, 0);
  for (let at = 0; at < copy.length; at += SIZE.cpuidEntry) {
    for (const [leaf, subleaf, register, mask] of RUNTIME_BITS) {
      if (copy.readUInt32LE(at + CPUID_ENTRY.function) !== leaf) continue;
      if (copy.readUInt32LE(at + CPUID_ENTRY.index) !== subleaf) continue;
      const offset = at + CPUID_ENTRY[register];
      copy.writeUInt32LE((copy.readUInt32LE(offset) & ~mask) >>> 0, offset);
    }
  }
  return copy;
}
