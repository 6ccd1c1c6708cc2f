// A live migration of the Linux guest with its live L2, from one vcpud to another on the same host, against QEMU's own
// of the same guest in the same run.

import type { Writer } from '../guests/linux/linux-guest.js';
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

async function migration(stage: Stage, shape: MovingShape): Promise<Measurement[]> {
  const vcpuds = await Promise.all([startVcpud(), startVcpud()]);
  const [first, second] = vcpuds as [(typeof vcpuds)[0], (typeof vcpuds)[0]];
  const linux = new MovingLinux(first, second, shape);
  const blackouts: number[] = [];
  const totals: number[] = [];
  let parts = '';
  const pages: number[] = [];
  try {
    stage.say('booting the Linux guest in vcpud');
    await linux.create();
    await linux.boot();
    for (let run = 1 - WARM_UP; run <= RUNS; run += 1) {
      const result = await linux.move({ verifyMemory: false, maxBlackoutMs: MAX_BLACKOUT_MS });
      parts = result.parts.map(({ name, ms }) => `${name} ${ms.toFixed(1)}`).join(', ');
      stage.say(
        `migration ${run} of ${RUNS}: ${result.blackoutMs.toFixed(1)} ms (${parts}), ${result.totalMs.toFixed(0)} ms in all`,
      );
      if (run > 0) {
        blackouts.push(result.blackoutMs);
        totals.push(result.totalMs);
        pages.push(result.switchPages);
      }
      await linux.goesOn(LINES_BETWEEN);
    }
    const troubles = await linux.end();
    if (troubles.length > 0) throw new Error(`the guest is not as it was: ${troubles.join('; ')}`);
  } finally {
    await Promise.all(vcpuds.map((vcpud) => vcpud.stop()));
  }
  const { memoryMib, writer } = shape;
  const settings = { memoryMib, writer, runs: RUNS };
  const load = loadText(writer);
  const qemu = await measureQemuMigration(settings, (text) => stage.say(text));
  const row = (name: string, values: readonly number[], floor: number, bound: number): Measurement => ({
    name: `migration-${name}-${memoryMib}${writer === undefined ? '' : '-writer'}`,
    what: `live migration of Linux with L2, ${memoryMib} MiB, ${load}: ${name}, against QEMU's`,
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
    },
  });
  return [
    row('blackout', blackouts, qemu.median.downtimeMs, 0.5),
    row('total time', totals, qemu.median.totalMs, 1),
    ...qemuRows(qemu),
  ];
}
