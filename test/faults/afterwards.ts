// What has to be so at each side when a migration has broken. Used by stage.ts.

import assert from 'node:assert/strict';
import { type Counters, readCounters } from '../guests/guest.js';
import { eventually } from '../harness/eventually.js';
import { countersWhen } from '../harness/live-guest.js';
import { partsOfVms, socketsOf } from '../harness/process-facts.js';
import type { VcpudProcess } from '../harness/vcpud-process.js';
import type { Hosts } from './fleet.js';
import { VM_ID, VM_NAME } from './guest.js';
import type { Has } from './table.js';
import { phaseAt } from './ways.js';

/** The guest counts on there: its L1 and its L2, from what they had counted, and neither was started again. */
async function countsOn({ client }: VcpudProcess, last: Counters): Promise<void> {
  await eventually('the guest’s side to be done with the migration', async () => {
    const { vm } = await client.vm.GetVm({ name: VM_NAME });
    return vm?.migration === null || vm?.migration?.phase === 'MIGRATION_PHASE_ARRIVED' ? true : undefined;
  });
  const now = await countersWhen(
    { client, vmId: VM_ID },
    'the guest to count on',
    ({ l1Count, l2Count }) => l1Count > last.l1Count && l2Count > last.l2Count,
  );
  assert.equal(now.starts, last.starts);
  assert.equal((await client.vm.GetVm({ name: VM_NAME })).vm?.runState, 'VM_RUN_STATE_RUNNING');
}

/** It is handed over, does not run, and has not run since. */
async function isStopped({ client }: VcpudProcess, last: Counters): Promise<void> {
  const { vm } = await client.vm.GetVm({ name: VM_NAME });
  assert.equal(vm?.runState, 'VM_RUN_STATE_PAUSED');
  const phase = vm?.migration?.phase ?? '';
  assert.ok(['MIGRATION_PHASE_HANDED_OVER', 'MIGRATION_PHASE_MOVED'].includes(phase), phase);
  assert.deepEqual(await readCounters(client, VM_ID, 0), last);
}

/** No VM, nothing of the kernel's that was one's, none of its memory. */
export async function hasNothing({ client, pid }: VcpudProcess): Promise<void> {
  await eventually('a side to have no VM', async () =>
    (await client.vm.ListVms({})).vms.length === 0 ? true : undefined,
  );
  await eventually('a side to have nothing of a VM', () => (partsOfVms(pid).length === 0 ? true : undefined));
}

/** What a side that lives has; `last` is what the guest had counted when the fault struck. */
export async function expectHas(vcpud: VcpudProcess, has: Has, last: Counters): Promise<void> {
  if (has === 'nothing') await hasNothing(vcpud);
  else if (has === 'guest') await countsOn(vcpud, last);
  else if (has === 'stopped guest') await isStopped(vcpud, last);
  else assert.equal(await phaseAt(vcpud), 'MIGRATION_PHASE_PREPARED');
}

/** How many sockets each of them has. */
export const socketsAt = ({ source, destination }: Hosts): ReadonlyMap<VcpudProcess, number> =>
  new Map([source, destination].map((vcpud) => [vcpud, socketsOf(vcpud.pid)]));

/** It has as many connections as before, as soon as those that were ended are gone. */
export async function noConnectionsMoreThan(sockets: number, { pid }: VcpudProcess): Promise<void> {
  await eventually('a side to have no connection of the migration', () =>
    socketsOf(pid) <= sockets ? true : undefined,
  );
}
