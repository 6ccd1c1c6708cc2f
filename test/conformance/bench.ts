// What a row works with: the endpoint, and a vCPU that holds what the row wants it to hold. A bench is a lane's: rows of
// one lane run one after the other, lanes side by side. suite.ts makes them.

import type { VcpudClient } from '../../lib/api/client.js';
import type { Facing } from './facing.js';
import { type Ground, SCRATCH_MEMORY } from './ground.js';
import { SuiteVcpu, type Wanted } from './suite-vcpu.js';
import type { Wire } from './wire.js';

export class Bench {
  readonly ground: Ground;
  private readonly lane: number;
  private mine: SuiteVcpu | undefined;

  constructor(ground: Ground, lane: number) {
    this.ground = ground;
    this.lane = lane;
  }

  get facing(): Facing {
    return this.ground.facing;
  }

  get client(): VcpudClient {
    return this.ground.client;
  }

  get wire(): Wire {
    return this.ground.wire;
  }

  /** This lane's vCPU, paused, holding what is wanted. */
  async vcpu(wanted: Wanted = {}): Promise<SuiteVcpu> {
    if (this.mine === undefined) {
      const name = await this.ground.quietVcpu(this.lane);
      this.mine = new SuiteVcpu(this.ground, name, await this.ground.stateOf(name));
    }
    await this.mine.hold(wanted);
    return this.mine;
  }

  /** Memory of this lane's that no vCPU's state points to: its VM's name, and where in it. Holds anything. */
  async scratchMemory(): Promise<{ readonly name: string; readonly gpa: number; readonly bytes: number }> {
    const { name } = await this.vcpu();
    return { name: name.replace(/\/vcpus\/.*$/, ''), ...SCRATCH_MEMORY };
  }

  /** A row ended in the middle: what the vCPU holds is not known. */
  disturb(): void {
    this.mine?.disturb();
  }

  /** Looks at the lane's vCPU as a whole once more. */
  async close(): Promise<void> {
    await this.mine?.audit();
  }
}
