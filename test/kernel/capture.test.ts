// Nested state taken from a guest that runs: a thousand captures of one live L2, each of them whole, while L2 counts.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { vcpuSnapshot } from '../../lib/api/vcpu-state.js';
import { compareNestedStates } from '../../lib/nested/compare.js';
import {
  FLAG,
  type FlagName,
  FORMAT,
  HEADER,
  HEADER_BYTES,
  SVM_GUEST_BYTES,
  SVM_HEADER,
  VMCB12_CONTROL,
  VMCB12_SAVE,
} from '../../lib/nested/layout.js';
import { checkNestedState } from '../../lib/nested/rules.js';
import { vcpuFacts } from '../../lib/state/nested-set.js';
import type { GetNestedStateResponse__Output } from '../../protos/gen/vcpud/v1/GetNestedStateResponse.js';
import { type GuestParameters, NORMAL, readCounters } from '../guests/svm-l1/guest.js';
import { ROM_BYTES, ROM_GPA, VMCB_GPA } from '../guests/svm-l1/layout.js';
import {
  copyMemory,
  countersWhen,
  createAlike,
  everyVcpuInL2,
  expectNoPanic,
  l2Progress,
  nameOf,
  onlyVcpu,
  pauseWhen,
  startGuest,
  type VmRef,
  vcpuOf,
} from '../harness/live-guest.js';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';
import type { Watcher } from '../harness/watcher.js';

/** Lines are seldom, so that a capture finds the vCPU in L2 nearly always, and not in L1 that writes one. */
const QUIET: GuestParameters = { ...NORMAL, report: 1024 };

const CAPTURES = 1000;
/** Calls under way at a time: one is answered while the next waits. Where more wait for one vCPU, they share a capture. */
const LANES = 2;
/** Captures between two looks at L2's counter. */
const LEG = 100;

let vcpud: VcpudProcess;
let live: VmRef;
let watcher: Watcher;
let captures: GetNestedStateResponse__Output[];
/** L2's counter: before the first capture, after each leg. */
let counts: bigint[];

const timeOf = ({ captureTime }: GetNestedStateResponse__Output): string =>
  `${captureTime?.seconds}.${captureTime?.nanos}`;

/** The bytes of a capture. */
function bytesOf({ nestedState }: GetNestedStateResponse__Output): Buffer {
  if (nestedState === null) throw new Error('the answer has no nested_state');
  return nestedState.data;
}

const isLong = (capture: GetNestedStateResponse__Output): boolean =>
  bytesOf(capture).length === SVM_GUEST_BYTES;

