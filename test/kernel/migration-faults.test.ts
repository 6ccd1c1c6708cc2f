// A live migration that breaks: every phase times everything that can break it, with a guest that runs a guest, on a
// real kernel. Whatever happens, the guest counts on at exactly one side and the other has nothing of it; where that
// can't be known yet it runs nowhere until --resume has asked both sides. The table says which, and why what is left
// out can't be.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { VcpudClient } from '../../lib/api/client.js';
import { api } from '../../lib/api/definitions.js';
import { guestAfter, type Whereabouts } from '../../lib/migration/guest-after.js';
import { type LiveMigrationFailed, migrateLive } from '../../lib/migration/live.js';
import { FIXED_MS } from '../../lib/migration/pre-copy.js';
import { InDoubt, type Resolution, resolveMigration } from '../../lib/migration/resolve.js';
import { availableMemoryBytes } from '../../lib/os/available-memory.js';
import { type Counters, guestImage, guestKindOf, guestShape, NORMAL, readCounters } from '../guests/guest.js';
import { type CallGate, callGate } from '../harness/call-gate.js';
import { eventually } from '../harness/eventually.js';
import { type HeldLine, heldLine } from '../harness/held-line.js';
import { countersWhen } from '../harness/live-guest.js';
import { overFor, type Way } from '../harness/memory-way.js';
import { partsOfVms, socketsOf } from '../harness/process-facts.js';
import { startVcpuctl, type VcpuctlProcess } from '../harness/vcpuctl-process.js';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';

const VM_ID = 'web';
const NAME = `vms/${VM_ID}`;
const MIB = 1024 * 1024;

const { CheckCompatibility } = api.HostService.service;
const { PrepareVm, SendVm, ReceiveVm, ResolveMigration } = api.MigrationService.service;

// ---- what breaks, and when

const FAULTS = [
  'source killed',
  'destination killed',
  'link cut',
  'orchestrator killed',
  'destination out of memory',
  'cancelled',
] as const;
type Fault = (typeof FAULTS)[number];
/** A network that falls silent ends no connection. Half a minute each, so at two moments and not in the table. */
type SlowFault = 'link silent';

/** Moments of the phases of lib/migration/live.ts, by what is on its way then. */
const MOMENTS = [
  ['check', 'the destination is asked whether it can take the VM'],
  ['prepare', 'the destination has made the VM, and its answer is on its way'],
  ['connect', 'the source shows the token'],
  ['first round', 'the first memory is on its way'],
  ['later round', 'what was written meanwhile is there, and the word that this was all is on its way'],
  ['switch: pages', 'the guest is stopped, and memory is on its way; the commit has not left the source'],
  ['switch: commit', 'the commit has left the source, and is on its way'],
  ['switch: answer', 'the guest runs at the destination, and the word of it is on its way'],
  ['delete', 'the source is asked to delete what is left'],
] as const;
type Moment = (typeof MOMENTS)[number][0];

/** What a side has: a guest that counts, one that is stopped and handed over, a VM that waits for one. */
type Has = 'guest' | 'stopped guest' | 'empty VM' | 'nothing';

interface Outcome {
  /** What comes about without anybody's doing. Of a side that was killed: nothing. */
  readonly source: Has;
  readonly destination: Has;
  /** What whoever comes back with --resume finds. */
  readonly resume: Resolution | 'in doubt';
  /** Where the guest is when that is done. */
  readonly ends: 'source' | 'destination' | 'nowhere';
}

