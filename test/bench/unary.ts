// Unary GetNestedState of a live L2 against an echo of as many bytes: how long one takes, and how many a second.

import { type Call, type Round, round } from './measured-client.js';
import type { Measurement, Target } from './row.js';
import type { Stage } from './stage.js';
import { alternate, median, medianRatio, type Pair, quantile } from './statistics.js';

const IN_FLIGHT = 64;

const LATENCY: Target = { of: 'ratio', bound: 'at most', value: 1.25 };
const THROUGHPUT: Target = { of: 'ratio', bound: 'at least', value: 0.8 };

const p50 = ({ latencies }: Round): number => median(latencies);
const perSecond = ({ calls, ms }: Round): number => (calls / ms) * 1000;
const percent = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(1)} %`;

/** Warms both sides up, and gives how many calls make a round: for about roundMs, by what the echo just took. */
async function callsOf(stage: Stage, get: Call, echo: Call, inFlight: number): Promise<number> {
  const { warmUpCalls, roundMs } = stage.amounts;
  await round(get, warmUpCalls, inFlight);
  const { ms, calls } = await round(echo, warmUpCalls, inFlight);
  return Math.max(inFlight === 1 ? 10 : 2 * inFlight, Math.round((calls * roundMs) / ms));
}

/** Rounds of a running guest, then of the same one paused. */
async function livePausedPairs(stage: Stage, inFlight: number, pairs: number) {
  const vm = await stage.guest();
  const { client: control } = await stage.vcpud();
  const client = await stage.connect();
  const get = () => client.get(`${vm}/vcpus/0`);
  const echo = () => client.echo(`${vm}/vcpus/0`);
  await control.vm.RunVm({ name: vm });
  const calls = await callsOf(stage, get, echo, inFlight);
  const rounds = () =>
    alternate(
      pairs,
      () => round(echo, calls, inFlight),
      () => round(get, calls, inFlight),
    );
  const live = await rounds();
  await stage.pauseInL2(vm);
  return { live, paused: await rounds() };
}

function latencyRow(name: string, what: string, pairs: readonly Pair<Round>[]): Measurement {
  const product = pairs.flatMap((pair) => pair.product.latencies);
  const floor = pairs.flatMap((pair) => pair.floor.latencies);
  const calls = pairs.reduce((sum, pair) => sum + pair.product.calls, 0);
  const stops = pairs.flatMap((pair) => pair.product.stops);
  return {
    name,
    what,
    unit: 'us',
    measured: median(product) * 1000,
    floor: median(floor) * 1000,
    ratio: medianRatio(pairs, p50),
    details: {
      calls,
      'in L2': percent(product.length, calls),
      'p99 us': quantile(product, 0.99) * 1000,
      'floor p99 us': quantile(floor, 0.99) * 1000,
      'stop_duration p50 us': median(stops) * 1000,
      pairs: pairs.length,
    },
  };
}

function throughputRow(name: string, what: string, pairs: readonly Pair<Round>[]): Measurement {
  const calls = pairs.reduce((sum, pair) => sum + pair.product.calls, 0);
  const latencies = pairs.flatMap(({ product }) => product.latencies);
  const floorLatencies = pairs.flatMap(({ floor }) => floor.latencies);
  return {
    name,
    what,
    unit: 'calls/s',
    measured: median(pairs.map(({ product }) => perSecond(product))),
    floor: median(pairs.map(({ floor }) => perSecond(floor))),
    ratio: medianRatio(pairs, perSecond),
    details: {
      calls,
      'in L2': percent(latencies.length, calls),
      'p50 us': median(latencies) * 1000,
      'p99 us': quantile(latencies, 0.99) * 1000,
      'floor p99 us': quantile(floorLatencies, 0.99) * 1000,
      pairs: pairs.length,
    },
  };
}

/** p50 with one call at a time. */
export async function unary(stage: Stage): Promise<Measurement[]> {
  const { live, paused } = await livePausedPairs(stage, 1, stage.amounts.pairs);
  return [
    {
      ...latencyRow('unary', 'GetNestedState of a running L2, p50, one at a time / echo', live),
      target: LATENCY,
    },
    latencyRow('unary-paused', '  the same of a paused one', paused),
  ];
}

/** Calls a second with 64 in flight on one connection. */
export async function throughput(stage: Stage): Promise<Measurement[]> {
  const { live, paused } = await livePausedPairs(stage, IN_FLIGHT, Math.ceil(stage.amounts.pairs / 2));
  return [
    {
      ...throughputRow('throughput', 'GetNestedState of a running L2, 64 in flight / echo', live),
      target: THROUGHPUT,
    },
    throughputRow('throughput-paused', '  the same of a paused one', paused),
  ];
}
