// `vcpud serve`: how it starts, whom it lets in, what it tells those who ask whether it is there, how it ends, and the
// one sentence with which it does not start.

import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { VcpudClient } from '../../lib/api/client.js';
import { eventually } from '../harness/eventually.js';
import { HealthClient } from '../harness/health.js';
import { refusalOf } from '../harness/refusal.js';
import { runVcpud, type ServeCommand } from '../harness/serve-command.js';
import { createTiny } from '../harness/tiny-guest.js';
import { Watcher } from '../harness/watcher.js';

const MIB = 1024 * 1024;

let folder: string;
const started: ServeCommand[] = [];
const clients: Array<{ close(): void }> = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vcpud-serve-'));
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const command of started.splice(0)) {
    command.kill('SIGKILL');
    await command.exited;
  }
  rmSync(folder, { recursive: true, force: true });
});

function serve(args: readonly string[], around: readonly string[] = []): ServeCommand {
  const command = runVcpud(['serve', ...args], around);
  started.push(command);
  return command;
}

const socket = (): string => join(folder, 'made/for/it/vcpud.sock');
const onSocket = (...args: string[]): ServeCommand => serve(['--listen', `unix://${socket()}`, ...args]);

function connect(target: string): VcpudClient {
  const client = new VcpudClient(target);
  clients.push(client);
  return client;
}

function health(target: string): HealthClient {
  const client = new HealthClient(target);
  clients.push(client);
  return client;
}

/** It did not start: its status, and one sentence for whoever started it. */
async function expectRefusal(command: ServeCommand, exitStatus: number, sentence: RegExp): Promise<void> {
  expect(await command.exited).toBe(exitStatus);
  expect(command.stdout()).toBe('');
  const lines = command.stderr().trimEnd().split('\n');
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^vcpud: /);
  expect(lines[0]).toMatch(sentence);
}

const answers = async (target: string): Promise<void> => {
  const { host } = await connect(target).host.GetHost({});
  expect(host?.kvmApiVersion).toBe(12);
};

describe('on a Unix socket', () => {
  test('it makes the folder, lets in the owner alone, and nobody else listens there', async () => {
    const first = onSocket();
    const target = await first.listens;
    expect(target).toBe(`unix:${socket()}`);
    expect(statSync(socket()).isSocket()).toBe(true);
    expect(statSync(socket()).mode & 0o777).toBe(0o600);
    await answers(target);
    await expectRefusal(onSocket(), 1, /another process listens on .*vcpud\.sock$/);
    await answers(target);
    first.kill('SIGTERM');
    expect(await first.exited).toBe(0);
    expect(existsSync(socket())).toBe(false);
  });

  test('it takes over the socket that a killed one left behind', async () => {
    const first = onSocket();
    await first.listens;
    first.kill('SIGKILL');
    expect(await first.exited).toBe('SIGKILL');
    expect(existsSync(socket())).toBe(true);
    const second = onSocket();
    await answers(await second.listens);
    second.kill('SIGINT');
    expect(await second.exited).toBe(0);
    expect(existsSync(socket())).toBe(false);
  });

  test('it leaves a file alone that is no socket', async () => {
    const path = join(folder, 'precious');
    writeFileSync(path, 'data');
    await expectRefusal(serve(['--listen', `unix://${path}`]), 1, /precious is there and is not a socket/);
    expect(readFileSync(path, 'utf8')).toBe('data');
  });
});

test('on TCP it listens on the loopback address, on a free port where it is asked for one', async () => {
  const first = serve(['--listen', 'tcp://127.0.0.1:0']);
  const target = await first.listens;
  expect(target).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
  await answers(target);
  await expectRefusal(
    serve(['--listen', `tcp://${target}`]),
    1,
    /cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE/,
  );
  first.kill('SIGTERM');
  expect(await first.exited).toBe(0);
});

describe('those who ask', () => {
  const SERVICES = ['Host', 'Vm', 'Memory', 'Vcpu', 'NestedState', 'Migration'].map(
    (name) => `vcpud.v1.${name}Service`,
  );
  const buf = async (...args: string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)(
      join(process.cwd(), 'node_modules/.bin/buf'),
      ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', '--unix-socket', socket(), ...args],
      { cwd: folder }, // away from the sources: what it knows of the API it has from reflection
    );
    return stdout;
  };

  test('whether it serves, and what, are told so: by health and by reflection', async () => {
    const command = onSocket();
    const asked = health(await command.listens);
    for (const service of ['', ...SERVICES]) expect(await asked.check(service)).toBe('SERVING');
    await expect(asked.check('vcpud.v1.NoService')).rejects.toMatchObject({ code: status.NOT_FOUND });
    const listed = await buf('--list-services', 'http://localhost');
    expect(listed.trim().split('\n').toSorted()).toEqual(SERVICES.toSorted());
    const called = JSON.parse(await buf('http://localhost/vcpud.v1.HostService/GetHost')) as {
      host: unknown;
    };
    expect(called.host).toMatchObject({ kvmApiVersion: 12, drivers: ['DRIVER_NATIVE'] });
    command.kill('SIGTERM');
    expect(await command.exited).toBe(0);
  });
});

