// The Linux demo: a Linux L1 whose KVM runs a live L2 goes back and forth between two vcpuds while it runs. What it
// writes to its console tells whether anything was lost: L2's lines are numbered, and its kernel would complain.

import { parseArgs } from 'node:util';
import type { LiveResult } from '../lib/migration/live.js';
import { median } from '../test/bench/statistics.js';
import { MovingLinux } from '../test/harness/moving-linux.js';
import { startVcpud, type VcpudProcess } from '../test/harness/vcpud-process.js';
import { Phases } from './phases.js';

/** L2 lines between two migrations: the guest is seen to go on before it moves again. */
const LINES_BETWEEN = 2;
const MAX_BLACKOUT_MS = 300;
/** Finds what a kernel says when something is wrong with it: then its status is 0. */
const DMESG = "dmesg | grep -E 'WARNING:|BUG:|Call Trace|stall|Oops|lockup|unstable'";

export interface LinuxDemoResult {
  readonly vendor: 'amd' | 'intel';
  readonly kernel: string;
  readonly guest: 'linux';
  readonly migrations: number;
  readonly l2_lines: number;
  readonly l2: { readonly before: string; readonly after: string };
  readonly blackout_ms: { readonly median: number; readonly max: number };
  readonly total_ms: { readonly median: number };
  readonly phases: ReadonlyArray<{ readonly name: string; readonly ms: number }>;
  readonly troubles: readonly string[];
  readonly verified: boolean;
}

const round = (ms: number): number => Math.round(ms * 10) / 10;

async function demo(migrations: number, say: (line: string) => void): Promise<LinuxDemoResult> {
  const phases = new Phases(say);
  const vcpuds: VcpudProcess[] = [];
  try {
    await phases.timed('serve', 'two vcpud processes listen on their sockets', async () => {
      vcpuds.push(...(await Promise.all([startVcpud(), startVcpud()])));
    });
    const [first, second] = vcpuds as [VcpudProcess, VcpudProcess];
    const { host } = await first.client.host.GetHost({});
    const linux = new MovingLinux(first, second);
    await phases.timed('create', 'a VM at the first, with a Linux kernel in it', () =>
      linux.create({ vcpus: 1, memoryMib: 256, writer: undefined, shell: true }),
    );
    await phases.timed('boot', 'Linux is up, has loaded KVM, and its L2 counts', () => linux.boot());
    const before = linux.count;
    const results: LiveResult[] = [];
    for (let i = 1; i <= migrations; i += 1) {
      const result = await linux.move({ verifyMemory: i === 1, maxBlackoutMs: MAX_BLACKOUT_MS });
      results.push(result);
      const { rounds, switchPages, blackoutMs, totalMs, verifiedRanges } = result;
      const checked = verifiedRanges > 0 ? `, all memory compared (${verifiedRanges} ranges)` : '';
      const what = `${rounds.length} rounds, ${switchPages} pages in the switch, blackout ${round(blackoutMs)} ms${checked}`;
      phases.add(`move ${i}`, totalMs, what);
      await linux.console.moreL2Lines(LINES_BETWEEN);
    }
    const grep = await phases.timed('dmesg', 'what its kernel says of itself, by its shell', () =>
      linux.shell(DMESG),
    );
    const { count: after, l2Lines } = linux;
    const troubles = [
      ...(await linux.end()),
      ...(grep === 1 ? [] : [`dmesg is not clean: grep ended with ${grep}`]),
    ];
    // The one whose memory was compared stood still for that.
    const blackouts = results.slice(results.length > 1 ? 1 : 0).map(({ blackoutMs }) => blackoutMs);
    return {
      vendor: host?.cpuVendor === 'CPU_VENDOR_INTEL' ? 'intel' : 'amd',
      kernel: host?.kernelRelease ?? '',
      guest: 'linux',
      migrations: results.length,
      l2_lines: l2Lines,
      l2: { before, after },
      blackout_ms: { median: round(median(blackouts)), max: round(Math.max(...blackouts)) },
      total_ms: { median: round(median(results.map(({ totalMs }) => totalMs))) },
      phases: phases.all,
      troubles,
      verified: troubles.length === 0 && results.length === migrations,
    };
  } finally {
    await Promise.all(vcpuds.map((vcpud) => vcpud.stop()));
  }
}

function summary(result: LinuxDemoResult): string[] {
  return [
    '',
    `moved          ${result.migrations} times, blackout ${result.blackout_ms.median} ms (median), ${result.blackout_ms.max} ms at most`,
    `L2             ${result.l2_lines} lines, none missing or repeated; counted from ${result.l2.before} to ${result.l2.after}`,
    ...result.troubles.map((trouble) => `trouble        ${trouble}`),
    `verified       ${result.verified ? 'yes: no line lost, no kernel warning, nothing left behind' : 'NO'}`,
  ];
}

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, migrations: { type: 'string', default: '20' } },
});
const say = (text: string) => void (values.json ? process.stderr : process.stdout).write(`${text}\n`);
const result = await demo(Number(values.migrations), say);
if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
else for (const text of summary(result)) say(text);
process.exitCode = result.verified ? 0 : 1;
