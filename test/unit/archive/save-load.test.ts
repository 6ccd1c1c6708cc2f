// vcpuctl save and load against a vcpud that serves the model of a kernel: over the real wire, with states as a real
// kernel gave them.

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { vcpuState } from '../../../lib/api/vcpu-state.js';
import { openSource } from '../../../lib/archive/file.js';
import { SECTION_BYTES } from '../../../lib/archive/layout.js';
import { LOAD_STEPS, loadVm } from '../../../lib/archive/load.js';
import { verifyArchive } from '../../../lib/archive/read.js';
import { FLAG, HEADER } from '../../../lib/nested/layout.js';
import type { VmState__Output } from '../../../protos/gen/vcpud/v1/VmState.js';
import { isInGuestMode, unlike } from '../../harness/live-guest.js';
import { startVcpud, type VcpudProcess } from '../../harness/vcpud-process.js';
import { capturedStates } from '../../vectors/captured.js';
import { type FakeStreams, type Outcome, vcpuctl } from '../cli/fake-io.js';
import { partsOf } from './archives.js';

const PAGE = 4096;
const MIB = 1024 * 1024;
const REGIONS = [
  { gpa: '0', sizeBytes: String(8 * MIB) },
  { gpa: String(0xffff0000), sizeBytes: String(64 * 1024) },
];

/** Where there is something, and what. */
const CONTENT = [
  { gpa: 0, data: Buffer.alloc(PAGE, 1) },
  // Written, and zero all the same: it costs nothing.
  { gpa: MIB, data: Buffer.alloc(4 * PAGE) },
  { gpa: 2 * MIB + PAGE, data: Buffer.alloc(2 * MIB, 2) },
  { gpa: 0xffff0000 + 15 * PAGE, data: Buffer.alloc(PAGE, 3) },
];
const CONTENT_BYTES = 2 * PAGE + 2 * MIB;

