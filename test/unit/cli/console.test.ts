// vcpuctl vm console against a vcpud that answers from a table: what is typed, what is shown, and what ends it.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from '../../../cli/vcpuctl/program.js';
import { type FakeStreams, fakeIo, vcpuctl } from './fake-io.js';
import { type FakeVcpud, rpcError, startFakeVcpud, WEB } from './fake-vcpud.js';

let vcpud: FakeVcpud;

beforeEach(async () => {
  vcpud = await startFakeVcpud();
});

afterEach(() => vcpud.stop());

const args = (...more: string[]) => ['--endpoint', vcpud.endpoint, 'vm', 'console', 'web', ...more];

const serial = (text: string) => ({ console: { data: Buffer.from(text), port: 'CONSOLE_PORT_SERIAL' } });
const debug = (text: string) => ({ console: { data: Buffer.from(text), port: 'CONSOLE_PORT_DEBUG' } });

/** All that was typed: the fake answers WriteConsole when its stream has ended. */
const typedBytes = () =>
  vcpud.calls
    .filter(({ rpc }) => rpc === 'VmService/WriteConsole')
    .flatMap(({ requests }) => requests.map((piece) => (piece as { data: Buffer }).data.toString()))
    .join('');

/** Never goes on. */
async function* stuck(...messages: object[]): AsyncGenerator<object> {
  yield* messages;
  await new Promise(() => undefined);
}

/** Watches that go on once all that was typed has arrived: its stream has ended. */
function endsAfterTyping(...messages: object[]): void {
  let arrived: () => void = () => undefined;
  const all = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  vcpud.on('VmService/WriteConsole', () => {
    arrived();
    return { writtenBytes: 0 };
  });
  vcpud.on('VmService/WatchVm', async function* events() {
    yield* [{ vm: WEB }, ...messages];
    await all;
    yield { deleted: {} };
  });
}

/** Keys, one after the other, and then nothing more. */
async function* keys(...pressed: string[]): AsyncGenerator<Buffer> {
  for (const key of pressed) yield Buffer.from(key);
  await new Promise(() => undefined);
}

test('a pipe’s bytes are the guest’s, as they are, and what the guest writes to its serial port comes out', async () => {
  endsAfterTyping(serial('login: '), debug('not this'), serial('\x1b[1mroot'));
  const streams: FakeStreams = { stdin: [Buffer.from('ro'), Buffer.from('ot\x1d\x03\n')] };
  expect(await vcpuctl(args(), streams)).toEqual({ status: 0, out: 'login: \x1b[1mroot', err: '' });
  expect(typedBytes()).toBe('root\x1d\x03\n');
  const [watch] = vcpud.calls.filter(({ rpc }) => rpc === 'VmService/WatchVm');
  expect(watch?.requests).toMatchObject([{ name: 'vms/web', consoleHistory: false }]);
});

test('--history asks for what the port has shown so far', async () => {
  await vcpuctl(args('--history'));
  const [watch] = vcpud.calls.filter(({ rpc }) => rpc === 'VmService/WatchVm');
  expect(watch?.requests).toMatchObject([{ consoleHistory: true }]);
});

test('at a terminal Ctrl-] leaves, Ctrl-C is the guest’s, and the terminal is as before', async () => {
  vcpud.on('VmService/WatchVm', () => stuck({ vm: WEB }));
  const io = fakeIo({ inIsTerminal: true, stdin: keys('ls\r', '\x03', 'x\x1dy') });
  expect(await run(args(), io)).toBe(0);
  expect(io.isRaw()).toBe(false);
  expect(io.errors()).toContain('Ctrl-] leaves.');
});

test('Ctrl-C ends it in a pipe', async () => {
  vcpud.on('VmService/WatchVm', () => stuck({ vm: WEB }, serial('here')));
  let interrupt: () => void = () => undefined;
  const { status, out } = await vcpuctl(args(), {
    stdin: keys(),
    onListening: (handler) => {
      interrupt = handler;
    },
    onOutput: () => interrupt(),
  });
  expect([status, out]).toEqual([130, 'here']);
});

test('it ends when the VM stops, and not where it had stopped before', async () => {
  const stopped = { vm: { ...WEB, runState: 'VM_RUN_STATE_STOPPED' } };
  vcpud.on('VmService/WatchVm', () => stuck(stopped, serial('last words'), stopped));
  expect(await vcpuctl(args())).toEqual({ status: 0, out: 'last words', err: '' });
});

test('a VM without a serial port is told of, whether anything is typed or not', async () => {
  vcpud.on('VmService/WatchVm', () => stuck({ vm: WEB }));
  vcpud.on('VmService/WriteConsole', () => {
    throw rpcError('FAILED_PRECONDITION', 'VM web has no serial port', [
      { type: 'ErrorInfo', message: { reason: 'CONSOLE_NOT_PRESENT', domain: 'vcpud', metadata: {} } },
    ]);
  });
  const { status, err } = await vcpuctl(args(), { stdin: [] });
  expect(status).toBe(5);
  expect(err).toContain('CONSOLE_NOT_PRESENT');
});

test('--json is wrong usage, and calls nothing', async () => {
  const { status } = await vcpuctl(['--json', ...args()]);
  expect(status).toBe(2);
  expect(vcpud.calls).toEqual([]);
});

test('a resolved migration says what became of the VM', async () => {
  const resolve = (outcome: string) =>
    vcpuctl([
      ...['--endpoint', vcpud.endpoint, 'vm', 'resolve-migration', 'web'],
      ...['--id', 'm', '--outcome', outcome],
    ]);
  expect(await resolve('abandon')).toEqual({ status: 0, out: 'vms/web is deleted here\n', err: '' });
  vcpud.on('MigrationService/ResolveMigration', () => ({ vm: WEB }));
  expect((await resolve('run-here')).out).toContain('name        vms/web\n');
  expect(vcpud.calls.map(({ requests }) => requests)).toMatchObject([
    [{ name: 'vms/web', migrationId: 'm', outcome: 'MIGRATION_OUTCOME_ABANDON' }],
    [{ name: 'vms/web', migrationId: 'm', outcome: 'MIGRATION_OUTCOME_RUN_HERE' }],
  ]);
  expect((await resolve('both')).status).toBe(2);
});
