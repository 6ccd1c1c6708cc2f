// The endpoint as a whole: the VMs of one run of the suite, by ids that no one else has, and what its lanes share.
// Nothing else that is there is touched. Made by suite.ts; rows reach it through their bench.

import { randomBytes } from 'node:crypto';
import type { VcpudClient } from '../../lib/api/client.js';
import type { VcpuState__Output } from '../../protos/gen/vcpud/v1/VcpuState.js';
import type { Facing } from './facing.js';
import { answerOf, type Wire } from './wire.js';

/** Memory of a vCPU that never runs, with a page that is nowhere: for states that point there. */
const QUIET_MEMORY = [
  { gpa: 0, sizeBytes: 0x7000 },
  { gpa: 0x8000, sizeBytes: 0x60_0000 - 0x8000 },
];
/** Of it, what rows about memory have for themselves: behind all that states point to. */
export const SCRATCH_MEMORY = { gpa: 0x40_0000, bytes: 0x10_0000 } as const;

export class Ground {
  readonly facing: Facing;
  readonly client: VcpudClient;
  readonly wire: Wire;
  private readonly prefix = `conformance-${randomBytes(4).toString('hex')}`;
  private readonly made = new Set<string>();
  private readonly shared = new Map<string, Promise<unknown>>();
  /** What was found wrong when a vCPU was looked at as a whole, after a stretch of rows. */
  readonly disturbed: string[] = [];

  constructor(facing: Facing, client: VcpudClient, wire: Wire) {
    this.facing = facing;
    this.client = client;
    this.wire = wire;
  }

  /** An id for a VM of the suite; the VM, if it comes to be, is deleted at the end. */
  vmId(what: string): string {
    const id = `${this.prefix}-${what}`;
    this.made.add(id);
    return id;
  }

  /** A text without what makes ids of VMs the suite's own. */
  plain(text: string): string {
    return text.replaceAll(`${this.prefix}-`, '');
  }

  /** Made by whoever needs it first, the same for all. */
  once<T>(what: string, make: () => Promise<T>): Promise<T> {
    const known = this.shared.get(what);
    if (known !== undefined) return known as Promise<T>;
    const making = make();
    making.catch(() => undefined); // told to each who awaits it
    this.shared.set(what, making);
    return making;
  }

  /** A new VM of one vCPU that never runs; gives the vCPU's name. */
  async quietVcpu(lane: number): Promise<string> {
    const vmId = this.vmId(`quiet-${lane}`);
    await this.client.vm.CreateVm({ vmId, vm: { memoryRegions: QUIET_MEMORY } });
    return `vms/${vmId}/vcpus/0`;
  }

  /** What a vCPU holds. */
  async stateOf(name: string): Promise<VcpuState__Output> {
    const { state } = await this.client.vcpu.GetVcpuState({ name });
    if (state === null) throw new Error('GetVcpuState answers without a state');
    return state;
  }

  /** Ends a VM of the suite before the end. */
  async remove(vmId: string): Promise<void> {
    await this.client.vm.DeleteVm({ name: `vms/${vmId}` });
    this.made.delete(vmId);
  }

  /** Deletes every VM of the suite that is left; says of each that could not be deleted why. */
  async clear(): Promise<string[]> {
    const left: string[] = [];
    for (const id of this.made) {
      const answer = await answerOf(this.client.vm.DeleteVm({ name: `vms/${id}` }));
      if (answer !== 'OK' && answer !== 'NOT_FOUND VM_NOT_FOUND') left.push(`vms/${id}: ${answer}`);
    }
    return left;
  }
}
