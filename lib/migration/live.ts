// The reference orchestrator of a live migration: a client of two vcpuds and of nothing else. Memory and states go
// from one to the other directly; this leads. Until the switch the guest runs at the source, whatever breaks; what a
// break during the switch leaves, resolve.ts ends.

import { randomUUID } from 'node:crypto';
import type { SendVmResponse__Output } from '../../protos/gen/vcpud/v1/SendVmResponse.js';
import type { VcpudClient } from '../api/client.js';
import { milliseconds } from '../api/duration.js';
import { type Decision, decide, type Limits, type Round } from './pre-copy.js';
import { checkDestination, NotCompatible, type Preflight, requirementsOf } from './preflight.js';

/** What a live migration does, in order, and why there. */
export const LIVE_PHASES = [
  ['check', 'whether the destination can take the VM is known before anything is touched'],
  ['prepare', 'a VM of the same shape waits at the destination'],
  ['connect', 'the source reaches it, shows the token, and has writes logged from here on'],
  ['pre-copy', 'memory, again and again what was written meanwhile, while the guest runs'],
  ['switch', 'the guest stops, the rest follows, it goes on at the destination'],
  ['delete', 'the source is no longer needed'],
] as const;

export type LivePhase = (typeof LIVE_PHASES)[number][0];

export type Side = 'source' | 'destination';

export interface LiveOptions extends Limits {
  readonly source: VcpudClient;
  readonly destination: VcpudClient;
  /** The destination as the source reaches it: unix:///PATH or tcp://HOST:PORT. */
  readonly destinationEndpoint: string;
  readonly vmId: string;
  /** Whether to compare all memory before the guest goes on; its blackout grows by that. */
  readonly verifyMemory: boolean;
  readonly onEvent: (event: LiveEvent) => void;
  /** Aborted before the switch, the migration ends with the guest at the source. From the switch on nothing is aborted. */
  readonly signal?: AbortSignal;
}

export type LiveEvent =
  | { readonly kind: 'begin'; readonly phase: LivePhase }
  | { readonly kind: 'checked'; readonly preflight: Preflight }
  | { readonly kind: 'phase'; readonly phase: LivePhase; readonly ms: number }
  | {
      readonly kind: 'progress';
      readonly round: number;
      readonly pages: number;
      readonly ofPages: number;
      readonly sentBytes: number;
    }
  | {
      readonly kind: 'round';
      readonly round: Round & { readonly zeroPages: number };
      readonly decision: Decision;
    };

export interface LiveResult {
  readonly migrationId: string;
  readonly memoryBytes: bigint;
  /** Whether the destination read memory itself, on the same host; else it was sent. */
  readonly readsSource: boolean;
  readonly rounds: ReadonlyArray<Round & { readonly zeroPages: number }>;
  readonly blackoutMs: number;
  readonly parts: ReadonlyArray<{ readonly name: string; readonly ms: number }>;
  readonly switchPages: number;
  readonly switchBytes: number;
  readonly verifiedRanges: number;
  readonly totalMs: number;
}

/** The guest writes faster than the limits allow to send; it is at the source. */
export class NotConverging extends Error {
  readonly rounds: readonly Round[];
  /** The blackout that was predicted after the last of them, ms. */
  readonly predictedMs: number;
  constructor(why: string, rounds: readonly Round[], predictedMs: number) {
    super(why);
    this.name = 'NotConverging';
    this.rounds = rounds;
    this.predictedMs = predictedMs;
  }
}

/** A phase failed. Where the guest then is, the two vcpuds know: resolve.ts asks them. */
export class LiveMigrationFailed extends Error {
  readonly phase: LivePhase;
  /** The side that failed, or did not answer. */
  readonly side: Side;
  readonly migrationId: string;
  constructor(phase: LivePhase, side: Side, migrationId: string, cause: unknown) {
    super(`${phase}: ${(cause as Error).message}`, { cause });
    this.name = 'LiveMigrationFailed';
    this.phase = phase;
    this.side = side;
    this.migrationId = migrationId;
  }
}

/**
 * Moves a VM while it runs. Throws NotCompatible, NotConverging, and LiveMigrationFailed for all else: guest-after.ts says
 * where the guest then is. Where this returns, the guest runs at the destination and the source has no trace of it.
 */
