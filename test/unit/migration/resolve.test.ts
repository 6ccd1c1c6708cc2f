// What a broken migration is resolved to, for everything that the two sides can say. Here is the source, there the
// destination.

import { describe, expect, test } from 'vitest';
import { type Plan, plan, type Seen } from '../../../lib/migration/resolve.js';
import { MIGRATION_PHASES, type MigrationPhase } from '../../../lib/vm/migration.js';

const ID = 'this';
const OTHER = 'another';

const vm = (phase: MigrationPhase, id = ID): Seen => ({ kind: 'vm', id, phase: `MIGRATION_PHASE_${phase}` });
const PLAIN: Seen = { kind: 'vm', id: '', phase: undefined };
const NONE: Seen = { kind: 'none' };
const UNREACHABLE: Seen = { kind: 'unreachable' };

const PHASES = Object.keys(MIGRATION_PHASES) as MigrationPhase[];
/** All that a side can say. */
const SAYS: readonly Seen[] = [
  UNREACHABLE,
  NONE,
  PLAIN,
  ...PHASES.flatMap((phase) => [vm(phase), vm(phase, OTHER)]),
];
const CASES = SAYS.flatMap((here) =>
  SAYS.flatMap((there) =>
    [true, false].map((gone) => ({ here, there, gone, planned: plan(here, there, gone) })),
  ),
);

const idOf = (seen: Seen): string => (seen.kind === 'vm' ? seen.id : '');
const phaseOf = (seen: Seen): MigrationPhase | undefined =>
  PHASES.find((phase) => seen.kind === 'vm' && seen.phase === `MIGRATION_PHASE_${phase}`);
const does = (planned: Plan, side: 'source' | 'destination') =>
  planned.kind === 'do' ? planned[side] : undefined;

describe('whatever the two sides say', () => {
  test('the source goes on only where the destination has not got the guest, or is known to be gone', () => {
    const goesOn = CASES.filter(({ planned }) => does(planned, 'source') === 'RUN_HERE');
    expect(goesOn.length).toBeGreaterThan(0);
    for (const { here, there, gone } of goesOn) {
      expect(phaseOf(there) === 'ARRIVED' && idOf(there) === idOf(here)).toBe(false);
      // One that has moved may have moved on since.
      if (there.kind === 'unreachable' || phaseOf(here) === 'MOVED') expect(gone).toBe(true);
    }
  });

  test('the source is given up only where the guest has arrived', () => {
    const givenUp = CASES.filter(({ planned }) => does(planned, 'source') === 'ABANDON');
    expect(givenUp.length).toBeGreaterThan(0);
    for (const { here, there } of givenUp) {
      expect(phaseOf(there)).toBe('ARRIVED');
      expect(idOf(there)).toBe(idOf(here));
    }
  });

  test('nothing is asked of a side that does not answer, or has no part in the migration', () => {
    for (const { here, there, gone, planned } of CASES) {
      if (idOf(here) === '') expect(does(planned, 'source')).toBeUndefined();
      if (there.kind === 'unreachable') expect(does(planned, 'destination')).toBeUndefined();
      // A source whose guest may have arrived asks whoever answers: it may have arrived and gone on.
      if (phaseOf(here) === 'HANDED_OVER' && !gone) continue;
      if (idOf(there) === '') expect(does(planned, 'destination')).toBeUndefined();
      const leaves = phaseOf(here) !== 'ARRIVED' && idOf(here) !== '';
      if (leaves && idOf(there) !== idOf(here)) expect(does(planned, 'destination')).toBeUndefined();
    }
  });

  test('a guest that was handed over goes on at its source only after the destination has given it up', () => {
    const goesOn = CASES.filter(
      ({ here, gone, planned }) =>
        phaseOf(here) === 'HANDED_OVER' && !gone && does(planned, 'source') === 'RUN_HERE',
    );
    expect(goesOn.length).toBeGreaterThan(0);
    for (const { planned } of goesOn) expect(does(planned, 'destination')).toBe('ABANDON');
  });

  test('where the two sides are taken for one another, no stopped guest is given up', () => {
    for (const { here, there, planned } of CASES) {
      if (phaseOf(here) === 'HANDED_OVER' || (phaseOf(there) !== 'HANDED_OVER' && phaseOf(there) !== 'MOVED'))
        continue;
      expect({ here, there, asked: does(planned, 'destination') }).toEqual({ here, there, asked: undefined });
    }
  });

  test('what is asked of a source is allowed from its phase', () => {
    for (const { here, planned } of CASES) {
      const phase = phaseOf(here);
      if (phase === undefined) continue;
      const asked = does(planned, 'source');
      if (asked === 'RUN_HERE') expect(MIGRATION_PHASES[phase].mayRunHere).toBe(true);
      if (asked === 'ABANDON') expect(MIGRATION_PHASES[phase].mayAbandon).toBe(true);
    }
  });

  test('of a side that does not answer and may run the guest, the other one waits', () => {
    for (const { here, planned } of CASES.filter(({ here }) => here.kind === 'unreachable')) {
      expect({ here, kind: planned.kind }).toEqual({ here, kind: 'wait' });
    }
    for (const phase of ['HANDED_OVER', 'MOVED'] as const) {
      expect(plan(vm(phase), UNREACHABLE, false)).toMatchObject({ kind: 'wait' });
      expect(plan(vm(phase), UNREACHABLE, true)).toMatchObject({ kind: 'do', source: 'RUN_HERE' });
    }
  });
});

test.each([
  ['arrived, and the source waits for the word', vm('HANDED_OVER'), vm('ARRIVED'), undefined, 'ABANDON'],
  ['arrived, and the source knows', vm('MOVED'), vm('ARRIVED'), undefined, 'ABANDON'],
  ['handed over to one that has it not yet', vm('HANDED_OVER'), vm('RECEIVING'), 'ABANDON', 'RUN_HERE'],
  ['handed over to one that has nothing', vm('HANDED_OVER'), NONE, 'ABANDON', 'RUN_HERE'],
  ['being sent', vm('SENDING'), vm('RECEIVING'), 'ABANDON', undefined],
  ['given up by the source', PLAIN, vm('RECEIVING'), 'ABANDON', undefined],
  ['never begun', PLAIN, vm('PREPARED'), 'ABANDON', undefined],
  [
    'never begun, by a guest that came by another',
    vm('ARRIVED'),
    vm('PREPARED', OTHER),
    'ABANDON',
    undefined,
  ],
  ['finished', NONE, vm('ARRIVED'), undefined, undefined],
] as const)('a migration that is %s', (_what, here, there, destination, source) => {
  expect(plan(here, there, false)).toEqual({ kind: 'do', destination, source });
});
