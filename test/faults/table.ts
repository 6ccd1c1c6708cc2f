// Live migrations that break: every phase times everything that can break it, and what has to be so then. Whatever
// happens, the guest counts on at exactly one side and the other has nothing of it; where that can't be known yet it
// runs nowhere until --resume has asked both sides. The table says which, and why what is left out can't be. Played by
// stage.ts.

import type { Whereabouts } from '../../lib/migration/guest-after.js';
import type { Resolution } from '../../lib/migration/resolve.js';
import type { Way } from '../harness/memory-way.js';

// ---- what breaks, and when

const FAULTS = [
  'source killed',
  'destination killed',
  'link cut',
  'orchestrator killed',
  'destination out of memory',
  'cancelled',
] as const;
export type Fault = (typeof FAULTS)[number];
/** A network that falls silent ends no connection. Half a minute each, so at two moments and not in the table. */
export type SlowFault = 'link silent';

/** Moments of the phases of lib/migration/live.ts, by what is on its way then. */
const MOMENTS = [
  ['check', 'the destination is asked whether it can take the VM'],
  ['prepare', 'the destination has made the VM, and its answer is on its way'],
  ['connect', 'the source shows the token'],
  ['first round', 'the first memory is on its way'],
  ['later round', 'what was written meanwhile is there, and the word that this was all is on its way'],
  ['switch: pages', 'the guest is stopped, and memory is on its way; the commit has not left the source'],
  ['switch: commit', 'the commit has left the source, and is on its way'],
  ['switch: answer', 'the guest runs at the destination, and the word of it is on its way'],
  ['delete', 'the source is asked to delete what is left'],
] as const;
export type Moment = (typeof MOMENTS)[number][0];

/** What a side has: a guest that counts, one that is stopped and handed over, a VM that waits for one. */
export type Has = 'guest' | 'stopped guest' | 'empty VM' | 'nothing';

export interface Outcome {
  /** What comes about without anybody's doing. Of a side that was killed: nothing. */
  readonly source: Has;
  readonly destination: Has;
  /** What whoever comes back with --resume finds. */
  readonly resume: Resolution | 'in doubt';
  /** Where the guest is when that is done. */
  readonly ends: 'source' | 'destination' | 'nowhere';
}

export const OUTCOMES = {
  'goes on at the source': {
    source: 'guest',
    destination: 'nothing',
    resume: 'nothing',
    ends: 'source',
  },
  'goes on at the source, and an empty VM waits for a minute or --resume': {
    source: 'guest',
    destination: 'empty VM',
    resume: 'undone',
    ends: 'source',
  },
  'stands still until --resume has it go on at the source': {
    source: 'stopped guest',
    destination: 'nothing',
    resume: 'undone',
    ends: 'source',
  },
  'stands still until somebody says that the destination is gone': {
    source: 'stopped guest',
    destination: 'nothing',
    resume: 'in doubt',
    ends: 'source',
  },
  'goes on at the destination': {
    source: 'nothing',
    destination: 'guest',
    resume: 'nothing',
    ends: 'destination',
  },
  'goes on at the destination, and the source keeps a rest until --resume': {
    source: 'stopped guest',
    destination: 'guest',
    resume: 'finished',
    ends: 'destination',
  },
  'goes on at the destination, without its source': {
    source: 'nothing',
    destination: 'guest',
    resume: 'in doubt',
    ends: 'destination',
  },
  'is gone with the source': {
    source: 'nothing',
    destination: 'nothing',
    resume: 'in doubt',
    ends: 'nowhere',
  },
  'is gone with the destination, whose it was': {
    source: 'nothing',
    destination: 'nothing',
    resume: 'nothing',
    ends: 'nowhere',
  },
} as const satisfies Record<string, Outcome>;

/** What an orchestrator that lives says of it: it moved, or where the guest is as far as it knows. */
export type Told = 'moved' | Whereabouts;
type Cell =
  | readonly [told: Told | 'killed', outcome: keyof typeof OUTCOMES]
  /** Why the fault can't strike there. */
  | { readonly impossible: string };

const STAYS: Cell = ['source', 'goes on at the source'];
const LOST_WITH_SOURCE: Cell = ['unknown', 'is gone with the source'];
const MOVES: Cell = ['moved', 'goes on at the destination'];
const FINISHED_WITHOUT: Cell = [
  'killed',
  'goes on at the destination, and the source keeps a rest until --resume',
];
const TAKES_NO_MORE: Cell = {
  impossible: 'the destination takes no more memory of the VM from here on: all pages are there',
};

