// vcpuctl as people and programs run it: the built program, as processes of its own, with a real vcpud and a guest
// that runs a guest. What each command prints in every case is for the unit tests; here it meets the kernel.
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { viewOf, write } from '../../lib/nested/codec.js';
import { VMCB12_CONTROL } from '../../lib/nested/layout.js';
import type { NestedState__Output } from '../../protos/gen/vcpud/v1/NestedState.js';
import { createGuest, guestShape, NORMAL, readCounters } from '../guests/guest.js';
import { L2_BASE, ROM_GPA } from '../guests/layout.js';
import { VMCB_GPA } from '../guests/svm-l1/layout.js';
import { startVcpuctl, type VcpuctlOutcome, type VcpuctlProcess } from '../harness/vcpuctl-process.js';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';

const ROM_FILE = 'test/guests/svm-l1/l1.bin';

let vcpud: VcpudProcess;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vcpuctl-'));
  vcpud = await startVcpud();
  await createGuest(vcpud.client, 'web', NORMAL, 1);
});

afterAll(async () => {
  expect(await vcpud.stop()).toBe(0);
  rmSync(folder, { recursive: true });
});

const file = (name: string): string => join(folder, name);

/** A vcpuctl of that vcpud, under way. */
const start = (args: readonly string[]): VcpuctlProcess =>
  startVcpuctl(args, { VCPUD_ENDPOINT: `unix://${vcpud.socketPath}` });

/** Runs one to its end. Its standard input stays open: no command but those that read it waits for its end. */
async function vcpuctl(...args: string[]): Promise<VcpuctlOutcome> {
  const { child, outcome } = start(args);
  const ended = await outcome;
  child.stdin?.destroy();
  return ended;
}

/** Runs one that must succeed; gives what it printed. */
async function printed(...args: string[]): Promise<string> {
  const { status, out, err } = await vcpuctl(...args);
  expect([args.join(' '), status, err]).toEqual([args.join(' '), 0, '']);
  return out;
}

/** Runs one that must fail with --json; gives its error. */
async function failure(...args: string[]): Promise<{ status: VcpuctlOutcome['status']; error: unknown }> {
  const { status, out, err } = await vcpuctl('--json', ...args);
  expect(out).toBe('');
  return { status, error: JSON.parse(err) };
}

/** Resolves when the process has printed something that matches. */
function shows(child: ChildProcess, pattern: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (pattern.test(text)) resolve();
    });
    child.once('close', () => reject(new Error(`it ended without ${pattern}: ${text}`)));
  });
}

/** Pauses a VM with its vCPU 0 in L2; gives its nested state. */
async function pauseInL2(name: string): Promise<NestedState__Output> {
  for (let tries = 0; tries < 100; tries += 1) {
    await vcpud.client.vm.PauseVm({ name });
    const { nestedState } = await vcpud.client.nested.GetNestedState({ name: `${name}/vcpus/0` });
    if (nestedState?.flags.includes('NESTED_STATE_FLAG_GUEST_MODE')) return nestedState;
    await vcpud.client.vm.RunVm({ name });
  }
  throw new Error('the guest was never found in L2');
}

test('host describes the host', async () => {
  const text = await printed('host');
  expect(text).toMatch(new RegExp(`^kernel +${release().replaceAll('.', '\\.')}$`, 'm'));
  expect(text).toMatch(/^nested state +SVM, at most 4\.1 KiB \(4224 bytes\)$/m);
  expect(text).toMatch(/^NESTED_STATE +157 +4224$/m);
});

test('a guest with a live L2 is watched and looked into', async () => {
  const { child, outcome } = start(['vm', 'watch', 'web']);
  await shows(child, / paused\n/);
  await vcpud.client.vm.RunVm({ name: 'vms/web' });
  await shows(child, /vcpu 0 console {2}cpu=0 l1=\d+ l2=\d+\n/);
  child.kill('SIGINT');
  const watched = await outcome;
  expect([watched.status, watched.err]).toEqual([130, '']);
  expect(watched.out).toMatch(/^\S+Z {2}paused\n\S+Z {2}running\n\S+Z {2}vcpu 0 console {2}/);

  expect(await printed('nested', 'list')).toMatch(
    /^NAME +FORMAT +L2 +GIF +VMCB12\/VMCS12 +SIZE\nvms\/web\/vcpus\/0 +SVM +(yes|no) /,
  );
  const held = await pauseInL2('vms/web');

  const nested = await printed('nested', 'get', 'web/0', '--out', file('nested'));
  expect(readFileSync(file('nested')).equals(held.data)).toBe(true);
  expect(nested).toMatch(/^stopped for +0 ms, it was not running$/m);
  const flags = held.flags.map((flag) => String(flag).replace('NESTED_STATE_FLAG_', ''));
  expect(nested).toMatch(new RegExp(`^flags +${flags.join(', ')}$`, 'm'));
  expect(nested).toMatch(new RegExp(`^vmcb_pa +0x${VMCB_GPA.toString(16)}$`, 'm'));
  expect(nested).toMatch(/^exit code +VMMCALL 0x81, EXITINFO1 0x0, EXITINFO2 0x0$/m);
  expect(nested).toMatch(/^nested paging +on, nested CR3 0x[1-9a-f][0-9a-f]*000$/m);
  expect(nested).toMatch(/^L1 RIP +0x[1-9a-f][0-9a-f]{0,7}$/m);
  expect(nested).toMatch(/^L1 EFER +0x[0-9a-f]+$/m);

  const vcpu = await printed('vcpu', 'get-state', 'vms/web/vcpus/0');
  expect(vcpu).toContain('in L2          yes: the registers are those of L2\n');
  expect(vcpu).toMatch(/^mode +64-bit mode, 4-level paging$/m);
  expect(vcpu).toMatch(/^EFER +0x[0-9a-f]+ \(.*LMA.* SVME.*\)$/m);
  const rip = /^RIP +(0x[0-9a-f]+)$/m.exec(vcpu)?.[1];
  expect(BigInt(rip ?? 0)).toBeGreaterThanOrEqual(L2_BASE);
});

