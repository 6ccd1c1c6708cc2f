// What the cases stand on: the measured server, guests with a live L2 in it, and how much a place affords.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { VcpudClient } from '../../lib/api/client.js';
import { createGuest, type GuestParameters, NORMAL } from '../guests/guest.js';
import { PARAMETER, PARAMETERS_GPA } from '../guests/layout.js';
import { countersOf } from '../guests/small-console.js';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';
import { Watcher } from '../harness/watcher.js';
import { isLive, MeasuredClient } from './measured-client.js';
import type { Place } from './row.js';

/** How much is measured: an emulated host is 12 to 40 times slower. */
export interface Amounts {
  /** Calls before the first that counts, so that both sides are compiled. */
  readonly warmUpCalls: number;
  /** About how long one side's round takes. */
  readonly roundMs: number;
  /** Pairs of rounds. */
  readonly pairs: number;
}

const AMOUNTS: Readonly<Record<Place, Amounts>> = {
  'this machine': { warmUpCalls: 3000, roundMs: 300, pairs: 15 },
  emulated: { warmUpCalls: 128, roundMs: 1200, pairs: 7 },
};

/** VMMCALLs between two console lines: while it matters when L2 begins to count, and while it is measured. */
const TALKATIVE = 1;
const QUIET = 1 << 30;

/** L2 counts long between two VMMCALLs, so that a kick nearly always finds the vCPU in L2. */
const INCREMENTS = 1 << 20;

/** The guest as it is measured: no exit but kicks, and those that KVM keeps to itself. */
export const MEASURED_GUEST: GuestParameters = { ...NORMAL, increments: INCREMENTS, report: QUIET };

const GUEST = 'live';

/** Memory for vCPUs that do not run. */
export const SMALL_REGION = { gpa: 0, sizeBytes: 1024 * 1024 };

/** How often a pause is repeated that found the vCPU out of L2. */
const MOST_PAUSES = 50;

/** The server in the place of cli/vcpud.js: see server.ts. */
const SERVER = join(dirname(fileURLToPath(import.meta.url)), 'server.js');

export class Stage {
  readonly amounts: Amounts;
  readonly place: Place;
  private server: Promise<VcpudProcess> | undefined;
  private readonly clients: MeasuredClient[] = [];
  private guestName: Promise<string> | undefined;

  constructor(place: Place) {
    this.place = place;
    this.amounts = AMOUNTS[place];
  }

  say(line: string): void {
    process.stderr.write(`bench: ${line}\n`);
  }

  /** The one measured server, started when it is first asked for. */
  vcpud(): Promise<VcpudProcess> {
    this.server ??= startVcpud([], [SERVER]);
    return this.server;
  }

  /** A connection of its own to it. */
  async connect(): Promise<MeasuredClient> {
    const client = new MeasuredClient((await this.vcpud()).target);
    this.clients.push(client);
    return client;
  }

  /** The name of the VM whose one vCPU runs an L2; paused in L2. */
  guest(): Promise<string> {
    this.guestName ??= this.makeGuest();
    return this.guestName;
  }

  private async makeGuest(): Promise<string> {
    const { client } = await this.vcpud();
    const name = `vms/${GUEST}`;
    await createGuest(client, GUEST, { ...MEASURED_GUEST, report: TALKATIVE }, 1);
    const watcher = new Watcher(client, GUEST);
    await client.vm.RunVm({ name });
    await watcher.until('L2 to count', ({ lines }) =>
      lines.find(({ text }) => countersOf(text) !== undefined),
    );
    watcher.stop();
    await this.quieten(client, name);
    await this.pauseInL2(name);
    return name;
  }

  /**
   * The name of a VM of many vCPUs, each of which holds the live L2 of guest(). So many guests that really run would
   * keep an emulated CPU from doing anything else; what is got is the same.
   */
  async copies(vcpus: number): Promise<string> {
    const { client } = await this.vcpud();
    const { state } = await client.vm.GetVmState({ name: await this.guest() });
    const [live] = state?.vcpus ?? [];
    if (live === undefined) throw new Error('the guest has no vCPU');
    const vmId = `${GUEST}-${vcpus}`;
    await client.vm.CreateVm({ vmId, vm: { vcpuCount: vcpus, memoryRegions: [SMALL_REGION] } });
    const name = `vms/${vmId}`;
    await client.vm.SetVmState({
      name,
      state: { ...state, vcpus: Array.from({ length: vcpus }, () => live) },
    });
    return name;
  }

  /** Pauses a VM when its first vCPU is in L2. */
  async pauseInL2(name: string): Promise<void> {
    const { client } = await this.vcpud();
    for (let pauses = 0; pauses < MOST_PAUSES; pauses += 1) {
      await client.vm.PauseVm({ name });
      const { nestedState } = await client.nested.GetNestedState({ name: `${name}/vcpus/0` });
      if (isLive(nestedState)) return;
      await client.vm.RunVm({ name });
    }
    throw new Error(`${name} was not found in L2 in ${MOST_PAUSES} pauses`);
  }

  /** The guest reads how often it is to report anew each time. */
  private async quieten(client: VcpudClient, name: string): Promise<void> {
    const data = Buffer.alloc(8);
    data.writeBigUInt64LE(BigInt(QUIET));
    await client.writeMemory([{ name, gpa: Number(PARAMETERS_GPA) + PARAMETER.report, data }]);
  }

  async end(): Promise<void> {
    for (const client of this.clients) client.close();
    await (await this.server)?.stop();
  }
}
