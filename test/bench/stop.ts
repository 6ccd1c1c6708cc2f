// For how long a running L2 is kept from running for one GetNestedState, against a bare kick of the same guest.

import { NORMAL } from '../guests/svm-l1/guest.js';
import { KickFloor } from './kick-floor.js';
import { round } from './measured-client.js';
import type { Measurement, Target } from './row.js';
import { QUIET, type Stage } from './stage.js';
import { alternate, median, medianRatio, quantile } from './statistics.js';

const KICKS = 40;
const TARGET: Target = { of: 'ratio', bound: 'at most', value: 3 };

interface Stops {
  readonly stopMs: readonly number[];
  readonly outMs: readonly number[];
}

function kicks(floor: KickFloor, count: number): Stops {
  floor.resume();
  const made = Array.from({ length: count }, () => floor.kick());
  floor.hold();
  return { stopMs: made.map(({ stopMs }) => stopMs), outMs: made.map(({ outMs }) => outMs) };
}

export async function stop(stage: Stage): Promise<Measurement[]> {
  const vm = await stage.guest(1);
  const { client } = await stage.vcpud();
  const measured = await stage.connect();
  const floor = await KickFloor.start({ ...NORMAL, report: QUIET });
  const product = async (): Promise<Stops> => {
    await client.vm.RunVm({ name: vm });
    const { stops } = await round(() => measured.get(`${vm}/vcpus/0`), KICKS, 1);
    await client.vm.PauseVm({ name: vm });
    return { stopMs: stops, outMs: stops };
  };
  try {
    await floor.untilL2Runs();
    kicks(floor, KICKS);
    await product();
    const pairs = await alternate(stage.amounts.pairs, async () => kicks(floor, KICKS), product);
    const ms = pairs.flatMap((pair) => pair.product.stopMs);
    const floorMs = pairs.flatMap((pair) => pair.floor.stopMs);
    return [
      {
        name: 'stop',
        what: 'stop_duration of GetNestedState of a running L2 / a bare kick of the same guest',
        unit: 'us',
        measured: median(ms) * 1000,
        floor: median(floorMs) * 1000,
        ratio: medianRatio(pairs, ({ stopMs }) => median(stopMs)),
        target: TARGET,
        details: {
          samples: ms.length,
          'p99 us': quantile(ms, 0.99) * 1000,
          'floor p99 us': quantile(floorMs, 0.99) * 1000,
          'floor KVM_RUN to KVM_RUN p50 us': median(pairs.flatMap((pair) => pair.floor.outMs)) * 1000,
          pairs: pairs.length,
        },
      },
    ];
  } finally {
    await floor.end();
  }
}