test('a VM with a live L2 is moved into a second one by files, and counts on there', async () => {
  await pauseInL2('vms/web');
  const before = await readCounters(vcpud.client, 'web', 0);
  const { memoryRegions } = guestShape(1);
  const ram = String(memoryRegions[0]?.sizeBytes);
  const rom = `0x${ROM_GPA.toString(16)}`;
  await printed('vm', 'get-state', 'web', '--out', file('state'));
  await printed('memory', 'read', 'web', '--gpa', '0', '--size', ram, '--out', file('ram'));
  await printed('vm', 'create', 'copy', '--memory', `0:${ram}`, '--memory', `${rom}:64K`);
  await printed('memory', 'write', 'copy', '--gpa', '0', '--in', file('ram'));
  await printed('memory', 'write', 'copy', '--gpa', rom, '--in', ROM_FILE);
  await printed('vm', 'set-state', 'copy', '--in', file('state'));
  expect(await readCounters(vcpud.client, 'copy', 0)).toEqual(before);

  const copy = start(['vm', 'watch', 'copy']);
  await shows(copy.child, / paused\n/);
  await vcpud.client.vm.RunVm({ name: 'vms/copy' });
  await shows(copy.child, /vcpu 0 console {2}cpu=0 l1=\d+ l2=\d+\n/);
  await vcpud.client.vm.PauseVm({ name: 'vms/copy' });
  const after = await readCounters(vcpud.client, 'copy', 0);
  expect(after.l2Count).toBeGreaterThan(before.l2Count);
  expect(after.starts).toBe(before.starts);
  await printed('vm', 'delete', 'copy');
  const ended = await copy.outcome;
  expect([ended.status, ended.out.endsWith('  deleted\n')]).toEqual([0, true]);
});

test('a nested state is checked, refused with the rule it breaks, and taken', async () => {
  const { data } = await pauseInL2('vms/web');
  const bad = Buffer.from(data);
  write(viewOf(bad), VMCB12_CONTROL.asid, 0);
  writeFileSync(file('bad'), bad);
  writeFileSync(file('good'), data);
  const { status, error } = await failure('nested', 'set', 'web/0', '--in', file('bad'));
  expect(status).toBe(5);
  expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'SVM_ASID_ZERO' });
  expect(await printed('nested', 'set', 'web/0', '--in', file('good'), '--validate-only')).toContain(
    'no rule refuses it for vms/web/vcpus/0\n',
  );
  await printed('vcpu', 'get-state', 'web/0', '--out', file('vcpu'));
  expect(await printed('nested', 'reset', 'web/0')).toContain('holds SVM, 128 bytes, flags GIF_SET\n');
  await printed('vcpu', 'set-state', 'web/0', '--in', file('vcpu'));
  const document = JSON.parse(await printed('--json', 'nested', 'get', 'web/0')) as {
    nestedState: { data: string };
  };
  expect(Buffer.from(document.nestedState.data, 'base64').equals(data)).toBe(true);
});

test('failures end with their own statuses', async () => {
  const missing = await failure('vm', 'get', 'nobody');
  expect(missing).toMatchObject({ status: 4, error: { code: 'NOT_FOUND', reason: 'VM_NOT_FOUND' } });
  const outside = await failure('memory', 'read', 'web', '--gpa', '1T', '--size', '1');
  expect(outside).toMatchObject({
    status: 5,
    error: { code: 'OUT_OF_RANGE', reason: 'MEMORY_RANGE_NOT_BACKED' },
  });
  const unreached = await vcpuctl('--endpoint', `unix://${file('none')}`, 'vm', 'list');
  expect([unreached.status, unreached.err.includes('[UNAVAILABLE]')]).toEqual([3, true]);
});

test('a reader that goes away early is no failure', async () => {
  const { child, outcome } = start(['memory', 'read', 'web', '--gpa', '0', '--size', '2M', '--out', '-']);
  child.stdout?.once('data', () => child.stdout?.destroy());
  const { status, err } = await outcome;
  expect([status, err]).toEqual([0, '']);
});
