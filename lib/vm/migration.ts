// A VM's part in a migration, and what it allows: the one table that says who may run a guest.

import { VcpudError } from '../errors/vcpud-error.js';

export type MigrationPhase = 'PREPARED' | 'RECEIVING' | 'ARRIVED' | 'SENDING' | 'HANDED_OVER' | 'MOVED';

export interface Migration {
  readonly id: string;
  readonly phase: MigrationPhase;
  /** At the source: the destination's endpoint. */
  readonly peer: string;
}

interface PhaseRow {
  /** Whether this side may run the guest, and change what it holds. */
  readonly ours: boolean;
  /** Whether the orchestrator may have it run here after all. */
  readonly mayRunHere: boolean;
  /** Whether it may be given up here. */
  readonly mayAbandon: boolean;
  readonly why: string;
}

export const MIGRATION_PHASES: Readonly<Record<MigrationPhase, PhaseRow>> = {
  PREPARED: {
    ours: false,
    mayRunHere: false,
    mayAbandon: true,
    why: 'its memory and state have not arrived',
  },
  RECEIVING: { ours: false, mayRunHere: false, mayAbandon: true, why: 'its memory and state are arriving' },
  ARRIVED: { ours: true, mayRunHere: false, mayAbandon: false, why: 'it has arrived' },
  SENDING: { ours: true, mayRunHere: false, mayAbandon: false, why: 'it is being sent' },
  HANDED_OVER: { ours: false, mayRunHere: true, mayAbandon: true, why: 'it may run at the destination' },
  MOVED: { ours: false, mayRunHere: true, mayAbandon: true, why: 'it runs at the destination' },
};

/** Throws VM_MIGRATING unless the VM is this side's to run and to change. */
export function requireOurs(vmId: string, migration: Migration | undefined): void {
  if (migration === undefined || MIGRATION_PHASES[migration.phase].ours) return;
  throw migrating(vmId, migration);
}

export function migrating(vmId: string, { id, phase, peer }: Migration): VcpudError {
  return VcpudError.of(
    'VM_MIGRATING',
    `VM ${vmId} takes part in a migration: ${MIGRATION_PHASES[phase].why}`,
    {
      subject: `vms/${vmId}`,
      metadata: { vm: vmId, migration_id: id, phase, ...(peer === '' ? {} : { peer }) },
    },
  );
}

/** Why a switch failed, and what that means for the source. */
export class HandOverFailed extends Error {
  /** Whether the destination can't be running the guest. */
  readonly certain: boolean;
  constructor(cause: unknown, certain: boolean) {
    super((cause as Error).message, { cause });
    this.name = 'HandOverFailed';
    this.certain = certain;
  }
}
