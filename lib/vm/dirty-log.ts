// Which pages of a VM's memory were written since they were last collected: KVM's log of what the guest and KVM itself
// write, and a bitmap of our own for what vcpud writes (through the memfd, which KVM doesn't see). Used by vm.ts; who
// collects is the MemoryService, or a sender in this process.
//
// A page is cleared in the log before it is read: what is written after that comes with the next collect. With
// KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 the log is cleared (and its pages write-protected again) piece by piece, right before
// a piece is read, so that what the guest writes in the meantime is sent once and not twice; without it, KVM clears all
// of the log as it gives it. KVM_DIRTY_LOG_INITIALLY_SET is not asked for: the log would begin with every page dirty,
// and whoever tracks takes a full copy right after the start anyway.

import { closeSync, ftruncateSync } from 'node:fs';
import { VcpudError } from '../errors/vcpud-error.js';
import { CLEAR_DIRTY_LOG_LAYOUT, DIRTY_LOG_LAYOUT, KVM, SIZE } from '../kvm/abi.js';
import type { IoctlPort } from '../kvm/port.js';
import { memfdCreate, mmapShared, munmap, viewOf } from '../os/libc.js';
import { bitmapWords, countBits, PAGE_BYTES, pageRuns, setPages } from './dirty-bitmap.js';
import type { GuestMemory } from './guest-memory.js';
import { deleted } from './vcpu.js';

const WORD_BYTES = 4;
const WORD_BITS = 32;
/** How much of the log is cleared at once while a collect is under way: 16 MiB of memory, a multiple of 64 pages. */
const CLEAR_WORDS = (16 * 1024 * 1024) / PAGE_BYTES / WORD_BITS;

/** Dirty pages that follow one another, within one region. */
export interface DirtyRun {
  readonly gpa: bigint;
  readonly bytes: number;
}

/** What one collect hands out. Read the pages after a run was given, not before. */
export interface DirtyPages {
  /** Counts the collects since tracking began, from 1 on. */
  readonly round: number;
  readonly pages: number;
  /** Ascending by region and address. To be iterated before the next collect. */
  readonly runs: Iterable<DirtyRun>;
}

/** A collect that goes on for a while. Exactly one of delivered and giveBack ends it; further calls do nothing. */
export interface DirtyRound extends DirtyPages {
  /** Who collects has all of the pages. */
  delivered(): void;
  /** Who collects has not: all of the pages come again. */
  giveBack(): void;
}

/** Who collects. */
interface Collector {
  gone(): boolean;
}

/** A region's bitmap: words[from..to) of each of the three. */
interface LoggedRegion {
  readonly slot: number;
  readonly gpa: bigint;
  readonly bytes: bigint;
  readonly pages: number;
  readonly from: number;
  readonly to: number;
}

/** A collect that is under way. */
interface OpenRound {
  readonly round: number;
  readonly collector: Collector;
  readonly ended: Promise<void>;
  readonly end: () => void;
}

/** All there is while tracking is on. */
interface Tracking {
  readonly regions: readonly LoggedRegion[];
  /** What KVM fills, which takes and gives addresses: mapped, and gone when tracking is off. */
  readonly address: number;
  readonly bytes: number;
  readonly logged: Uint32Array;
  /** What the next collect hands out beside what KVM has logged by then. */
  marks: Uint32Array;
  /** What the last collect handed out. */
  handed: Uint32Array;
  round: number;
  /** The collect that is under way. */
  open: OpenRound | undefined;
}

export class DirtyLog {
  private readonly vmId: string;
  private readonly vm: IoctlPort;
  private readonly memory: GuestMemory;
  private readonly manualProtect: boolean;
  private tracking: Tracking | undefined;
  private closed = false;

  /** manualProtect: whether the VM has KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 switched on. */
  constructor(vmId: string, vm: IoctlPort, memory: GuestMemory, manualProtect: boolean) {
    this.vmId = vmId;
    this.vm = vm;
    this.memory = memory;
    this.manualProtect = manualProtect;
    memory.onWrite((gpa, bytes) => this.mark(gpa, bytes));
  }

