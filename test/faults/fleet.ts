// The vcpuds between which guests move while something breaks: two, and one that starts while the tests go on, since
// every third row kills one. Used by stage.ts.

import assert from 'node:assert/strict';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';

export interface Hosts {
  readonly source: VcpudProcess;
  readonly destination: VcpudProcess;
}

export class Fleet {
  private readonly dead = new Set<VcpudProcess>();
  private spare = spareVcpud();

  private hosts: Hosts;

  private constructor(hosts: Hosts) {
    this.hosts = hosts;
  }

  static async start(): Promise<Fleet> {
    const [source, destination] = await Promise.all([startVcpud(), startVcpud()]);
    return new Fleet({ source, destination });
  }

  /** Two that live. */
  async living(): Promise<Hosts> {
    const source = await this.inPlaceOf(this.hosts.source);
    this.hosts = { source, destination: await this.inPlaceOf(this.hosts.destination) };
    return this.hosts;
  }

  /** The destination is the next row's source. */
  changeSides(): void {
    const { source, destination } = this.hosts;
    this.hosts = { source: destination, destination: source };
  }

  isDead(vcpud: VcpudProcess): boolean {
    return this.dead.has(vcpud);
  }

  async kill(vcpud: VcpudProcess): Promise<void> {
    this.dead.add(vcpud);
    vcpud.kill('SIGKILL');
    await vcpud.exited;
  }

  /** The kernel has killed it, or is about to. */
  async isKilled(vcpud: VcpudProcess): Promise<void> {
    this.dead.add(vcpud);
    assert.equal(await vcpud.exited, 'SIGKILL');
  }

  /** Ends those that live, in which nothing may have gone wrong. */
  async stop(): Promise<void> {
    const all = [this.hosts.source, this.hosts.destination, await this.spare];
    const rest = all.filter((vcpud) => !this.isDead(vcpud));
    const statuses = await Promise.all(rest.map((vcpud) => vcpud.stop()));
    for (const { log } of rest) assert.doesNotMatch(log(), /"level":(50|60)/);
    assert.deepEqual(
      statuses,
      rest.map(() => 0),
    );
  }

  private async inPlaceOf(vcpud: VcpudProcess): Promise<VcpudProcess> {
    if (!this.isDead(vcpud)) return vcpud;
    const taken = await this.spare;
    this.spare = spareVcpud();
    return taken;
  }
}

function spareVcpud(): Promise<VcpudProcess> {
  const spare = startVcpud();
  spare.catch(() => undefined); // told to who takes it
  return spare;
}
