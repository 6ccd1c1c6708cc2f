// L1 hypervisors that run, caught in each of their scenes (test/guests): captured, given to another VM of the endpoint,
// read back equal, and run on from there. Only where guests run.

import type { NestedFormat } from '../../lib/nested/layout.js';
import type { NestedState__Output } from '../../protos/gen/vcpud/v1/NestedState.js';
import type { VmState__Output } from '../../protos/gen/vcpud/v1/VmState.js';
import type { WriteMemoryRequest } from '../../protos/gen/vcpud/v1/WriteMemoryRequest.js';
import {
  type Counters,
  type GuestParameters,
  guestImage,
  guestShape,
  NORMAL,
  openGate,
  readCounters,
} from '../guests/guest.js';
import type { PAGING } from '../guests/layout.js';
import { type GuestKind, type NestedShape, SCENES, type Scene, type SceneName } from '../guests/scenes.js';
import type { Bench } from './bench.js';
import { onFormat, runningGuests } from './facing.js';
import { heldText } from './held.js';
import { EVENTS } from './kvm-layout.js';
import type { Row } from './row.js';
import { nestedBytes } from './vcpu-facts.js';

type Paging = keyof typeof PAGING;

const KINDS: Readonly<Record<NestedFormat, GuestKind>> = { SVM: 'svm', VMX: 'vmx' };

/** A guest that does not get on within this hangs, on whatever host. */
const GUEST_TIMEOUT_MS = 300_000;
const MOST_PAUSES = 200;

/** The counters as soon as they are liked. */
async function countersWhen(
  { client }: Bench,
  vmId: string,
  what: string,
  liked: (counters: Counters) => boolean,
): Promise<Counters> {
  const deadline = Date.now() + GUEST_TIMEOUT_MS;
  for (;;) {
    const counters = await readCounters(client, vmId, 0);
    if (liked(counters)) return counters;
    const shown = Object.entries(counters).map(([name, value]) => `${name}=${value}`);
    if (Date.now() > deadline) throw new Error(`${what} takes too long: ${shown.join(' ')}`);
  }
}

function isOfShape(shape: NestedShape, state: NestedState__Output | null): boolean {
  if (state === null || state.data.length !== shape.bytes) return false;
  const flags = state.flags.map((flag) => flag.replace('NESTED_STATE_FLAG_', ''));
  return [...flags].sort().join() === [...shape.flags].sort().join();
}

/** What else a state must show to be the scene's. */
const inScene = (scene: SceneName, { vcpus: [vcpu] }: VmState__Output): boolean =>
  scene !== 'pageFault' || vcpu?.events[EVENTS.exceptionPending] === 1;

/** Pauses a running guest again and again until it is caught in its scene; it stays paused then. */
async function caught(
  bench: Bench,
  vmId: string,
  scene: SceneName,
  counter: keyof Counters,
  shape: NestedShape,
): Promise<VmState__Output | undefined> {
  const name = `vms/${vmId}`;
  for (let pauses = 0; pauses < MOST_PAUSES; pauses += 1) {
    await bench.client.vm.PauseVm({ name });
    const { state } = await bench.client.vm.GetVmState({ name });
    if (state !== null && isOfShape(shape, state.vcpus[0]?.nestedState ?? null) && inScene(scene, state)) {
      return state;
    }
    const since = await readCounters(bench.client, vmId, 0);
    await bench.client.vm.RunVm({ name });
    await countersWhen(bench, vmId, 'getting on', (now) => now[counter] !== since[counter]);
  }
  return undefined;
}

async function copyMemory({ client }: Bench, from: string, to: string): Promise<void> {
  async function* chunks(): AsyncGenerator<WriteMemoryRequest> {
    for (const { gpa, sizeBytes } of guestShape(1).memoryRegions) {
      for await (const { gpa: at, data, zeroBytes } of client.readMemory({
        name: `vms/${from}`,
        gpa,
        sizeBytes,
      })) {
        yield {
          name: `vms/${to}`,
          gpa: at,
          ...(data === undefined ? { zeroBytes: zeroBytes ?? 0 } : { data }),
        };
      }
    }
  }
  await client.writeMemory(chunks());
}

/** The two VMs on which all scenes are played, one after the other: what a scene leaves behind, the next must not see. */
interface Stage {
  readonly from: string;
  readonly to: string;
  /** The scene that is being played. */
  playing: Promise<unknown>;
}