  get isOn(): boolean {
    return this.tracking !== undefined;
  }

  /**
   * From here on, what is written is kept until it is collected; vCPUs may be running. Where it is on already it stays
   * on, and forgets nothing. Takes 3 bits a page here and 2 in the kernel.
   */
  start(): void {
    if (this.closed) throw deleted();
    if (this.tracking !== undefined) return;
    const tracking = makeTracking(this.vmId, this.memory);
    try {
      this.memory.giveLoggedTo(this.vm);
    } catch (error) {
      munmap(tracking.address, tracking.bytes);
      this.memory.giveTo(this.vm);
      throw error;
    }
    this.tracking = tracking;
  }

  /** What was not collected is forgotten; a collect under way ends with DIRTY_TRACKING_STOPPED. */
  stop(): void {
    if (this.tracking === undefined) return;
    this.drop();
    this.memory.giveTo(this.vm);
  }

  /** The VM is going: nothing is asked of KVM any more. */
  close(): void {
    this.closed = true;
    this.drop();
  }

  private drop(): void {
    const { tracking } = this;
    if (tracking === undefined) return;
    this.tracking = undefined;
    closeRound(tracking);
    munmap(tracking.address, tracking.bytes);
  }

  /**
   * Hands out all dirty pages, at once: for the last of a move, while the guest is stopped, and for whoever reads them
   * all before anything else. Pages that don't arrive: giveBack. Throws DIRTY_TRACKING_OFF, COLLECT_UNDER_WAY.
   */
  collect(): DirtyPages {
    const tracking = this.ready();
    const pages = this.take(tracking);
    try {
      for (const region of tracking.regions) this.clear(tracking, region, region.from, region.to);
    } catch (error) {
      this.giveBack();
      throw error;
    }
    return this.handedOut(tracking, pages);
  }

  /**
   * The same of a guest that is stopped for good: with manual protection KVM's log stays as it is, since write-protecting
   * pages once more would only hold up the guest. Where it goes on after all, they come again with the next collect.
   */
  collectLast(): DirtyPages {
    const tracking = this.ready();
    return this.handedOut(tracking, this.take(tracking));
  }

  private handedOut(tracking: Tracking, pages: number): DirtyPages {
    const { round } = tracking;
    return { round, pages, runs: { [Symbol.iterator]: () => this.allRuns(tracking, round) } };
  }

  /**
   * Begins to hand out all dirty pages, a piece of the log after the other. Throws DIRTY_TRACKING_OFF, and
   * COLLECT_UNDER_WAY while another goes on, unless its collector has gone: then its pages come with these.
   * Its runs throw VM_DELETED or DIRTY_TRACKING_STOPPED where that happens meanwhile.
   */
  begin(collector: Collector): DirtyRound {
    const tracking = this.ready();
    const pages = this.take(tracking);
    const { round } = tracking;
    tracking.open = openRound(round, collector);
    const end = (arrived: boolean) => {
      if (tracking.open?.round !== round) return;
      closeRound(tracking);
      if (!arrived) merge(tracking.marks, tracking.handed);
    };
    return {
      round,
      pages,
      runs: { [Symbol.iterator]: () => this.piecewiseRuns(tracking, round) },
      delivered: () => end(true),
      giveBack: () => end(false),
    };
  }

  /** How many pages a collect would hand out at this moment; hands out none. Throws DIRTY_TRACKING_OFF, COLLECT_UNDER_WAY. */
  count(): number {
    const tracking = this.ready();
    const { regions, logged, marks } = tracking;
    let pages = 0;
    for (const region of regions) {
      this.readLog(tracking, region);
      for (let i = region.from; i < region.to; i += 1) {
        // Without manual protection KVM has forgotten what it gave.
        if (!this.manualProtect) marks[i] = (marks[i] ?? 0) | (logged[i] ?? 0);
        pages += countBits((marks[i] ?? 0) | (logged[i] ?? 0));
      }
    }
    return pages;
  }

