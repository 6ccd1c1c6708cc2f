// Every scene of the host's guest, one test each (counts.ts): caught where the table says, with the nested state that it
// says, moved to another vcpud by the reference orchestrator, gone on from there, reset and started again. In plain Node,
// as an emulated Intel host is too slow for a test runner. Run by test/main.ts: run-scenes.js [SCENE...].

import type { VcpudClient } from '../lib/api/client.js';
import { EVENTS_LAYOUT } from '../lib/kvm/abi.js';
import { migrate } from '../lib/migration/migrate.js';
import { describeNestedState } from '../lib/nested/describe.js';
import type { VmState__Output } from '../protos/gen/vcpud/v1/VmState.js';
import { countsLine } from './counts.js';
import { type Counters, createGuest, guestKindOf, NORMAL, openGate, readCounters } from './guests/guest.js';
import type { PAGING } from './guests/layout.js';
import { type GuestKind, type NestedShape, SCENES, type Scene, type SceneName } from './guests/scenes.js';
import { startVcpud } from './harness/vcpud-process.js';
import { Watcher } from './harness/watcher.js';

type Paging = keyof typeof PAGING;

/** A guest that does not come on within this hangs, on whatever host. */
const GUEST_TIMEOUT_MS = 600_000;

interface Place {
  readonly client: VcpudClient;
  readonly vmId: string;
}

/** Where a nested state is not of the scene's shape; empty where it is. */
function unlikeShape(shape: NestedShape, bytes: Uint8Array): string[] {
  const { flags, svm, vmx } = describeNestedState(bytes);
  const rows: ReadonlyArray<readonly [name: string, expected: unknown, found: unknown]> = [
    ['bytes', shape.bytes, bytes.length],
    ['flags', shape.flags, flags],
    ['hdr.svm.vmcb_pa', shape.vmcbPa, svm?.vmcbPa],
    ['hdr.vmx.vmxon_pa', shape.vmxonPa, vmx?.vmxonPa],
    ['hdr.vmx.vmcs12_pa', shape.vmcs12Pa, vmx?.vmcs12Pa],
    ['hdr.vmx.flags', shape.headerFlags, vmx?.headerFlags],
  ];
  return rows
    .filter(([, expected, found]) => expected !== undefined && String(expected) !== String(found))
    .map(([name, expected, found]) => `${name} is ${found}, not ${expected}`);
}

/** What else a state must show to be the scene's. */
function inScene(scene: SceneName, { vcpus: [vcpu] }: VmState__Output): boolean {
  return scene !== 'pageFault' || vcpu?.events[EVENTS_LAYOUT.exceptionPending] === 1;
}

/** Resolves with the counters as soon as the predicate likes them. Fails when the guest says that something is lost. */
async function countersWhen(
  { client, vmId }: Place,
  watcher: Watcher,
  what: string,
  liked: (counters: Counters) => boolean,
): Promise<Counters> {
  const deadline = Date.now() + GUEST_TIMEOUT_MS;
  for (;;) {
    const panic = watcher.lines.find(({ text }) => text.includes('panic'));
    if (panic !== undefined) throw new Error(`the guest says "${panic.text}" while it is ${what}`);
    const counters = await readCounters(client, vmId, 0);
    if (liked(counters)) return counters;
    const shown = Object.entries(counters).map(([name, value]) => `${name}=${value}`);
    if (Date.now() > deadline) throw new Error(`${what} takes too long: ${shown.join(' ')}`);
  }
}

/** The guest stops by itself: what it holds then. */
async function stopped(place: Place, watcher: Watcher, shape: NestedShape): Promise<void> {
  await watcher.runState('STOPPED');
  const { nestedState } = await place.client.nested.GetNestedState({ name: `vms/${place.vmId}/vcpus/0` });
  const unlike = unlikeShape(shape, nestedState?.data ?? Buffer.alloc(0));
  if (unlike.length > 0) throw new Error(unlike.join(', '));
}

/** L1 and L2 count on from `since`. */
const wentOn = (since: Counters, counter: keyof Counters) => (now: Counters) =>
  now.l2Count > since.l2Count && now.l1Count > since.l1Count && now[counter] > since[counter];

