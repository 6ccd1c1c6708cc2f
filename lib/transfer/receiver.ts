// The destination's side of a move: writes the memory that arrives, and at the commit gives the VM its state and lets
// the guest go on. Fed by a stream of ReceiveVm.

import type { MemoryPages__Output } from '../../protos/gen/vcpud/v1/MemoryPages.js';
import type { ReceiveVmCommit__Output } from '../../protos/gen/vcpud/v1/ReceiveVmCommit.js';
import { PAGE_BYTES } from '../api/zero-pages.js';
import { VcpudError } from '../errors/vcpud-error.js';
import type { Moment } from '../os/monotonic-clock.js';
import { goFirst } from '../os/priority.js';
import { collectAfter } from '../os/v8-heap.js';
import type { MemoryPlace } from '../vm/guest-memory.js';
import type { Vm, VmSnapshot } from '../vm/vm.js';
import { MOST_NAMED_BYTES } from './carrier.js';
import { hashMemory } from './memory-hash.js';
import { PageSet } from './page-set.js';
import { requireChecksum, writePatches } from './patches.js';
import { Rehearsals } from './rehearsals.js';
import type { Part } from './sender.js';
import { SourceMemory } from './source-memory.js';
import { vmSnapshot } from './vm-state.js';

const gpaOf = (page: number): bigint => BigInt(page) * BigInt(PAGE_BYTES);

/** How long a commit is waited for ahead of all else. */
const COMMIT_FOLLOWS_MS = 2000;

const rehearsals = new Rehearsals();

/** The memory and the state of one VM as they arrive. After an error the VM is to be deleted. */
export class VmReceiver {
  private readonly vm: Vm;
  /** Pages that hold data. */
  private readonly arrived = new PageSet();
  private source: SourceMemory | undefined;
  private roundBytes = 0;
  private goBack = (): void => undefined;

  constructor(vm: Vm) {
    this.vm = vm;
  }

  /** Looks for the memory that a source has shown; gives whether it can be read here. */
  findSource(place: MemoryPlace, token: string): boolean {
    this.source = SourceMemory.open(place, token, this.vm.memory);
    return this.source !== undefined;
  }

  /** To be called when nothing comes any more. */
  close(): void {
    this.goBack();
    this.source?.close();
    this.source = undefined;
  }

  /** How many rehearsals this process would have now. */
  rehearsals(): number {
    return rehearsals.next();
  }

  /** Does with a state what the commit will do, but for letting the guest go on; gives how long each part took. */
  async rehearse(commit: ReceiveVmCommit__Output): Promise<readonly Part[]> {
    const { parts, snapshot, part } = await this.take(commit);
    await this.vm.rehearseArrival(snapshot, commit.nestedExample?.data, part);
    // One with memory in it ends a round: the switch may be next.
    if (commit.pages !== null || commit.patches !== null) this.goFirst();
    return parts;
  }

  /**
   * Writes what a message holds, or names in the source's memory. Throws CHECKSUM_WRONG, PAGES_MALFORMED,
   * MEMORY_RANGE_NOT_BACKED, VM_DELETED.
   */
  async writePages(message: MemoryPages__Output): Promise<void> {
    const { memory } = this.vm;
    const { firstPages, pageCounts, zeroFirstPages, zeroPageCounts, data, inSource } = message;
    const { source } = this;
    if (inSource && source === undefined) {
      throw VcpudError.of('PAGES_MALFORMED', "the source's memory can't be read here", {
        field: 'pages.in_source',
      });
    }
    const bytesOfRuns = pageCounts.reduce((sum, count) => sum + count, 0) * PAGE_BYTES;
    if (inSource && bytesOfRuns > MOST_NAMED_BYTES) {
      throw VcpudError.of('PAGES_MALFORMED', `a message names at most ${MOST_NAMED_BYTES} bytes of memory`, {
        field: 'pages.page_counts',
      });
    }
    if (firstPages.length !== pageCounts.length || (inSource ? 0 : bytesOfRuns) !== data.length) {
      throw VcpudError.of('PAGES_MALFORMED', 'the runs of pages and their data do not fit together', {
        field: 'pages.data',
      });
    }
    if (zeroFirstPages.length !== zeroPageCounts.length) {
      throw VcpudError.of('PAGES_MALFORMED', 'runs of zero pages need a count each', {
        field: 'pages.zero_page_counts',
      });
    }
    requireChecksum(data, message.crc32);
    this.roundBytes += data.length;
    let at = 0;
    firstPages.forEach((page, i) => {
      const count = pageCounts[i] ?? 0;
      const bytes = count * PAGE_BYTES;
      if (inSource) {
        source?.copyTo(memory, gpaOf(page), bytes);
        return; // and nothing is patched: that is for what came in messages
      }
      memory.writeNow(gpaOf(page), data.subarray(at, at + bytes));
      this.arrived.add(page, count);
      at += bytes;
    });
    for (const [i, page] of zeroFirstPages.entries()) {
      await memory.writeZeroes(gpaOf(page), BigInt((zeroPageCounts[i] ?? 0) * PAGE_BYTES));
    }
  }

  /** All of a round is written. */
  endRound(): void {
    collectAfter(this.roundBytes);
    this.roundBytes = 0;
  }

  /** Takes the last of the memory and the state, and lets the guest go on; gives how long each part took, and when it went on. */
  async commit(commit: ReceiveVmCommit__Output): Promise<{ parts: readonly Part[]; at: Moment }> {
    this.goFirst();
    try {
      const { parts, snapshot, part } = await this.take(commit);
      const at = await this.vm.arrive(snapshot, commit.run, part);
      return { parts, at };
    } finally {
      this.goBack();
    }
  }

  private goFirst(): void {
    this.goBack();
    const back = goFirst();
    const late = setTimeout(back, COMMIT_FOLLOWS_MS).unref();
    this.goBack = () => {
      clearTimeout(late);
      back();
    };
  }

  private async take({ state, memoryHashes, pages, patches }: ReceiveVmCommit__Output): Promise<Taken> {
    if (state === null) throw VcpudError.of('FIELD_REQUIRED', 'state is required', { field: 'state' });
    const parts: Part[] = [];
    const part = (name: string, ms: number) => void parts.push({ name, ms });
    const since = performance.now();
    if (pages !== null) await this.writePages(pages);
    if (patches !== null) writePatches(this.vm.memory, this.arrived, patches);
    const written = performance.now();
    part('memory', written - since);
    if (memoryHashes.length > 0) {
      await requireSameMemory(this.vm, memoryHashes);
      part('hash', performance.now() - written);
    }
    return { parts, part, snapshot: vmSnapshot(state) };
  }
}

/** What a commit brought, and how long that took. */
interface Taken {
  readonly snapshot: VmSnapshot;
  readonly parts: readonly Part[];
  readonly part: (name: string, ms: number) => void;
}

async function requireSameMemory(vm: Vm, expected: readonly Buffer[]): Promise<void> {
  const found = await hashMemory(vm.memory);
  const wrong = found.flatMap((hash, i) => (expected[i]?.equals(hash) ? [] : [i]));
  if (wrong.length === 0 && found.length === expected.length) return;
  throw VcpudError.of('CHECKSUM_WRONG', `memory differs in ranges ${wrong.join(', ')} of ${found.length}`, {
    metadata: { ranges: wrong.join(','), compared: String(found.length) },
  });
}
