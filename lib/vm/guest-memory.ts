// Guest-physical memory: regions over one memfd, so that it is read and written as a file, by libuv's pool and
// without touching the guest's mapping. KVM gets the mapping through KVM_SET_USER_MEMORY_REGION.

import { closeSync, ftruncateSync, read, readSync, write, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { VcpudError } from '../errors/vcpud-error.js';
import { KVM, MEMORY_REGION_FLAGS, MEMORY_REGION_LAYOUT, SIZE } from '../kvm/abi.js';
import type { IoctlPort } from '../kvm/port.js';
import { KernelError } from '../os/kernel-error.js';
import {
  copyFileRange,
  EIO,
  memfdCreate,
  mmapShared,
  munmap,
  seekData,
  seekHole,
  viewOf,
} from '../os/libc.js';
import { PAGE_BYTES } from './dirty-bitmap.js';

const readAsync = promisify(read);
const writeAsync = promisify(write);

const PAGE = BigInt(PAGE_BYTES);
/** How many regions a VM has at most. */
export const MOST_REGIONS = 32;
/** How much of a mapping one view shows: Node 20's buffers end at 4 GiB. */
const VIEW_BYTES = 1024 * 1024 * 1024;
/** Below this, a read or write is a copy of microseconds: cheaper here than by way of libuv's pool. */
const SYNC_BYTES = 64 * 1024;
/** From so many bytes on, a copy by the kernel from file to file is cheaper than a read: its call costs eight reads'. */
const COPY_BYTES = 128 * 1024;
const ZEROES = Buffer.alloc(64 * 1024);

/** Where vcpud lets KVM keep what Intel's real mode needs: 3 pages of TSS and an identity map (QEMU's places). */
export const RESERVED_FOR_KVM = { gpa: 0xfeffc000n, bytes: 0x4000n } as const;
export const IDENTITY_MAP_GPA = 0xfeffc000n;
export const TSS_GPA = 0xfeffd000;

export interface MemoryRegion {
  readonly gpa: bigint;
  readonly bytes: bigint;
}

/** Where another process of this host finds a VM's memory: /proc/PID/fd/FD. */
export interface MemoryPlace {
  readonly pid: number;
  readonly fd: number;
}

/** How the file of a VM's memory begins to be named; what follows is the VM's id. */
export const MEMORY_FILE = 'vcpud-';
/** How long what `sign` writes is. */
export const SIGNATURE_BYTES = 32;

interface PlacedRegion extends MemoryRegion {
  /** Offset of its first byte in the memfd. */
  readonly offset: number;
}

/** A piece of guest memory: bytes, which stand in the buffer given, or a run of zeroes that was never written. */
export type MemoryPiece =
  | { readonly gpa: bigint; readonly dataBytes: number }
  | { readonly gpa: bigint; readonly zeroBytes: number };

/** A piece of whole pages: bytes, which begin at `start` in the buffer given, or pages that hold nothing but zeroes. */
export type PagesPiece =
  | { readonly gpa: bigint; readonly start: number; readonly dataBytes: number }
  | { readonly gpa: bigint; readonly zeroBytes: number };

/** Called when bytes of memory were written, or may have been, by other than the guest. Must not throw. */
export type WriteListener = (gpa: bigint, bytes: number) => void;

const hex = (value: bigint): string => `0x${value.toString(16)}`;

function invalidRegion(index: number, region: MemoryRegion, why: string): VcpudError {
  const where = `memory_regions[${index}]`;
  return VcpudError.of(
    'MEMORY_REGION_INVALID',
    `${where}, ${region.bytes} bytes at ${hex(region.gpa)}, ${why}`,
    {
      field: `vm.${where}`,
      metadata: { gpa: hex(region.gpa), size_bytes: String(region.bytes) },
    },
  );
}

const overlap = (a: MemoryRegion, b: MemoryRegion): boolean =>
  a.gpa < b.gpa + b.bytes && b.gpa < a.gpa + a.bytes;

/** Throws MEMORY_REGION_INVALID at the first region that can't be. */
export function checkRegions(regions: readonly MemoryRegion[], physicalAddressBits: number): void {
  if (regions.length === 0 || regions.length > MOST_REGIONS) {
    throw VcpudError.of(
      'MEMORY_REGION_INVALID',
      `a VM has 1 to ${MOST_REGIONS} memory regions, not ${regions.length}`,
      {
        field: 'vm.memory_regions',
      },
    );
  }
  const end = 1n << BigInt(physicalAddressBits);
  regions.forEach((region, i) => {
    if (region.gpa % PAGE !== 0n || region.bytes % PAGE !== 0n)
      throw invalidRegion(i, region, 'is not in whole pages');
    if (region.bytes === 0n) throw invalidRegion(i, region, 'is empty');
    if (region.gpa + region.bytes > end) throw invalidRegion(i, region, `ends above ${hex(end)}`);
    if (overlap(region, RESERVED_FOR_KVM))
      throw invalidRegion(i, region, 'covers the pages that KVM needs itself');
    const other = regions.findIndex((before, j) => j < i && overlap(region, before));
    if (other >= 0) throw invalidRegion(i, region, `overlaps memory_regions[${other}]`);
  });
}

/** Where in a page a word is looked at before all of it is: most pages that are not zero show it in one of these. */
const PROBE_STEP = PAGE_BYTES / 8;

function isZeroPage(buffer: Buffer, at: number): boolean {
  for (let probe = at; probe < at + PAGE_BYTES; probe += PROBE_STEP) if (buffer[probe] !== 0) return false;
  return buffer.compare(ZEROES, 0, PAGE_BYTES, at, at + PAGE_BYTES) === 0;
}

/** The longest stretch of pages of buffer[0..length) from there on that are all zero, or all not. */
export function stretchOfPages(
  buffer: Buffer,
  start: number,
  length: number,
): { readonly end: number; readonly zero: boolean } {
  const zero = isZeroPage(buffer, start);
  let end = start + PAGE_BYTES;
  while (end < length && isZeroPage(buffer, end) === zero) end += PAGE_BYTES;
  return { end, zero };
}

export class GuestMemory {
  readonly regions: readonly MemoryRegion[];
  private readonly placed: readonly PlacedRegion[];
  private readonly fd: number;
  private readonly mappings: Array<{ address: number; bytes: number }> = [];
  /** Of mappings, VIEW_BYTES each, made as they are asked for; by address. */
  private readonly views = new Map<number, Buffer>();
  private listener: WriteListener = () => undefined;
  private users = 0;
  private closing = false;

  private constructor(fd: number, placed: readonly PlacedRegion[]) {
    this.fd = fd;
    this.placed = placed;
    this.regions = placed.map(({ gpa, bytes }) => ({ gpa, bytes }));
  }

  /** Makes the memory of checked regions; pages take room only once they are written. */
  static create(vmId: string, regions: readonly MemoryRegion[]): GuestMemory {
    const fd = memfdCreate(`${MEMORY_FILE}${vmId}`);
    let offset = 0;
    const placed = regions.map((region) => {
      const at = { ...region, offset };
      offset += Number(region.bytes);
      return at;
    });
    const memory = new GuestMemory(fd, placed);
    try {
      ftruncateSync(fd, offset + PAGE_BYTES); // behind it all is room for a signature
      for (const { bytes, offset: at } of placed) {
        memory.mappings.push({ address: mmapShared(fd, Number(bytes), at), bytes: Number(bytes) });
      }
    } catch (error) {
      memory.close();
      throw error;
    }
    return memory;
  }

  /** KVM_SET_USER_MEMORY_REGION for each region, slots from 0. */
  giveTo(vm: IoctlPort): void {
    this.giveWith(vm, 0);
  }

  /** The same, and KVM logs which pages are written. Given again like this, or as before, regions stay what they are. */
  giveLoggedTo(vm: IoctlPort): void {
    this.giveWith(vm, MEMORY_REGION_FLAGS.LOG_DIRTY_PAGES);
  }

  private giveWith(vm: IoctlPort, flags: number): void {
    this.placed.forEach(({ gpa, bytes }, slot) => {
      const region = Buffer.alloc(SIZE.memoryRegion);
      region.writeUInt32LE(slot, MEMORY_REGION_LAYOUT.slot);
      region.writeUInt32LE(flags, MEMORY_REGION_LAYOUT.flags);
      region.writeBigUInt64LE(gpa, MEMORY_REGION_LAYOUT.gpa);
      region.writeBigUInt64LE(bytes, MEMORY_REGION_LAYOUT.bytes);
      region.writeBigUInt64LE(BigInt(this.mappings[slot]?.address ?? 0), MEMORY_REGION_LAYOUT.address);
      vm.ioctl(KVM.SET_USER_MEMORY_REGION, region);
    });
  }

  /** Tells of every write from here on: once it is done, so that who then reads sees it. One listener at a time. */
  onWrite(listener: WriteListener): void {
    this.listener = listener;
  }

  /** Where a range begins in the memfd. Throws MEMORY_RANGE_NOT_BACKED. */
  private locate(gpa: bigint, bytes: bigint): number {
    this.assertOpen();
    const region = this.placed.find((r) => gpa >= r.gpa && gpa + bytes <= r.gpa + r.bytes);
    if (region !== undefined) return region.offset + Number(gpa - region.gpa);
    throw VcpudError.of(
      'MEMORY_RANGE_NOT_BACKED',
      `no one memory region of the VM holds the ${bytes} bytes at ${hex(gpa)}`,
      { field: 'gpa', metadata: { gpa: hex(gpa), size_bytes: String(bytes) } },
    );
  }

  /** The descriptor's number may be another file's once it is closed. */
  private assertOpen(): void {
    if (this.closing) throw VcpudError.of('VM_DELETED', 'the VM was deleted while its memory was in use');
  }

  /** A few bytes at once; undefined where no one region holds them all, or the VM is gone. */
  readNow(gpa: bigint, bytes: number): Buffer | undefined {
    const region = this.placed.find((r) => gpa >= r.gpa && gpa + BigInt(bytes) <= r.gpa + r.bytes);
    if (region === undefined || this.closing) return undefined;
    const buffer = Buffer.alloc(bytes);
    readSync(this.fd, buffer, 0, bytes, region.offset + Number(gpa - region.gpa));
    return buffer;
  }

  /** Reads a range into buffer[at..], at once. Throws MEMORY_RANGE_NOT_BACKED, VM_DELETED. */
  readInto(gpa: bigint, bytes: number, buffer: Buffer, at: number): void {
    readSync(this.fd, buffer, at, bytes, this.locate(gpa, BigInt(bytes)));
  }

  /**
   * Memory as it stands in the guest's mapping, from gpa on: all of the range, or its first part where it crosses a
   * boundary of 1 GiB of its region. For ranges that hold data (`written`, or dirty pages): a look at a hole would fill it.
   * To be used before anything is awaited: a view of a VM's memory that is gone ends the process. Throws
   * MEMORY_RANGE_NOT_BACKED, VM_DELETED.
   */
  view(gpa: bigint, bytes: number): Buffer {
    const at = this.locate(gpa, BigInt(bytes));
    const slot = this.placed.findLastIndex(({ offset }) => offset <= at);
    const within = at - (this.placed[slot]?.offset ?? 0);
    const first = within - (within % VIEW_BYTES);
    const mapping = this.mappings[slot];
    if (mapping === undefined) throw new Error('memory without a mapping');
    const address = mapping.address + first;
    let window = this.views.get(address);
    if (window === undefined) {
      window = viewOf(address, Math.min(VIEW_BYTES, mapping.bytes - first));
      this.views.set(address, window);
    }
    return window.subarray(within - first, within - first + bytes);
  }

  /**
   * Writes a few bytes at once into pages that hold data: without a system call, but in a hole that the host has no page
   * left for, this would end the process. Throws MEMORY_RANGE_NOT_BACKED, VM_DELETED.
   */
  patchNow(gpa: bigint, data: Uint8Array): void {
    this.view(gpa, data.length).set(data);
    this.listener(gpa, data.length);
  }

  /** Writes a range at once. Throws MEMORY_RANGE_NOT_BACKED, VM_DELETED. */
  writeNow(gpa: bigint, data: Uint8Array): void {
    writeSync(this.fd, data, 0, data.length, this.locate(gpa, BigInt(data.length)));
    this.listener(gpa, data.length);
  }

  get place(): MemoryPlace {
    return { pid: process.pid, fd: this.fd };
  }

  /** Where the signature stands in the file: behind all regions. */
  private get signatureOffset(): number {
    const last = this.placed.at(-1);
    return last === undefined ? 0 : last.offset + Number(last.bytes);
  }

  /**
   * Copies from a file, as copyFrom will, what that has where this memory has its signature, and gives it. Throws
   * VM_DELETED, KernelError: of a kernel that can't copy so, and where the file is shorter.
   */
  copySignatureFrom(file: number): Buffer {
    this.assertOpen();
    const signature = Buffer.alloc(SIGNATURE_BYTES);
    copyFileRange(file, this.fd, this.signatureOffset, SIGNATURE_BYTES);
    readSync(this.fd, signature, 0, SIGNATURE_BYTES, this.signatureOffset);
    return signature;
  }

  /** Writes SIGNATURE_BYTES behind the regions: shows who opens `place` that whoever named it may write this memory. */
  sign(signature: Uint8Array): void {
    this.assertOpen();
    writeSync(this.fd, signature, 0, SIGNATURE_BYTES, this.signatureOffset);
  }

  /**
   * Copies a range, at once, from a file that has the same regions in the same places: the memory of another process's
   * VM. Throws MEMORY_RANGE_NOT_BACKED, VM_DELETED, KernelError.
   */
  copyFrom(file: number, gpa: bigint, bytes: number): void {
    const offset = this.locate(gpa, BigInt(bytes));
    if (bytes >= COPY_BYTES) copyFileRange(file, this.fd, offset, bytes);
    else this.readFrom(file, offset, gpa, bytes);
    this.listener(gpa, bytes);
  }

  /** Straight into the mapping; what the host has no page for is the kernel's EFAULT, not the process's end. */
  private readFrom(file: number, offset: number, gpa: bigint, bytes: number): void {
    for (let done = 0; done < bytes; ) {
      const place = this.view(gpa + BigInt(done), bytes - done);
      const read = readSync(file, place, 0, place.length, offset + done);
      if (read === 0) throw new KernelError('pread', EIO);
      done += read;
    }
  }

  /** What of all memory was ever written, as far as the host knows: the rest is zero. Whole pages, ascending by region. */
  *written(): Generator<{ readonly gpa: bigint; readonly bytes: number }> {
    for (const { gpa, bytes, offset } of this.placed) {
      const end = offset + Number(bytes);
      for (let at = offset; ; ) {
        this.assertOpen();
        const data = seekData(this.fd, at, end);
        if (data >= end) break;
        const hole = seekHole(this.fd, data, end);
        yield { gpa: gpa + BigInt(data - offset), bytes: hole - data };
        at = hole;
      }
    }
  }

  /** Checks that a range lies within one region. */
  check(gpa: bigint, bytes: bigint): void {
    this.locate(gpa, bytes);
  }

  /**
   * Reads a range, in pieces of at most buffer.length bytes, holes of the memfd as runs of zeroes. Every piece's bytes
   * stand at the buffer's start, until the next piece is asked for.
   */
  async *read(gpa: bigint, bytes: bigint, buffer: Buffer): AsyncGenerator<MemoryPiece> {
    const start = this.locate(gpa, bytes);
    const end = start + Number(bytes);
    // Asked once for each run of data: the kernel looks at every page of the run for it (43 ns each, measured).
    // What is data stays data, as nothing punches holes.
    let dataEnd = start;
    for (let at = start; at < end; ) {
      this.assertOpen();
      const here = gpa + BigInt(at - start);
      if (at === dataEnd) {
        const data = seekData(this.fd, at, end);
        dataEnd = data < end ? seekHole(this.fd, data, end) : end;
        if (data > at) {
          yield { gpa: here, zeroBytes: data - at };
          at = data;
          continue;
        }
      }
      const dataBytes = Math.min(buffer.length, dataEnd - at);
      if (dataBytes <= SYNC_BYTES) readSync(this.fd, buffer, 0, dataBytes, at);
      else await this.whileOpen(() => readAsync(this.fd, buffer, 0, dataBytes, at));
      yield { gpa: here, dataBytes };
      at += dataBytes;
    }
  }

  /**
   * Reads whole pages, in pieces of at most as many as the buffer holds; pages that are zero are found, also those that
   * were written so. A piece's bytes stand in the buffer until the next piece is asked for; whatever stands before them
   * is the caller's to overwrite.
   */
  async *readPages(gpa: bigint, bytes: number, buffer: Buffer): AsyncGenerator<PagesPiece> {
    const offset = this.locate(gpa, BigInt(bytes));
    const most = buffer.length - (buffer.length % PAGE_BYTES);
    for (let at = 0; at < bytes; at += most) {
      this.assertOpen();
      const length = Math.min(most, bytes - at);
      if (length <= SYNC_BYTES) readSync(this.fd, buffer, 0, length, offset + at);
      else await this.whileOpen(() => readAsync(this.fd, buffer, 0, length, offset + at));
      for (let start = 0; start < length; ) {
        const { end, zero } = stretchOfPages(buffer, start, length);
        const here = gpa + BigInt(at + start);
        yield zero ? { gpa: here, zeroBytes: end - start } : { gpa: here, start, dataBytes: end - start };
        start = end;
      }
    }
  }

  /** Writes bytes, all or none of them as far as the range goes. */
  async write(gpa: bigint, data: Uint8Array): Promise<void> {
    const offset = this.locate(gpa, BigInt(data.length));
    try {
      if (data.length <= SYNC_BYTES) writeSync(this.fd, data, 0, data.length, offset);
      else await this.whileOpen(() => writeAsync(this.fd, data, 0, data.length, offset));
    } finally {
      this.listener(gpa, data.length);
    }
  }

  /** Writes zeroes where there is anything else; holes stay holes. */
  async writeZeroes(gpa: bigint, bytes: bigint): Promise<void> {
    const start = this.locate(gpa, bytes);
    const end = start + Number(bytes);
    let dataEnd = start; // as in read
    for (let at = start; ; ) {
      this.assertOpen(); // before the descriptor is touched: while zeroes were written the VM may have gone
      if (at === dataEnd) {
        at = seekData(this.fd, at, end);
        if (at >= end) return;
        dataEnd = seekHole(this.fd, at, end);
      }
      const length = Math.min(ZEROES.length, dataEnd - at);
      try {
        await this.whileOpen(() => writeAsync(this.fd, ZEROES, 0, length, at));
      } finally {
        this.listener(gpa + BigInt(at - start), length);
      }
      at += length;
    }
  }

  /** Frees it all, once the last read or write under way is done. KVM must be done with it: close the VM first. */
  close(): void {
    this.closing = true;
    if (this.users > 0) return;
    this.views.clear();
    for (const { address, bytes } of this.mappings.splice(0)) munmap(address, bytes);
    closeSync(this.fd);
  }

  private async whileOpen<T>(task: () => Promise<T>): Promise<T> {
    this.users += 1;
    try {
      return await task();
    } finally {
      this.users -= 1;
      if (this.closing && this.users === 0) this.close();
    }
  }
}
