// Memory by messages: for a destination on another host. What is left for the switch goes as patches of what was sent.

import { collectAfter } from '../os/v8-heap.js';
import type { GuestMemory } from '../vm/guest-memory.js';
import { type Carrier, type CommitMemory, type Link, NOTHING_SENT, type Sent } from './carrier.js';
import { MessageBuffers, type PageMessage, type PageRange, pageMessages } from './page-messages.js';
import { type LeftPages, SentPages } from './patches.js';

const withMessage = (sent: Sent, { pages, zeroPages }: PageMessage, bytes: number): Sent => ({
  pages: sent.pages + pages,
  zeroPages: sent.zeroPages + zeroPages,
  bytes: sent.bytes + bytes,
});

export class StreamedMemory implements Carrier {
  private readonly memory: GuestMemory;
  private readonly link: Link;
  private readonly sent = new SentPages();
  private readonly buffers = new MessageBuffers();

  constructor(memory: GuestMemory, link: Link) {
    this.memory = memory;
    this.link = link;
  }

  async round(
    ranges: Iterable<PageRange>,
    first: boolean,
    each: (soFar: Sent) => Promise<void>,
  ): Promise<Sent> {
    const { sent, last } = await this.sendAllButLast(ranges, first, each, (message) => {
      // Of the first round nothing is kept: which pages are written again and again shows from the second on.
      if (!first) this.sent.remember(message);
    });
    if (last === undefined) return sent;
    const message = last.wire();
    await this.link.send(message);
    const all = withMessage(sent, last, message.length);
    await each(all);
    collectAfter(all.bytes);
    return all;
  }

  rehearsal(): CommitMemory | null {
    const patches = this.sent.rehearse(this.memory);
    return patches === null ? null : { pages: null, patches };
  }

  async last(ranges: Iterable<PageRange>, first: boolean): Promise<{ sent: Sent; memory: CommitMemory }> {
    const { whole, patches, patched }: LeftPages = first
      ? { whole: ranges, patches: null, patched: 0 }
      : this.sent.patchesFor(this.memory, ranges);
    const { sent, last } = await this.sendAllButLast(whole, first);
    const all = last === undefined ? sent : withMessage(sent, last, 0);
    return {
      sent: { ...all, pages: all.pages + patched },
      memory: { pages: last?.content() ?? null, patches },
    };
  }

  /** Sends all messages but the last one, which is given back: for whoever has more to say with it. */
  private async sendAllButLast(
    ranges: Iterable<PageRange>,
    skipZeroes: boolean,
    each: (soFar: Sent) => Promise<void> = async () => undefined,
    built: (message: PageMessage) => void = () => undefined,
  ): Promise<{ sent: Sent; last: PageMessage | undefined }> {
    let sent = NOTHING_SENT;
    let onItsWay: Promise<void> = Promise.resolve();
    let last: PageMessage | undefined;
    for (const message of pageMessages(this.memory, ranges, skipZeroes, this.buffers)) {
      built(message);
      if (last !== undefined) {
        const wireBytes = last.wire();
        // The one before must be out: the next but one is built where it stands.
        await onItsWay;
        onItsWay = this.link.send(wireBytes);
        sent = withMessage(sent, last, wireBytes.length);
        await each(sent);
      }
      last = message;
    }
    await onItsWay;
    return { sent, last };
  }
}
