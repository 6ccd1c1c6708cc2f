// Nested state taken from a guest that runs: a thousand captures of one live L2, each of them whole, while L2 counts.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { vcpuSnapshot } from '../../lib/api/vcpu-state.js';
import { vcpuFacts } from '../../lib/kvm/vcpu-facts.js';
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
import type { GetNestedStateResponse__Output } from '../../protos/gen/vcpud/v1/GetNestedStateResponse.js';
import { type GuestParameters, NORMAL, readCounters } from '../guests/guest.js';
import { ROM_BYTES, ROM_GPA } from '../guests/layout.js';
import { VMCB_GPA } from '../guests/svm-l1/layout.js';
import {
  copyMemory,
  countersWhen,
  createAlike,
  everyVcpuInL2,
  expectNoPanic,
  isInGuestMode,
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

/**
 * Increments and lines so that most captures find the vCPU in L2, and some find each other place where it can be: in L1
 * with GIF set or clear, or on its way into L2.
 */
const MIXED: GuestParameters = { ...NORMAL, increments: 131_072, report: 1024 };

/** The places, by the flags that a capture there has. */
const PLACES = [
  ['in L2', FLAG.GUEST_MODE | FLAG.GIF_SET],
  ['on its way into L2', FLAG.GUEST_MODE | FLAG.RUN_PENDING | FLAG.GIF_SET],
  ['in L1', FLAG.GIF_SET],
  ['in L1, between CLGI or #VMEXIT and STGI', 0],
] as const;

const CAPTURES = 1000;
/** Calls under way at a time: one is answered while the next waits. Where more wait for one vCPU, they share a capture. */
const LANES = 2;
/** A minute on an emulated host that has a machine to itself; much longer on one that shares it. */
const CAPTURES_TIMEOUT_MS = 900_000;
/** Captures between two looks at L2's counter. */
const LEG = 100;

let vcpud: VcpudProcess;
let live: VmRef;
let watcher: Watcher;
let captures: GetNestedStateResponse__Output[];
/** L2's counter: before the first capture, after each leg. */
let counts: bigint[];
/** When the first was asked for and the last had come, ms since 1970. */
let began: number;
let ended: number;

/** When a capture was taken, ms since 1970. */
const msOf = ({ captureTime }: GetNestedStateResponse__Output): number =>
  Number(captureTime?.seconds) * 1000 + (captureTime?.nanos ?? Number.NaN) / 1e6;

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
  watcher = await startGuest(live, MIXED);
  counts = [(await countersWhen(live, 'L2 to count', ({ l2Count }) => l2Count > 0n)).l2Count];
  captures = [];
  began = Date.now();
  for (let leg = 0; leg < CAPTURES / LEG; leg += 1) {
    captures.push(...(await capturesOfOneLeg()));
    counts.push((await readCounters(live.client, live.vmId, 0)).l2Count);
  }
  ended = Date.now();
}, CAPTURES_TIMEOUT_MS);

afterAll(async () => {
  watcher.stop();
  expect(await vcpud.stop()).toBe(0);
});

describe('a thousand captures of one running L2', () => {
  test('are a thousand, of hundreds of different stops', () => {
    expect(captures).toHaveLength(CAPTURES);
    expect(new Set(captures.map(msOf)).size).toBeGreaterThan(CAPTURES / 2);
  });

  test('find the vCPU in L2 most of the time', () => {
    expect(captures.filter(isLong).length).toBeGreaterThan(CAPTURES / 2);
  });

  test.each(PLACES)('find the vCPU %s some of the time', (_place, flags) => {
    expect(captures.some((capture) => bytesOf(capture).readUInt16LE(HEADER.flags.offset) === flags)).toBe(
      true,
    );
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

  test('say when they were taken, one after the other, and for how long the vCPU was out of the guest', () => {
    for (const { stopDuration } of captures) {
      expect(Number(stopDuration?.seconds)).toBe(0);
      expect(stopDuration?.nanos).toBeGreaterThan(0);
    }
    const times = captures.map(msOf);
    expect(times.toSorted((a, b) => a - b)).toEqual(times);
    expect(times[0]).toBeGreaterThanOrEqual(began);
    expect(times.at(-1)).toBeLessThanOrEqual(ended);
  });

  test('leave L2 counting from first to last', async () => {
    expect(counts).toHaveLength(CAPTURES / LEG + 1);
    for (const [i, count] of counts.slice(1).entries()) expect(count).toBeGreaterThan(counts[i] as bigint);
    await watcher.line(/ l2=[1-9]/);
    expectNoPanic(watcher);
  });

  test('are each accepted: by the rules, and by the kernel of another vCPU', async () => {
    const state = await pauseWhen(live, 'every vCPU in L2', everyVcpuInL2);
    const { enforcedRules } = (await live.client.host.GetHost({})).host ?? { enforcedRules: [] };
    const facts = vcpuFacts(vcpuSnapshot(onlyVcpu(state)));
    const kernel = {
      format: 'SVM',
      enforced: new Set(enforcedRules),
    } as const;
    for (const capture of captures) expect(checkNestedState(bytesOf(capture), facts, kernel)).toBeUndefined();

    const taker: VmRef = { client: live.client, vmId: 'taker' };
    await createAlike(live, taker);
    await copyMemory(live, taker);
    await taker.client.vm.SetVmState({ name: nameOf(taker), state });
    // Most are alike to the byte: L2 itself is in the registers. Each that differs is set once.
    const different = new Map(
      captures.map((capture) => [bytesOf(capture).toString('latin1'), bytesOf(capture)]),
    );
    for (const data of [...different.values()]) {
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

describe('a capture', () => {
  test('is of after its call, also where calls that come together share one', async () => {
    const asked = Date.now();
    const together = await Promise.all(
      Array.from({ length: 20 }, () => live.client.nested.GetNestedState({ name: vcpuOf(live) })),
    );
    for (const capture of together) expect(msOf(capture)).toBeGreaterThanOrEqual(asked);
    expect(new Set(together.map(msOf)).size).toBeLessThan(together.length);
  });

  test('of a paused vCPU is the same each time, and stops nothing', async () => {
    await pauseWhen(live, 'every vCPU in L2', everyVcpuInL2);
    const first = await live.client.nested.GetNestedState({ name: vcpuOf(live) });
    const second = await live.client.nested.GetNestedState({ name: vcpuOf(live) });
    expect(bytesOf(second)).toEqual(bytesOf(first));
    expect(isInGuestMode(first.nestedState)).toBe(true);
    for (const { stopDuration } of [first, second]) expect(stopDuration).toEqual({ seconds: '0', nanos: 0 });
  });
});
