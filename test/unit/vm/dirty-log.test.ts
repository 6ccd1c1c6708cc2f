// The dirty log over a KVM that is a set of pages: whatever happens in whatever order, a copy that is given only what was
// handed out is in the end the memory. Real kernels: test/kernel/dirty.test.ts.

import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { VcpudError } from '../../../lib/errors/vcpud-error.js';
import { CLEAR_DIRTY_LOG_LAYOUT, DIRTY_LOG_LAYOUT, KVM, MEMORY_REGION_LAYOUT } from '../../../lib/kvm/abi.js';
import type { IoctlPort } from '../../../lib/kvm/port.js';
import { KernelError } from '../../../lib/os/kernel-error.js';
import { viewOf } from '../../../lib/os/libc.js';
import { DirtyLog, type DirtyRun } from '../../../lib/vm/dirty-log.js';
import { GuestMemory, type MemoryRegion } from '../../../lib/vm/guest-memory.js';

const PAGE = 4096;
const ENOMEM = 12;
const EFAULT = 14;

/** Three regions, none of whole 64 pages but one, one larger than what is cleared at once. */
const REGIONS: readonly MemoryRegion[] = [
  { gpa: 0n, bytes: BigInt(70 * PAGE) },
  { gpa: 0x100_0000n, bytes: BigInt(64 * PAGE) },
  { gpa: 0x1000_0000n, bytes: BigInt((2 * 4096 + 3) * PAGE) },
];

/** The rules of kvm_main.c for a VM's log, and a guest that writes when it is told to. */
class LoggingVm implements IoctlPort {
  readonly calls: string[] = [];
  /** Dirty pages by slot; none where the slot is not logged. */
  private readonly logs = new Map<number, Set<number>>();
  private readonly manualProtect: boolean;
  failNext: { readonly request: number; readonly slot: number; readonly errno: number } | undefined;

  constructor(manualProtect: boolean) {
    this.manualProtect = manualProtect;
  }

  guestWrites(slot: number, page: number): void {
    this.logs.get(slot)?.add(page);
  }

  ioctl(request: number, argument: Uint8Array | number): number {
    const buffer = Buffer.from(argument as Uint8Array);
    const slot = buffer.readUInt32LE(0); // of each of the three structures
    if (this.failNext?.request === request && this.failNext.slot === slot) {
      const { errno } = this.failNext;
      this.failNext = undefined;
      throw new KernelError('ioctl', errno);
    }
    if (request === KVM.SET_USER_MEMORY_REGION) return this.setRegion(slot, buffer);
    const log = this.logs.get(slot);
    if (log === undefined) throw new Error(`slot ${slot} is not logged`);
    return request === KVM.GET_DIRTY_LOG ? this.get(slot, log, buffer) : this.clear(slot, log, buffer);
  }

  private setRegion(slot: number, buffer: Buffer): number {
    const logged = buffer.readUInt32LE(MEMORY_REGION_LAYOUT.flags) === 1;
    if (!logged) this.logs.delete(slot);
    else if (!this.logs.has(slot)) this.logs.set(slot, new Set());
    this.calls.push(`${logged ? 'log' : 'give'} ${slot}`);
    return 0;
  }

  private get(slot: number, log: Set<number>, buffer: Buffer): number {
    const pages = Number((REGIONS[slot]?.bytes ?? 0n) / BigInt(PAGE));
    const bitmap = viewOf(Number(buffer.readBigUInt64LE(DIRTY_LOG_LAYOUT.bitmap)), 8 * Math.ceil(pages / 64));
    bitmap.fill(0);
    for (const page of log) bitmap[page >> 3] = (bitmap[page >> 3] ?? 0) | (1 << (page & 7));
    if (!this.manualProtect) log.clear();
    this.calls.push(`get ${slot}`);
    return 0;
  }

  private clear(slot: number, log: Set<number>, buffer: Buffer): number {
    const first = Number(buffer.readBigUInt64LE(CLEAR_DIRTY_LOG_LAYOUT.firstPage));
    const count = buffer.readUInt32LE(CLEAR_DIRTY_LOG_LAYOUT.pages);
    const rest = Number((REGIONS[slot]?.bytes ?? 0n) / BigInt(PAGE)) - first;
    if (first % 64 !== 0 || rest < 0 || count > rest || (count < rest && count % 64 !== 0)) {
      throw new Error(`KVM_CLEAR_DIRTY_LOG of ${count} pages from ${first} is EINVAL`);
    }
    const bitmap = viewOf(
      Number(buffer.readBigUInt64LE(CLEAR_DIRTY_LOG_LAYOUT.bitmap)),
      Math.ceil(count / 8),
    );
    for (let page = 0; page < count; page += 1) {
      if ((((bitmap[page >> 3] ?? 0) >> (page & 7)) & 1) === 1) log.delete(first + page);
    }
    this.calls.push(`clear ${slot} ${first}+${count}`);
    return 0;
  }
}