const OUTCOMES = {
  'goes on at the source': {
    source: 'guest',
    destination: 'nothing',
    resume: 'nothing',
    ends: 'source',
  },
  'goes on at the source, and an empty VM waits for a minute or --resume': {
    source: 'guest',
    destination: 'empty VM',
    resume: 'undone',
    ends: 'source',
  },
  'stands still until --resume has it go on at the source': {
    source: 'stopped guest',
    destination: 'nothing',
    resume: 'undone',
    ends: 'source',
  },
  'stands still until somebody says that the destination is gone': {
    source: 'stopped guest',
    destination: 'nothing',
    resume: 'in doubt',
    ends: 'source',
  },
  'goes on at the destination': {
    source: 'nothing',
    destination: 'guest',
    resume: 'nothing',
    ends: 'destination',
  },
  'goes on at the destination, and the source keeps a rest until --resume': {
    source: 'stopped guest',
    destination: 'guest',
    resume: 'finished',
    ends: 'destination',
  },
  'goes on at the destination, without its source': {
    source: 'nothing',
    destination: 'guest',
    resume: 'in doubt',
    ends: 'destination',
  },
  'is gone with the source': {
    source: 'nothing',
    destination: 'nothing',
    resume: 'in doubt',
    ends: 'nowhere',
  },
  'is gone with the destination, whose it was': {
    source: 'nothing',
    destination: 'nothing',
    resume: 'nothing',
    ends: 'nowhere',
  },
} as const satisfies Record<string, Outcome>;

/** What an orchestrator that lives says of it: it moved, or where the guest is as far as it knows. */
type Told = 'moved' | Whereabouts;
type Cell =
  | readonly [told: Told | 'killed', outcome: keyof typeof OUTCOMES]
  /** Why the fault can't strike there. */
  | { readonly impossible: string };

const STAYS: Cell = ['source', 'goes on at the source'];
const LOST_WITH_SOURCE: Cell = ['unknown', 'is gone with the source'];
const MOVES: Cell = ['moved', 'goes on at the destination'];
const FINISHED_WITHOUT: Cell = [
  'killed',
  'goes on at the destination, and the source keeps a rest until --resume',
];
const TAKES_NO_MORE: Cell = {
  impossible: 'the destination takes no more memory of the VM from here on: all pages are there',
};

const TABLE: Readonly<Record<Moment, Readonly<Record<Fault, Cell>>>> = {
  check: {
    'source killed': ['source', 'is gone with the source'],
    'destination killed': STAYS,
    'link cut': STAYS,
    'orchestrator killed': ['killed', 'goes on at the source'],
    'destination out of memory': STAYS,
    cancelled: STAYS,
  },
  prepare: {
    'source killed': LOST_WITH_SOURCE,
    'destination killed': STAYS,
    'link cut': STAYS,
    'orchestrator killed': [
      'killed',
      'goes on at the source, and an empty VM waits for a minute or --resume',
    ],
    'destination out of memory': STAYS,
    cancelled: STAYS,
  },
  connect: {
    'source killed': LOST_WITH_SOURCE,
    'destination killed': STAYS,
    'link cut': STAYS,
    'orchestrator killed': ['killed', 'goes on at the source'],
    'destination out of memory': {
      impossible: 'nothing is taken between PrepareVm and the first page; a page that can’t be had: below',
    },
    cancelled: STAYS,
  },
  'first round': {
    'source killed': LOST_WITH_SOURCE,
    'destination killed': STAYS,
    'link cut': STAYS,
    'orchestrator killed': ['killed', 'goes on at the source'],
    'destination out of memory': STAYS,
    cancelled: STAYS,
  },
  'later round': {
    'source killed': LOST_WITH_SOURCE,
    'destination killed': STAYS,
    'link cut': STAYS,
    'orchestrator killed': ['killed', 'goes on at the source'],
    'destination out of memory': STAYS,
    cancelled: STAYS,
  },
  'switch: pages': {
    'source killed': LOST_WITH_SOURCE,
    'destination killed': STAYS,
    'link cut': STAYS,
    'orchestrator killed': FINISHED_WITHOUT,
    'destination out of memory': STAYS,
    cancelled: MOVES,
  },
  'switch: commit': {
    'source killed': ['unknown', 'goes on at the destination, without its source'],
    'destination killed': ['unknown', 'stands still until somebody says that the destination is gone'],
    'link cut': ['unknown', 'stands still until --resume has it go on at the source'],
    'orchestrator killed': FINISHED_WITHOUT,
    'destination out of memory': TAKES_NO_MORE,
    cancelled: MOVES,
  },
  'switch: answer': {
    'source killed': ['unknown', 'goes on at the destination, without its source'],
    'destination killed': ['unknown', 'stands still until somebody says that the destination is gone'],
    'link cut': ['unknown', 'goes on at the destination, and the source keeps a rest until --resume'],
    'orchestrator killed': FINISHED_WITHOUT,
    'destination out of memory': TAKES_NO_MORE,
    cancelled: MOVES,
  },
  delete: {
    'source killed': ['destination', 'goes on at the destination, without its source'],
    'destination killed': ['moved', 'is gone with the destination, whose it was'],
    'link cut': MOVES,
    'orchestrator killed': FINISHED_WITHOUT,
    'destination out of memory': TAKES_NO_MORE,
    cancelled: MOVES,
  },
};

