// Measures the cases named, on the machine it runs on, and prints what it found as one line of JSON: the rows, and
// the host they are of. Run by main.ts, here or in the testbed: run.js PLACE CASE...

// First of all: ffi-rs must be loaded on the main thread before any worker starts.
import '../../lib/os/libc.js';

import { letHeapGrow } from '../../lib/os/v8-heap.js';
import { CASES } from './cases.js';
import { judged, line, type Place, type Row } from './row.js';
import { Stage } from './stage.js';

export interface RunResult {
  readonly place: Place;
  readonly kernel: string;
  readonly cpu: string;
  readonly rows: readonly Row[];
}

async function run(place: Place, names: readonly string[]): Promise<RunResult> {
  const stage = new Stage(place);
  const rows: Row[] = [];
  try {
    for (const { name, what, measure } of CASES) {
      if (!names.includes(name)) continue;
      stage.say(`${place}: ${what}`);
      const since = performance.now();
      const found = (await measure(stage)).map((measurement) => judged(measurement, place));
      for (const row of found) stage.say(line(row));
      rows.push(...found);
      stage.say(`${place}: ${name} took ${((performance.now() - since) / 1000).toFixed(1)} s`);
    }
    const { host } = await (await stage.vcpud()).client.host.GetHost({});
    return { place, kernel: host?.kernelRelease ?? '', cpu: host?.cpuModel ?? '', rows };
  } finally {
    await stage.end();
  }
}

letHeapGrow();
const [place, ...names] = process.argv.slice(2);
const result = await run(place as Place, names);
process.stdout.write(`${JSON.stringify(result)}\n`);
