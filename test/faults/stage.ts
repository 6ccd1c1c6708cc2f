// Plays the rows of table.ts with a guest that runs a guest, one after the other: what was under way is held at the
// moment, the fault strikes, and both sides are looked at. Used by test/kernel/migration-faults.test.ts and by
// test/run-faults.ts, where there is no test runner.

import assert from 'node:assert/strict';
import { availableMemoryBytes } from '../../lib/os/available-memory.js';
import { type Counters, readCounters } from '../guests/guest.js';
import type { VcpudProcess } from '../harness/vcpud-process.js';
import { expectHas, hasNothing, noConnectionsMoreThan, socketsAt } from './afterwards.js';
import { Fleet, type Hosts } from './fleet.js';
import { PAYLOAD_REGION_BYTES, PayloadGuest, VM_ID, VM_NAME } from './guest.js';
import { limitMemory, noRoomFor } from './no-memory.js';
import { LEADERS, type Leading, resumeByVcpuctl, resumeHere } from './orchestrators.js';
import { type Fault, OUTCOMES, type Outcome, type Play, type Row, type SlowFault } from './table.js';
import { type Held, HOLD, LOST_WITH, openWays, type Ways } from './ways.js';

const MIB = 1024 * 1024;
const PAYLOAD_MIB = 2;
/**
 * So much that a destination which dies of its first MiB is dead before the last has left the source, and more than one
 * message names.
 */
const LARGE_PAYLOAD_MIB = 24;

/** What is under way when a fault strikes. */
interface Scene {
  readonly hosts: Hosts;
  readonly guest: PayloadGuest;
  readonly ways: Ways;
  readonly row: Row;
  readonly leading: Leading;
  kill(vcpud: VcpudProcess): Promise<void>;
}

const STRIKE: Readonly<Record<Fault | SlowFault, (scene: Scene) => Promise<void>>> = {
  'source killed': ({ hosts: { source }, ways: { line }, row: { moment }, kill }) => {
    // A host that dies ends no connection: whether a commit right before an end that is heard is taken, is a race.
    if (moment === 'switch: commit') line.hold('there');
    return kill(source);
  },
  'destination killed': ({ hosts: { destination }, kill }) => kill(destination),
  'link cut': ({ ways }) => ways.cutLink(),
  'link silent': async ({ ways: { line } }) => {
    line.hold('there');
    line.hold('back');
  },
  'orchestrator killed': async ({ leading }) => {
    leading.kill();
    await leading.told;
  },
  'destination out of memory': async ({ hosts: { source, destination }, guest, row }) => {
    if (isFullFromTheStart(row)) return;
    // What the guest has written since the round before is there already: pages that are new have to come.
    if (row.moment === 'later round') await guest.writePayload(source.client, PAYLOAD_MIB);
    limitMemory(destination.pid, MIB);
  },
  cancelled: ({ leading }) => leading.cancel(),
};

const isFullFromTheStart = ({ fault, moment }: Row): boolean =>
  fault === 'destination out of memory' && (moment === 'check' || moment === 'prepare');
const isKilledForMemory = (row: Row): boolean =>
  row.fault === 'destination out of memory' && !isFullFromTheStart(row);

const nothing = async (): Promise<void> => undefined;

export class FaultStage {
  /** The one at the source. */
  private guest: PayloadGuest | undefined;

  private readonly fleet: Fleet;

  private constructor(fleet: Fleet) {
    this.fleet = fleet;
  }

  static async open(): Promise<FaultStage> {
    return new FaultStage(await Fleet.start());
  }

  close(): Promise<void> {
    return this.fleet.stop();
  }

  /** Rejects with what was not as it has to be. The next play then begins with other hosts and another guest. */
  async play({ row, leader, way }: Play): Promise<void> {
    const hosts = await this.fleet.living();
    const { source, destination } = hosts;
    const guest = await this.aGuestAt(source);
    await hasNothing(destination);
    const takeBack = await this.fill(hosts, guest, row);
    const sockets = socketsAt(hosts);
    const ways = await openWays(hosts, way);
    try {
      const mib = isKilledForMemory(row) || way === 'by name' ? LARGE_PAYLOAD_MIB : PAYLOAD_MIB;
      const held = HOLD[row.moment].hold(ways, source, () => guest.writePayload(source.client, mib));
      const leading = LEADERS[leader](ways, row.moment);
      const kill = (vcpud: VcpudProcess) => this.fleet.kill(vcpud);
      const last = await strikes({ hosts, guest, ways, row, leading, kill }, held);
      const word = await leading.told;
      assert.equal(word, row.told, leading.why());
      if (isKilledForMemory(row)) await this.fleet.isKilled(destination);
      await this.expectEnds(hosts, row, last);
    } catch (error) {
      await Promise.all([source, destination].map((vcpud) => this.fleet.kill(vcpud)));
      this.guest = undefined;
      throw error;
    } finally {
      if (this.live(hosts).length === 2) await takeBack();
      await ways.close();
    }
    for (const vcpud of this.live(hosts)) await noConnectionsMoreThan(sockets.get(vcpud) as number, vcpud);
  }