const ends: Array<() => void> = [];

afterEach(() => {
  for (const end of ends.splice(0).reverse()) end();
});

function made(manualProtect: boolean): { vm: LoggingVm; memory: GuestMemory; log: DirtyLog } {
  const vm = new LoggingVm(manualProtect);
  const memory = GuestMemory.create('dirty', REGIONS);
  const log = new DirtyLog('dirty', vm, memory, manualProtect);
  ends.push(
    () => memory.close(),
    () => log.close(),
  );
  return { vm, memory, log };
}

const HERE = { gone: () => false };

const pagesOf = (runs: Iterable<DirtyRun>): bigint[] =>
  [...runs].flatMap(({ gpa, bytes }) =>
    Array.from({ length: bytes / PAGE }, (_, i) => gpa + BigInt(i * PAGE)),
  );

function reasonOf(task: () => unknown): string {
  try {
    task();
  } catch (error) {
    if (error instanceof VcpudError) return error.reason;
    throw error;
  }
  return 'OK';
}

/** At the edges of words, of regions and of what is cleared at once; few, so that the same is written again and again. */
const page = fc.constantFrom(
  ...[0, 1, 31, 32, 63, 64, 69].map((at) => ({ slot: 0, page: at })),
  ...[0, 63].map((at) => ({ slot: 1, page: at })),
  ...[0, 4095, 4096, 8191, 8192, 8194].map((at) => ({ slot: 2, page: at })),
);

type Step =
  | { readonly do: 'guest' | 'own'; readonly pages: ReadonlyArray<{ slot: number; page: number }> }
  | { readonly do: 'collect' | 'lost' }
  /** Takes so many runs; guest and vcpud write in between; then it ends well or not, or its collector just goes. */
  | {
      readonly do: 'round';
      readonly runs: number;
      readonly between: ReadonlyArray<{ slot: number; page: number }>;
      readonly end: 'delivered' | 'given back' | 'gone';
    };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('guest', 'own'), pages: fc.array(page, { minLength: 1, maxLength: 8 }) }),
  fc.record({ do: fc.constantFrom('collect', 'lost') }),
  fc.record({
    do: fc.constant('round' as const),
    runs: fc.nat(6),
    between: fc.array(page, { maxLength: 4 }),
    end: fc.constantFrom('delivered', 'given back', 'gone'),
  }),
);

