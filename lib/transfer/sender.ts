// The source's side of a move: rounds of memory, then the switch. Speaks to the destination by a link, which is a
// stream of ReceiveVm; who leads it (how many rounds, when to switch) is the orchestrator.

import type { ServiceError } from '@grpc/grpc-js';
import type { ReceiveVmResponse__Output } from '../../protos/gen/vcpud/v1/ReceiveVmResponse.js';
import { milliseconds } from '../api/duration.js';
import { errorInfoOf } from '../api/error-details.js';
import { nestedState } from '../api/vcpu-state.js';
import { VcpudError } from '../errors/vcpud-error.js';
import { type Moment, moment, msBetween } from '../os/monotonic-clock.js';
import { goFirst } from '../os/priority.js';
import { HandOverFailed } from '../vm/migration.js';
import type { Vm, VmSnapshot } from '../vm/vm.js';
import { type Carrier, type Link, type Sent, wire } from './carrier.js';
import { hashMemory } from './memory-hash.js';
import { NearMemory } from './near-memory.js';
import { Rehearsals } from './rehearsals.js';
import { showMemory } from './source-memory.js';
import { StreamedMemory } from './streamed-memory.js';
import { vmState } from './vm-state.js';

export interface RoundResult extends Sent {
  readonly round: number;
  readonly ms: number;
  /** What the next round would send at this moment. */
  readonly dirtyPages: number;
}

export interface Part {
  readonly name: string;
  readonly ms: number;
}

export interface SwitchResult extends Sent {
  readonly blackoutMs: number;
  readonly parts: readonly Part[];
  readonly verifiedRanges: number;
}

export interface RoundProgress extends Sent {
  readonly round: number;
  /** 0 where that is not known. */
  readonly ofPages: number;
}

const rehearsals = new Rehearsals();
/** For so long after a rehearsal with memory in it a round that ends needs no other. The destination waits longer: COMMIT_FOLLOWS_MS. */
const STAYS_REHEARSED_MS = 1000;
const PROGRESS_MS = 500;
/** How long a sender that is ahead of its bandwidth sleeps before it looks whether anybody is still there, ms. */
const MOST_PACE_MS = 100;

/** To a destination. */
export interface Way {
  readonly link: Link;
  /** Whether that may be on this host. */
  readonly near: boolean;
  /** Bytes a second for rounds; 0 for no limit. */
  readonly bandwidth: number;
  /** Whether nobody leads any more: a round then ends. */
  readonly gone: () => boolean;
}

export class VmSender {
  private readonly vm: Vm;
  private readonly link: Link;
  private readonly near: boolean;
  private readonly bytesPerMs: number;
  private readonly gone: () => boolean;
  private carrier: Carrier;
  private round = 0;
  /** When memory was last rehearsed, ms. */
  private rehearsedAt = Number.NEGATIVE_INFINITY;

  constructor(vm: Vm, { link, near, bandwidth, gone }: Way) {
    this.vm = vm;
    this.link = link;
    this.near = near;
    this.bytesPerMs = bandwidth / 1000;
    this.gone = gone;
    this.carrier = new StreamedMemory(vm.memory, link);
  }

  /**
   * Shows the token, and the memory to a destination that may be near; resolves when memory can come. Gives whether the
   * destination reads memory itself.
   */
  async begin(migrationId: string, token: string): Promise<boolean> {
    const { memory, config } = this.vm;
    const shown = this.near ? showMemory(memory, token) : null;
    await this.link.send(wire({ begin: { name: `vms/${config.id}`, migrationId, token, memory: shown } }));
    const ready = await this.expect('ready');
    if (ready.readsSource) this.carrier = new NearMemory(memory, this.link, () => this.expect('pagesRead'));
    // What is done with a state in the switch has then been done before, here and there; see Vm.rehearseArrival.
    for (let left = Math.max(ready.rehearsals, rehearsals.next()); left > 0; left -= 1) await this.rehearse();
    return ready.readsSource;
  }

  private async rehearse(): Promise<void> {
    const state = vmState(this.vm.powerOnSnapshot());
    const example = await this.vm.nestedExample();
    const nestedExample = example === undefined ? null : nestedState(example);
    const memory = this.carrier.rehearsal();
    if (memory !== null) this.rehearsedAt = performance.now();
    await this.link.send(wire({ rehearsal: { state, nestedExample, ...memory } }));
    await this.expect('rehearsed');
  }

  /** Copies what was written since the round before; the first time, all memory. */
  async sendRound(onProgress: (progress: RoundProgress) => void): Promise<RoundResult> {
    const since = performance.now();
    this.round += 1;
    const { round } = this;
    const first = round === 1;
    const dirty = first ? undefined : this.vm.dirty.collect();
    const ranges = dirty?.runs ?? this.vm.memory.written();
    let told = since;
    const sent = await this.carrier.round(ranges, first, async (soFar) => {
      const now = performance.now();
      if (now - told > PROGRESS_MS) {
        told = now;
        onProgress({ round, ...soFar, ofPages: dirty?.pages ?? 0 });
      }
      await this.pace(soFar.bytes, since);
      if (this.gone()) throw VcpudError.of('CANCELLED', 'the caller went away');
    });
    await this.link.send(wire({ roundEnd: { round } }));
    await this.expect('roundWritten');
    const ms = performance.now() - since;
    // By now with memory in it: the switch may be next.
    if (performance.now() - this.rehearsedAt > STAYS_REHEARSED_MS) await this.rehearse();
    return { round, ...sent, ms, dirtyPages: this.vm.dirty.count() };
  }

