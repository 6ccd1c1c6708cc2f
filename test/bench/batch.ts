// BatchGetNestedStates of 64 vCPUs, each in L2, against 64 unary calls for the same states.

import { isLive, type MeasuredClient } from './measured-client.js';
import type { Measurement, Target } from './row.js';
import type { Stage } from './stage.js';
import { alternate, median, medianRatio } from './statistics.js';

const VCPUS = 64;
const WARM_UP = 5;
const TARGET: Target = { of: 'ratio', bound: 'at most', value: 0.1 };

async function timed(task: () => Promise<unknown>): Promise<number> {
  const since = performance.now();
  await task();
  return performance.now() - since;
}

async function sequential(client: MeasuredClient, names: readonly string[]): Promise<void> {
  for (const name of names) await client.get(name);
}

const concurrent = (client: MeasuredClient, names: readonly string[]) =>
  Promise.all(names.map((name) => client.get(name)));

/** The time for all 64 states, in one message and one by one. */
export async function batch(stage: Stage): Promise<Measurement[]> {
  const vm = await stage.copies(VCPUS);
  const client = await stage.connect();
  const names = Array.from({ length: VCPUS }, (_, i) => `${vm}/vcpus/${i}`);
  for (let i = 0; i < WARM_UP; i += 1) {
    await sequential(client, names);
    await client.batch(vm);
  }
  const { nestedStates } = await client.batch(vm);
  const live = nestedStates.filter(({ nestedState }) => isLive(nestedState)).length;
  const pairs = await alternate(
    stage.amounts.pairs,
    () => timed(() => sequential(client, names)),
    () => timed(() => client.batch(vm)),
  );
  const atOnce = await alternate(
    stage.amounts.pairs,
    () => timed(() => concurrent(client, names)),
    () => timed(() => client.batch(vm)),
  );
  const row = {
    unit: 'ms',
    details: { 'in L2': `${live} of ${nestedStates.length}`, pairs: pairs.length },
  } as const;
  return [
    {
      ...row,
      name: 'batch',
      what: 'BatchGetNestedStates of 64 vCPUs / 64 unary calls one by one',
      measured: median(pairs.map(({ product }) => product)),
      floor: median(pairs.map(({ floor }) => floor)),
      ratio: medianRatio(pairs, (ms) => ms),
      target: TARGET,
    },
    {
      ...row,
      name: 'batch-concurrent',
      what: '  the same / 64 unary calls at once',
      measured: median(atOnce.map(({ product }) => product)),
      floor: median(atOnce.map(({ floor }) => floor)),
      ratio: medianRatio(atOnce, (ms) => ms),
    },
  ];
}
