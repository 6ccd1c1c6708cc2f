// A guest that goes back and forth between two vcpuds while it runs, and its console through all of it. What the guest
// is, and what its console must say, is its own class's: moving-linux.ts, moving-small.ts.

import type { VcpudClient } from '../../lib/api/client.js';
import { type LiveOptions, type LivePhase, type LiveResult, migrateLive } from '../../lib/migration/live.js';
import type { Preflight } from '../../lib/migration/preflight.js';
import { GuestConsole } from '../guests/linux/console.js';
import { overFor, type Way } from './memory-way.js';

/** A guest that is silent for so long is lost, ms. */
const SILENCE_MS = 300_000;

/** A vcpud that the guest can be at. */
export interface Station {
  readonly client: VcpudClient;
  /** As the other vcpud reaches it. */
  readonly endpoint: string;
  /** The same where memory is to be streamed, as to another host. */
  readonly tcpEndpoint?: string | undefined;
}

export type ConsolePort = 'CONSOLE_PORT_DEBUG' | 'CONSOLE_PORT_SERIAL';

/** One console through all moves: what a VM wrote at one vcpud comes before what it wrote at the next. */
class MovingConsole {
  readonly guest = new GuestConsole();
  private readonly name: string;
  private readonly port: ConsolePort;
  private before: Promise<void> = Promise.resolve();
  private failure: Error | undefined;
  private failed: (error: Error) => void = () => undefined;

  constructor(name: string, port: ConsolePort) {
    this.name = name;
    this.port = port;
  }

  /** Follows the VM at a vcpud, from the first byte, until it is deleted there. */
  follow(client: VcpudClient): void {
    const events = client.watchVm({ name: this.name, consoleHistory: true });
    const { before } = this;
    this.before = (async () => {
      const chunks = events[Symbol.asyncIterator]();
      // Asked for at once, so that nothing is missed; looked at when the one before has ended.
      let next = chunks.next();
      next.catch(() => undefined);
      await before;
      for (;;) {
        const { done, value } = await next;
        if (done === true) return;
        if (value.console?.port === this.port) this.guest.push(value.console.data);
        next = chunks.next();
      }
    })();
    this.before.catch((error: Error) => {
      this.failure = error;
      this.failed(error);
    });
  }

  /** Resolves when as many lines more were written that fit; rejects where the console can't be followed, or none comes. */
  async moreLines(count: number, fits: (line: string) => boolean): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    let timer: NodeJS.Timeout | undefined;
    const trouble = new Promise<never>((_resolve, reject) => {
      this.failed = reject;
      timer = setTimeout(() => {
        const last = this.guest.lines.slice(-5).join(' | ');
        reject(
          new Error(`no line of L2's count within ${SILENCE_MS / 1000} s; the last on the console: ${last}`),
        );
      }, SILENCE_MS);
    });
    const lines = async () => {
      for (let seen = 0; seen < count; seen += 1) await this.guest.next(fits);
    };
    try {
      await Promise.race([lines(), trouble]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Resolves when the VM is gone everywhere. */
  ended(): Promise<void> {
    return this.before;
  }
}

export interface MoveOptions extends Pick<LiveOptions, 'verifyMemory' | 'maxBlackoutMs'> {
  /** By name where it is not told, as between two vcpuds on one host. */
  readonly way?: Way;
}

export interface MoveResult extends LiveResult {
  /** What the destination found before anything was touched. */
  readonly preflight: Preflight;
  readonly phases: ReadonlyArray<{ readonly name: LivePhase; readonly ms: number }>;
}

export abstract class MovingGuest {
  readonly vmId: string;
  protected readonly console: MovingConsole;
  protected from: Station;
  private to: Station;

  protected constructor(vmId: string, port: ConsolePort, from: Station, to: Station) {
    this.vmId = vmId;
    this.console = new MovingConsole(`vms/${vmId}`, port);
    this.from = from;
    this.to = to;
  }

  protected get name(): string {
    return `vms/${this.vmId}`;
  }

  /** Makes the VM at the first vcpud, with the guest in it. */
  protected abstract make(client: VcpudClient): Promise<void>;

  /** Whether a line of the console says how far L2 has counted. */
  protected abstract counts(line: string): boolean;

  /** A sentence for each thing that is wrong with what the guest wrote, from its start. */
  protected abstract troubles(lines: readonly string[]): string[];

  /** L2's last count. */
  abstract get count(): string;

  /** Makes the VM, paused, at the first vcpud. */
  async create(): Promise<void> {
    await this.make(this.from.client);
    this.console.follow(this.from.client);
  }

  /** Resolves when L2 counts. */
  async boot(): Promise<void> {
    const counting = this.goesOn(1);
    await this.from.client.vm.RunVm({ name: this.name });
    await counting;
  }

  /** Resolves when L2's count has been told so many times more. */
  goesOn(lines: number): Promise<void> {
    return this.console.moreLines(lines, (line) => this.counts(line));
  }

  /** To the other vcpud. */
  async move({ way = 'by name', ...options }: MoveOptions): Promise<MoveResult> {
    const { from, to } = this;
    const destinationEndpoint = overFor(way) === 'tcp' ? to.tcpEndpoint : to.endpoint;
    if (destinationEndpoint === undefined) throw new Error('nothing to stream to');
    let preflight: Preflight | undefined;
    const phases: Array<{ name: LivePhase; ms: number }> = [];
    const result = await migrateLive({
      ...options,
      source: from.client,
      destination: to.client,
      destinationEndpoint,
      vmId: this.vmId,
      bandwidth: 0,
      maxRounds: 30,
      onEvent: (event) => {
        if (event.kind === 'checked') preflight = event.preflight;
        if (event.kind !== 'phase') return;
        phases.push({ name: event.phase, ms: event.ms });
        if (event.phase === 'prepare') this.console.follow(to.client);
      },
    });
    this.from = to;
    this.to = from;
    if (preflight === undefined) throw new Error('a move without a check before it');
    return { ...result, preflight, phases };
  }

  /** How many lines told L2's count. */
  get countLines(): number {
    return this.console.guest.lines.filter((line) => this.counts(line)).length;
  }

  /** Deletes the VM; gives a sentence for each thing that was wrong, from its start to its end. */
  async end(): Promise<string[]> {
    await this.from.client.vm.DeleteVm({ name: this.name });
    await this.console.ended();
    const troubles = this.troubles(this.console.guest.lines);
    for (const { client } of [this.from, this.to]) {
      const { vms } = await client.vm.ListVms({});
      if (vms.length > 0) troubles.push(`left behind: ${vms.map(({ name }) => name).join(', ')}`);
    }
    return troubles;
  }
}
