// The VMs that the error contract is asked about, made once for all its rows, and what they hold: at the end they must
// still hold it.

import type { VcpudClient } from '../../lib/api/client.js';
import type { VmState__Output } from '../../protos/gen/vcpud/v1/VmState.js';
import { svmGuestMode, svmHeaderOnly, vmxGuestMode, vmxOff } from '../vectors/nested-states.js';
import { type Begin, FIRST_REGION, SECOND_REGION, type World } from './contract-entry.js';
import type { Ground } from './ground.js';
import { differences, L1_IN_LONG_MODE, withFacts, withNestedState } from './vcpu-facts.js';

/** A ROM below 4 GiB whose last 16 bytes are the reset vector. */
const ROM = { gpa: 0xffff_f000, sizeBytes: 0x1000 };
const RESET_VECTOR = 0xffff_fff0;
const HLT = Buffer.from([0xf4]);

/** A VM of every device there is. */
const CHIPS = { memoryRegions: [{ gpa: 0, sizeBytes: 0x1000 }], irqchip: true, pit: true, pc: true };

/** A VM of that shape that waits for migration m. */
async function prepare(ground: Ground, what: string): Promise<Begin> {
  const vmId = ground.vmId(what);
  const migrationId = 'm';
  const { token } = await ground.client.migration.PrepareVm({ vmId, vm: CHIPS, migrationId });
  return { name: `vms/${vmId}`, migrationId, token };
}

async function vmState(client: VcpudClient, id: string): Promise<VmState__Output> {
  const { state } = await client.vm.GetVmState({ name: `vms/${id}` });
  if (state === null) throw new Error('GetVmState answers without a state');
  return state;
}

/** A VM that halts at once: for good without an irqchip, in the kernel with one. */
async function halting({ client }: Ground, id: string, irqchip: boolean): Promise<void> {
  const name = `vms/${id}`;
  const memoryRegions = [{ gpa: 0, sizeBytes: 0x1000 }, ROM];
  await client.vm.CreateVm({ vmId: id, vm: { memoryRegions, irqchip } });
  await client.writeMemory([{ name, gpa: RESET_VECTOR, data: HLT }]);
  if (irqchip) {
    await client.vm.RunVm({ name });
    return;
  }
  // Watched from before it runs: its end is not missed.
  const events = client.watchVm({ name });
  for await (const { vm } of events) {
    if (vm?.runState === 'VM_RUN_STATE_PAUSED') await client.vm.RunVm({ name });
    if (vm?.runState === 'VM_RUN_STATE_STOPPED') break; // cancels
  }
}

export function contractWorld(ground: Ground): Promise<World> {
  return ground.once('contract', async () => {
    const { client, facing } = ground;
    const [still, chips, running, stopped, nobody, fresh] = (
      ['still', 'chips', 'running', 'stopped', 'nobody', 'fresh'] as const
    ).map((what) => ground.vmId(what)) as [string, string, string, string, string, string];
    const memoryRegions = [
      { gpa: 0, sizeBytes: FIRST_REGION },
      { gpa: FIRST_REGION, sizeBytes: SECOND_REGION },
    ];
    await client.vm.CreateVm({ vmId: still, vm: { vcpuCount: 2, memoryRegions } });
    if (facing.format !== undefined) {
      // Both could be in L2, and the first one is.
      const inL2 = facing.format === 'SVM' ? svmGuestMode() : vmxGuestMode();
      const out = facing.format === 'SVM' ? svmHeaderOnly() : vmxOff();
      for (const [index, nested] of [inL2, out].entries()) {
        const name = `vms/${still}/vcpus/${index}`;
        const state = withFacts(await ground.stateOf(name), L1_IN_LONG_MODE[facing.format]);
        await client.vcpu.SetVcpuState({ name, state: withNestedState(state, nested) });
      }
    }
    await client.vm.CreateVm({ vmId: chips, vm: CHIPS });
    if (facing.runsGuests) {
      await halting(ground, running, true);
      await halting(ground, stopped, false);
    }
    const { requirements } = await client.vm.GetVmRequirements({ name: `vms/${still}` });
    if (requirements === null) throw new Error('GetVmRequirements answers without requirements');
    return {
      still,
      chips,
      running,
      stopped,
      nobody,
      fresh,
      stillState: await vmState(client, still),
      chipsState: await vmState(client, chips),
      requirements,
      prepare: (what) => prepare(ground, what),
      itself: facing.itself ?? '',
      nested: facing.format === 'VMX' ? vmxOff() : svmHeaderOnly(),
    };
  });
}

/** Of struct kvm_pit_state2: count, latches and modes of channel 0, without the time at which it was loaded. */
const PIT_STATIC_BYTES = 16;

/** "unchanged", or in which parts the VMs that were never given anything hold something else. */
export async function worldText(ground: Ground): Promise<string> {
  const { still, chips, stillState, chipsState } = await contractWorld(ground);
  const unlike: string[] = [];
  const now = { still: await vmState(ground.client, still), chips: await vmState(ground.client, chips) };
  for (const [id, former] of [
    ['still', stillState],
    ['chips', chipsState],
  ] as const) {
    former.vcpus.forEach((vcpu, i) => {
      const held = now[id].vcpus[i];
      const parts = held === undefined ? ['all'] : differences(vcpu, held);
      unlike.push(...parts.map((part) => `${id} vcpus[${i}].${part}`));
    });
    former.irqchips.forEach((chip, i) => {
      if (now[id].irqchips[i]?.equals(chip) !== true) unlike.push(`${id} irqchips[${i}]`);
    });
    const pit = former.pit.subarray(0, PIT_STATIC_BYTES);
    if (!now[id].pit.subarray(0, PIT_STATIC_BYTES).equals(pit)) unlike.push(`${id} pit`);
  }
  return unlike.length === 0 ? 'unchanged' : `changed: ${unlike.join(', ')}`;
}
