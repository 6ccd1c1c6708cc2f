// Ends what a live migration left behind, from what the two hosts say: for an orchestrator that comes back. The one
// rule: the source goes on only where the destination can't.

import { type ServiceError, status } from '@grpc/grpc-js';
import type { MigrationPhase } from '../../protos/gen/vcpud/v1/MigrationPhase.js';
import type { VcpudClient } from '../api/client.js';
import { errorInfoOf } from '../api/error-details.js';

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

/** What a side says of the VM. One without a part in a migration has no phase, and an empty id. */
export type Seen =
  | { readonly kind: 'vm'; readonly id: string; readonly phase: MigrationPhase | undefined }
  | { readonly kind: 'none' | 'unreachable' };

/** What to do, at the destination first; or why that can't be told yet. */
export type Plan =
  | {
      readonly kind: 'do';
      readonly destination: 'ABANDON' | undefined;
      readonly source: 'ABANDON' | 'RUN_HERE' | undefined;
    }
  | { readonly kind: 'wait'; readonly why: string };

/** A destination's part before the guest has arrived. */
const NOT_ARRIVED: ReadonlySet<MigrationPhase | undefined> = new Set([
  'MIGRATION_PHASE_PREPARED',
  'MIGRATION_PHASE_RECEIVING',
]);
const STOPPED_HERE: ReadonlySet<MigrationPhase | undefined> = new Set([
  'MIGRATION_PHASE_HANDED_OVER',
  'MIGRATION_PHASE_MOVED',
]);

/** Decides. Pure; docs/compose-a-migration.md shows it as a table. */
export function plan(here: Seen, there: Seen, destinationIsGone: boolean): Plan {
  // The migration by which it once came here is not the one by which it is to go.
  const hereId = phaseOf(here) === 'MIGRATION_PHASE_ARRIVED' ? '' : idOf(here);
  const sameMigration = hereId === '' || there.kind !== 'vm' || hereId === there.id;
  if (there.kind === 'vm' && there.phase === 'MIGRATION_PHASE_ARRIVED' && sameMigration) {
    return here.kind === 'unreachable'
      ? { kind: 'wait', why: 'the guest is at the destination; the source does not answer' }
      : { kind: 'do', destination: undefined, source: stoppedHere(here) ? 'ABANDON' : undefined };
  }
  if (here.kind === 'unreachable') {
    return {
      kind: 'wait',
      why: 'the source does not answer, and the guest has not arrived at the destination',
    };
  }
  if (there.kind === 'unreachable' && stoppedHere(here) && !destinationIsGone) {
    return {
      kind: 'wait',
      why: 'the destination does not answer, and the guest may run there: it stays stopped at the source',
    };
  }
  if (there.kind !== 'unreachable' && phaseOf(here) === 'MIGRATION_PHASE_MOVED' && !destinationIsGone) {
    return {
      kind: 'wait',
      why: 'the guest went on at the destination and is not there any more, it may have moved on: it stays stopped at the source',
    };
  }
  // One that has nothing of it now may have had it: only the destination knows, and refuses then to abandon it.
  const mayHaveArrived =
    there.kind !== 'unreachable' && phaseOf(here) === 'MIGRATION_PHASE_HANDED_OVER' && !destinationIsGone;
  return {
    kind: 'do',
    destination: mayHaveArrived || (NOT_ARRIVED.has(phaseOf(there)) && sameMigration) ? 'ABANDON' : undefined,
    source: stoppedHere(here) ? 'RUN_HERE' : undefined,
  };
}

async function look(client: VcpudClient, name: string): Promise<Seen> {
  try {
    const { vm } = await client.vm.GetVm({ name });
    if (vm === null) return { kind: 'none' };
    return { kind: 'vm', id: vm.migration?.id ?? '', phase: vm.migration?.phase };
  } catch (error) {
    const { code } = error as ServiceError;
    if (code === status.NOT_FOUND) return { kind: 'none' };
    if (code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED) return { kind: 'unreachable' };
    throw error;
  }
}

const phaseOf = (seen: Seen): MigrationPhase | undefined => (seen.kind === 'vm' ? seen.phase : undefined);
const stoppedHere = (seen: Seen): boolean => STOPPED_HERE.has(phaseOf(seen));
const idOf = (seen: Seen): string => (seen.kind === 'vm' ? seen.id : '');

/** Whether a destination that was to abandon its part says that it has none. Throws InDoubt where it has it, or had. */
function neverArrived(error: ServiceError): boolean {
  const reason = errorInfoOf(error)?.reason;
  if (reason === 'MIGRATION_PHASE') {
    throw new InDoubt(
      'the guest has just arrived at the destination, or has arrived and gone on since: it stays stopped at the source',
    );
  }
  return reason === 'VM_NOT_FOUND' || reason === 'MIGRATION_ID_DIFFERS';
}

/** Finishes or undoes. Throws InDoubt where that can't be told yet; doing it again later is safe. */
export async function resolveMigration(options: ResolveOptions): Promise<Resolution> {
  const { source, destination, vmId, destinationIsGone } = options;
  const name = `vms/${vmId}`;
  const there = await look(destination, name);
  const here = await look(source, name);
  const planned = plan(here, there, destinationIsGone);
  if (planned.kind === 'wait') throw new InDoubt(planned.why);
  const end = (client: VcpudClient, seen: Seen, outcome: 'ABANDON' | 'RUN_HERE') =>
    client.migration.ResolveMigration({
      name,
      migrationId: idOf(seen),
      outcome: `MIGRATION_OUTCOME_${outcome}`,
    });
  if (planned.destination !== undefined) {
    await end(destination, stoppedHere(here) ? here : there, planned.destination).catch((error: unknown) => {
      if (!neverArrived(error as ServiceError)) throw error;
    });
  }
  if (planned.source !== undefined) await end(source, here, planned.source);
  if (planned.source === 'ABANDON') return 'finished';
  return planned.destination === undefined && planned.source === undefined ? 'nothing' : 'undone';
}