  /** Resolves when no collect is under way any more. */
  idle(): Promise<void> {
    return this.tracking?.open?.ended ?? Promise.resolve();
  }

  /** What the last collect handed out comes again with the next one: for whoever finds out late that it didn't arrive. */
  giveBack(): void {
    if (this.tracking !== undefined) merge(this.tracking.marks, this.tracking.handed);
  }

  /** After a write by vcpud itself, not before it: a collect in between would read what is about to change. */
  private mark(gpa: bigint, bytes: number): void {
    const { tracking } = this;
    if (tracking === undefined || bytes === 0) return;
    const region = tracking.regions.find((r) => gpa >= r.gpa && gpa < r.gpa + r.bytes);
    if (region === undefined) return;
    const offset = Number(gpa - region.gpa);
    const first = Math.floor(offset / PAGE_BYTES);
    const last = Math.floor((offset + bytes - 1) / PAGE_BYTES);
    setPages(tracking.marks, region.from * WORD_BITS + first, last - first + 1);
  }

  /** What a collect begins with. */
  private ready(): Tracking {
    if (this.closed) throw deleted();
    const { tracking, vmId } = this;
    const subject = `vms/${vmId}`;
    if (tracking === undefined) {
      throw VcpudError.of('DIRTY_TRACKING_OFF', `VM ${vmId}'s writes are not tracked: start that first`, {
        subject,
        metadata: { vm: vmId },
      });
    }
    if (tracking.open !== undefined) {
      if (!tracking.open.collector.gone()) {
        throw VcpudError.of('COLLECT_UNDER_WAY', `VM ${vmId}'s dirty pages are being collected already`, {
          metadata: { vm: vmId, round: String(tracking.open.round) },
        });
      }
      closeRound(tracking);
      merge(tracking.marks, tracking.handed);
    }
    return tracking;
  }

  /** KVM's log of a region, into words[from..to) of `logged`. */
  private readLog({ address }: Tracking, { slot, from }: LoggedRegion): void {
    const request = Buffer.alloc(SIZE.dirtyLog);
    request.writeUInt32LE(slot, DIRTY_LOG_LAYOUT.slot);
    request.writeBigUInt64LE(BigInt(address + from * WORD_BYTES), DIRTY_LOG_LAYOUT.bitmap);
    this.vm.ioctl(KVM.GET_DIRTY_LOG, request);
  }

  /** KVM's log and the marks become what is handed out; gives how many pages. Where KVM fails, nothing is lost. */
  private take(tracking: Tracking): number {
    const { regions, logged, marks } = tracking;
    let pages = 0;
    for (const region of regions) {
      const { from, to } = region;
      this.readLog(tracking, region);
      for (let i = from; i < to; i += 1) {
        const word = (logged[i] ?? 0) | (marks[i] ?? 0);
        if (word === 0) continue;
        marks[i] = word;
        pages += countBits(word);
      }
    }
    tracking.marks = tracking.handed.fill(0);
    tracking.handed = marks;
    tracking.round += 1;
    return pages;
  }

  /** KVM forgets, and write-protects, what it gave of words[from..to), which lie in that region. */
  private clear({ logged, address }: Tracking, region: LoggedRegion, from: number, to: number): void {
    if (!this.manualProtect || isClean(logged, from, to)) return;
    const firstPage = (from - region.from) * WORD_BITS;
    const pages = Math.min((to - from) * WORD_BITS, region.pages - firstPage);
    const request = Buffer.alloc(SIZE.clearDirtyLog);
    request.writeUInt32LE(region.slot, CLEAR_DIRTY_LOG_LAYOUT.slot);
    request.writeUInt32LE(pages, CLEAR_DIRTY_LOG_LAYOUT.pages);
    request.writeBigUInt64LE(BigInt(firstPage), CLEAR_DIRTY_LOG_LAYOUT.firstPage);
    request.writeBigUInt64LE(BigInt(address + from * WORD_BYTES), CLEAR_DIRTY_LOG_LAYOUT.bitmap);
    this.vm.ioctl(KVM.CLEAR_DIRTY_LOG, request);
  }

