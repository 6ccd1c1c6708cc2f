// A live migration of the Linux guest with its live L2, from one vcpud to another on the same host, against QEMU's own
// of the same guest in the same run.

import type { Writer } from '../guests/linux/linux-guest.js';
import { WAYS, type Way } from '../harness/memory-way.js';
import { MovingLinux, type MovingShape } from '../harness/moving-linux.js';
import { startVcpud } from '../harness/vcpud-process.js';
import { loadText, measureQemuMigration, qemuRows } from './qemu-migration.js';
import type { Measurement } from './row.js';
import type { Stage } from './stage.js';
import { median } from './statistics.js';

const RUNS = 5;
/** Moves that are made before: code that has run is faster, in QEMU it was compiled long ago. */
const WARM_UP = 2;
const LINES_BETWEEN = 2;
/** QEMU's default limit. */
const MAX_BLACKOUT_MS = 300;
/** A tenth of the smaller guest's memory is written over and over, at a rate that an idle network takes. */
const WRITER: Writer = { mib: 24, pagesPerSecond: 500 };

/** The same move, of a guest with so much memory, idle or with the writer in it. */
export const migrationOf =
  (memoryMib: number, load: 'idle' | 'writer') =>
  (stage: Stage): Promise<Measurement[]> =>
    migration(stage, { vcpus: 1, memoryMib, writer: load === 'writer' ? WRITER : undefined, shell: false });

/** What QEMU's total time is the time of: its destination has been started before, and its source is ended after. */
const MEASURED_PHASES: readonly string[] = ['connect', 'pre-copy', 'switch'];

interface Moves {
  readonly blackouts: number[];
  /** Of the phases that are measured, ms. */
  readonly totals: number[];
  /** Of all phases, ms. */
  readonly wholes: number[];
  readonly pages: number[];
  /** Of the last one's blackout. */
  parts: string;
}

async function migration(stage: Stage, shape: MovingShape): Promise<Measurement[]> {
  const listen = ['--listen', 'tcp://127.0.0.1:0'];
  const vcpuds = await Promise.all([startVcpud(listen), startVcpud(listen)]);
  const [first, second] = vcpuds as [(typeof vcpuds)[0], (typeof vcpuds)[0]];
  const linux = new MovingLinux(first, second, shape);
  const results: Array<readonly [Way, Moves]> = [];
  try {
    stage.say('booting the Linux guest in vcpud');
    await linux.create();
    await linux.boot();
    for (const way of WAYS) results.push([way, await moves(stage, linux, way)]);
    const troubles = await linux.end();
    if (troubles.length > 0) throw new Error(`the guest is not as it was: ${troubles.join('; ')}`);
  } finally {
    await Promise.all(vcpuds.map((vcpud) => vcpud.stop()));
  }
  const { memoryMib, writer } = shape;
  const settings = { memoryMib, writer, runs: RUNS };
  const qemu = await measureQemuMigration(settings, (text) => stage.say(text));
  const suffix = `${memoryMib}${writer === undefined ? '' : '-writer'}`;
  const rows = results.flatMap(([way, { blackouts, totals, wholes, pages, parts }]) => {
    const row = (name: string, values: readonly number[], floor: number, bound: number): Measurement => ({
      name: `migration-${name}-${suffix}${way === 'streamed' ? '-streamed' : ''}`,
      what: `live migration of Linux with L2, ${memoryMib} MiB, ${loadText(writer)}, memory ${way}: ${name}, against QEMU's`,
      unit: 'ms',
      measured: median(values),
      floor,
      ratio: median(values) / floor,
      target: { of: 'ratio', bound: 'at most', value: bound },
      details: {
        runs: values.length,
        least: Math.min(...values),
        most: Math.max(...values),
        pages: median(pages),
        last: parts,
        'with check, prepare and delete': median(wholes),
      },
    });
    return [
      row('blackout', blackouts, qemu.median.downtimeMs, 0.5),
      row('total time', totals, qemu.median.totalMs, 1),
    ];
  });
  return [...rows, ...qemuRows(qemu)];
}

async function moves(stage: Stage, linux: MovingLinux, way: Way): Promise<Moves> {
  const all: Moves = { blackouts: [], totals: [], wholes: [], pages: [], parts: '' };
  for (let run = 1 - WARM_UP; run <= RUNS; run += 1) {
    const result = await linux.move({ verifyMemory: false, maxBlackoutMs: MAX_BLACKOUT_MS, way });
    const { blackoutMs, totalMs, phases, switchPages } = result;
    const measured = phases.filter(({ name }) => MEASURED_PHASES.includes(name));
    const total = measured.reduce((sum, { ms }) => sum + ms, 0);
    all.parts = result.parts.map(({ name, ms }) => `${name} ${ms.toFixed(1)}`).join(', ');
    stage.say(
      `migration ${run} of ${RUNS}, memory ${way}: ${blackoutMs.toFixed(1)} ms (${all.parts}), ` +
        `${total.toFixed(0)} ms in all, ${totalMs.toFixed(0)} with check, prepare and delete`,
    );
    if (run > 0) {
      all.blackouts.push(blackoutMs);
      all.totals.push(total);
      all.wholes.push(totalMs);
      all.pages.push(switchPages);
    }
    await linux.goesOn(LINES_BETWEEN);
  }
  return all;
}