describe('told to end', () => {
  /** Longer than any of this takes: who waits for it is found out. */
  const LONG_GRACE_SECONDS = 1000;

  test('with a VM that runs and somebody who watches it, it ends at once and well', async () => {
    const command = onSocket('--grace', String(LONG_GRACE_SECONDS));
    const client = connect(await command.listens);
    await createTiny(client, 'vm', 'spin', { vcpuCount: 2, irqchip: false });
    await client.vm.RunVm({ name: 'vms/vm' });
    const watcher = new Watcher(client, 'vm');
    await watcher.runState('RUNNING');
    const told = refusalOf(watcher.until('the end', () => undefined));
    command.kill('SIGTERM');
    expect(await told).toMatchObject({ code: 'UNAVAILABLE', reason: 'SHUTTING_DOWN' });
    expect(await command.exited).toBe(0);
    expect(existsSync(socket())).toBe(false);
    expect(command.stderr()).not.toMatch(/"level":(50|60)/);
  });

  test('it lets calls under way come to their end, says NOT_SERVING meanwhile, and takes no new ones', async () => {
    const command = onSocket('--grace', String(LONG_GRACE_SECONDS));
    const target = await command.listens;
    const client = connect(target);
    await client.vm.CreateVm({ vmId: 'vm', vm: { memoryRegions: [{ gpa: 0, sizeBytes: MIB }] } });
    const states: string[] = [];
    const stopWatching = health(target).watch('', (state) => states.push(state));
    await eventually('health to answer', () => states[0]);
    let goOn: () => void = () => undefined;
    const draining = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let under: () => void = () => undefined;
    const underWay = new Promise<void>((resolve) => {
      under = resolve;
    });
    const written = client.writeMemory(
      (async function* chunks() {
        yield { name: 'vms/vm', gpa: 0, data: Buffer.alloc(MIB / 2, 1) };
        under();
        await draining;
        yield { gpa: MIB / 2, data: Buffer.alloc(MIB / 2, 1) };
      })(),
    );
    await underWay;
    // The first chunk has arrived when it can be read: the call is under way at the server too.
    await eventually('the first chunk', async () => {
      for await (const { data } of client.readMemory({ name: 'vms/vm', gpa: 0, sizeBytes: 1 })) {
        return data === undefined || data === null ? undefined : true;
      }
      return undefined;
    });
    command.kill('SIGTERM');
    await eventually('NOT_SERVING', () => states[1]);
    expect(states).toEqual(['SERVING', 'NOT_SERVING']);
    await expect(connect(target).host.GetHost({})).rejects.toMatchObject({ code: status.UNAVAILABLE });
    goOn();
    expect((await written).writtenBytes).toBe(String(MIB));
    stopWatching(); // the last call that is open
    expect(await command.exited).toBe(0);
  });

  test('it waits for calls that never end for as long as it was told, and no longer', async () => {
    const command = onSocket('--grace', '1');
    const target = await command.listens;
    const client = connect(target);
    const memoryRegions = [{ gpa: 0, sizeBytes: 16 * MIB }];
    await client.vm.CreateVm({ vmId: 'vm', vm: { memoryRegions } });
    await client.writeMemory([{ name: 'vms/vm', gpa: 0, data: Buffer.alloc(3 * MIB, 1) }]);
    const stalled = client.readMemory({ name: 'vms/vm', gpa: 0, sizeBytes: 3 * MIB, chunkBytes: 65_536 });
    const iterator = stalled[Symbol.asyncIterator]();
    await iterator.next();
    const never = client
      .writeMemory(
        (async function* chunks() {
          yield { name: 'vms/vm', gpa: 0, zeroBytes: 1 };
          await new Promise(() => undefined);
        })(),
      )
      .catch((error: ServiceError) => error.code);
    await createTiny(client, 'spinning', 'spin', { vcpuCount: 1, irqchip: false });
    await client.vm.RunVm({ name: 'vms/spinning' });
    command.kill('SIGTERM');
    expect(await command.exited).toBe(0);
    expect([status.UNAVAILABLE, status.CANCELLED, status.ABORTED]).toContain(await never);
    expect(existsSync(socket())).toBe(false);
    stalled.cancel();
  });
});

describe('without KVM it says what to do', () => {
  /** In a mount namespace of its own, after a command of the shell that puts something else in the place of /dev/kvm. */
  const withDevice = (script: string): string[] => [
    'unshare',
    '-m',
    'sh',
    '-c',
    `${script} && exec "$@"`,
    'sh',
  ];
  const node = (numbers: string) =>
    `mknod ${folder}/kvm ${numbers} && chmod 600 ${folder}/kvm && chown 65534 ${folder}/kvm && mount --bind ${folder}/kvm /dev/kvm`;
  const DO = /load the kvm_amd or kvm_intel module|run as root/;

  const rows: ReadonlyArray<readonly [what: string, around: () => string[], sentence: RegExp]> = [
    ['no /dev/kvm', () => withDevice('mount -t tmpfs none /dev'), /there is no \/dev\/kvm: /],
    ['/dev/null in its place', () => withDevice('mount --bind /dev/null /dev/kvm'), /is not KVM: /],
    ['no driver behind it', () => withDevice(node('c 10 250')), /no driver behind it: /],
    [
      'no right to open it',
      () => [...withDevice(node('c 10 232')), 'setpriv', '--bounding-set', '-dac_override,-dac_read_search'],
      /may not be opened by this user: /,
    ],
  ];

  for (const [what, around, sentence] of rows) {
    test(`${what}: status 69`, async () => {
      const command = serve(['--listen', `unix://${socket()}`], around());
      await expectRefusal(command, 69, sentence);
      expect(command.stderr()).toMatch(DO);
      expect(existsSync(socket())).toBe(false);
    });
  }
});
