// Who leads a migration that breaks, in this process or as one that can be killed, and who comes back to it. Used by
// stage.ts.

import assert from 'node:assert/strict';
import { VcpudClient } from '../../lib/api/client.js';
import { guestAfter } from '../../lib/migration/guest-after.js';
import { type LiveMigrationFailed, migrateLive } from '../../lib/migration/live.js';
import { FIXED_MS } from '../../lib/migration/pre-copy.js';
import { InDoubt, type Resolution, resolveMigration } from '../../lib/migration/resolve.js';
import { startVcpuctl, type VcpuctlProcess } from '../harness/vcpuctl-process.js';
import type { Hosts } from './fleet.js';
import { VM_ID } from './guest.js';
import type { Leader, Moment, Told } from './table.js';
import type { Ways } from './ways.js';

export interface Leading {
  readonly told: Promise<Told | 'killed'>;
  /** What it ended with, for a person. */
  why(): string;
  /** SIGKILL. */
  kill(): void;
  /** Resolves when it has been heard. */
  cancel(): Promise<void>;
}

/** A limit that the first rounds never fit, where there are to be more; else one that any round fits. */
const maxBlackoutMs = (moment: Moment): number => (moment === 'later round' ? FIXED_MS : 600_000);

/** lib/migration/live.ts in this process. */
function leadHere({ toSource, toDestination, line }: Ways, moment: Moment): Leading {
  const source = new VcpudClient(toSource.endpoint);
  const destination = new VcpudClient(toDestination.endpoint);
  const controller = new AbortController();
  let why = '';
  const told = migrateLive({
    source,
    destination,
    destinationEndpoint: line.endpoint,
    vmId: VM_ID,
    verifyMemory: false,
    maxBlackoutMs: maxBlackoutMs(moment),
    maxRounds: 1000,
    bandwidth: 0,
    onEvent: () => undefined,
    signal: controller.signal,
  })
    .then(
      (): Told => 'moved',
      (error: LiveMigrationFailed): Told => {
        why = error.message;
        return guestAfter(error);
      },
    )
    .finally(() => {
      source.close();
      destination.close();
    });
  return {
    told,
    why: () => why,
    kill: () => {
      throw new Error('only a process can be killed');
    },
    cancel: async () => controller.abort(),
  };
}

/** vcpuctl migrate. */
function leadByVcpuctl({ toSource, toDestination, line }: Ways, moment: Moment): Leading {
  const ends = ['--from', toSource.endpoint, '--to', toDestination.endpoint];
  const { child, outcome }: VcpuctlProcess = startVcpuctl([
    ...['migrate', VM_ID, ...ends, '--as-seen-by-source', line.endpoint],
    ...['--max-blackout', String(maxBlackoutMs(moment)), '--max-rounds', '1000'],
  ]);
  const TOLD = new Map<number | NodeJS.Signals, Told | 'killed'>([
    [0, 'moved'],
    [9, 'source'],
    [8, 'unknown'],
    ['SIGKILL', 'killed'],
  ]);
  let why = '';
  return {
    why: () => why,
    told: outcome.then(({ status, err }) => {
      why = err;
      const told = TOLD.get(status);
      if (told === undefined) throw new Error(`vcpuctl ended with ${status}: ${err}`);
      return told;
    }),
    kill: () => void child.kill('SIGKILL'),
    cancel: async () => {
      // It ends, or says that it is too late.
      const heard = new Promise((resolve) => child.stderr?.once('data', resolve));
      child.kill('SIGINT');
      await Promise.race([heard, outcome]);
    },
  };
}

export const LEADERS: Readonly<Record<Leader, (ways: Ways, moment: Moment) => Leading>> = {
  here: leadHere,
  vcpuctl: leadByVcpuctl,
};

export async function resumeHere({ source, destination }: Hosts, destinationIsGone: boolean) {
  try {
    return await resolveMigration({
      source: source.client,
      destination: destination.client,
      vmId: VM_ID,
      destinationIsGone,
    });
  } catch (error) {
    if (error instanceof InDoubt) return 'in doubt';
    throw error;
  }
}

export async function resumeByVcpuctl({ source, destination }: Hosts): Promise<Resolution> {
  const ends = ['--from', `unix://${source.socketPath}`, '--to', `unix://${destination.socketPath}`];
  const { status, out, err } = await startVcpuctl(['--json', 'migrate', VM_ID, ...ends, '--resume']).outcome;
  assert.deepEqual([status, err], [0, '']);
  return JSON.parse(out).resolution as Resolution;
}
