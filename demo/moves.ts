// A guest that goes back and forth between two vcpuds while it runs, as every live demo has it: the moves, what is told
// meanwhile, what was wrong, and the sentences at the end.

import { LIVE_PHASES } from '../lib/migration/live.js';
import { median } from '../test/bench/statistics.js';
import type { MoveResult, MovingGuest, Station } from '../test/harness/moving-guest.js';
import { MovingLinux } from '../test/harness/moving-linux.js';
import { MovingSmall } from '../test/harness/moving-small.js';
import type { GuestName } from './options.js';
import type { Phases } from './phases.js';

/** What a blackout may be predicted as, ms, where nobody says it: ten times what it is, for a machine that is busy. */
const MAX_BLACKOUT_MS = 1000;
/** Up to so many moves each has a line of its own. */
const MOST_LINES = 40;
/** Beyond, so many share one. */
const MOVES_A_LINE = 50;
/** Finds what a kernel says when something is wrong with it: then its status is 0. */
const DMESG = "dmesg | grep -E 'WARNING:|BUG:|Call Trace|detected stall|Oops|lockup|unstable'";

/** What both guests differ in, beside what they are. */
interface Kind {
  readonly what: string;
  readonly up: string;
  /** Lines that tell L2's count between two moves: the guest is seen to go on before it moves again. */
  readonly linesBetween: number;
  make(
    first: Station,
    second: Station,
  ): { readonly guest: MovingGuest; last(phases: Phases): Promise<string[]> };
}

const KINDS: Readonly<Record<GuestName, Kind>> = {
  small: {
    what: 'an L1 hypervisor of a few hundred instructions',
    up: 'L1 has started L2, and L2 counts',
    linesBetween: 1,
    make: (first, second) => ({ guest: new MovingSmall(first, second), last: async () => [] }),
  },
  linux: {
    what: 'a Linux kernel',
    up: 'Linux is up, has loaded KVM, and its L2 counts',
    linesBetween: 2,
    make: (first, second) => {
      const guest = new MovingLinux(first, second, {
        vcpus: 1,
        memoryMib: 256,
        writer: undefined,
        shell: true,
      });
      const last = async (phases: Phases) => {
        const grep = await phases.timed('dmesg', 'what its kernel says of itself, by its shell', () =>
          guest.shell(DMESG),
        );
        return grep === 1 ? [] : [`dmesg is not clean: grep ended with ${grep}`];
      };
      return { guest, last };
    },
  },
};

export interface Moved {
  readonly guest: GuestName;
  readonly migrations: number;
  readonly l2_lines: number;
  readonly l2: { readonly before: string; readonly after: string };
  readonly blackout_ms: { readonly median: number; readonly max: number };
  readonly total_ms: { readonly median: number };
  /** Of a move, medians. */
  readonly move_phases_ms: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly troubles: readonly string[];
}

export const round = (ms: number): number => Math.round(ms * 10) / 10;

/** What is told to whoever has the guest moved. */
export interface MovesWatcher {
  /** So many moves are done, and the last was this. */
  moved(done: number, result: MoveResult): void;
}

/** Makes the guest at the first vcpud and moves it so often; what was wrong is in `troubles`. */
export async function moveBackAndForth(
  name: GuestName,
  [first, second]: readonly [Station, Station],
  migrations: number,
  phases: Phases,
  watcher: MovesWatcher,
  maxBlackoutMs = MAX_BLACKOUT_MS,
): Promise<Moved> {
  const kind = KINDS[name];
  const { guest, last } = kind.make(first, second);
  await phases.timed('create', `a VM at the first, with ${kind.what} in it`, () => guest.create());
  await phases.timed('boot', kind.up, () => guest.boot());
  const before = guest.count;
  const results: MoveResult[] = [];
  const began = performance.now();
  let told = began;
  for (let i = 1; i <= migrations; i += 1) {
    const result = await guest.move({ verifyMemory: i === 1, maxBlackoutMs });
    results.push(result);
    if (migrations <= MOST_LINES) phases.add(`move ${i}`, result.totalMs, ofOne(result));
    await guest.goesOn(kind.linesBetween);
    watcher.moved(i, result);
    if (migrations > MOST_LINES && (i % MOVES_A_LINE === 0 || i === migrations)) {
      const now = performance.now();
      const batch = results.slice(-(((i - 1) % MOVES_A_LINE) + 1));
      phases.add(`to ${i}`, now - told, ofMany(batch, now - told));
      told = now;
    }
  }
  const seconds = (performance.now() - began) / 1000;
  const { count: after, countLines } = guest;
  const own = await last(phases);
  const troubles = [...own, ...(await guest.end())];
  // The one whose memory was compared stood still for that.
  const blackouts = results.slice(results.length > 1 ? 1 : 0).map(({ blackoutMs }) => blackoutMs);
  return {
    guest: name,
    migrations: results.length,
    l2_lines: countLines,
    l2: { before, after },
    blackout_ms: { median: round(median(blackouts)), max: round(Math.max(...blackouts)) },
    total_ms: { median: round(median(results.map(({ totalMs }) => totalMs))) },
    move_phases_ms: Object.fromEntries(
      LIVE_PHASES.map(([phase]) => [
        phase,
        round(
          median(
            results.flatMap(({ phases: all }) =>
              all.filter(({ name: its }) => its === phase).map(({ ms }) => ms),
            ),
          ),
        ),
      ]),
    ),
    seconds: round(seconds),
    troubles,
  };
}

function ofOne({ rounds, switchPages, blackoutMs, verifiedRanges }: MoveResult): string {
  const checked = verifiedRanges > 0 ? `, all memory compared (${verifiedRanges} ranges)` : '';
  return `${rounds.length} rounds, ${switchPages} pages in the switch, blackout ${round(blackoutMs)} ms${checked}`;
}

function ofMany(results: readonly MoveResult[], ms: number): string {
  const blackouts = results.map(({ blackoutMs }) => blackoutMs);
  const rate = (results.length / ms) * 1000;
  return `blackout ${round(median(blackouts))} ms (median), ${round(Math.max(...blackouts))} ms at most, ${rate.toFixed(2)} moves a second`;
}

/** The sentences at the end, without the verdict. */
export function movedSummary(moved: Moved): string[] {
  const { median: typical, max } = moved.blackout_ms;
  return [
    '',
    `moved          ${moved.migrations} times in ${moved.seconds} s, blackout ${typical} ms (median), ${max} ms at most`,
    `a move         ${moved.total_ms.median} ms (median): ${Object.entries(moved.move_phases_ms)
      .map(([phase, ms]) => `${phase} ${ms}`)
      .join(', ')}`,
    `L2             ${moved.l2_lines} lines, none missing or repeated; counted from ${moved.l2.before} to ${moved.l2.after}`,
    ...moved.troubles.map((trouble) => `trouble        ${trouble}`),
  ];
}