const TABLE: Readonly<Record<Moment, Readonly<Record<Fault, Cell>>>> = {
  check: {
    'source killed': ['source', 'is gone with the source'],
    'destination killed': STAYS,
    'link cut': STAYS,
    'orchestrator killed': ['killed', 'goes on at the source'],
    'destination out of memory': STAYS,
    cancelled: STAYS,
  },
  prepare: {
    'source killed': LOST_WITH_SOURCE,
    'destination killed': STAYS,
    'link cut': STAYS,
    'orchestrator killed': [
      'killed',
      'goes on at the source, and an empty VM waits for a minute or --resume',
    ],
    'destination out of memory': STAYS,
    cancelled: STAYS,
  },
  connect: {
    'source killed': LOST_WITH_SOURCE,
    'destination killed': STAYS,
    'link cut': STAYS,
    'orchestrator killed': ['killed', 'goes on at the source'],
    'destination out of memory': {
      impossible: 'nothing is taken between PrepareVm and the first page; a page that can’t be had: below',
    },
    cancelled: STAYS,
  },
  'first round': {
    'source killed': LOST_WITH_SOURCE,
    'destination killed': STAYS,
    'link cut': STAYS,
    'orchestrator killed': ['killed', 'goes on at the source'],
    'destination out of memory': STAYS,
    cancelled: STAYS,
  },
  'later round': {
    'source killed': LOST_WITH_SOURCE,
    'destination killed': STAYS,
    'link cut': STAYS,
    'orchestrator killed': ['killed', 'goes on at the source'],
    'destination out of memory': STAYS,
    cancelled: STAYS,
  },
  'switch: pages': {
    'source killed': LOST_WITH_SOURCE,
    'destination killed': STAYS,
    'link cut': STAYS,
    'orchestrator killed': FINISHED_WITHOUT,
    'destination out of memory': STAYS,
    cancelled: MOVES,
  },
  'switch: commit': {
    'source killed': ['unknown', 'goes on at the destination, without its source'],
    'destination killed': ['unknown', 'stands still until somebody says that the destination is gone'],
    'link cut': ['unknown', 'stands still until --resume has it go on at the source'],
    'orchestrator killed': FINISHED_WITHOUT,
    'destination out of memory': TAKES_NO_MORE,
    cancelled: MOVES,
  },
  'switch: answer': {
    'source killed': ['unknown', 'goes on at the destination, without its source'],
    'destination killed': ['unknown', 'stands still until somebody says that the destination is gone'],
    'link cut': ['unknown', 'goes on at the destination, and the source keeps a rest until --resume'],
    'orchestrator killed': FINISHED_WITHOUT,
    'destination out of memory': TAKES_NO_MORE,
    cancelled: MOVES,
  },
  delete: {
    'source killed': ['destination', 'goes on at the destination, without its source'],
    'destination killed': ['moved', 'is gone with the destination, whose it was'],
    'link cut': MOVES,
    'orchestrator killed': FINISHED_WITHOUT,
    'destination out of memory': TAKES_NO_MORE,
    cancelled: MOVES,
  },
};

// ---- what is played

export interface Row {
  readonly moment: Moment;
  readonly fault: Fault | SlowFault;
  readonly told: Told | 'killed';
  readonly outcome: keyof typeof OUTCOMES;
}

const ROWS: readonly Row[] = MOMENTS.flatMap(([moment]) =>
  FAULTS.flatMap((fault) => {
    const cell = TABLE[moment][fault];
    return 'impossible' in cell ? [] : [{ moment, fault, told: cell[0], outcome: cell[1] }];
  }),
);

/** All is played with memory streamed; what has to do with memory, again by name. */
const WITH_MEMORY: readonly Moment[] = ['first round', 'later round', 'switch: pages', 'switch: commit'];
const BY_NAME = ROWS.filter(({ moment }) => WITH_MEMORY.includes(moment));

const CANCELLED_BY_VCPUCTL = ROWS.filter(
  ({ moment, fault }) => fault === 'cancelled' && ['first round', 'switch: commit'].includes(moment),
);

/** The source finds out by asking: the keepalive of lib/api/client.ts. */
const SILENT: readonly Row[] = [
  { moment: 'first round', fault: 'link silent', told: 'source', outcome: 'goes on at the source' },
  {
    moment: 'switch: answer',
    fault: 'link silent',
    told: 'unknown',
    outcome: 'goes on at the destination, and the source keeps a rest until --resume',
  },
];

/** Who leads the migration: vcpuctl, or its library in this process. */
export type Leader = 'here' | 'vcpuctl';

export interface Play {
  readonly title: string;
  readonly row: Row;
  readonly way: Way;
  readonly leader: Leader;
}

/** Only a process can be killed. */
const leaderOf = ({ fault }: Row): Leader => (fault === 'orchestrator killed' ? 'vcpuctl' : 'here');

const played =
  (before: string, way: Way, leader: (row: Row) => Leader) =>
  (row: Row): Play => ({
    title: `${before}${row.moment}, ${row.fault}: the guest ${row.outcome}`,
    row,
    way,
    leader: leader(row),
  });

export const PLAYS: readonly Play[] = [
  ...ROWS.map(played('', 'streamed', leaderOf)),
  ...BY_NAME.map(played('memory by name: ', 'by name', leaderOf)),
  ...CANCELLED_BY_VCPUCTL.map(played('vcpuctl migrate, Ctrl-C: ', 'streamed', () => 'vcpuctl')),
  ...SILENT.map(played('', 'streamed', () => 'here')),
];
