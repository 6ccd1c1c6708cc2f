// Ends what a live migration left behind, from what the two hosts say: for an orchestrator that comes back. The one
// rule: the source goes on only where the destination can't.

import { type ServiceError, status } from '@grpc/grpc-js';
import type { MigrationPhase } from '../../protos/gen/vcpud/v1/MigrationPhase.js';
import type { Vm__Output } from '../../protos/gen/vcpud/v1/Vm.js';
import type { VcpudClient } from '../api/client.js';

export type Resolution =
  /** The guest is the destination's; the source's rest was deleted. */
  | 'finished'
  /** The guest goes on at the source; the destination has nothing of it. */
  | 'undone'
  /** There was nothing to end. */
  | 'nothing';

/** Nobody can say yet where the guest may run. */
export class InDoubt extends Error {
  constructor(why: string) {
    super(why);
    this.name = 'InDoubt';
  }
}

export interface ResolveOptions {
  readonly source: VcpudClient;
  readonly destination: VcpudClient;
  readonly vmId: string;
  /** Said by one who knows that the destination's host is gone for good: the guest goes on at the source. */
  readonly destinationIsGone: boolean;
}

type Seen = { readonly kind: 'vm'; readonly vm: Vm__Output } | { readonly kind: 'none' | 'unreachable' };

async function look(client: VcpudClient, name: string): Promise<Seen> {
  try {
    const { vm } = await client.vm.GetVm({ name });
    return vm === null ? { kind: 'none' } : { kind: 'vm', vm };
  } catch (error) {
    const { code } = error as ServiceError;
    if (code === status.NOT_FOUND) return { kind: 'none' };
    if (code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED) return { kind: 'unreachable' };
    throw error;
  }
}

const phaseOf = (seen: Seen): MigrationPhase | undefined =>
  seen.kind === 'vm' ? seen.vm.migration?.phase : undefined;
const idOf = (seen: Seen): string => (seen.kind === 'vm' ? (seen.vm.migration?.id ?? '') : '');
const STOPPED_HERE: ReadonlySet<MigrationPhase | undefined> = new Set([
  'MIGRATION_PHASE_HANDED_OVER',
  'MIGRATION_PHASE_MOVED',
]);
const ABANDON = 'MIGRATION_OUTCOME_ABANDON';

/** Finishes or undoes. Throws InDoubt where that can't be told yet; doing it again later is safe. */
export async function resolveMigration(options: ResolveOptions): Promise<Resolution> {
  const { source, destination, vmId, destinationIsGone } = options;
  const name = `vms/${vmId}`;
  const there = await look(destination, name);
  const here = await look(source, name);
  const migrationId = idOf(here) || idOf(there);
  const samePart =
    here.kind !== 'vm' || there.kind !== 'vm' || idOf(here) === '' || idOf(here) === idOf(there);

  if (phaseOf(there) === 'MIGRATION_PHASE_ARRIVED' && samePart) {
    if (!STOPPED_HERE.has(phaseOf(here))) {
      if (here.kind === 'unreachable')
        throw new InDoubt('the guest is at the destination; the source does not answer');
      return 'nothing';
    }
    await source.migration.ResolveMigration({ name, migrationId, outcome: ABANDON });
    return 'finished';
  }
  if (here.kind === 'unreachable') {
    throw new InDoubt('the source does not answer, and the guest has not arrived at the destination');
  }
  if (there.kind === 'unreachable' && STOPPED_HERE.has(phaseOf(here)) && !destinationIsGone) {
    throw new InDoubt(
      'the destination does not answer, and the guest may run there: it stays stopped at the source',
    );
  }
  let ended = false;
  if (there.kind === 'vm' && idOf(there) !== '' && samePart) {
    // Where it arrives this very moment this is refused, and said to the caller: the next try finishes.
    await destination.migration.ResolveMigration({ name, migrationId: idOf(there), outcome: ABANDON });
    ended = true;
  }
  if (STOPPED_HERE.has(phaseOf(here))) {
    await source.migration.ResolveMigration({ name, migrationId, outcome: 'MIGRATION_OUTCOME_RUN_HERE' });
    ended = true;
  }
  return ended ? 'undone' : 'nothing';
}
