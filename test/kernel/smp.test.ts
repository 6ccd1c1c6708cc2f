// Linux on several vCPUs: it finds and starts them all, runs its L2 on them, and they all go on after a live migration.

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

/** One line: `field` and the values that /proc/cpuinfo has for it, a CPU after the other. */
const cpuinfo = (field: string, key: string): string =>
  `awk -F ': ' '/^${field}\\t/ { values = values " " $2 } END { print "${key}" values }' /proc/cpuinfo`;

/** One line: "alive" and 1 for each CPU that runs what it is given. */
const EACH_RUNS = (cpus: number): string =>
  `for cpu in $(seq 0 ${cpus - 1}); do ran="$ran $(taskset $(printf %x $((1 << cpu))) echo $cpu)"; done; echo ran$ran`;

test.each([2, 8])(
  '%i vCPUs boot, each has an APIC id of its own, and all go on after two moves',
  async (vcpus) => {
    const ids = Array.from({ length: vcpus }, (_, id) => id).join(' ');
    const linux = new MovingLinux(...vcpuds);
    const t0 = Date.now();
    const t = (w: string) => console.log(w, Date.now() - t0);
    await linux.create({ vcpus, memoryMib: 256, writer: undefined, shell: true });
    t('created');
    await linux.boot();
    t('booted');
    expect(await linux.answer('online', 'echo online $(nproc)')).toBe(String(vcpus));
    for (const field of ['apicid', 'initial apicid'])
      expect(await linux.answer('ids', cpuinfo(field, 'ids'))).toBe(ids);
    t('asked');
    for (let move = 0; move < 2; move += 1) {
      const r = await linux.move({ verifyMemory: move === 0, maxBlackoutMs: 5000 });
      t(`moved ${r.blackoutMs} ${JSON.stringify(r.parts)}`);
      await linux.console.moreL2Lines(2);
      expect(await linux.answer('ran', EACH_RUNS(vcpus))).toBe(ids);
      t('ran');
    }
    await linux.shell('dmesg; cat /proc/interrupts; taskset 1 true');
    console.log(linux.console.guest.lines.join('\n'));
    expect(await linux.end()).toEqual([]);
  },
);
