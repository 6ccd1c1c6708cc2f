// Memory by name: for a destination on the same host, which reads what is named from this VM's memory itself. One copy
// by the kernel, where messages cost five and two processes' time for them. What is read is charged to who reads it.

import type { MemoryPages } from '../../protos/gen/vcpud/v1/MemoryPages.js';
import { PAGE_BYTES } from '../api/zero-pages.js';
import { type GuestMemory, stretchOfPages } from '../vm/guest-memory.js';
import {
  type Carrier,
  type CommitMemory,
  type Link,
  MOST_NAMED_BYTES,
  NOTHING_SENT,
  type Sent,
  wire,
} from './carrier.js';
import type { PageRange } from './page-messages.js';
import { REHEARSED_PAGES } from './rehearsals.js';

/** The most runs that a message names, 10 bytes each at most. */
const MOST_RUNS = 8192;

interface Named {
  readonly runs: MemoryPages & { readonly firstPages: number[]; readonly pageCounts: number[] };
  /** Zero ones included, which are in no run. */
  readonly pages: number;
  readonly zeroPages: number;
}

/** Ranges as messages name them; without pages that are zero, where those are skipped. */
function* namedPages(
  memory: GuestMemory,
  ranges: Iterable<PageRange>,
  skipZeroes: boolean,
): Generator<Named> {
  let firstPages: number[] = [];
  let pageCounts: number[] = [];
  let pages = 0;
  let zeroPages = 0;
  const finish = (): Named => {
    const named = { runs: { firstPages, pageCounts, inSource: true }, pages, zeroPages };
    firstPages = [];
    pageCounts = [];
    pages = 0;
    zeroPages = 0;
    return named;
  };
  const add = (gpa: bigint, count: number, zero: boolean) => {
    pages += count;
    if (zero) zeroPages += count;
    else {
      firstPages.push(Number(gpa / BigInt(PAGE_BYTES)));
      pageCounts.push(count);
    }
  };
  for (const { gpa, bytes } of ranges) {
    for (let done = 0; done < bytes; ) {
      const start = gpa + BigInt(done);
      const room = Math.min(bytes - done, MOST_NAMED_BYTES - pages * PAGE_BYTES);
      if (skipZeroes) {
        const view = memory.view(start, room);
        const { end, zero } = stretchOfPages(view, 0, view.length);
        add(start, end / PAGE_BYTES, zero);
        done += end;
      } else {
        add(start, room / PAGE_BYTES, false);
        done += room;
      }
      if (pages * PAGE_BYTES === MOST_NAMED_BYTES || firstPages.length === MOST_RUNS) yield finish();
    }
  }
  if (pages > 0) yield finish();
}

const withNamed = (sent: Sent, { pages, zeroPages }: Named): Sent => ({
  pages: sent.pages + pages,
  zeroPages: sent.zeroPages + zeroPages,
  bytes: sent.bytes + (pages - zeroPages) * PAGE_BYTES,
});

export class NearMemory implements Carrier {
  private readonly memory: GuestMemory;
  private readonly link: Link;
  private readonly pagesRead: () => Promise<unknown>;
  private there: Named['runs'] | undefined;

  /** pagesRead: resolves with the destination's next answer, that it has read pages. */
  constructor(memory: GuestMemory, link: Link, pagesRead: () => Promise<unknown>) {
    this.memory = memory;
    this.link = link;
    this.pagesRead = pagesRead;
  }

  async round(
    ranges: Iterable<PageRange>,
    first: boolean,
    each: (soFar: Sent) => Promise<void>,
  ): Promise<Sent> {
    let sent = NOTHING_SENT;
    let read: Promise<unknown> = Promise.resolve();
    for (const named of namedPages(this.memory, ranges, first)) {
      sent = withNamed(sent, named);
      if (named.runs.firstPages.length > 0) {
        // While the destination reads what one message names, the next is made here.
        await read;
        read = this.name(named);
        this.there = named.runs;
      }
      await each(sent);
    }
    await read;
    return sent;
  }

  rehearsal(): CommitMemory | null {
    if (this.there === undefined) return null;
    const { firstPages, pageCounts } = this.there;
    let left = REHEARSED_PAGES;
    const counts = pageCounts.map((count) => {
      const taken = Math.min(count, left);
      left -= taken;
      return taken;
    });
    const runs = counts.filter((count) => count > 0);
    return {
      pages: { firstPages: firstPages.slice(0, runs.length), pageCounts: runs, inSource: true },
      patches: null,
    };
  }

  async last(ranges: Iterable<PageRange>, first: boolean): Promise<{ sent: Sent; memory: CommitMemory }> {
    let sent = NOTHING_SENT;
    let last: Named | undefined;
    for (const named of namedPages(this.memory, ranges, first)) {
      sent = withNamed(sent, named);
      if (named.runs.firstPages.length === 0) continue;
      if (last !== undefined) await this.name(last);
      last = named;
    }
    return { sent, memory: { pages: last?.runs ?? null, patches: null } };
  }

  /** Resolves when the destination has read it. */
  private name({ runs }: Named): Promise<unknown> {
    const read = this.link.send(wire({ pages: runs })).then(this.pagesRead);
    read.catch(() => undefined); // told to who waits for it next
    return read;
  }
}