async function moved(
  from: Place,
  to: Place,
  watcher: Watcher,
  sceneName: SceneName,
  { counter, gate }: Scene & { counter: keyof Counters },
  shape: NestedShape,
): Promise<void> {
  const started = await countersWhen(from, watcher, 'beginning', (now) => now[counter] > 0n);
  let since = started;
  let unlike: string[] = [];
  let after: Watcher | undefined;
  await migrate({
    source: from.client,
    destination: to.client,
    vmId: from.vmId,
    accept: async (state) => {
      unlike = unlikeShape(shape, state.vcpus[0]?.nestedState?.data ?? Buffer.alloc(0));
      since = await readCounters(from.client, from.vmId, 0);
      return unlike.length === 0 && inScene(sceneName, state);
    },
    onPhase: (phase) => {
      if (phase === 'create') after = new Watcher(to.client, to.vmId);
    },
  }).catch((error: Error) => {
    throw new Error(`${error.message}; the last capture: ${unlike.join(', ') || 'as it should be'}`);
  });
  if (after === undefined) throw new Error('nothing was moved');
  const counted = await countersWhen(to, after, 'counting on', (now) => now[counter] > since[counter]);
  if (counted.starts !== since.starts) throw new Error('the guest started again');
  if (gate) await openGate(to.client, to.vmId);
  if (sceneName !== 'withoutL2') {
    await countersWhen(to, after, 'going on', wentOn(counted, gate ? 'l2Count' : counter));
  }
  await to.client.vm.PauseVm({ name: `vms/${to.vmId}` });
  await to.client.nested.Reset({ name: `vms/${to.vmId}/vcpus/0` });
  await to.client.vm.RunVm({ name: `vms/${to.vmId}` });
  const again = gate ? 'l2Count' : counter;
  await countersWhen(to, after, 'starting again', (now) => now.starts > since.starts && now[again] > 0n);
  after.stop();
}

async function test(kind: GuestKind, name: SceneName, paging: Paging, from: Place, to: Place): Promise<void> {
  const scene: Scene = SCENES[name];
  const shape = scene[kind];
  if (shape === undefined) throw new Error(`${kind}-l1 has no scene ${name}`);
  const { counter, gate } = scene;
  await createGuest(from.client, from.vmId, { ...NORMAL, scene: name, paging, gate }, 1);
  const watcher = new Watcher(from.client, from.vmId);
  try {
    await from.client.vm.RunVm({ name: `vms/${from.vmId}` });
    if (counter === undefined) await stopped(from, watcher, shape);
    else await moved(from, to, watcher, name, { ...scene, counter }, shape);
  } finally {
    watcher.stop();
    for (const { client, vmId } of [from, to]) {
      await client.vm.DeleteVm({ name: `vms/${vmId}` }).catch(() => undefined);
    }
  }
}

/** Scenes without an L2 are the same with and without nested paging. */
const pagingsOf = (name: SceneName, kind: GuestKind): readonly Paging[] =>
  SCENES[name][kind]?.flags.some((flag) => flag === 'GUEST_MODE') ? ['nested', 'withoutNested'] : ['nested'];

const vcpuds = [await startVcpud(), await startVcpud()] as const;
const [source, destination] = vcpuds;
const kind = await guestKindOf(source.client);
const wanted = process.argv.slice(2);
let passed = 0;
let failed = 0;
for (const name of Object.keys(SCENES) as SceneName[]) {
  if (SCENES[name][kind] === undefined || (wanted.length > 0 && !wanted.includes(name))) continue;
  for (const paging of pagingsOf(name, kind)) {
    const vmId = `${name}-${paging}`.toLowerCase();
    const since = performance.now();
    const failure = await test(
      kind,
      name,
      paging,
      { client: source.client, vmId },
      { client: destination.client, vmId },
    ).then(
      () => undefined,
      (error: Error) => error.message,
    );
    const seconds = ((performance.now() - since) / 1000).toFixed(1);
    const verdict = failure === undefined ? 'passed' : `FAILED: ${failure}`;
    process.stdout.write(`${kind} ${name} ${paging} (${seconds} s) ${verdict}\n`);
    if (failure === undefined) passed += 1;
    else failed += 1;
  }
}
for (const vcpud of vcpuds) {
  if ((await vcpud.stop()) !== 0) failed += 1;
}
process.stdout.write(countsLine({ passed, failed }));
process.exitCode = failed === 0 ? 0 : 1;
