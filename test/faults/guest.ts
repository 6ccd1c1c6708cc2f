// The guest of migrations that break: the small one that runs an L2, with memory beside its own in which a test writes
// what is to travel. Used by stage.ts.

import { randomBytes } from 'node:crypto';
import type { VcpudClient } from '../../lib/api/client.js';
import { guestImage, guestKindOf, guestShape, NORMAL } from '../guests/guest.js';
import { countersWhen } from '../harness/live-guest.js';

export const VM_ID = 'web';
export const VM_NAME = `vms/${VM_ID}`;
const MIB = 1024 * 1024;

/** Where a test writes memory that is to travel. The guest knows nothing of it. */
const PAYLOAD_GPA = 0x1_0000_0000;
/** How much of such memory there is. Pages that nobody writes take no room. */
export const PAYLOAD_REGION_BYTES = 256 * MIB;
/** A guest that has more of it written is not used again: all of it would travel in each row's first round. */
const MOST_KEPT_BYTES = 8 * MIB;

export class PayloadGuest {
  private written = 0;

  /** Starts one, with so much more memory than it needs. */
  static async start(client: VcpudClient, sizeBytes = PAYLOAD_REGION_BYTES): Promise<PayloadGuest> {
    const { vcpuCount, memoryRegions } = guestShape(1);
    await client.vm.CreateVm({
      vmId: VM_ID,
      vm: { vcpuCount, memoryRegions: [...memoryRegions, { gpa: PAYLOAD_GPA, sizeBytes }] },
    });
    const image = guestImage(await guestKindOf(client), NORMAL);
    await client.writeMemory(image.map((chunk) => ({ name: VM_NAME, ...chunk })));
    await client.vm.RunVm({ name: VM_NAME });
    await countersWhen({ client, vmId: VM_ID }, 'L2 to count', ({ l2Count }) => l2Count > 0n);
    return new PayloadGuest();
  }

  /** Whether it is to be replaced before the next row. */
  get isSpent(): boolean {
    return this.written > MOST_KEPT_BYTES;
  }

  /** Writes pages that no destination has yet, of the rounds before, where the guest is. */
  async writePayload(client: VcpudClient, mib: number): Promise<void> {
    const gpa = PAYLOAD_GPA + this.written;
    this.written += mib * MIB;
    const data = randomBytes(MIB);
    await client.writeMemory(
      Array.from({ length: mib }, (_, i) => ({ name: VM_NAME, gpa: gpa + i * MIB, data })),
    );
  }
}
