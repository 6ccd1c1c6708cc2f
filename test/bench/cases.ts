// What can be measured, by name, in the order in which it is done.

import { batch } from './batch.js';
import { migrationOf } from './migration.js';
import { readMemory } from './read-memory.js';
import { residentMemory } from './resident-memory.js';
import type { Measurement } from './row.js';
import type { Stage } from './stage.js';
import { stop } from './stop.js';
import { throughput, unary } from './unary.js';
import { validate } from './validate.js';
import { vcpuParts } from './vcpu-parts.js';

export interface Case {
  readonly name: string;
  readonly what: string;
  /** Whether a guest must run a guest of its own for it. */
  readonly nesting: boolean;
  readonly measure: (stage: Stage) => Promise<Measurement[]>;
}

export const CASES: readonly Case[] = [
  { name: 'validate', what: 'ValidateNestedState in process', nesting: false, measure: validate },
  { name: 'rss', what: 'resident memory', nesting: false, measure: residentMemory },
  { name: 'read-memory', what: 'ReadMemory of 256 MiB', nesting: false, measure: readMemory },
  { name: 'unary', what: 'one GetNestedState at a time', nesting: true, measure: unary },
  { name: 'throughput', what: 'GetNestedState, 64 in flight', nesting: true, measure: throughput },
  { name: 'stop', what: 'for how long a vCPU stands still', nesting: true, measure: stop },
  { name: 'batch', what: 'BatchGetNestedStates of 64 vCPUs', nesting: true, measure: batch },
  { name: 'vcpu-parts', what: 'what each vCPU adds to a blackout', nesting: true, measure: vcpuParts },
  ...[256, 1024].flatMap((mib) =>
    (['idle', 'writer'] as const).map((load) => ({
      name: `migration-${mib}-${load}`,
      what: `live migration of ${mib} MiB, ${load}, against QEMU’s`,
      nesting: true,
      measure: migrationOf(mib, load),
    })),
  ),
];
