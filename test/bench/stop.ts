// For how long a running L2 is kept from running for one GetNestedState, against a bare kick of the same guest.

import { KickFloor } from './kick-floor.js';
import { round } from './measured-client.js';
import type { Measurement, Target } from './row.js';
import { MEASURED_GUEST, type Stage } from './stage.js';
import { alternate, median, medianRatio, quantile } from './statistics.js';

const KICKS = 25;
const TARGET: Target = { of: 'ratio', bound: 'at most', value: 3 };

/** Kicks a guest that runs meanwhile, and gives for how long each kept it from running, ms. */
function kicks(floor: KickFloor, count: number): number[] {
  floor.resume();
  const stops = Array.from({ length: count }, () => floor.kick());
  floor.hold();
  return stops;
}

export async function stop(stage: Stage): Promise<Measurement[]> {
  const vm = await stage.guest();
  const { client } = await stage.vcpud();
  const measured = await stage.connect();
  const floor = await KickFloor.start(MEASURED_GUEST);
  const product = async (): Promise<readonly number[]> => {
    await client.vm.RunVm({ name: vm });
    const { stops } = await round(() => measured.get(`${vm}/vcpus/0`), KICKS, 1);
    await client.vm.PauseVm({ name: vm });
    return stops;
  };
  try {
    await floor.untilL2Runs();
    kicks(floor, KICKS);
    await product();
    const pairs = await alternate<readonly number[]>(
      stage.amounts.pairs,
      async () => kicks(floor, KICKS),
      product,
    );
    const ms = pairs.flatMap((pair) => pair.product);
    const floorMs = pairs.flatMap((pair) => pair.floor);
    return [
      {
        name: 'stop',
        what: 'stop_duration of GetNestedState of a running L2 / a bare kick of the same guest',
        unit: 'us',
        measured: median(ms) * 1000,
        floor: median(floorMs) * 1000,
        ratio: medianRatio(pairs, median),
        target: TARGET,
        details: {
          samples: ms.length,
          'p99 us': quantile(ms, 0.99) * 1000,
          'floor p99 us': quantile(floorMs, 0.99) * 1000,
          pairs: pairs.length,
        },
      },
    ];
  } finally {
    await floor.end();
  }
}