const stageOf = ({ ground, client }: Bench): Promise<Stage> =>
  ground.once('stage', async () => {
    const [from, to] = [ground.vmId('caught'), ground.vmId('moved')];
    for (const vmId of [from, to]) await client.vm.CreateVm({ vmId, vm: guestShape(1) });
    return { from, to, playing: Promise.resolve() };
  });

/** The guest anew, at its reset vector, in a VM that may have held anything. */
async function rewind(
  { client }: Bench,
  vmId: string,
  kind: GuestKind,
  parameters: GuestParameters,
): Promise<void> {
  const name = `vms/${vmId}`;
  await client.nested.Reset({ name: `${name}/vcpus/0` });
  const empty = guestShape(1).memoryRegions.map(({ gpa, sizeBytes }) => ({
    name,
    gpa,
    zeroBytes: sizeBytes,
  }));
  await client.writeMemory([...empty, ...guestImage(kind, parameters).map((chunk) => ({ name, ...chunk }))]);
  await client.vm.RunVm({ name });
}

interface Played {
  readonly kind: GuestKind;
  readonly scene: SceneName;
  readonly paging: Paging;
  readonly counter: keyof Counters;
  readonly shape: NestedShape;
}

/** When the scene before has ended, well or not. */
async function play(bench: Bench, played: Played): Promise<string> {
  const stage = await stageOf(bench);
  const turn = stage.playing.then(
    () => playOn(bench, stage, played),
    () => playOn(bench, stage, played),
  );
  stage.playing = turn;
  return turn;
}

async function playOn(
  bench: Bench,
  { from, to }: Stage,
  { kind, scene, paging, counter, shape }: Played,
): Promise<string> {
  const { client } = bench;
  const { gate }: Scene = SCENES[scene];
  await rewind(bench, from, kind, { ...NORMAL, scene, paging, gate });
  await countersWhen(bench, from, 'beginning', (now) => now[counter] > 0n);
  const state = await caught(bench, from, scene, counter, shape);
  if (state === undefined) return `not caught in ${MOST_PAUSES} pauses`;
  const since = await readCounters(client, from, 0);

  await client.vm.PauseVm({ name: `vms/${to}` });
  await copyMemory(bench, from, to);
  await client.vm.SetVmState({ name: `vms/${to}`, state });
  const got = await bench.ground.stateOf(`vms/${to}/vcpus/0`);
  const [vcpu] = state.vcpus;
  const given = vcpu === undefined ? Buffer.alloc(0) : nestedBytes(vcpu);
  const held = heldText(given, nestedBytes(got), 'whole vCPU');

  await client.vm.RunVm({ name: `vms/${to}` });
  await countersWhen(bench, to, 'getting on', (now) => now[counter] > since[counter]);
  if (gate) await openGate(client, to);
  if (scene !== 'withoutL2') {
    await countersWhen(
      bench,
      to,
      'L1 and L2 getting on',
      (now) => now.l1Count > since.l1Count && now.l2Count > since.l2Count,
    );
  }
  const { starts } = await readCounters(client, to, 0);
  await client.vm.PauseVm({ name: `vms/${to}` });
  return `${held}; ${starts === since.starts ? 'runs on' : 'started again'}`;
}

/** L2's memory is mapped either way in one scene; where an L2 is caught doesn't hang on it. */
const pagingsOf = (scene: SceneName): readonly Paging[] =>
  scene === 'normal' ? ['nested', 'withoutNested'] : ['nested'];

/** Scenes that are not played, and why. Their states are among those of captured-rows.ts. */
const NOT_PLAYED: Readonly<Partial<Record<SceneName, string>>> = {
  preemptionTimerExpiring:
    "the emulated Intel CPU loses an expiring preemption timer: the kernel's own vmx_preemption_timer_test hangs there too",
};

export const SCENE_ROWS: readonly Row[] = (['SVM', 'VMX'] as const).flatMap((format) =>
  (Object.keys(SCENES) as SceneName[]).flatMap((name) => {
    const { counter, ...scene }: Scene = SCENES[name];
    const shape = scene[KINDS[format]];
    // A scene at whose end the guest stops by itself has no state that another one lacks.
    if (counter === undefined || shape === undefined) return [];
    return pagingsOf(name).map(
      (paging): Row => ({
        group: 'scenes',
        name: `${format}: ${name}, paging ${paging}`,
        needs: [runningGuests, onFormat(format), () => NOT_PLAYED[name]],
        expected: () => 'held; runs on',
        run: (bench) => play(bench, { kind: KINDS[format], scene: name, paging, counter, shape }),
      }),
    );
  }),
);
