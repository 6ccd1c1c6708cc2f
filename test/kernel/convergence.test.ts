// vcpuctl migrate of a guest that writes all of its memory, again and again, as fast as it can: by the rule of
// lib/migration/pre-copy.ts it is moved where the limits allow for that, and stays at the source where they don't.
//
// Nothing here depends on how fast a machine is: at a bandwidth of 1 MiB/s a round takes the second in which the guest
// writes all of its MiB many times, so the blackout that is predicted is a second and a little, on every machine.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { VcpudClient } from '../../lib/api/client.js';
import { eventually } from '../harness/eventually.js';
import { VCPUCTL } from '../harness/programs.js';
import { createTiny, TINY_RAM_BYTES } from '../harness/tiny-guest.js';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';

const NAME = 'vms/writer';
const PAGE = 4096;
const PAGES = TINY_RAM_BYTES / PAGE;

/** Of the predicted second: less, and far more. */
const TOO_SHORT_MS = 900;
const LONG_ENOUGH_MS = 60_000;

let from: VcpudProcess;
let to: VcpudProcess;

beforeAll(async () => {
  [from, to] = await Promise.all([startVcpud(), startVcpud()]);
});

beforeEach(async () => {
  await createTiny(from.client, 'writer', 'writePages', { vcpuCount: 1, irqchip: false });
  await from.client.vm.RunVm({ name: NAME });
  await writesOn(from.client);
});

afterEach(async () => {
  for (const { client } of [from, to])
    for (const { name } of (await client.vm.ListVms({})).vms) await client.vm.DeleteVm({ name });
});

afterAll(async () => {
  for (const { log } of [from, to]) expect(log()).not.toMatch(/"level":(50|60)/);
  expect(await Promise.all([from.stop(), to.stop()])).toEqual([0, 0]);
});

/** How often the guest has written the last of its pages, modulo 2^16. */
async function writes(client: VcpudClient): Promise<number> {
  for await (const { data, zeroBytes } of client.readMemory({
    name: NAME,
    gpa: TINY_RAM_BYTES - PAGE,
    sizeBytes: 2,
  }))
    return (data ?? Buffer.alloc(Number(zeroBytes))).readUInt16LE(0);
  throw new Error('no memory was given');
}

/** Resolves when the guest has gone on there. */
async function writesOn(client: VcpudClient): Promise<void> {
  const before = await writes(client);
  await eventually('the guest to write', async () => ((await writes(client)) !== before ? true : undefined));
}

async function migrate(...options: string[]): Promise<{ status: number; out: string; err: string }> {
  const endpoints = ['--from', `unix://${from.socketPath}`, '--to', `unix://${to.socketPath}`];
  const child = spawn(process.execPath, [VCPUCTL, 'migrate', 'writer', ...endpoints, ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, err, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { status, out, err };
}

const vmsAt = async ({ client }: VcpudProcess): Promise<string[]> =>
  (await client.vm.ListVms({})).vms.map(({ name }) => name);

/** What a round that left all of the guest's memory to send looks like. */
const ALL_DIRTY = new RegExp(`^ +\\d+ +\\d+ +\\d+ +[\\d.]+ [KM]iB +[\\d.]+ [KM]iB/s +${PAGES} `, 'gm');

test('limits that it does not fit into leave it running at the source, and the message has numbers and ways', async () => {
  const limits = ['--bandwidth', '1', '--max-blackout', String(TOO_SHORT_MS)];
  const { status, out, err } = await migrate(...limits);
  expect(status).toBe(9);
  // The first round, and four that left no less.
  expect(out.match(ALL_DIRTY)).toHaveLength(5);
  expect(err).toMatch(
    /^vcpuctl: the guest writes its memory as fast as it is sent \([\d.]+ MiB\/s dirtied, [\d.]+ MiB\/s sent\): after round 5 the blackout would be \d+ ms, and no less after more; the longest that is allowed is 900 ms\. /,
  );
  expect(err).toMatch(
    / vms\/writer is at the source as before\. To move it, allow a blackout of \d+ ms or more \(--max-blackout, now 900\), send faster \(--bandwidth, now 1 MiB\/s\), or have the guest write less\. \[STAYS NOT_CONVERGING\]\n$/,
  );
  const predicted = Number(/the blackout would be (\d+) ms/.exec(err)?.[1]);
  expect(predicted).toBeGreaterThan(TOO_SHORT_MS);
  await writesOn(from.client);
  expect(await vmsAt(to)).toEqual([]);
  const { vm } = await from.client.vm.GetVm({ name: NAME });
  expect(vm).toMatchObject({ runState: 'VM_RUN_STATE_RUNNING', dirtyTracking: false, migration: null });
});

test('no more rounds than are allowed are made, and the message says that more could be', async () => {
  const limits = ['--bandwidth', '1', '--max-blackout', String(TOO_SHORT_MS), '--max-rounds', '2'];
  const { status, out, err } = await migrate(...limits);
  expect(status).toBe(9);
  expect(out.match(ALL_DIRTY)).toHaveLength(2);
  expect(err).toMatch(
    /^vcpuctl: no more rounds are allowed \(.*\): after round 2 the blackout would be \d+ ms; .* \[STAYS NOT_CONVERGING\]\n$/,
  );
  expect(err).toContain('allow more rounds (--max-rounds, now 2)');
  await writesOn(from.client);
  expect(await vmsAt(to)).toEqual([]);
});

test.each([
  ['a longer blackout', ['--bandwidth', '1', '--max-blackout', String(LONG_ENOUGH_MS)], LONG_ENOUGH_MS],
  ['no limit to the bandwidth', ['--max-blackout', String(TOO_SHORT_MS)], TOO_SHORT_MS],
] as const)('%s moves it', async (_what, limits, allowed) => {
  const { status, out, err } = await migrate(...limits);
  expect([status, err]).toEqual([0, '']);
  expect(out).toMatch(new RegExp(`^${NAME} is at unix://${to.socketPath}$`, 'm'));
  expect(out).toMatch(
    new RegExp(`^blackout +[\\d.]+ m?s, (within|longer than) the ${allowed} ms allowed$`, 'm'),
  );
  await writesOn(to.client);
  expect(await vmsAt(from)).toEqual([]);
});