  private *allRuns(tracking: Tracking, round: number): Generator<DirtyRun> {
    for (const region of tracking.regions) {
      requireRound(tracking, round);
      for (const run of runsOf(tracking.handed, region, region.from, region.to)) {
        yield run;
        requireRound(tracking, round);
      }
    }
  }

  private *piecewiseRuns(tracking: Tracking, round: number): Generator<DirtyRun> {
    for (const region of tracking.regions) {
      for (let from = region.from; from < region.to; from += CLEAR_WORDS) {
        const to = Math.min(from + CLEAR_WORDS, region.to);
        this.requireOpen(tracking, round);
        if (isClean(tracking.handed, from, to)) continue;
        this.clear(tracking, region, from, to);
        for (const run of runsOf(tracking.handed, region, from, to)) {
          yield run;
          this.requireOpen(tracking, round);
        }
      }
    }
  }

  private requireOpen(tracking: Tracking, round: number): void {
    if (this.closed) throw deleted();
    if (this.tracking !== tracking) {
      throw VcpudError.of(
        'DIRTY_TRACKING_STOPPED',
        `tracking of VM ${this.vmId}'s writes was stopped meanwhile`,
        {
          metadata: { vm: this.vmId },
        },
      );
    }
    if (tracking.open?.round !== round) {
      throw VcpudError.of('CANCELLED', 'the caller went away, and another collects');
    }
  }
}

/** A bug in whoever collects: what the bitmap says now is another collect's. */
function requireRound(tracking: Tracking, round: number): void {
  if (tracking.round !== round) throw new Error('the runs of a collect were used after the next one');
}

/** Bitmaps of 64-bit words, those of the regions one behind the other. */
function makeTracking(vmId: string, memory: GuestMemory): Tracking {
  let words = 0;
  const regions = memory.regions.map(({ gpa, bytes }, slot) => {
    const pages = Number(bytes) / PAGE_BYTES;
    const from = words;
    words += bitmapWords(pages);
    return { slot, gpa, bytes, pages, from, to: words };
  });
  const bytes = words * WORD_BYTES;
  const fd = memfdCreate(`vcpud-dirty-${vmId}`);
  try {
    ftruncateSync(fd, bytes);
    const address = mmapShared(fd, bytes);
    const view = viewOf(address, bytes);
    return {
      regions,
      address,
      bytes,
      logged: new Uint32Array(view.buffer, view.byteOffset, words),
      marks: new Uint32Array(words),
      handed: new Uint32Array(words),
      round: 0,
      open: undefined,
    };
  } finally {
    closeSync(fd); // the mapping holds the memory
  }
}

function openRound(round: number, collector: Collector): OpenRound {
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { round, collector, ended, end };
}

function closeRound(tracking: Tracking): void {
  tracking.open?.end();
  tracking.open = undefined;
}

function merge(into: Uint32Array, from: Uint32Array): void {
  for (let i = 0; i < into.length; i += 1) into[i] = (into[i] ?? 0) | (from[i] ?? 0);
}

function isClean(words: Uint32Array, from: number, to: number): boolean {
  for (let i = from; i < to; i += 1) if (words[i] !== 0) return false;
  return true;
}

function* runsOf(words: Uint32Array, region: LoggedRegion, from: number, to: number): Generator<DirtyRun> {
  const before = region.from * WORD_BITS;
  for (const { first, pages } of pageRuns(words, from, to)) {
    yield { gpa: region.gpa + BigInt((first - before) * PAGE_BYTES), bytes: pages * PAGE_BYTES };
  }
}