  /** Stops the guest here and has it go on there. Throws DESTINATION_REFUSED, DESTINATION_UNREACHABLE, MIGRATION_IN_DOUBT. */
  async switchOver(verifyMemory: boolean): Promise<SwitchResult> {
    const goBack = goFirst();
    const since = performance.now();
    const began = moment();
    try {
      const parts: Part[] = [];
      const give = async (snapshot: VmSnapshot, run: boolean) => {
        let last = performance.now();
        const part = (name: string) => {
          const now = performance.now();
          parts.push({ name, ms: now - last });
          last = now;
        };
        // After the state was taken: KVM may write memory for that (steal time).
        const dirty = this.vm.dirty.collectLast();
        const first = this.round === 0;
        const ranges = first ? this.vm.memory.written() : dirty.runs;
        const { sent, memory } = await this.beforeCommit(() => this.carrier.last(ranges, first));
        part('memory');
        const memoryHashes = verifyMemory ? await hashMemory(this.vm.memory) : [];
        if (verifyMemory) part('hash');
        const commit = wire({ commit: { state: vmState(snapshot), run, memoryHashes, ...memory } });
        part('serialize');
        const arrived = await this.commit(commit, goBack);
        part('answer');
        parts.push(...arrived.parts);
        const blackoutMs = goneOnAfter(began, arrived.at, last - since);
        const bytes = sent.bytes + commit.length;
        return { ...sent, bytes, blackoutMs, parts, verifiedRanges: memoryHashes.length };
      };
      return await this.vm.handOver(give, (name, ms) => parts.push({ name, ms }));
    } catch (error) {
      if (!(error instanceof HandOverFailed)) throw error;
      if (error.certain) throw refused(error.cause);
      throw VcpudError.of(
        'MIGRATION_IN_DOUBT',
        `the destination went away during the switch (${error.message}): the guest is stopped here, and may run there`,
        { metadata: { vm: this.vm.config.id }, cause: error },
      );
    } finally {
      goBack();
    }
  }

  /** Until the commit is sent the destination can't run the guest, whatever goes wrong. */
  private async beforeCommit<T>(task: () => Promise<T>): Promise<T> {
    try {
      return await task();
    } catch (error) {
      throw new HandOverFailed(error, true);
    }
  }

  /** sent: called when the rest is the destination's. */
  private async commit(message: Buffer, sent: () => void): Promise<{ parts: Part[]; at: Moment }> {
    // A link that is over takes nothing more: the commit does not leave.
    if (this.link.isOver()) await this.beforeCommit(() => this.link.next());
    await this.link.send(message);
    sent();
    let answer: ReceiveVmResponse__Output;
    try {
      answer = await this.link.next();
    } catch (error) {
      // What vcpud itself says is meant: it has deleted its part. Anything else is the line, or its end.
      throw new HandOverFailed(error, errorInfoOf(error as ServiceError) !== undefined);
    }
    if (answer.arrived === null || answer.arrived === undefined)
      throw new HandOverFailed(new Error('not an answer to a commit'), false);
    const { parts, monotonicUs, bootId } = answer.arrived;
    return {
      parts: parts.map(({ name, duration }) => ({
        name: `destination: ${name}`,
        ms: milliseconds(duration),
      })),
      at: { us: Number(monotonicUs), bootId },
    };
  }

  /** Waits until so many bytes were allowed since then. */
  private async pace(bytes: number, since: number): Promise<void> {
    if (this.bytesPerMs === 0) return;
    for (;;) {
      const ahead = bytes / this.bytesPerMs - (performance.now() - since);
      if (ahead <= 0 || this.gone() || this.link.isOver()) return;
      await new Promise((resolve) => setTimeout(resolve, Math.min(ahead, MOST_PACE_MS)));
    }
  }

  /** The answer of that kind. Throws DESTINATION_REFUSED, DESTINATION_UNREACHABLE. */
  private async expect<K extends 'ready' | 'rehearsed' | 'roundWritten' | 'pagesRead'>(
    kind: K,
  ): Promise<NonNullable<ReceiveVmResponse__Output[K]>> {
    let answer: ReceiveVmResponse__Output;
    try {
      answer = await this.link.next();
    } catch (error) {
      throw refused(error);
    }
    const wanted = answer[kind];
    if (wanted === null || wanted === undefined)
      throw new Error(`the destination answered something else than ${kind}`);
    return wanted;
  }
}

/** When the guest went on after a moment, ms: by the destination's clock where it is ours, and else at its answer. */
function goneOnAfter(began: Moment, at: Moment, answeredMs: number): number {
  const ms = msBetween(began, at);
  // Two processes of one boot may still have clocks apart, in time namespaces.
  return ms !== undefined && ms >= 0 && ms <= answeredMs ? ms : answeredMs;
}

/** The error for what a destination said, or for its silence. */
function refused(error: unknown): VcpudError {
  const info = errorInfoOf(error as ServiceError);
  const { message } = error as Error;
  if (info === undefined) {
    return VcpudError.of('DESTINATION_UNREACHABLE', `the destination went away: ${message}`, {
      cause: error,
    });
  }
  return VcpudError.of('DESTINATION_REFUSED', `the destination refused: ${message}`, {
    subject: 'destination',
    metadata: { ...info.metadata, destination_reason: info.reason },
    cause: error,
  });
}
