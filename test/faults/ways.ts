// The ways between source, destination and orchestrator, on which a test holds what is on its way at a moment, and cuts
// them. Used by stage.ts.

import { api } from '../../lib/api/definitions.js';
import { type CallGate, callGate } from '../harness/call-gate.js';
import { eventually } from '../harness/eventually.js';
import { type HeldLine, heldLine } from '../harness/held-line.js';
import { overFor, type Way } from '../harness/memory-way.js';
import type { VcpudProcess } from '../harness/vcpud-process.js';
import type { Hosts } from './fleet.js';
import { VM_NAME } from './guest.js';
import type { Fault, Moment } from './table.js';

const { CheckCompatibility } = api.HostService.service;
const { PrepareVm, SendVm, ReceiveVm, ResolveMigration } = api.MigrationService.service;

export interface Ways {
  readonly toSource: CallGate;
  readonly toDestination: CallGate;
  /** From the source: line, gate, line to the destination. */
  readonly link: CallGate;
  readonly line: HeldLine;
  cutLink(): Promise<void>;
  close(): Promise<void>;
}

export async function openWays({ source, destination }: Hosts, way: Way): Promise<Ways> {
  const behind = await heldLine(destination.socketPath);
  const link = await callGate(behind.socketPath);
  const line = await heldLine(link.socketPath, overFor(way));
  const [toSource, toDestination] = await Promise.all([
    callGate(source.socketPath),
    callGate(destination.socketPath),
  ]);
  const cutLink = async () => {
    await Promise.all([line.close(), behind.close()]);
  };
  return {
    toSource,
    toDestination,
    link,
    line,
    cutLink,
    close: async () => {
      await Promise.all([toSource.close(), toDestination.close(), link.close()]);
      await cutLink();
    },
  };
}

/** A moment, held. */
export interface Held {
  readonly reached: Promise<void>;
  /** What is on its way goes on, as far as there is a way. */
  release(): void;
  lose(): void;
}

export const phaseAt = async ({ client }: VcpudProcess) =>
  (await client.vm.GetVm({ name: VM_NAME })).vm?.migration?.phase;

/**
 * With which fault a word that is on its way is lost. What a source has said arrives after its death: that is the end
 * that is harder to get right.
 */
export const LOST_WITH = {
  orchestrator: 'orchestrator killed',
  destination: 'destination killed',
  source: undefined,
} as const satisfies Record<string, Fault | undefined>;

/** How each moment is held, and whose word it is that is on its way. */
export const HOLD: Readonly<
  Record<
    Moment,
    {
      readonly of: keyof typeof LOST_WITH;
      hold(ways: Ways, source: VcpudProcess, writePayload: () => Promise<void>): Held;
    }
  >
> = {
  check: {
    of: 'orchestrator',
    hold: ({ toDestination }) => toDestination.holdRequest(CheckCompatibility, () => true),
  },
  prepare: {
    of: 'destination',
    hold: ({ toDestination }) => toDestination.holdAnswer(PrepareVm, () => true),
  },
  connect: {
    of: 'source',
    hold: ({ link }) => link.holdRequest(ReceiveVm, ({ message }) => message === 'begin'),
  },
  'first round': {
    of: 'source',
    hold: ({ link }) => link.holdRequest(ReceiveVm, ({ message }) => message === 'pages'),
  },
  'later round': {
    of: 'source',
    hold: ({ link }) => link.holdRequest(ReceiveVm, ({ roundEnd }) => roundEnd?.round === 2),
  },
  'switch: pages': {
    of: 'source',
    hold: ({ toSource, line }, source, writePayload) => {
      const asked = toSource.holdRequest(SendVm, ({ command }) => command === 'switchOver');
      const held = async () => {
        await asked.reached;
        // More than HTTP/2's flow control lets out unheard, or one message names: the source can't come to the commit.
        await writePayload();
        line.hold('there');
        asked.release();
        await eventually('the source to be in the middle of its last pages', async () =>
          (await phaseAt(source)) === 'MIGRATION_PHASE_HANDED_OVER' && line.heldBytes() > 0
            ? true
            : undefined,
        );
      };
      return { reached: held(), release: () => line.release('there'), lose: () => undefined };
    },
  },
  'switch: commit': {
    of: 'source',
    hold: ({ link }) => link.holdRequest(ReceiveVm, ({ message }) => message === 'commit'),
  },
  'switch: answer': {
    of: 'destination',
    hold: ({ link }) => link.holdAnswer(ReceiveVm, ({ message }) => message === 'arrived'),
  },
  delete: {
    of: 'orchestrator',
    hold: ({ toSource }) => toSource.holdRequest(ResolveMigration, () => true),
  },
};