/** All is played with memory streamed; what has to do with memory, again by name. */
const WITH_MEMORY: readonly Moment[] = ['first round', 'later round', 'switch: pages', 'switch: commit'];

// ---- the two hosts, and the guest that is at the source of one row and the next

/** A spare one starts while the tests go on: every third row kills one. */
let spare: Promise<VcpudProcess>;
const dead = new Set<VcpudProcess>();

async function takeSpare(): Promise<VcpudProcess> {
  const taken = await spare;
  spare = startVcpud();
  spare.catch(() => undefined); // told to who takes it
  return taken;
}

interface Hosts {
  source: VcpudProcess;
  destination: VcpudProcess;
}
let hosts: Hosts;
/** Whether the guest is at the source. */
let guestIsThere = false;

beforeAll(async () => {
  const [source, destination] = await Promise.all([startVcpud(), startVcpud()]);
  hosts = { source, destination };
  spare = startVcpud();
});

afterAll(async () => {
  const rest = [hosts.source, hosts.destination, await spare].filter((vcpud) => !dead.has(vcpud));
  for (const { log } of rest) expect(log()).not.toMatch(/"level":(50|60)/);
  expect(await Promise.all(rest.map((vcpud) => vcpud.stop()))).toEqual(rest.map(() => 0));
});

async function killed(vcpud: VcpudProcess): Promise<void> {
  dead.add(vcpud);
  vcpud.kill('SIGKILL');
  await vcpud.exited;
}

/** Where a test writes memory that is to travel. The guest knows nothing of it. */
const PAYLOAD_GPA = 0x1_0000_0000;
const PAYLOAD_MIB = 2;
/**
 * So much that a destination which dies of its first MiB is dead before the last has left the source, and more than one
 * message names.
 */
const LARGE_PAYLOAD_MIB = 24;
/** How much of such memory there is. Pages that nobody writes take no room. */
const PAYLOAD_REGION_BYTES = 256 * MIB;
/** A guest that has more of it written is not used again: all of it would travel in each row's first round. */
const MOST_KEPT_BYTES = 8 * MIB;

let payloadAt = 0;

/** Pages that no destination has yet, of the rounds before. */
async function writePayload(client: VcpudClient, mib: number): Promise<void> {
  const gpa = PAYLOAD_GPA + payloadAt;
  payloadAt += mib * MIB;
  const data = randomBytes(MIB);
  await client.writeMemory(Array.from({ length: mib }, (_, i) => ({ name: NAME, gpa: gpa + i * MIB, data })));
}

/** Starts a guest, with so much more memory than it needs. */
async function startGuest(client: VcpudClient, sizeBytes: number): Promise<void> {
  const { vcpuCount, memoryRegions } = guestShape(1);
  await client.vm.CreateVm({
    vmId: VM_ID,
    vm: { vcpuCount, memoryRegions: [...memoryRegions, { gpa: PAYLOAD_GPA, sizeBytes }] },
  });
  const image = guestImage(await guestKindOf(client), NORMAL);
  await client.writeMemory(image.map((chunk) => ({ name: NAME, ...chunk })));
  await client.vm.RunVm({ name: NAME });
  await countersWhen({ client, vmId: VM_ID }, 'L2 to count', ({ l2Count }) => l2Count > 0n);
}