describe.each([
  ['amd', 'svm'],
  ['intel', 'vmx'],
] as const)('on the model of the %s host', (cpu, kind) => {
  let vcpud: VcpudProcess;
  let folder: string;

  beforeAll(async () => {
    vcpud = await startVcpud(['--driver', 'model', '--cpu', cpu]);
    const { client } = vcpud;
    const live = capturedStates(kind).find(
      ({ parts: { nested } }) => ((nested?.readUInt16LE(HEADER.flags.offset) ?? 0) & FLAG.GUEST_MODE) !== 0,
    );
    await client.vm.CreateVm({
      vmId: 'web',
      vm: { vcpuCount: 2, memoryRegions: REGIONS, irqchip: true, pc: true },
    });
    await client.writeMemory(CONTENT.map((chunk) => ({ name: 'vms/web', ...chunk })));
    const name = 'vms/web/vcpus/1';
    const { state } = await client.vcpu.GetVcpuState({ name });
    await client.vcpu.SetVcpuState({ name, state: { ...state, ...vcpuState(live?.parts ?? {}) } });
  }, 60_000);

  afterAll(async () => {
    expect(await vcpud.stop()).toBe(0);
  });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'saved-'));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const file = (name: string): string => join(folder, name);

  const ctl = (args: readonly string[], streams: FakeStreams = {}): Promise<Outcome> =>
    vcpuctl(['--endpoint', `unix://${vcpud.socketPath}`, ...args], streams);

  const printed = async (...args: string[]): Promise<string> => {
    const { status, out, err } = await ctl(args);
    expect([args.join(' '), status, err]).toEqual([args.join(' '), 0, '']);
    return out;
  };

  const failed = async (...args: string[]) => {
    const { status, out, err } = await ctl(['--json', ...args]);
    expect(out).toBe('');
    return { status, ...(JSON.parse(err) as { reason: string; message: string; metadata: object }) };
  };

  const vmNames = async () => (await vcpud.client.vm.ListVms({})).vms.map(({ name }) => name);

  const stateOf = async (name: string): Promise<VmState__Output> => {
    const { state } = await vcpud.client.vm.GetVmState({ name });
    if (state === null) throw new Error('the answer has no state');
    return state;
  };

  /** All of a VM's memory, zeroes in their places. */
  const memoryOf = async (name: string): Promise<Buffer> => {
    const pieces: Buffer[] = [];
    for (const { gpa, sizeBytes } of REGIONS) {
      for await (const { data, zeroBytes } of vcpud.client.readMemory({ name, gpa, sizeBytes })) {
        pieces.push(data ?? Buffer.alloc(Number(zeroBytes)));
      }
    }
    return Buffer.concat(pieces);
  };

  test('a VM is saved, loaded under another name, and the two hold the same', async () => {
    const saved = await printed('save', 'web', file('web.saved'));
    expect(saved).toMatch(
      /^.*web\.saved: vms\/web, 2 vCPUs, 2 MiB \(\d+ bytes\) of memory that is not zero\n/,
    );
    expect(saved).toMatch(/^stopped for +0 ms, it was not running$/m);
    expect(statSync(file('web.saved')).mode & 0o777).toBe(0o600);
    const loaded = await printed('load', file('web.saved'), '--name', 'copy');
    expect(loaded).toMatch(/^vms\/copy holds what .*web\.saved does, checked, and is paused\n/);
    const copy = { client: vcpud.client, vmId: 'copy' };
    const web = await stateOf('vms/web');
    expect(await unlike(copy, web)).toEqual([]);
    expect(isInGuestMode((await stateOf('vms/copy')).vcpus[1]?.nestedState)).toBe(true);
    expect((await stateOf('vms/copy')).irqchips).toEqual(web.irqchips);
    expect((await stateOf('vms/copy')).pc).toEqual(web.pc);
    expect(web.pc?.serial).not.toBeNull();
    expect((await memoryOf('vms/copy')).equals(await memoryOf('vms/web'))).toBe(true);
    // And what the copy is saved as has the same memory, to the byte.
    await printed('vm', 'save', 'copy', file('copy.saved'));
    const memorySections = (path: string) => {
      const bytes = readFileSync(path);
      const parts = partsOf(bytes).filter(({ name }) => name.startsWith('memory/'));
      return parts.map(({ start, end }) => bytes.subarray(start, end));
    };
    const sections = memorySections(file('web.saved'));
    expect(sections).not.toHaveLength(0);
    const equal = Buffer.concat(memorySections(file('copy.saved'))).equals(Buffer.concat(sections));
    expect(equal).toBe(true);
    await printed('vm', 'delete', 'copy');
    expect(readdirSync(folder).sort()).toEqual(['copy.saved', 'web.saved']);
  });

  test('a file says what it holds', async () => {
    await printed('save', 'web', file('f'));
    const text = await printed('file', 'info', file('f'));
    expect(text).toContain('format 1.0: verified\n');
    expect(text).toMatch(new RegExp(`^1 +${kind.toUpperCase()} +yes `, 'm'));
    expect(text).toMatch(new RegExp(`^0 +${kind.toUpperCase()} +no `, 'm'));
    expect(text).toMatch(/^vcpus\/1 +\d+ +\d+ +[0-9a-f]{64}$/m);
    expect(text).toMatch(/^memory +\d+ +\d+ +in \d+ sections$/m);
    const document = JSON.parse(await printed('--json', 'file', 'info', file('f'))) as object;
    expect(document).toMatchObject({
      file: file('f'),
      version: '1.0',
      bytes: statSync(file('f')).size,
      vm: { name: 'vms/web', vcpuCount: 2, memoryRegions: REGIONS, irqchip: true, pc: true },
      memory: { bytes: CONTENT_BYTES },
      vcpus: [
        { index: 0, inL2: false },
        { index: 1, inL2: true },
      ],
    });
  });

  test('a file that was altered or cut names the section, and nothing is made of it', async () => {
    await printed('save', 'web', file('good'));
    const good = readFileSync(file('good'));
    const { start } = partsOf(good).find(({ name }) => name === 'vcpus/1') ?? { start: 0 };
    const altered = Buffer.from(good);
    altered[start + SECTION_BYTES + 10] = (altered[start + SECTION_BYTES + 10] as number) ^ 1;
    writeFileSync(file('altered'), altered);
    writeFileSync(file('cut'), good.subarray(0, -1000));
    const before = await vmNames();
    for (const args of [
      ['load', file('altered'), '--name', 'never'],
      ['vm', 'load', file('altered'), '--name', 'never', '--run'],
      ['file', 'info', file('altered')],
    ]) {
      expect(await failed(...args)).toMatchObject({
        status: 5,
        reason: 'FILE_DAMAGED',
        message: `${file('altered')}: vcpus/1 (at byte ${start}) is damaged: its SHA-256 differs`,
        metadata: { section: 'vcpus/1', offset: String(start) },
      });
    }
    const cut = await failed('load', file('cut'), '--name', 'never');
    expect(cut).toMatchObject({ status: 5, reason: 'FILE_TRUNCATED' });
    expect(await vmNames()).toEqual(before);
    expect(await failed('load', file('none'))).toMatchObject({ status: 1, reason: 'ENOENT' });
    expect(await failed('load', folder)).toMatchObject({ status: 1 });
  });

  test('a load that fails after the VM was made leaves none', async () => {
    await printed('save', 'web', file('f'));
    const before = await vmNames();
    // The model runs no guest.
    expect(await failed('load', file('f'), '--name', 'copy', '--run')).toMatchObject({
      reason: 'GUESTS_NOT_RUN',
    });
    expect(await vmNames()).toEqual(before);
    const streams: FakeStreams = { onListening: (interrupt) => interrupt() };
    const interrupted = await ctl(['load', file('f'), '--name', 'copy'], streams);
    expect(interrupted).toEqual({ status: 130, out: '', err: '' });
    expect(await vmNames()).toEqual(before);
  });

  test.each(LOAD_STEPS)('a load that is ended at the step %s leaves no VM', async (last) => {
    await printed('save', 'web', file('f'));
    const before = await vmNames();
    const source = await openSource(file('f'));
    const archive = await verifyArchive(source, () => undefined);
    const end = new AbortController();
    const load = loadVm({
      client: vcpud.client,
      archive,
      vmId: 'copy',
      afterwards: 'run',
      signal: end.signal,
      onStep: (step) => {
        if (step === last) end.abort(new Error(`ended at ${last}`));
      },
      onMemory: () => undefined,
    });
    // The model's refusal to run comes as late as the signal at the last step.
    await expect(load).rejects.toThrow(last === 'run' ? 'runs no guest' : `ended at ${last}`);
    await source.close();
    expect(await vmNames()).toEqual(before);
  });

  test('a host that cannot take the VM is told so before anything is made', async () => {
    await printed('save', 'web', file('f'));
    const other = await startVcpud(['--driver', 'model', '--cpu', cpu === 'amd' ? 'intel' : 'amd']);
    const { status, err } = await vcpuctl(['--endpoint', `unix://${other.socketPath}`, 'load', file('f')]);
    expect([status, err.includes('[INCOMPATIBLE VENDOR_DIFFERS]')]).toEqual([7, true]);
    expect((await other.client.vm.ListVms({})).vms).toEqual([]);
    expect(await other.stop()).toBe(0);
  }, 60_000);

  test('a load under a name that is taken leaves that VM alone', async () => {
    await printed('save', 'web', file('f'));
    expect(await failed('load', file('f'))).toMatchObject({ status: 7, reason: 'VM_EXISTS' });
    expect(await vmNames()).toContain('vms/web');
  });

  test('a save takes no place of another file, unless it is told to', async () => {
    writeFileSync(file('f'), 'older');
    const { reason, message } = await failed('save', 'web', file('f'));
    expect([reason, message]).toEqual([
      'FILE_EXISTS',
      `${file('f')} is there already: --force takes its place`,
    ]);
    expect(readFileSync(file('f'), 'utf8')).toBe('older');
    await printed('save', 'web', file('f'), '--force');
    expect(await printed('file', 'info', file('f'))).toContain('vms/web');
    expect(await failed('save', 'web', folder, '--force')).toMatchObject({ reason: 'FILE_EXISTS' });
    expect(await failed('save', 'web', join(folder, 'no', 'where'))).toMatchObject({ reason: 'ENOENT' });
    expect(readdirSync(folder)).toEqual(['f']);
  });

  test('a save that fails, or is interrupted, leaves no file', async () => {
    expect(await failed('save', 'nobody', file('f'))).toMatchObject({ status: 4, reason: 'VM_NOT_FOUND' });
    const streams: FakeStreams = { onListening: (interrupt) => interrupt() };
    expect(await ctl(['save', 'web', file('f')], streams)).toEqual({ status: 130, out: '', err: '' });
    expect(readdirSync(folder)).toEqual([]);
  });
});