  private live({ source, destination }: Hosts): VcpudProcess[] {
    return [source, destination].filter((vcpud) => !this.fleet.isDead(vcpud));
  }

  /** A guest that counts. */
  private async aGuestAt({ client }: VcpudProcess): Promise<PayloadGuest> {
    if (this.guest?.isSpent) await this.deleteGuest(client);
    this.guest ??= await PayloadGuest.start(client);
    return this.guest;
  }

  private async deleteGuest(client: VcpudProcess['client']): Promise<void> {
    this.guest = undefined;
    await client.vm.DeleteVm({ name: VM_NAME });
  }

  /** What is so before a migration begins; gives the way back. */
  private async fill(
    { source, destination }: Hosts,
    guest: PayloadGuest,
    { moment, fault }: Row,
  ): Promise<() => Promise<void>> {
    if (fault !== 'destination out of memory') return nothing;
    if (moment === 'check') {
      // A VM of more memory than there is; its pages take no room until they are written.
      await this.deleteGuest(source.client);
      const pages = (availableMemoryBytes() * 3n) / 2n / 4096n;
      this.guest = await PayloadGuest.start(source.client, Number(pages) * 4096);
      return () => this.deleteGuest(source.client);
    }
    // What vcpud itself needs still finds its place.
    if (moment === 'prepare') return noRoomFor(destination.pid, PAYLOAD_REGION_BYTES / 2);
    if (moment === 'first round') await guest.writePayload(source.client, PAYLOAD_MIB);
    return nothing;
  }

  private async expectEnds(hosts: Hosts, row: Row, last: Counters): Promise<void> {
    const { source, destination, resume, ends }: Outcome = OUTCOMES[row.outcome];
    await this.expectBoth(hosts, source, destination, last);
    await expectResume(row, hosts, resume, ends);
    const at = (side: Outcome['ends']) => (side === ends ? 'guest' : 'nothing');
    await this.expectBoth(hosts, at('source'), at('destination'), last);
    if (ends === 'destination') this.fleet.changeSides();
    if (ends === 'nowhere') this.guest = undefined;
  }

  private async expectBoth(
    hosts: Hosts,
    source: Outcome['source'],
    destination: Outcome['destination'],
    last: Counters,
  ): Promise<void> {
    for (const [vcpud, has] of [
      [hosts.source, source],
      [hosts.destination, destination],
    ] as const) {
      if (this.fleet.isDead(vcpud)) assert.equal(has, 'nothing');
      else await expectHas(vcpud, has, last);
    }
  }
}

/** Waits for the moment, has the fault strike, and lets go what was on its way. Gives what the guest had counted. */
async function strikes(scene: Scene, held: Held): Promise<Counters> {
  const { hosts, row, leading } = scene;
  const { moment, fault } = row;
  let last: Counters;
  if (isFullFromTheStart(row)) {
    last = await readCounters(hosts.source.client, VM_ID, 0);
  } else {
    const tooSoon = leading.told.then((word) => {
      throw new Error(`it ended before ${moment}: ${word}, ${leading.why()}`);
    });
    await Promise.race([held.reached, tooSoon]);
    last = await readCounters(hosts.source.client, VM_ID, 0);
    await STRIKE[fault](scene);
  }
  if (LOST_WITH[HOLD[moment].of] === fault) held.lose();
  else held.release();
  return last;
}

async function expectResume(
  { told }: Row,
  hosts: Hosts,
  resume: Outcome['resume'],
  ends: Outcome['ends'],
): Promise<void> {
  // Who was killed is who comes back.
  assert.equal(await (told === 'killed' ? resumeByVcpuctl(hosts) : resumeHere(hosts, false)), resume);
  if (resume === 'in doubt' && ends === 'source') assert.equal(await resumeHere(hosts, true), 'undone');
}