/** Two hosts that live, and a guest that counts at the source. */
async function aGuestAtTheSource(): Promise<Hosts> {
  for (const side of ['source', 'destination'] as const) {
    if (dead.has(hosts[side])) hosts[side] = await takeSpare();
  }
  if (guestIsThere && payloadAt > MOST_KEPT_BYTES) {
    await hosts.source.client.vm.DeleteVm({ name: NAME });
    guestIsThere = false;
  }
  if (!guestIsThere) {
    payloadAt = 0;
    await startGuest(hosts.source.client, PAYLOAD_REGION_BYTES);
  }
  guestIsThere = true;
  return { ...hosts };
}

// ---- the ways between the three, on which things are held and cut

interface Ways {
  readonly toSource: CallGate;
  readonly toDestination: CallGate;
  /** From the source: line, gate, line to the destination. */
  readonly link: CallGate;
  readonly line: HeldLine;
  cutLink(): Promise<void>;
  close(): Promise<void>;
}

async function openWays({ source, destination }: Hosts, way: Way): Promise<Ways> {
  const behind = await heldLine(destination.socketPath);
  const link = await callGate(behind.socketPath);
  const line = await heldLine(link.socketPath, overFor(way));
  const [toSource, toDestination] = await Promise.all([
    callGate(source.socketPath),
    callGate(destination.socketPath),
  ]);
  const cutLink = async () => {
    await Promise.all([line.close(), behind.close()]);
  };
  return {
    toSource,
    toDestination,
    link,
    line,
    cutLink,
    close: async () => {
      await Promise.all([toSource.close(), toDestination.close(), link.close()]);
      await cutLink();
    },
  };
}

/** A moment, held. */
interface Held {
  readonly reached: Promise<void>;
  /** What is on its way goes on, as far as there is a way. */
  release(): void;
  lose(): void;
}

const phaseAt = async ({ client }: VcpudProcess) =>
  (await client.vm.GetVm({ name: NAME })).vm?.migration?.phase;

/**
 * With which fault a word that is on its way is lost. What a source has said arrives after its death: that is the end
 * that is harder to get right.
 */
const LOST_WITH = {
  orchestrator: 'orchestrator killed',
  destination: 'destination killed',
  source: undefined,
} as const;

/** How each moment is held, and whose word it is that is on its way. */
const HOLD: Readonly<
  Record<
    Moment,
    { readonly of: keyof typeof LOST_WITH; hold(ways: Ways, hosts: Hosts, payloadMib: number): Held }
  >
> = {
  check: {
    of: 'orchestrator',
    hold: ({ toDestination }) => toDestination.holdRequest(CheckCompatibility, () => true),
  },
  prepare: {
    of: 'destination',
    hold: ({ toDestination }) => toDestination.holdAnswer(PrepareVm, () => true),
  },
  connect: {
    of: 'source',
    hold: ({ link }) => link.holdRequest(ReceiveVm, ({ message }) => message === 'begin'),
  },
  'first round': {
    of: 'source',
    hold: ({ link }) => link.holdRequest(ReceiveVm, ({ message }) => message === 'pages'),
  },
  'later round': {
    of: 'source',
    hold: ({ link }) => link.holdRequest(ReceiveVm, ({ roundEnd }) => roundEnd?.round === 2),
  },
  'switch: pages': {
    of: 'source',
    hold: ({ toSource, line }, { source }, payloadMib) => {
      const asked = toSource.holdRequest(SendVm, ({ command }) => command === 'switchOver');
      const held = async () => {
        await asked.reached;
        // More than HTTP/2's flow control lets out unheard, or one message names: the source can't come to the commit.
        await writePayload(source.client, payloadMib);
        line.hold('there');
        asked.release();
        await eventually('the source to be in the middle of its last pages', async () =>
          (await phaseAt(source)) === 'MIGRATION_PHASE_HANDED_OVER' && line.heldBytes() > 0
            ? true
            : undefined,
        );
      };
      return { reached: held(), release: () => line.release('there'), lose: () => undefined };
    },
  },
  'switch: commit': {
    of: 'source',
    hold: ({ link }) => link.holdRequest(ReceiveVm, ({ message }) => message === 'commit'),
  },
  'switch: answer': {
    of: 'destination',
    hold: ({ link }) => link.holdAnswer(ReceiveVm, ({ message }) => message === 'arrived'),
  },
  delete: {
    of: 'orchestrator',
    hold: ({ toSource }) => toSource.holdRequest(ResolveMigration, () => true),
  },
};