describe.each([
  ['cleared piece by piece', true],
  ['cleared as it is given', false],
] as const)('a log that is %s', (_, manualProtect) => {
  test('loses nothing, whatever happens in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const { vm, memory, log } = made(manualProtect);
        log.start();
        // Of each page, how often it was written, and what of that the copy has.
        const written = new Map<bigint, number>();
        const copy = new Map<bigint, number>();
        const gpaOf = (at: { slot: number; page: number }) =>
          (REGIONS[at.slot]?.gpa ?? 0n) + BigInt(at.page * PAGE);
        const touch = (gpa: bigint) => written.set(gpa, (written.get(gpa) ?? 0) + 1);
        const guest = (at: { slot: number; page: number }) => {
          touch(gpaOf(at));
          vm.guestWrites(at.slot, at.page);
        };
        const read = (into: Map<bigint, number>, run: DirtyRun) => {
          for (const gpa of pagesOf([run])) into.set(gpa, written.get(gpa) ?? 0);
        };
        const arrived = (pieces: ReadonlyMap<bigint, number>) => {
          for (const [gpa, value] of pieces) copy.set(gpa, value);
        };
        for (const each of steps) {
          if (each.do === 'guest') each.pages.forEach(guest);
          else if (each.do === 'own') {
            for (const at of each.pages) {
              touch(gpaOf(at));
              await memory.write(gpaOf(at) + 17n, Buffer.from([1]));
            }
          } else if (each.do === 'round') {
            let gone = false;
            const round = log.begin({ gone: () => gone });
            const pieces = new Map<bigint, number>();
            let left = each.end === 'delivered' ? Number.POSITIVE_INFINITY : each.runs;
            for (const run of round.runs) {
              read(pieces, run);
              each.between.forEach(guest);
              left -= 1;
              if (left <= 0) break;
            }
            if (each.end === 'delivered') {
              arrived(pieces);
              round.delivered();
            }
            if (each.end === 'gone') gone = true;
            else round.giveBack();
          } else {
            const pieces = new Map<bigint, number>();
            const { pages, runs } = log.collect();
            for (const run of runs) read(pieces, run);
            expect(pieces.size).toBe(pages);
            if (each.do === 'lost') log.giveBack();
            else arrived(pieces);
          }
        }
        const last = new Map<bigint, number>();
        for (const run of log.collect().runs) read(last, run);
        arrived(last);
        // What was never handed out was never written.
        for (const [gpa, times] of written) expect(copy.get(gpa), `page 0x${gpa.toString(16)}`).toBe(times);
        for (const gpa of copy.keys()) expect(written.has(gpa)).toBe(true);
        expect(log.collect().pages).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  test('that KVM fails to give loses nothing either', () => {
    const { vm, log } = made(manualProtect);
    log.start();
    vm.guestWrites(0, 3);
    vm.guestWrites(2, 5);
    vm.failNext = { request: KVM.GET_DIRTY_LOG, slot: 2, errno: EFAULT };
    expect(() => log.collect()).toThrow(KernelError);
    expect(pagesOf(log.collect().runs)).toEqual([0x3000n, 0x1000_5000n]);
  });
});

describe('a collect', () => {
  test('asks KVM for each region, and clears what it hands out right before', () => {
    const { vm, log } = made(true);
    log.start();
    vm.guestWrites(0, 69);
    vm.guestWrites(2, 0);
    vm.guestWrites(2, 4095);
    vm.guestWrites(2, 4096);
    vm.guestWrites(2, 8194);
    vm.calls.length = 0;
    const round = log.begin(HERE);
    expect(round.pages).toBe(5);
    expect(vm.calls.splice(0)).toEqual(['get 0', 'get 1', 'get 2']);
    const seen: string[] = [];
    for (const { gpa, bytes } of round.runs)
      seen.push(...vm.calls.splice(0), `0x${gpa.toString(16)}+${bytes}`);
    expect(seen).toEqual([
      'clear 0 0+70',
      '0x45000+4096',
      'clear 2 0+4096',
      '0x10000000+4096',
      '0x10fff000+4096',
      'clear 2 4096+4096',
      '0x11000000+4096',
      'clear 2 8192+3',
      '0x12002000+4096',
    ]);
    round.delivered();
  });

  test('that is done at once clears each region that has something, before the first page is given', () => {
    const { vm, log } = made(true);
    log.start();
    vm.guestWrites(2, 4095);
    vm.guestWrites(2, 4096);
    vm.calls.length = 0;
    const { runs, pages, round } = log.collect();
    expect(vm.calls).toEqual(['get 0', 'get 1', 'get 2', 'clear 2 0+8195']);
    expect([pages, round]).toEqual([2, 1]);
    expect([...runs]).toEqual([{ gpa: 0x10ff_f000n, bytes: 2 * PAGE }]);
  });

  test('of a guest that is stopped leaves KVM its log, and the pages come again where the guest goes on after all', () => {
    const { vm, log } = made(true);
    log.start();
    vm.guestWrites(0, 1);
    log.collect();
    vm.guestWrites(0, 2);
    vm.calls.length = 0;
    expect(pagesOf(log.collectLast().runs)).toEqual([0x2000n]);
    expect(vm.calls).toEqual(['get 0', 'get 1', 'get 2']);
    vm.guestWrites(0, 3);
    expect(pagesOf(log.collect().runs)).toEqual([0x2000n, 0x3000n]);
  });

  test('of a stopped guest, without manual protection, is given back like any other', () => {
    const { vm, log } = made(false);
    log.start();
    vm.guestWrites(0, 2);
    expect(pagesOf(log.collectLast().runs)).toEqual([0x2000n]);
    log.giveBack();
    vm.guestWrites(0, 3);
    expect(pagesOf(log.collect().runs)).toEqual([0x2000n, 0x3000n]);
  });

  test('whose clearing fails loses nothing', () => {
    const { vm, log } = made(true);
    log.start();
    vm.guestWrites(0, 1);
    vm.guestWrites(1, 1);
    vm.failNext = { request: KVM.CLEAR_DIRTY_LOG, slot: 1, errno: EFAULT };
    expect(() => log.collect()).toThrow(KernelError);
    expect(pagesOf(log.collect().runs)).toEqual([0x1000n, 0x100_1000n]);
  });

  test('is one at a time, unless the other has gone', () => {
    const { vm, log } = made(true);
    log.start();
    vm.guestWrites(0, 1);
    let gone = false;
    const first = log.begin({ gone: () => gone });
    const runs = first.runs[Symbol.iterator]();
    expect(runs.next().done).toBe(false);
    expect(reasonOf(() => log.begin(HERE))).toBe('COLLECT_UNDER_WAY');
    expect(reasonOf(() => log.collect())).toBe('COLLECT_UNDER_WAY');
    gone = true;
    const second = log.begin(HERE);
    expect(pagesOf(second.runs)).toEqual([0x1000n]);
    expect(reasonOf(() => runs.next())).toBe('CANCELLED');
    // What the first one says now is not about the second.
    first.giveBack();
    expect(reasonOf(() => log.collect())).toBe('COLLECT_UNDER_WAY');
    second.delivered();
    second.giveBack();
    expect(log.collect().pages).toBe(0);
  });

  test('whose runs are looked at after the next one says so, instead of giving that one’s', () => {
    const { vm, log } = made(true);
    log.start();
    vm.guestWrites(0, 5);
    const { runs: late } = log.collect();
    log.collect();
    expect(() => [...late]).toThrow('after the next one');
  });

  test('ends where tracking is stopped or the VM goes meanwhile', () => {
    const { vm, log } = made(true);
    log.start();
    vm.guestWrites(0, 1);
    const stopped = log.begin(HERE).runs[Symbol.iterator]();
    stopped.next();
    log.stop();
    expect(reasonOf(() => stopped.next())).toBe('DIRTY_TRACKING_STOPPED');
    expect(reasonOf(() => log.collect())).toBe('DIRTY_TRACKING_OFF');
    log.start();
    vm.guestWrites(0, 1);
    const going = log.begin(HERE).runs[Symbol.iterator]();
    going.next();
    log.close();
    expect(reasonOf(() => going.next())).toBe('VM_DELETED');
    expect(reasonOf(() => log.collect())).toBe('VM_DELETED');
    expect(reasonOf(() => log.start())).toBe('VM_DELETED');
  });
});

describe('tracking', () => {
  test('that starts twice is started once; that stops twice, stopped', () => {
    const { vm, log } = made(true);
    log.start();
    log.start();
    expect(log.isOn).toBe(true);
    expect(vm.calls.splice(0)).toEqual(['log 0', 'log 1', 'log 2']);
    log.stop();
    log.stop();
    expect(log.isOn).toBe(false);
    expect(vm.calls).toEqual(['give 0', 'give 1', 'give 2']);
  });

  test('that KVM has no memory for is off for every region', () => {
    const { vm, log } = made(true);
    vm.failNext = { request: KVM.SET_USER_MEMORY_REGION, slot: 1, errno: ENOMEM };
    expect(() => log.start()).toThrow(expect.objectContaining({ code: 'ENOMEM' }));
    expect(log.isOn).toBe(false);
    expect(vm.calls).toEqual(['log 0', 'give 0', 'give 1', 'give 2']);
    log.start();
    expect(log.isOn).toBe(true);
  });

  test("knows vcpud's writes by whole pages, and of zeroes only those that change something", async () => {
    const { memory, log } = made(true);
    await memory.write(0n, Buffer.alloc(PAGE, 1));
    log.start();
    expect(log.collect().pages).toBe(0);
    await memory.write(BigInt(10 * PAGE - 1), Buffer.alloc(2, 1));
    await memory.write(0x1000_0000n, Buffer.alloc(100 * PAGE, 1)); // by way of libuv's pool
    await memory.writeZeroes(0n, BigInt(9 * PAGE));
    await memory.write(0n, Buffer.alloc(0));
    expect([...log.collect().runs]).toEqual([
      { gpa: 0n, bytes: PAGE },
      { gpa: BigInt(9 * PAGE), bytes: 2 * PAGE },
      { gpa: 0x1000_0000n, bytes: 100 * PAGE },
    ]);
    expect(log.collect().pages).toBe(0);
  });

  test('is told of a write when it is done: a collect while it is under way leaves the pages for the next', async () => {
    const { memory, log } = made(true);
    log.start();
    const writing = memory.write(0x1000_0000n, Buffer.alloc(100 * PAGE, 1));
    log.collect();
    await writing;
    expect(log.collect().pages).toBe(100);
  });
});
