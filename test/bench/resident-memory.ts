// Resident memory of vcpud itself: idle after a first call, and what each further vCPU adds.

import { readFileSync } from 'node:fs';
import { startVcpud } from '../harness/vcpud-process.js';
import type { Measurement, Place } from './row.js';
import { SMALL_REGION, type Stage } from './stage.js';

/** How many vCPUs more: each takes a second to make on an emulated host. */
const FURTHER: Readonly<Record<Place, number>> = { 'this machine': 32, emulated: 12 };

/** VmRSS of a process, MB of 10^6 bytes. */
function residentMb(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return (Number(kib) * 1024) / 1e6;
}

export async function residentMemory({ place }: Stage): Promise<Measurement[]> {
  const further = FURTHER[place];
  const vcpud = await startVcpud();
  try {
    const { client, pid } = vcpud;
    await client.host.GetHost({});
    const idle = residentMb(pid);
    await client.vm.CreateVm({ vmId: 'one', vm: { vcpuCount: 1, memoryRegions: [SMALL_REGION] } });
    const one = residentMb(pid);
    await client.vm.CreateVm({ vmId: 'more', vm: { vcpuCount: further, memoryRegions: [SMALL_REGION] } });
    const more = residentMb(pid);
    return [
      {
        name: 'rss',
        what: 'resident memory of an idle server',
        unit: 'MB',
        measured: idle,
        target: { of: 'measured', bound: 'at most', value: 120 },
        details: { 'with one vCPU MB': one },
      },
      {
        name: 'rss-vcpu',
        what: 'resident memory of each further vCPU',
        unit: 'MB',
        measured: (more - one) / further,
        target: { of: 'measured', bound: 'at most', value: 12 },
        details: { vcpus: further },
      },
    ];
  } finally {
    await vcpud.stop();
  }
}
