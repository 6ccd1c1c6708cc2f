// What a save asks of vcpud, in which order, and what it does to a guest that runs: by a vcpud that answers from a table.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FakeStreams, type Outcome, vcpuctl } from '../cli/fake-io.js';
import { type FakeVcpud, rpcError, startFakeVcpud, WEB } from '../cli/fake-vcpud.js';
import { partsOf, verified } from './archives.js';

let vcpud: FakeVcpud;
let folder: string;
let running: boolean;
let updates: number;

/** The VM as it is, and changes by what is called. */
const vm = () => ({
  ...WEB,
  runState: running ? ('VM_RUN_STATE_RUNNING' as const) : ('VM_RUN_STATE_PAUSED' as const),
  updateTime: { seconds: updates, nanos: 0 },
});

const setRunning = (value: boolean) => {
  if (value !== running) updates += 1;
  running = value;
  return { vm: vm() };
};

beforeEach(async () => {
  running = true;
  updates = 0;
  vcpud = await startFakeVcpud();
  vcpud.on('VmService/GetVm', () => ({ vm: vm() }));
  vcpud.on('VmService/PauseVm', () => setRunning(false));
  vcpud.on('VmService/RunVm', () => setRunning(true));
  folder = mkdtempSync(join(tmpdir(), 'saved-'));
});

afterEach(() => {
  vcpud.stop();
  rmSync(folder, { recursive: true });
});

const ctl = (args: readonly string[], streams: FakeStreams = {}): Promise<Outcome> =>
  vcpuctl(['--endpoint', vcpud.endpoint, ...args], streams);

const save = (...options: string[]) => ctl(['save', 'web', join(folder, 'f'), ...options]);

const rpcs = () => vcpud.calls.map(({ rpc }) => rpc.slice(rpc.indexOf('/') + 1));

const WHILE_PAUSED = ['PauseVm', 'GetVmRequirements', 'GetVmState', 'ReadMemory', 'ReadMemory', 'GetVm'];

test('a VM that runs is paused for all that is read, and runs on', async () => {
  const { status, out, err } = await save();
  expect([status, err]).toEqual([0, '']);
  expect(out).toMatch(/^stopped for +\d+\.\d{3} ms$/m);
  expect(rpcs()).toEqual(['GetHost', 'GetVm', ...WHILE_PAUSED, 'RunVm']);
  expect(readdirSync(folder)).toEqual(['f']);
});

test('with --keep-paused it stays paused', async () => {
  expect((await save('--keep-paused')).out).toMatch(/^stopped for +it stays paused$/m);
  expect(rpcs()).toEqual(['GetHost', 'GetVm', ...WHILE_PAUSED]);
});

test('a VM that is paused is not run', async () => {
  running = false;
  expect((await save()).status).toBe(0);
  expect(rpcs()).not.toContain('RunVm');
});

test.each([
  ['GetVmState', 'VmService/GetVmState'],
  ['ReadMemory', 'MemoryService/ReadMemory'],
])('where %s fails the guest runs on, and no file is left', async (_name, rpc) => {
  vcpud.on(rpc, () => {
    throw rpcError('INTERNAL', 'a bug', []);
  });
  for (const options of [[], ['--keep-paused']]) {
    expect((await save(...options)).status).toBe(1);
    expect([running, readdirSync(folder)]).toEqual([true, []]);
  }
});

test('at Ctrl-C the guest runs on, and no file is left', async () => {
  let interrupt = (): void => undefined;
  vcpud.on('MemoryService/ReadMemory', async function* () {
    yield { gpa: 0, zeroBytes: 4096 };
    interrupt();
    await new Promise(() => undefined);
  });
  const onListening = (handler: () => void) => {
    interrupt = handler;
  };
  expect(await ctl(['save', 'web', join(folder, 'f')], { onListening })).toEqual({
    status: 130,
    out: '',
    err: '',
  });
  expect([running, readdirSync(folder)]).toEqual([true, []]);
});

test('where memory stands still the guest runs on after --timeout, and no file is left', async () => {
  vcpud.on('MemoryService/ReadMemory', async function* () {
    yield { gpa: 0, zeroBytes: 4096 };
    await new Promise(() => undefined);
  });
  const { status, err } = await ctl(['--timeout', '0.5', 'save', 'web', join(folder, 'f')]);
  expect([status, err.endsWith('[DEADLINE_EXCEEDED]\n')]).toEqual([6, true]);
  expect([running, readdirSync(folder)]).toEqual([true, []]);
});

test('a VM that somebody runs meanwhile is not taken for one stop', async () => {
  running = false;
  let reads = 0;
  vcpud.on('MemoryService/ReadMemory', async function* ([request]) {
    const { gpa, sizeBytes } = request as { gpa: string; sizeBytes: string };
    // The other runs it for a moment: it is paused again when the save looks.
    if (reads === 0) {
      setRunning(true);
      setRunning(false);
    }
    reads += 1;
    yield { gpa, zeroBytes: sizeBytes };
  });
  const { status, err } = await save();
  expect([status, err]).toEqual([
    1,
    'vcpuctl: vms/web was run, or given a state, while it was saved: try again [CLIENT VM_CHANGED]\n',
  ]);
  expect(readdirSync(folder)).toEqual([]);
});

test('memory that ends early, or comes in parts of pages, is no memory', async () => {
  for (const chunk of [
    { gpa: 0, zeroBytes: 4096 },
    { gpa: 0, data: Buffer.alloc(100) },
  ]) {
    vcpud.on('MemoryService/ReadMemory', async function* () {
      yield chunk;
    });
    expect((await save()).status).toBe(1);
    expect([running, readdirSync(folder)]).toEqual([true, []]);
  }
});

test('how far it is shows on a terminal that waits for more than two seconds', async () => {
  vcpud.on('MemoryService/ReadMemory', async function* ([request]) {
    const { gpa, sizeBytes } = request as { gpa: string; sizeBytes: string };
    yield { gpa, zeroBytes: 4096 };
    await new Promise((resolve) => setTimeout(resolve, 2200));
    yield { gpa: Number(gpa) + 4096, zeroBytes: Number(sizeBytes) - 4096 };
  });
  const { status, err } = await ctl(['save', 'web', join(folder, 'f')], { errIsTerminal: true });
  expect(status).toBe(0);
  expect(err).toContain('saved 4 MiB of 4 MiB (98 %)');
}, 30_000);

test('a file has a section of each part that was read, with the VM as it was before it was paused', async () => {
  expect((await save()).status).toBe(0);
  const bytes = readFileSync(join(folder, 'f'));
  expect(partsOf(bytes).map(({ name }) => name)).toEqual([
    ...[
      'preamble',
      'host',
      'vm',
      'requirements',
      'capture',
      'devices',
      'vcpus/0',
      'memory/0',
      'index',
      'trailer',
    ],
  ]);
  const archive = await verified(bytes);
  expect(archive.vm.runState).toBe('VM_RUN_STATE_RUNNING');
  expect(archive.capture.captureTime?.seconds).toBe('1767225600');
});