// ---- the orchestrators

interface Leading {
  readonly told: Promise<Told | 'killed'>;
  /** What it ended with, for a person. */
  why(): string;
  /** SIGKILL. */
  kill(): void;
  /** Resolves when it has been heard. */
  cancel(): Promise<void>;
}

/** A limit that the first rounds never fit, where there are to be more; else one that any round fits. */
const maxBlackoutMs = (moment: Moment): number => (moment === 'later round' ? FIXED_MS : 600_000);

/** lib/migration/live.ts in this process. */
function leadHere({ toSource, toDestination, line }: Ways, moment: Moment): Leading {
  const source = new VcpudClient(toSource.endpoint);
  const destination = new VcpudClient(toDestination.endpoint);
  const controller = new AbortController();
  let why = '';
  const told = migrateLive({
    source,
    destination,
    destinationEndpoint: line.endpoint,
    vmId: VM_ID,
    verifyMemory: false,
    maxBlackoutMs: maxBlackoutMs(moment),
    maxRounds: 1000,
    bandwidth: 0,
    onEvent: () => undefined,
    signal: controller.signal,
  })
    .then(
      (): Told => 'moved',
      (error: LiveMigrationFailed): Told => {
        why = error.message;
        return guestAfter(error);
      },
    )
    .finally(() => {
      source.close();
      destination.close();
    });
  return {
    told,
    why: () => why,
    kill: () => {
      throw new Error('only a process can be killed');
    },
    cancel: async () => controller.abort(),
  };
}

/** vcpuctl migrate. */
function leadByVcpuctl({ toSource, toDestination, line }: Ways, moment: Moment): Leading {
  const ends = ['--from', toSource.endpoint, '--to', toDestination.endpoint];
  const { child, outcome }: VcpuctlProcess = startVcpuctl([
    ...['migrate', VM_ID, ...ends, '--as-seen-by-source', line.endpoint],
    ...['--max-blackout', String(maxBlackoutMs(moment)), '--max-rounds', '1000'],
  ]);
  const TOLD = new Map<number | NodeJS.Signals, Told | 'killed'>([
    [0, 'moved'],
    [9, 'source'],
    [8, 'unknown'],
    ['SIGKILL', 'killed'],
  ]);
  let why = '';
  return {
    why: () => why,
    told: outcome.then(({ status, err }) => {
      why = err;
      const told = TOLD.get(status);
      if (told === undefined) throw new Error(`vcpuctl ended with ${status}: ${err}`);
      return told;
    }),
    kill: () => void child.kill('SIGKILL'),
    cancel: async () => {
      // It ends, or says that it is too late.
      const heard = new Promise((resolve) => child.stderr?.once('data', resolve));
      child.kill('SIGINT');
      await Promise.race([heard, outcome]);
    },
  };
}

async function resumeHere({ source, destination }: Hosts, destinationIsGone: boolean) {
  try {
    return await resolveMigration({
      source: source.client,
      destination: destination.client,
      vmId: VM_ID,
      destinationIsGone,
    });
  } catch (error) {
    if (error instanceof InDoubt) return 'in doubt';
    throw error;
  }
}

async function resumeByVcpuctl({ source, destination }: Hosts): Promise<Resolution> {
  const ends = ['--from', `unix://${source.socketPath}`, '--to', `unix://${destination.socketPath}`];
  const { status, out, err } = await startVcpuctl(['--json', 'migrate', VM_ID, ...ends, '--resume']).outcome;
  expect([status, err]).toEqual([0, '']);
  return JSON.parse(out).resolution as Resolution;
}

