// Nested state taken from a guest that runs: a thousand captures of one live L2, each of them whole, while L2 counts.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { vcpuSnapshot } from '../../lib/api/vcpu-state.js';
import { checkNestedState } from '../../lib/nested/rules.js';
import { vcpuFacts } from '../../lib/state/nested-set.js';
import type { GetNestedStateResponse__Output } from '../../protos/gen/vcpud/v1/GetNestedStateResponse.js';
import { NORMAL, readCounters } from '../guests/svm-l1/guest.js';
import { VMCB_GPA } from '../guests/svm-l1/layout.js';
import {
  createAlike,
  everyVcpuInL2,
  expectNoPanic,
  isInGuestMode,
  l2Progress,
  moveTo,
  nameOf,
  onlyVcpu,
  pauseWhen,
  startGuest,
  unlike,
  vcpuOf,
} from '../harness/live-guest.js';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';
import type { Watcher } from '../harness/watcher.js';

const CAPTURES = 1000;
/** Calls under way at a time. Calls that wait for the same vCPU share a capture, so more would mean fewer stops. */
const LANES = 3;
/** Captures between two looks at L2's counter. */
const LEG = 100;

let vcpud: VcpudProcess;
let watcher: Watcher;

beforeAll(async () => {
  vcpud = await startVcpud();
  watcher = await startGuest({ client: vcpud.client, vmId: 'live' }, NORMAL);
  await watcher.line(/ l2=[1-9]/);
});

afterAll(async () => {
  watcher.stop();
  expect(await vcpud.stop()).toBe(0);
});

test('probe', async () => {
  const { client } = vcpud;
  const name = 'vms/live/vcpus/0';
  for (const lanes of [1, 2, 3, 4, 8]) {
    const got: GetNestedStateResponse__Output[] = [];
    const since = performance.now();
    await Promise.all(
      Array.from({ length: lanes }, async () => {
        for (let i = 0; i < 100 / lanes; i += 1) got.push(await client.nested.GetNestedState({ name }));
      }),
    );
    const times = new Set(got.map(({ captureTime }) => `${captureTime?.seconds}.${captureTime?.nanos}`));
    const guest = got.filter(({ nestedState }) => isInGuestMode(nestedState)).length;
    console.log(lanes, got.length, (performance.now() - since) / got.length, times.size, guest, got[50]?.stopDuration);
  }
});
