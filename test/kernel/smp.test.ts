// Linux on several vCPUs: it finds and starts them all, each with an APIC id of its own, runs its L2 on them, and they
// all go on after a live migration.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { MovingLinux } from '../harness/moving-linux.js';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';

let vcpuds: [VcpudProcess, VcpudProcess];

beforeEach(async () => {
  vcpuds = await Promise.all([startVcpud(), startVcpud()]);
});

afterEach(async () => {
  for (const { log } of vcpuds) expect(log()).not.toMatch(/"level":(50|60)/);
  expect(await Promise.all(vcpuds.map((vcpud) => vcpud.stop()))).toEqual([0, 0]);
});

/** Writes what /proc/cpuinfo has in that field, CPU after CPU. */
const cpuinfo = (field: string): string =>
  `awk -F ': ' '/^${field}\\t/ { values = values " " $2 } END { print "cpuinfo" values }' /proc/cpuinfo`;

/** Writes the numbers of the CPUs that did something, each asked for itself. */
const eachRuns = (cpus: number): string =>
  `ran=; for cpu in $(seq 0 ${cpus - 1}); do ran="$ran $(taskset -c $cpu echo $cpu)"; done; echo ran$ran`;

test.each([
  [2, 2],
  [8, 1],
])(
  '%i vCPUs, each known by its own APIC id, run L1 and its L2 before and after they move %i times',
  async (vcpus, moves) => {
    const each = Array.from({ length: vcpus }, (_, id) => id).join(' ');
    const linux = new MovingLinux(...vcpuds, { vcpus, memoryMib: 128, writer: undefined, shell: true });
    await linux.create();
    await linux.boot();
    expect(await linux.answer('nproc', 'echo nproc $(nproc)')).toBe(String(vcpus));
    for (const field of ['processor', 'apicid', 'initial apicid'])
      expect([field, await linux.answer('cpuinfo', cpuinfo(field))]).toEqual([field, each]);
    expect(await linux.answer('ran', eachRuns(vcpus))).toBe(each);
    for (let move = 0; move < moves; move += 1) {
      await linux.move({ verifyMemory: false, maxBlackoutMs: 60_000 });
      await linux.goesOn(2);
      expect(await linux.answer('ran', eachRuns(vcpus))).toBe(each);
    }
    expect(await linux.end()).toEqual([]);
  },
);
