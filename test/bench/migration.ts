// A live migration of the Linux guest with its live L2, from one vcpud to another on the same host, against QEMU's own
// of the same guest in the same run.

import { MovingLinux, type MovingShape } from '../harness/moving-linux.js';
import { startVcpud } from '../harness/vcpud-process.js';
import { measureQemuMigration, qemuRows } from './qemu-migration.js';
import type { Measurement } from './row.js';
import type { Stage } from './stage.js';
import { median } from './statistics.js';

const RUNS = 5;
/** Moves that are made before: code that has run is faster, in QEMU it was compiled long ago. */
const WARM_UP = 2;
const LINES_BETWEEN = 2;
/** QEMU's default limit. */
const MAX_BLACKOUT_MS = 300;
const SHAPE: MovingShape = { vcpus: 1, memoryMib: 256, writer: undefined, shell: false };

export async function migration(stage: Stage): Promise<Measurement[]> {
  const vcpuds = await Promise.all([startVcpud(), startVcpud()]);
  const [first, second] = vcpuds as [(typeof vcpuds)[0], (typeof vcpuds)[0]];
  const linux = new MovingLinux(first, second);
  const blackouts: number[] = [];
  const totals: number[] = [];
  let parts = '';
  try {
    stage.say('booting the Linux guest in vcpud');
    await linux.create(SHAPE);
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
      }
      await linux.console.moreL2Lines(LINES_BETWEEN);
    }
    const troubles = await linux.end();
    if (troubles.length > 0) throw new Error(`the guest is not as it was: ${troubles.join('; ')}`);
  } finally {
    await Promise.all(vcpuds.map((vcpud) => vcpud.stop()));
  }
  const settings = { memoryMib: SHAPE.memoryMib, writer: SHAPE.writer, runs: RUNS };
  const qemu = await measureQemuMigration(settings, (text) => stage.say(text));
  const row = (name: string, values: readonly number[], floor: number, bound: number): Measurement => ({
    name: `migration-${name}-${SHAPE.memoryMib}`,
    what: `live migration of Linux with L2, ${SHAPE.memoryMib} MiB, idle: ${name}, against QEMU's`,
    unit: 'ms',
    measured: median(values),
    floor,
    ratio: median(values) / floor,
    target: { of: 'ratio', bound: 'at most', value: bound },
    details: { runs: values.length, least: Math.min(...values), most: Math.max(...values), last: parts },
  });
  return [
    row('blackout', blackouts, qemu.median.downtimeMs, 0.5),
    row('total time', totals, qemu.median.totalMs, 1),
    ...qemuRows(qemu),
  ];
}