export async function migrateLive(options: LiveOptions): Promise<LiveResult> {
  const { source, destination, vmId, onEvent, signal } = options;
  const name = `vms/${vmId}`;
  const migrationId = randomUUID();
  const began = performance.now();
  let phase: LivePhase = 'check';
  let side: Side = 'source';
  const timed = async <T>(which: LivePhase, task: () => Promise<T>): Promise<T> => {
    phase = which;
    side = 'source';
    onEvent({ kind: 'begin', phase });
    const since = performance.now();
    const result = await task();
    onEvent({ kind: 'phase', phase: which, ms: performance.now() - since });
    return result;
  };
  let prepared = false;
  try {
    signal?.throwIfAborted();
    await timed('check', async () => {
      const requirements = await requirementsOf(source, name);
      side = 'destination';
      const preflight = await checkDestination(destination, requirements);
      onEvent({ kind: 'checked', preflight });
      if (!preflight.compatible) throw new NotCompatible(preflight);
    });
    signal?.throwIfAborted();
    const token = await timed('prepare', async () => {
      const { vm } = await source.vm.GetVm({ name });
      side = 'destination';
      const answer = await destination.migration.PrepareVm({ vmId, vm, migrationId });
      prepared = true;
      return answer.token;
    });
    signal?.throwIfAborted();
    const stream = source.sendVm();
    const cancel = () => stream.cancel();
    signal?.addEventListener('abort', cancel);
    try {
      const answerTo = async <K extends keyof SendVmResponse__Output>(
        kind: K,
      ): Promise<NonNullable<SendVmResponse__Output[K]>> => {
        for (;;) {
          const answer = await stream.next();
          if (answer.progress !== null && answer.progress !== undefined) {
            const { round, pages, ofPages, sentBytes } = answer.progress;
            onEvent({
              kind: 'progress',
              round,
              pages: Number(pages),
              ofPages: Number(ofPages),
              sentBytes: Number(sentBytes),
            });
            continue;
          }
          const wanted = answer[kind];
          if (wanted === null || wanted === undefined)
            throw new Error(`an answer other than ${String(kind)}`);
          return wanted;
        }
      };
      const { memoryBytes, readsSource } = await timed('connect', async () => {
        await stream.send({
          start: {
            name,
            migrationId,
            destination: options.destinationEndpoint,
            token,
            bandwidthBytesPerSecond: options.bandwidth,
          },
        });
        return answerTo('started');
      });
      const rounds: Array<Round & { zeroPages: number }> = [];
      await timed('pre-copy', async () => {
        for (;;) {
          signal?.throwIfAborted();
          await stream.send({ round: {} });
          const done = await answerTo('roundDone');
          const round = {
            round: done.round,
            pages: Number(done.pages),
            zeroPages: Number(done.zeroPages),
            sentBytes: Number(done.sentBytes),
            ms: milliseconds(done.duration),
            dirtyPages: Number(done.dirtyPages),
          };
          rounds.push(round);
          const decision = decide(rounds, options);
          onEvent({ kind: 'round', round, decision });
          if (decision.kind === 'give-up')
            throw new NotConverging(decision.why, rounds, decision.predictedMs);
          if (decision.kind === 'switch') return;
        }
      });
      signal?.throwIfAborted();
      // The source finishes a switch that has begun, whether it is listened to or not: better to hear how it ends.
      signal?.removeEventListener('abort', cancel);
      // From here on the end of the source's stream ends what the destination has, unless the commit was faster: told to
      // give it up by somebody who has lost the source, it could lose a guest that is on its way.
      prepared = false;
      const switched = await timed('switch', async () => {
        await stream.send({ switchOver: { verifyMemory: options.verifyMemory } });
        return answerTo('switched');
      });
      await timed('delete', () =>
        source.migration.ResolveMigration({ name, migrationId, outcome: 'MIGRATION_OUTCOME_ABANDON' }),
      );
      return {
        migrationId,
        memoryBytes: BigInt(memoryBytes),
        readsSource,
        rounds,
        blackoutMs: milliseconds(switched.blackout),
        parts: switched.parts.map((part) => ({ name: part.name, ms: milliseconds(part.duration) })),
        switchPages: Number(switched.pages),
        switchBytes: Number(switched.sentBytes),
        verifiedRanges: switched.verifiedRanges,
        totalMs: performance.now() - began,
      };
    } finally {
      signal?.removeEventListener('abort', cancel);
      stream.cancel();
    }
  } catch (error) {
    // NOT_FOUND where the end of the source's stream was faster.
    if (prepared) {
      await destination.migration
        .ResolveMigration({ name, migrationId, outcome: 'MIGRATION_OUTCOME_ABANDON' })
        .catch(() => undefined);
    }
    if (error instanceof NotConverging || error instanceof NotCompatible) throw error;
    throw new LiveMigrationFailed(phase, side, migrationId, error);
  }
}