async function capturesOfOneLeg(): Promise<GetNestedStateResponse__Output[]> {
  let left = LEG;
  const taken: GetNestedStateResponse__Output[] = [];
  const lane = async () => {
    while (left > 0) {
      left -= 1;
      taken.push(await live.client.nested.GetNestedState({ name: vcpuOf(live) }));
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return taken;
}

beforeAll(async () => {
  vcpud = await startVcpud();
  live = { client: vcpud.client, vmId: 'live' };
  watcher = await startGuest(live, QUIET);
  counts = [(await countersWhen(live, 'L2 to count', ({ l2Count }) => l2Count > 0n)).l2Count];
  captures = [];
  for (let leg = 0; leg < CAPTURES / LEG; leg += 1) {
    captures.push(...(await capturesOfOneLeg()));
    counts.push((await readCounters(live.client, live.vmId, 0)).l2Count);
  }
});

afterAll(async () => {
  watcher.stop();
  expect(await vcpud.stop()).toBe(0);
});

describe('a thousand captures of one running L2', () => {
  test('are a thousand, of hundreds of different stops', () => {
    expect(captures).toHaveLength(CAPTURES);
    expect(new Set(captures.map(timeOf)).size).toBeGreaterThan(CAPTURES / 2);
    console.log(
      new Set(captures.map(timeOf)).size,
      new Set(captures.map((capture) => bytesOf(capture).toString('latin1'))).size,
      captures.filter(isLong).length,
    );
  });

  test('find the vCPU in L2 nearly always', () => {
    expect(captures.filter(isLong).length).toBeGreaterThan(CAPTURES * 0.8);
  });

  test('are 4224 bytes in guest mode and 128 out of it, by their own account too', () => {
    for (const capture of captures) {
      const bytes = bytesOf(capture);
      const flags = bytes.readUInt16LE(HEADER.flags.offset);
      const inGuestMode = (flags & FLAG.GUEST_MODE) !== 0;
      expect(bytes).toHaveLength(inGuestMode ? 4224 : 128);
      expect(bytes.readUInt32LE(HEADER.size.offset)).toBe(bytes.length);
      expect(bytes.readUInt16LE(HEADER.format.offset)).toBe(FORMAT.SVM);
      // Nothing but these is legal, and RUN_PENDING in guest mode only.
      const legal = FLAG.GIF_SET | FLAG.GUEST_MODE | (inGuestMode ? FLAG.RUN_PENDING : 0);
      expect(flags & ~legal).toBe(0);
      // In L2 GIF is set always: L1's VMRUN sets it.
      if (inGuestMode) expect(flags & FLAG.GIF_SET).toBe(FLAG.GIF_SET);
    }
  });

  test("name L1's VMCB in guest mode, none out of it, and nothing else in the header", () => {
    for (const capture of captures) {
      const bytes = bytesOf(capture);
      expect(bytes.readBigUInt64LE(SVM_HEADER.vmcb_pa.offset)).toBe(isLong(capture) ? VMCB_GPA : 0n);
      expect(bytes.subarray(SVM_HEADER.gpat.offset, HEADER_BYTES).every((byte) => byte === 0)).toBe(true);
    }
  });

  test('hold the VMCB that L1 made, and L1 as it was at its VMRUN', () => {
    for (const bytes of captures.filter(isLong).map(bytesOf)) {
      expect(bytes.readUInt32LE(VMCB12_CONTROL.intercept_misc2.offset)).toBe(0b11); // VMRUN, VMMCALL
      expect(bytes.readUInt32LE(VMCB12_CONTROL.asid.offset)).toBe(1);
      expect(bytes.readBigUInt64LE(VMCB12_CONTROL.nested_ctl.offset)).toBe(1n);
      expect(bytes.readBigUInt64LE(VMCB12_SAVE.efer.offset)).toBe(0x1500n); // SVME LMA LME
      expect(bytes.readBigUInt64LE(VMCB12_SAVE.cr0.offset)).toBe(0x8001_0033n);
      const rip = bytes.readBigUInt64LE(VMCB12_SAVE.rip.offset);
      expect(rip >= ROM_GPA && rip < ROM_GPA + BigInt(ROM_BYTES)).toBe(true);
    }
  });

  test('are described as they are', () => {
    for (const { nestedState } of captures) {
      const bytes = nestedState?.data ?? Buffer.alloc(0);
      const flags = bytes.readUInt16LE(HEADER.flags.offset);
      const names = (Object.keys(FLAG) as FlagName[]).filter((name) => (flags & FLAG[name]) !== 0);
      expect(nestedState).toMatchObject({
        format: 'NESTED_STATE_FORMAT_SVM',
        flags: names.map((name) => `NESTED_STATE_FLAG_${name}`),
        unknownFlags: 0,
        sizeBytes: bytes.length,
        svm: { vmcbPa: bytes.readBigUInt64LE(SVM_HEADER.vmcb_pa.offset).toString(), gpat: '0' },
      });
    }
  });

  test('say for how long the vCPU was out of the guest, and when, in order', () => {
    for (const { stopDuration, captureTime } of captures) {
      expect(Number(stopDuration?.seconds)).toBe(0);
      expect(stopDuration?.nanos).toBeGreaterThan(0);
      expect(Math.abs(Number(captureTime?.seconds) * 1000 - Date.now())).toBeLessThan(600_000);
    }
  });

  test('leave L2 counting from first to last', async () => {
    expect(counts).toHaveLength(CAPTURES / LEG + 1);
    for (const [i, count] of counts.slice(1).entries()) expect(count).toBeGreaterThan(counts[i] as bigint);
    await watcher.line(/ l2=[1-9]/);
    expectNoPanic(watcher);
  });

  test('are each accepted: by the rules all of them, by the kernel those that differ', async () => {
    const state = await pauseWhen(live, 'every vCPU in L2', everyVcpuInL2);
    const { enforcedRules } = (await live.client.host.GetHost({})).host ?? { enforcedRules: [] };
    const facts = vcpuFacts(vcpuSnapshot(onlyVcpu(state)));
    const kernel = { format: 'SVM', enforced: new Set(enforcedRules) } as const;
    for (const capture of captures) expect(checkNestedState(bytesOf(capture), facts, kernel)).toBeUndefined();

    const taker: VmRef = { client: live.client, vmId: 'taker' };
    await createAlike(live, taker);
    await copyMemory(live, taker);
    await taker.client.vm.SetVmState({ name: nameOf(taker), state });
    const different = new Map(
      captures.map((capture) => [bytesOf(capture).toString('latin1'), bytesOf(capture)]),
    );
    for (const data of [...different.values()].slice(0, 100)) {
      const { nestedState } = await taker.client.nested.SetNestedState({
        name: vcpuOf(taker),
        nestedState: { data },
      });
      expect(compareNestedStates(data, nestedState?.data ?? Buffer.alloc(HEADER_BYTES)).lost).toEqual([]);
    }
    await taker.client.vm.DeleteVm({ name: nameOf(taker) });
    const counters = await readCounters(live.client, live.vmId, 0);
    await live.client.vm.RunVm({ name: nameOf(live) });
    await l2Progress(live, counters);
  });
});
