// Where the guest is after a live migration that did not come to its end, as far as what it failed with tells.

import { type ServiceError, status } from '@grpc/grpc-js';
import { errorInfoOf } from '../api/error-details.js';
import { LIVE_PHASES, type LiveMigrationFailed, NotConverging } from './live.js';
import { NotCompatible } from './preflight.js';

export type Whereabouts =
  /** As before the migration; the destination has nothing of it, or deletes that within a minute. */
  | 'source'
  /** It arrived; the source keeps a stopped rest. */
  | 'destination'
  /** The two hosts have to be asked: resolve.ts. */
  | 'unknown';

const IN_DOUBT = 'MIGRATION_IN_DOUBT';
const phaseIndex = (name: string): number => LIVE_PHASES.findIndex(([phase]) => phase === name);

/** By what migrateLive threw. */
export function guestAfter(failure: NotCompatible | NotConverging | LiveMigrationFailed): Whereabouts {
  if (failure instanceof NotCompatible || failure instanceof NotConverging) return 'source';
  const { phase, side } = failure;
  if (phase === 'delete') return 'destination';
  const error = failure.cause as ServiceError;
  const reason = errorInfoOf(error)?.reason;
  // Whatever else the source itself says of a switch, it lets the guest go on before it says so.
  if (phase === 'switch') return reason === undefined || reason === IN_DOUBT ? 'unknown' : 'source';
  // A source that went away may have taken the guest with it, and may yet be told to end what it began.
  const unanswered = error.code === status.UNAVAILABLE || error.code === status.DEADLINE_EXCEEDED;
  const begun = phaseIndex(phase) >= phaseIndex('connect');
  return begun && side === 'source' && reason === undefined && unanswered ? 'unknown' : 'source';
}
