// What each vCPU adds to the time for which a guest stands still in a live migration: its state taken, set, and read back
// and compared. Of VMs of one to eight vCPUs, each with a live L2. What a VM holds once (devices) is a part of its own.

import { migrateLive } from '../../lib/migration/live.js';
import { createGuest, NORMAL } from '../guests/guest.js';
import { startVcpud } from '../harness/vcpud-process.js';
import type { Measurement, Target } from './row.js';
import type { Stage } from './stage.js';
import { median } from './statistics.js';

const VCPUS = [1, 2, 4, 8];
const RUNS = 5;
/** As in migration.ts. */
const WARM_UP = 2;
const MAX_BLACKOUT_MS = 10_000;

/** The parts of a blackout that grow with vCPUs, and what they are. */
const PARTS = [
  ['capture', 'taken'],
  ['destination: restore', 'set'],
  ['destination: check', 'read back and compared'],
] as const;

type Times = Record<(typeof PARTS)[number][0], number[]>;

const EACH_MS: Target = { of: 'measured', bound: 'at most', value: 3 };
const LINEAR: Target = { of: 'ratio', bound: 'at most', value: 1 };

export async function vcpuParts(stage: Stage): Promise<Measurement[]> {
  const vcpuds = await Promise.all([startVcpud(), startVcpud()]);
  try {
    const byVcpus = new Map<number, Times>();
    for (const vcpus of VCPUS) {
      const vmId = `parts-${vcpus}`;
      const times: Times = { capture: [], 'destination: restore': [], 'destination: check': [] };
      let [from, to] = vcpuds as [(typeof vcpuds)[0], (typeof vcpuds)[0]];
      await createGuest(from.client, vmId, NORMAL, vcpus);
      await from.client.vm.RunVm({ name: `vms/${vmId}` });
      for (let run = 1 - WARM_UP; run <= RUNS; run += 1) {
        const { parts, blackoutMs } = await migrateLive({
          source: from.client,
          destination: to.client,
          destinationEndpoint: `unix://${to.socketPath}`,
          vmId,
          verifyMemory: false,
          maxBlackoutMs: MAX_BLACKOUT_MS,
          bandwidth: 0,
          maxRounds: 30,
          onEvent: () => undefined,
        });
        [from, to] = [to, from];
        const ms = (part: string) => parts.find(({ name }) => name === part)?.ms ?? Number.NaN;
        stage.say(`${vcpus} vCPUs, migration ${run} of ${RUNS}: ${blackoutMs.toFixed(1)} ms`);
        if (run > 0) for (const [part] of PARTS) times[part].push(ms(part) / vcpus);
      }
      await from.client.vm.DeleteVm({ name: `vms/${vmId}` });
      byVcpus.set(vcpus, times);
    }
    return PARTS.flatMap(([part, what]) => {
      const each = (vcpus: number) => median(byVcpus.get(vcpus)?.[part] ?? []);
      const details = Object.fromEntries(VCPUS.map((vcpus) => [`of ${vcpus}`, each(vcpus)]));
      const most = VCPUS.at(-1) ?? 1;
      return [
        {
          name: `vcpu-${part}`,
          what: `a vCPU's state in the switch, ${what}`,
          unit: 'ms' as const,
          measured: each(1),
          target: EACH_MS,
          details: { runs: RUNS },
        },
        {
          name: `vcpu-${part}-${most}`,
          what: `  each of ${most} / the one of 1`,
          unit: 'ms' as const,
          measured: each(most),
          floor: each(1),
          ratio: each(most) / each(1),
          target: LINEAR,
          details,
        },
      ];
    });
  } finally {
    await Promise.all(vcpuds.map((vcpud) => vcpud.stop()));
  }
}