// ---- memory that can't be had

/** Where a hierarchy of memory cgroups is, version 2 or 1; mounts one where the host has none. */
function memoryCgroups(): { folder: string; limit: string } {
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
  const v1 = mounts.find(
    ([, , type, options]) => type === 'cgroup' && options?.split(',').includes('memory'),
  );
  if (v1?.[1] !== undefined) return { folder: v1[1], limit: 'memory.limit_in_bytes' };
  let v2 = mounts.find(([, , type]) => type === 'cgroup2')?.[1];
  if (v2 === undefined) {
    v2 = mkdtempSync(join(tmpdir(), 'vcpud-cgroup-'));
    execFileSync('mount', ['-t', 'cgroup2', 'none', v2]);
  }
  writeFileSync(join(v2, 'cgroup.subtree_control'), '+memory');
  return { folder: v2, limit: 'memory.max' };
}

/** What the process takes from here on is limited to so many bytes: with more the kernel kills it. */
function limitMemory(pid: number, bytes: number): void {
  const { folder, limit } = memoryCgroups();
  const group = join(folder, `vcpud-${pid}`);
  mkdirSync(group);
  writeFileSync(join(group, limit), String(bytes));
  writeFileSync(join(group, 'cgroup.procs'), String(pid));
}

/** A VM's memory finds no place any more, though what vcpud itself needs does; gives the way back. */
function limitAddressSpace(pid: number): () => void {
  const limit = (bytes: string) => execFileSync('prlimit', ['--pid', String(pid), `--as=${bytes}:`]);
  const mapped =
    Number(/^VmSize:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
  limit(String(mapped + PAYLOAD_REGION_BYTES / 2));
  return () => void limit('unlimited');
}

// ---- the faults

interface Row {
  readonly moment: Moment;
  readonly fault: Fault | SlowFault;
  readonly told: Told | 'killed';
  readonly outcome: keyof typeof OUTCOMES;
}

const ROWS: readonly Row[] = MOMENTS.flatMap(([moment]) =>
  FAULTS.flatMap((fault) => {
    const cell = TABLE[moment][fault];
    return 'impossible' in cell ? [] : [{ moment, fault, told: cell[0], outcome: cell[1] }];
  }),
);

/** What is under way when a fault strikes. */
interface Scene {
  readonly hosts: Hosts;
  readonly ways: Ways;
  readonly moment: Moment;
  readonly held: Held;
  readonly leading: Leading;
}

const nothing = async (): Promise<void> => undefined;

const STRIKE: Readonly<Record<Fault | SlowFault, (scene: Scene) => Promise<void>>> = {
  'source killed': ({ hosts: { source }, ways: { line }, moment }) => {
    // A host that dies ends no connection: whether a commit right before an end that is heard is taken, is a race.
    if (moment === 'switch: commit') line.hold('there');
    return killed(source);
  },
  'destination killed': ({ hosts: { destination } }) => killed(destination),
  'link cut': ({ ways }) => ways.cutLink(),
  'link silent': async ({ ways: { line } }) => {
    line.hold('there');
    line.hold('back');
  },
  'orchestrator killed': async ({ leading }) => {
    leading.kill();
    await leading.told;
  },
  'destination out of memory': async ({ hosts: { source, destination }, moment }) => {
    if (moment === 'check' || moment === 'prepare') return; // full from the start: below
    // What the guest has written since the round before is there already: pages that are new have to come.
    if (moment === 'later round') await writePayload(source.client, PAYLOAD_MIB);
    limitMemory(destination.pid, MIB);
  },
  cancelled: ({ leading }) => leading.cancel(),
};

/** What is so before a migration begins; gives the way back. */
async function fill({ source, destination }: Hosts, { moment, fault }: Row): Promise<() => Promise<void>> {
  if (fault !== 'destination out of memory') return nothing;
  if (moment === 'check') {
    // A VM of more memory than there is; its pages take no room until they are written.
    guestIsThere = false;
    await source.client.vm.DeleteVm({ name: NAME });
    const pages = (availableMemoryBytes() * 3n) / 2n / 4096n;
    await startGuest(source.client, Number(pages) * 4096);
    return async () => {
      guestIsThere = false;
      await source.client.vm.DeleteVm({ name: NAME });
    };
  }
  if (moment === 'prepare') {
    const takeBack = limitAddressSpace(destination.pid);
    return async () => takeBack();
  }
  if (moment === 'first round') await writePayload(source.client, PAYLOAD_MIB);
  return nothing;
}

// ---- what then has to be so

/** The guest counts on there: its L1 and its L2, from what they had counted, and neither was started again. */
async function countsOn({ client }: VcpudProcess, last: Counters): Promise<void> {
  await eventually('the guest’s side to be done with the migration', async () => {
    const { vm } = await client.vm.GetVm({ name: NAME });
    return vm?.migration === null || vm?.migration?.phase === 'MIGRATION_PHASE_ARRIVED' ? true : undefined;
  });
  const now = await countersWhen(
    { client, vmId: VM_ID },
    'the guest to count on',
    ({ l1Count, l2Count }) => l1Count > last.l1Count && l2Count > last.l2Count,
  );
  expect(now.starts).toBe(last.starts);
  expect((await client.vm.GetVm({ name: NAME })).vm?.runState).toBe('VM_RUN_STATE_RUNNING');
}

/** It is handed over, does not run, and has not run since. */
async function isStopped({ client }: VcpudProcess, last: Counters): Promise<void> {
  const { vm } = await client.vm.GetVm({ name: NAME });
  expect(vm?.runState).toBe('VM_RUN_STATE_PAUSED');
  expect(['MIGRATION_PHASE_HANDED_OVER', 'MIGRATION_PHASE_MOVED']).toContain(vm?.migration?.phase);
  expect(await readCounters(client, VM_ID, 0)).toEqual(last);
}

/** No VM, nothing of the kernel's that was one's, none of its memory. */
async function hasNothing({ client, pid }: VcpudProcess): Promise<void> {
  await eventually('a side to have no VM', async () =>
    (await client.vm.ListVms({})).vms.length === 0 ? true : undefined,
  );
  await eventually('a side to have nothing of a VM', () => (partsOfVms(pid).length === 0 ? true : undefined));
}

async function expectHas(vcpud: VcpudProcess, has: Has, last: Counters): Promise<void> {
  if (dead.has(vcpud)) expect(has).toBe('nothing');
  else if (has === 'nothing') await hasNothing(vcpud);
  else if (has === 'guest') await countsOn(vcpud, last);
  else if (has === 'stopped guest') await isStopped(vcpud, last);
  else expect(await phaseAt(vcpud)).toBe('MIGRATION_PHASE_PREPARED');
}

/** As many connections as before the migration, as soon as those that were ended are gone. */
async function noConnectionsMoreThan(before: ReadonlyMap<VcpudProcess, number>): Promise<void> {
  for (const [vcpud, sockets] of before) {
    if (dead.has(vcpud)) continue;
    await eventually('a side to have no connection of the migration', () =>
      socketsOf(vcpud.pid) <= sockets ? true : undefined,
    );
  }
}

const socketsAt = ({ source, destination }: Hosts): ReadonlyMap<VcpudProcess, number> =>
  new Map([source, destination].map((vcpud) => [vcpud, socketsOf(vcpud.pid)]));

/** The side where the guest is now is the next row's source. */
function takeNote(all: Hosts, ends: Outcome['ends']): void {
  const { source, destination } = all;
  if (ends === 'destination') hosts = { source: destination, destination: source };
  guestIsThere = ends !== 'nowhere';
}

async function breaks(row: Row, lead: (ways: Ways, moment: Moment) => Leading, way: Way): Promise<void> {
  const { moment, fault, told, outcome } = row;
  const all = await aGuestAtTheSource();
  const { source, destination } = all;
  await hasNothing(destination);
  const takeBack = await fill(all, row);
  const sockets = socketsAt(all);
  const ways = await openWays(all, way);
  let last: Counters;
  try {
    const large = isKilledForMemory(row) || way === 'by name';
    const held = HOLD[moment].hold(ways, all, large ? LARGE_PAYLOAD_MIB : PAYLOAD_MIB);
    const leading = lead(ways, moment);
    if (isFullFromTheStart(row)) {
      last = await readCounters(source.client, VM_ID, 0);
    } else {
      const tooSoon = leading.told.then((word) => {
        throw new Error(`it ended before ${moment}: ${word}, ${leading.why()}`);
      });
      await Promise.race([held.reached, tooSoon]);
      last = await readCounters(source.client, VM_ID, 0);
      await STRIKE[fault]({ hosts: all, ways, moment, held, leading });
    }
    if (LOST_WITH[HOLD[moment].of] === fault) held.lose();
    else held.release();
    const word = await leading.told;
    expect(word, leading.why()).toBe(told);
    if (isKilledForMemory(row)) {
      expect(await destination.exited).toBe('SIGKILL');
      dead.add(destination);
    }
    const { source: here, destination: there, resume, ends }: Outcome = OUTCOMES[outcome];
    await expectHas(source, here, last);
    await expectHas(destination, there, last);
    await expectResume(row, all, resume, ends);
    await expectHas(source, ends === 'source' ? 'guest' : 'nothing', last);
    await expectHas(destination, ends === 'destination' ? 'guest' : 'nothing', last);
    takeNote(all, ends);
  } catch (error) {
    // The next row is to begin with hosts that nothing is the matter with.
    await Promise.all([source, destination].map((vcpud) => killed(vcpud)));
    guestIsThere = false;
    throw error;
  } finally {
    if (!dead.has(source) && !dead.has(destination)) await takeBack();
    await ways.close();
  }
  await noConnectionsMoreThan(sockets);
}

const isKilledForMemory = (row: Row): boolean =>
  row.fault === 'destination out of memory' && !isFullFromTheStart(row);
const isFullFromTheStart = ({ fault, moment }: Row): boolean =>
  fault === 'destination out of memory' && (moment === 'check' || moment === 'prepare');

async function expectResume(
  { told }: Row,
  all: Hosts,
  resume: Outcome['resume'],
  ends: Outcome['ends'],
): Promise<void> {
  // Who was killed is who comes back.
  expect(await (told === 'killed' ? resumeByVcpuctl(all) : resumeHere(all, false))).toBe(resume);
  if (resume === 'in doubt' && ends === 'source') expect(await resumeHere(all, true)).toBe('undone');
}

const titled = (rows: readonly Row[]) =>
  rows.map((row): [string, Row] => [`${row.moment}, ${row.fault}: the guest ${row.outcome}`, row]);

/** Only a process can be killed. */
const leaderOf = ({ fault }: Row) => (fault === 'orchestrator killed' ? leadByVcpuctl : leadHere);

test.each(titled(ROWS))('%s', (_title, row) => breaks(row, leaderOf(row), 'streamed'));

const BY_NAME = ROWS.filter(({ moment }) => WITH_MEMORY.includes(moment));

test.each(titled(BY_NAME))('memory by name: %s', (_title, row) => breaks(row, leaderOf(row), 'by name'));

const CANCELLED = ROWS.filter(
  ({ moment, fault }) => fault === 'cancelled' && ['first round', 'switch: commit'].includes(moment),
);

test.each(titled(CANCELLED))('vcpuctl migrate, Ctrl-C: %s', (_title, row) =>
  breaks(row, leadByVcpuctl, 'streamed'),
);

/** The source finds out by asking: the keepalive of lib/api/client.ts. */
const SILENT: readonly Row[] = [
  { moment: 'first round', fault: 'link silent', told: 'source', outcome: 'goes on at the source' },
  {
    moment: 'switch: answer',
    fault: 'link silent',
    told: 'unknown',
    outcome: 'goes on at the destination, and the source keeps a rest until --resume',
  },
];

test.each(titled(SILENT))('%s', (_title, row) => breaks(row, leadHere, 'streamed'));
