// What is known of one migration, put together from its events as they come: what a report shows, and what a program
// is given as JSON. Times are milliseconds.

import type { CompatibilityFinding__Output } from '../../../protos/gen/vcpud/v1/CompatibilityFinding.js';
import type { Host__Output } from '../../../protos/gen/vcpud/v1/Host.js';
import type { Whereabouts } from '../guest-after.js';
import type { LiveEvent, LivePhase, LiveResult } from '../live.js';
import type { Limits, Round } from '../pre-copy.js';
import type { Preflight } from '../preflight.js';

/** One end of a migration. */
export interface EndRecord {
  readonly endpoint: string;
  /** uname -r; as the others, empty where the host has not been heard of. */
  readonly kernel: string;
  readonly cpu: string;
  readonly vcpud: string;
}

export interface PhaseRecord {
  readonly phase: LivePhase;
  /** Since the migration began. */
  readonly startMs: number;
  readonly ms: number;
  readonly ending: 'done' | 'failed' | 'under way';
}

export interface RoundRecord extends Round {
  readonly zeroPages: number;
  /** The blackout that was predicted after it. */
  readonly predictedMs: number;
}

export interface FailureRecord {
  readonly message: string;
  readonly guest: Whereabouts;
  /** Where the guest is and what to do, in a sentence or two. */
  readonly advice: string;
}

export interface RecordedOptions {
  /** vms/{vm}. */
  readonly vm: string;
  readonly sourceEndpoint: string;
  readonly destinationEndpoint: string;
  readonly limits: Limits & { readonly verifyMemory: boolean };
  /** Only the pre-flight was asked for. */
  readonly dryRun: boolean;
}

export interface MigrationRecord {
  /** vms/{vm}. */
  readonly vm: string;
  readonly dryRun: boolean;
  /** ISO 8601. */
  readonly beganAt: string;
  readonly totalMs: number;
  readonly source: EndRecord;
  readonly destination: EndRecord;
  readonly limits: RecordedOptions['limits'];
  /** 0, as memoryBytes, where the VM has not been heard of. */
  readonly vcpuCount: number;
  readonly memoryBytes: number;
  /** What the pre-flight said; absent where it did not come to an answer. */
  readonly compatible?: boolean;
  readonly findings: readonly CompatibilityFinding__Output[];
  readonly phases: readonly PhaseRecord[];
  readonly rounds: readonly RoundRecord[];
  /** Set where the guest goes on at the destination. */
  readonly result?: Omit<LiveResult, 'rounds' | 'memoryBytes' | 'totalMs'>;
  readonly failure?: FailureRecord;
}

const endOf = (endpoint: string, host: Host__Output | null | undefined): EndRecord => ({
  endpoint,
  kernel: host?.kernelRelease ?? '',
  cpu: host?.cpuModel ?? '',
  vcpud: host?.vcpudVersion ?? '',
});

/** Takes the events of a migration; `record` is what they came to so far. */
export class Recorder {
  private readonly options: RecordedOptions;
  private readonly now: () => number;
  private readonly beganAt: Date;
  private readonly since: number;
  private preflight: Preflight | undefined;
  private destinationHost: Host__Output | undefined;
  private readonly phases: PhaseRecord[] = [];
  private readonly rounds: RoundRecord[] = [];
  private current: { readonly phase: LivePhase; readonly startMs: number } | undefined;
  private ended: number | undefined;
  private result: MigrationRecord['result'];
  private failure: FailureRecord | undefined;

  constructor(options: RecordedOptions, beganAt: Date, now: () => number = () => performance.now()) {
    this.options = options;
    this.beganAt = beganAt;
    this.now = now;
    this.since = now();
  }

  /** The phase that is under way, or failed; undefined between and after them. */
  get phase(): LivePhase | undefined {
    return this.current?.phase;
  }

  private elapsed(): number {
    return this.now() - this.since;
  }

  event(event: LiveEvent): void {
    if (event.kind === 'begin') {
      this.current = { phase: event.phase, startMs: this.elapsed() };
    } else if (event.kind === 'phase') {
      const startMs = this.current?.startMs ?? this.elapsed() - event.ms;
      this.phases.push({ phase: event.phase, startMs, ms: event.ms, ending: 'done' });
      this.current = undefined;
    } else if (event.kind === 'checked') {
      this.preflight = event.preflight;
    } else if (event.kind === 'round') {
      this.rounds.push({ ...event.round, predictedMs: event.decision.predictedMs });
    }
  }

  destinationIs(host: Host__Output): void {
    this.destinationHost = host;
  }

  moved({ rounds: _rounds, memoryBytes: _memory, totalMs: _total, ...result }: LiveResult): void {
    this.ended = this.elapsed();
    this.result = result;
  }

  failed(failure: FailureRecord): void {
    this.ended = this.elapsed();
    this.failure = failure;
  }

  record(): MigrationRecord {
    const { options, preflight, current, result, failure } = this;
    const totalMs = this.ended ?? this.elapsed();
    const ending = failure === undefined ? 'under way' : 'failed';
    const last: PhaseRecord[] =
      current === undefined ? [] : [{ ...current, ms: totalMs - current.startMs, ending }];
    return {
      vm: options.vm,
      dryRun: options.dryRun,
      beganAt: this.beganAt.toISOString(),
      totalMs,
      source: endOf(options.sourceEndpoint, preflight?.requirements.host),
      destination: endOf(options.destinationEndpoint, this.destinationHost),
      limits: options.limits,
      vcpuCount: preflight?.requirements.vcpuCount ?? 0,
      memoryBytes: Number(preflight?.requirements.memoryBytes ?? 0),
      ...(preflight === undefined ? {} : { compatible: preflight.compatible }),
      findings: preflight?.findings ?? [],
      phases: [...this.phases, ...last],
      rounds: [...this.rounds],
      ...(result === undefined ? {} : { result }),
      ...(failure === undefined ? {} : { failure }),
    };
  }
}
