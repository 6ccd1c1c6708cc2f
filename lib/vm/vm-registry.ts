// The VMs of this process, by id.

import { VcpudError } from '../errors/vcpud-error.js';
import type { SystemPort } from '../kvm/port.js';
import type { NestedRules } from '../state/nested-set.js';
import type { HostProfile } from './host.js';
import { Vm, type VmConfig } from './vm.js';

export class VmRegistry {
  readonly host: HostProfile;
  readonly rules: NestedRules;
  private readonly kvm: SystemPort;
  private readonly vms = new Map<string, Vm>();
  /** Ids of VMs that are being made or unmade. */
  private readonly busy = new Map<string, Promise<unknown>>();
  private ending = false;

  constructor(kvm: SystemPort, host: HostProfile, rules: NestedRules) {
    this.kvm = kvm;
    this.host = host;
    this.rules = rules;
  }

  /** Makes a VM, paused. Throws VM_EXISTS, SHUTTING_DOWN, and what Vm.create throws. */
  async create(config: VmConfig): Promise<Vm> {
    this.requireServing();
    if (this.has(config.id)) {
      throw VcpudError.of('VM_EXISTS', `there is a VM ${config.id} already`, {
        field: 'vm_id',
        metadata: { vm: config.id },
      });
    }
    return this.whileBusy(config.id, async () => {
      const vm = await Vm.create(this.kvm, this.host, this.rules, config);
      this.vms.set(config.id, vm);
      return vm;
    });
  }

  /** Throws SHUTTING_DOWN once vcpud is ending: nothing that would outlast it is begun. */
  requireServing(): void {
    if (this.ending) throw VcpudError.of('SHUTTING_DOWN', 'vcpud is ending and begins nothing more');
  }

  /** Whether the id is taken: by a VM, or by one that is being made or unmade. */
  has(id: string): boolean {
    return this.vms.has(id) || this.busy.has(id);
  }

  /** The VM of that id. Throws VM_NOT_FOUND. */
  get(id: string): Vm {
    const vm = this.vms.get(id);
    if (vm !== undefined) return vm;
    throw VcpudError.of('VM_NOT_FOUND', `there is no VM ${id}`, { metadata: { vm: id } });
  }

  /** The VM of that id, if there is one. */
  find(id: string): Vm | undefined {
    return this.vms.get(id);
  }

  /** All VMs, by id. */
  list(): Vm[] {
    return [...this.vms.values()].sort((a, b) => (a.config.id < b.config.id ? -1 : 1));
  }

  /** Ends a VM and frees all it had. Throws VM_NOT_FOUND. */
  async delete(id: string): Promise<void> {
    const vm = this.get(id);
    this.vms.delete(id);
    await this.whileBusy(id, () => vm.close());
  }

  /** From now on no VMs are made, and watchers are sent away; calls under way go on. */
  beginEnding(): void {
    this.ending = true;
    for (const vm of this.vms.values()) vm.dismissWatchers();
  }

  /** Ends every VM; no more are made. */
  async close(): Promise<void> {
    this.ending = true;
    await Promise.allSettled(this.busy.values());
    await Promise.all([...this.vms.keys()].map((id) => this.delete(id)));
    this.kvm.close();
  }

  private async whileBusy<T>(id: string, task: () => Promise<T>): Promise<T> {
    const done = task();
    this.busy.set(id, done);
    try {
      return await done;
    } finally {
      this.busy.delete(id);
    }
  }
}
