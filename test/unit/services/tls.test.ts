// vcpud by TCP with mutual TLS, over the real wire: who gets in, what the others are told, and that everything else of
// vcpud is there too. A model of the kernel serves; no /dev/kvm is needed.

import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PeerCertificate } from 'node:tls';
import { promisify } from 'node:util';
import { type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ClientTls } from '../../../lib/api/channel.js';
import { VcpudClient } from '../../../lib/api/client.js';
import { endpointText, parseTarget } from '../../../lib/api/endpoint.js';
import { Identity } from '../../../lib/api/identity.js';
import { Peers } from '../../../lib/api/peers.js';
import type { TlsFiles, TlsMaterial } from '../../../lib/api/tls-files.js';
import { tlsObstacle } from '../../../lib/api/unreached.js';
import { namesOf } from '../../../services/tls.js';
import { Authority, tlsOptions, writeTlsFiles } from '../../harness/certificates.js';
import { eventually } from '../../harness/eventually.js';
import { HealthClient } from '../../harness/health.js';
import { refusalOf } from '../../harness/refusal.js';
import { runVcpud, type ServeCommand } from '../../harness/serve-command.js';
import { vcpuctl } from '../cli/fake-io.js';

const PROBE_MS = 5000;

/** Processes start in nearly every one of them: seconds, on a machine that is busy. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let authority: Authority;
let otherAuthority: Authority;
/** Of the server; good for 127.0.0.1 and its name. */
let hostA: TlsMaterial;
/** Of another host. */
let hostB: TlsMaterial;

beforeAll(async () => {
  [authority, otherAuthority] = await Promise.all([Authority.make('a CA'), Authority.make('another CA')]);
  hostA = await authority.issue('host-a');
  hostB = await authority.issue('host-b', { uris: ['spiffe://example.org/host-b'] });
});

const clients: Array<{ close(): void }> = [];
const started: ServeCommand[] = [];
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vcpud-mtls-'));
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const command of started.splice(0)) await end(command, 'SIGKILL');
  rmSync(folder, { recursive: true });
});

function end(command: ServeCommand, signal: NodeJS.Signals): Promise<number | NodeJS.Signals> {
  command.kill(signal);
  return command.exited;
}

function serve(...args: readonly string[]): ServeCommand {
  const command = runVcpud(['serve', '--driver', 'model', '--log-level', 'warn', ...args]);
  started.push(command);
  return command;
}

const kept = <T extends { close(): void }>(client: T): T => {
  clients.push(client);
  return client;
};

const vcpud = (endpoint: string, tls?: ClientTls): VcpudClient => kept(new VcpudClient(endpoint, { tls }));

const listen = (where: string): string[] => ['--listen', where];
const ON_TCP = listen('tcp://127.0.0.1:0');

async function vendorAt(endpoint: string, tls?: ClientTls): Promise<string | undefined> {
  return (await vcpud(endpoint, tls).host.GetHost({})).host?.cpuVendor;
}

/** What becomes of a call that is not answered. */
async function failureAt(endpoint: string, tls?: ClientTls): Promise<ServiceError> {
  const error: unknown = await vcpud(endpoint, tls)
    .host.GetHost({})
    .then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
  expect(error).toMatchObject({ code: status.UNAVAILABLE });
  return error as ServiceError;
}

describe('a vcpud with the files of TLS', () => {
  let server: ServeCommand;
  let target: string;
  let files: TlsFiles;
  let home: string;

  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'vcpud-mtls-home-'));
    files = writeTlsFiles(home, 'host-a', hostA);
    server = runVcpud([
      ...['serve', '--driver', 'model', '--log-level', 'warn', ...listen('tcp://0.0.0.0:0')],
      ...tlsOptions(files),
    ]);
    const wildcard = await server.listens;
    expect(wildcard).toMatch(/^0\.0\.0\.0:[1-9]\d*$/);
    target = wildcard.replace('0.0.0.0', '127.0.0.1');
  });

  afterAll(async () => {
    expect(await end(server, 'SIGTERM')).toBe(0);
    rmSync(home, { recursive: true });
  });

  const endpoint = (): string => `tcp://${target}`;
  const byName = (): string => endpoint().replace('127.0.0.1', 'localhost');

  test('answers a client that shows a certificate of the CA', async () => {
    expect(await vendorAt(endpoint(), hostB)).toBe('CPU_VENDOR_AMD');
    expect(await vendorAt(target, hostB)).toBe('CPU_VENDOR_AMD');
  });

  test('answers by a name that is not in its certificate who asks for one that is', async () => {
    expect(await vendorAt(byName(), { ...hostB, serverName: 'host-a' })).toBe('CPU_VENDOR_AMD');
    expect(await vendorAt(byName(), { ...hostB, serverName: '127.0.0.1' })).toBe('CPU_VENDOR_AMD');
  });

  test('says by health whether it serves', async () => {
    const health = kept(new HealthClient(endpoint(), hostB));
    expect(await health.check('')).toBe('SERVING');
    expect(await health.check('vcpud.v1.NestedStateService')).toBe('SERVING');
    await expect(health.check('vcpud.v1.NoService')).rejects.toMatchObject({ code: status.NOT_FOUND });
  });

  test('says by reflection what it serves', async () => {
    const { cert, key, ca } = writeTlsFiles(folder, 'host-b', hostB);
    const { stdout } = await promisify(execFile)(
      join(process.cwd(), 'node_modules/.bin/buf'),
      [
        ...['curl', '--protocol', 'grpc', '--cacert', ca, '--cert', cert, '--key', key],
        `https://${target}/vcpud.v1.HostService/GetHost`,
      ],
      { cwd: folder }, // away from the sources: what it knows of the API it has from reflection
    );
    expect(JSON.parse(stdout)).toMatchObject({ host: { drivers: ['DRIVER_MODEL'] } });
  });

  describe('does not answer', () => {
    const rows: ReadonlyArray<
      readonly [what: string, where: () => string, tls: () => Promise<ClientTls> | ClientTls, why: object]
    > = [
      [
        'a client whose certificate is of another CA',
        endpoint,
        async () => ({ ...(await otherAuthority.issue('host-b')), ca: authority.cert }),
        { reason: 'CLIENT_REFUSED', message: expect.stringContaining('did not take the certificate') },
      ],
      [
        'a client whose certificate has expired',
        endpoint,
        () => authority.issue('host-b', { from: new Date(0), to: new Date(86_400_000) }),
        { reason: 'CLIENT_REFUSED' },
      ],
      [
        'a client whose certificate is for servers alone',
        endpoint,
        () => authority.issue('host-b', { sides: ['server'] }),
        { reason: 'CLIENT_REFUSED' },
      ],
      [
        'a client that trusts another CA',
        endpoint,
        () => ({ ...hostB, ca: otherAuthority.cert }),
        { reason: 'SERVER_UNTRUSTED', message: 'its certificate is not of the CA that was given' },
      ],
      [
        'by a name that its certificate does not have',
        byName,
        () => hostB,
        {
          reason: 'SERVER_NAME_DIFFERS',
          message: 'its certificate is not for localhost, but for DNS:host-a, IP Address:127.0.0.1',
        },
      ],
      [
        'a client that asks for another host',
        endpoint,
        () => ({ ...hostB, serverName: 'host-c' }),
        { reason: 'SERVER_NAME_DIFFERS', message: expect.stringContaining('is not for host-c, but for') },
      ],
    ];

    for (const [what, where, tls, why] of rows) {
      test(`${what}, and why can be found out`, async () => {
        const identity = await tls();
        await failureAt(where(), identity);
        expect(await tlsObstacle(parseTarget(where()), identity, PROBE_MS)).toMatchObject(why);
      });
    }

    test('a client without TLS', async () => {
      await failureAt(endpoint());
      expect(await tlsObstacle(parseTarget(target), undefined, PROBE_MS)).toEqual({
        reason: 'TLS_WANTED',
        message: 'it speaks TLS, and no certificates were given',
      });
    });
  });

  test('is no obstacle to whom it answers', async () => {
    expect(await tlsObstacle(parseTarget(target), hostB, PROBE_MS)).toBeUndefined();
  });

  describe('answers vcpuctl', () => {
    const at = (where: string, tls: readonly string[], ...args: readonly string[]) =>
      vcpuctl(['--endpoint', where, ...tls, ...args]);
    const optionsOf = (name: string, tls: TlsMaterial) => tlsOptions(writeTlsFiles(folder, name, tls));

    test('with the options, whatever the command', async () => {
      const tls = optionsOf('host-b', hostB);
      const memory = ['--memory', '0:64K'];
      expect(await at(endpoint(), tls, 'vm', 'create', 'web', ...memory)).toMatchObject({
        status: 0,
        err: '',
      });
      expect((await at(endpoint(), tls, 'vm', 'list')).out).toContain('web');
      const written = await vcpuctl(
        ['--endpoint', endpoint(), ...tls, 'memory', 'write', 'web', '--gpa', '0', '--in', '-'],
        { stdin: [Buffer.from('sixteen bytes...')] },
      );
      expect(written).toMatchObject({ status: 0 });
      const read = await at(endpoint(), tls, 'memory', 'read', 'web', '--gpa', '0', '--size', '16');
      expect(read.out).toContain('sixteen bytes...');
      const asked = await at(endpoint(), tls, 'conformance', '--only', '^selftest/');
      expect(asked).toMatchObject({ status: 0 });
      expect(asked.out).toMatch(/[1-9]\d* passed, 0 failed/);
      expect(await at(endpoint(), tls, 'vm', 'delete', 'web')).toMatchObject({ status: 0 });
    });

    test('with the environment, and a server name', async () => {
      const { ca, cert, key } = writeTlsFiles(folder, 'host-b', hostB);
      const variables = {
        VCPUD_ENDPOINT: byName(),
        VCPUD_TLS_CA: ca,
        VCPUD_TLS_CERT: cert,
        VCPUD_TLS_KEY: key,
        VCPUD_TLS_SERVER_NAME: 'host-a',
      };
      Object.assign(process.env, variables);
      try {
        expect(await vcpuctl(['host', 'get'])).toMatchObject({ status: 0, err: '' });
        expect((await vcpuctl(['--tls-server-name', 'host-b', 'host', 'get'])).status).toBe(3);
      } finally {
        for (const name of Object.keys(variables)) delete process.env[name];
      }
    });

    const notAnswered: ReadonlyArray<
      readonly [what: string, where: () => string, tls: () => Promise<string[]> | string[], sentence: string]
    > = [
      [
        'without TLS',
        endpoint,
        () => [],
        'it speaks TLS, and no certificates were given [UNAVAILABLE TLS_WANTED]',
      ],
      [
        'with the wrong CA',
        endpoint,
        () => optionsOf('host-b', { ...hostB, ca: otherAuthority.cert }),
        'its certificate is not of the CA that was given [UNAVAILABLE SERVER_UNTRUSTED]',
      ],
      [
        'with a certificate of another CA',
        endpoint,
        async () => optionsOf('x', { ...(await otherAuthority.issue('x')), ca: authority.cert }),
        'it did not take the certificate shown to it, which is not of its CA, has expired, or is not for clients [UNAVAILABLE CLIENT_REFUSED]',
      ],
      [
        'by another name',
        byName,
        () => optionsOf('host-b', hostB),
        'its certificate is not for localhost, but for DNS:host-a, IP Address:127.0.0.1 [UNAVAILABLE SERVER_NAME_DIFFERS]',
      ],
    ];

    for (const [what, where, tls, sentence] of notAnswered) {
      test(`${what}: not, with one sentence and status 3`, async () => {
        const options = await tls();
        expect(await at(where(), options, 'vm', 'list')).toEqual({
          status: 3,
          out: '',
          err: `vcpuctl: no answer from ${where()}: ${sentence}\n`,
        });
        const { status: json, err } = await at(where(), [...options, '--json'], 'vm', 'watch', 'web');
        expect([json, (JSON.parse(err) as { code: string }).code]).toEqual([3, 'UNAVAILABLE']);
      });
    }

    test('not where a file cannot be used, with status 1, or is not given, with status 2', async () => {
      const files = writeTlsFiles(folder, 'host-b', hostB);
      rmSync(files.key);
      expect(await at(endpoint(), tlsOptions(files), 'vm', 'list')).toEqual({
        status: 1,
        out: '',
        err: `vcpuctl: cannot read the key ${files.key}: ENOENT: no such file or directory [CLIENT TLS_FILE]\n`,
      });
      const some = await at(endpoint(), ['--tls-ca', files.ca], 'vm', 'list');
      expect(some.status).toBe(2);
      expect(some.err).toContain('--tls-ca, --tls-cert and --tls-key go together');
    });
  });

  test('calls others with what it is itself', async () => {
    const peers = new Peers(new Identity(files));
    const { host } = await kept(peers.connect(endpoint(), PROBE_MS)).host.GetHost({});
    expect(host?.drivers).toEqual(['DRIVER_MODEL']);
    expect(() => new Peers(undefined).connect('tcp://10.0.0.1:1', PROBE_MS)).toThrow(/needs mutual TLS/);
  });
});

test('TLS to a vcpud that has none is found out', async () => {
  const target = await serve(...ON_TCP).listens;
  expect(await vendorAt(target)).toBe('CPU_VENDOR_AMD');
  await failureAt(target, hostB);
  expect(await tlsObstacle(parseTarget(target), hostB, PROBE_MS)).toEqual({
    reason: 'TLS_NOT_SPOKEN',
    message: 'it does not speak TLS',
  });
  expect(await tlsObstacle(parseTarget(target), undefined, PROBE_MS)).toBeUndefined();
});

test('on several at once it is one vcpud: the socket is its owner’s, TCP has TLS, and both end', async () => {
  const socket = join(folder, 'vcpud.sock');
  const options = tlsOptions(writeTlsFiles(folder, 'host-a', hostA));
  const command = serve(...listen(`unix://${socket}`), ...ON_TCP, ...ON_TCP, ...options);
  const [first, second = '', third = ''] = await command.listensOnAll;
  expect(first).toBe(`unix:${socket}`);
  expect(statSync(socket).mode & 0o777).toBe(0o600);
  expect(second).not.toBe(third);
  const local = vcpud(`unix://${socket}`, hostB); // a Unix socket is spoken without, whatever the client has
  await local.vm.CreateVm({ vmId: 'web', vm: { memoryRegions: [{ gpa: 0, sizeBytes: 65_536 }] } });
  for (const target of [second, third]) {
    const { vms } = await vcpud(target, hostB).vm.ListVms({});
    expect(vms.map(({ name }) => name)).toEqual(['vms/web']);
    expect(await kept(new HealthClient(target, hostB)).check('')).toBe('SERVING');
    await failureAt(target);
  }
  expect(await kept(new HealthClient(`unix://${socket}`)).check('')).toBe('SERVING');
  expect(await end(command, 'SIGTERM')).toBe(0);
  expect(existsSync(socket)).toBe(false);
  expect(command.stderr()).toBe('');
});

test('where it cannot listen on one it listens on none, and says on which', async () => {
  const taken = await serve(...ON_TCP).listens;
  const socket = join(folder, 'vcpud.sock');
  const command = serve(...listen(`unix://${socket}`), ...listen(endpointText(parseTarget(taken))));
  expect(await command.exited).toBe(1);
  expect(command.stderr()).toMatch(new RegExp(`^vcpud: cannot listen on ${taken}: .*EADDRINUSE.*\n$`));
  expect(command.stdout()).toBe('');
  expect(existsSync(socket)).toBe(false);
});

test('with a file that cannot be used it does not start, and says which in one sentence', async () => {
  const files = writeTlsFiles(folder, 'host-a', { ...hostA, key: hostB.key });
  const command = serve(...ON_TCP, ...tlsOptions(files));
  expect(await command.exited).toBe(1);
  expect(command.stderr()).toBe(`vcpud: the key ${files.key} is not that of the certificate ${files.cert}\n`);
  expect(command.stdout()).toBe('');
});

test('when its files are replaced, new connections are made with the new ones, and those that there are stay', async () => {
  const files = writeTlsFiles(folder, 'host-a', hostA);
  const command = runVcpud(['serve', '--driver', 'model', ...ON_TCP, ...tlsOptions(files)]);
  started.push(command);
  const target = await command.listens;
  const before = vcpud(target, hostB);
  await before.host.GetHost({});
  writeTlsFiles(folder, 'host-a', await otherAuthority.issue('host-a'));
  await eventually('the change', () => /the TLS files have changed: new/.exec(command.stderr()) ?? undefined);
  expect(await vendorAt(target, await otherAuthority.issue('host-c'))).toBe('CPU_VENDOR_AMD');
  await failureAt(target, hostB);
  expect((await before.host.GetHost({})).host?.cpuVendor).toBe('CPU_VENDOR_AMD');
  expect(await end(command, 'SIGTERM')).toBe(0);
});

describe('told whom to let in', () => {
  const denied = (peer: string) => ({
    code: 'PERMISSION_DENIED',
    reason: 'PEER_NOT_ALLOWED',
    message: `${peer}: not one of those that vcpud lets in here`,
    metadata: { peer },
  });

  test('it answers those alone: by DNS name or common name, by URI; by the socket whoever may open it', async () => {
    const options = tlsOptions(writeTlsFiles(folder, 'host-a', hostA));
    const socket = join(folder, 'vcpud.sock');
    const allowed = ['--tls-allow', 'orchestrator', '--tls-allow', 'spiffe://example.org/host-b'];
    const command = serve(...listen(`unix://${socket}`), ...ON_TCP, ...options, ...allowed);
    const [, target = ''] = await command.listensOnAll;
    const other = await authority.issue('host-c', { uris: ['spiffe://example.org/host-c'] });
    expect(await vendorAt(target, hostB)).toBe('CPU_VENDOR_AMD');
    expect(await vendorAt(target, await authority.issue('orchestrator'))).toBe('CPU_VENDOR_AMD');
    expect(await vendorAt(`unix://${socket}`)).toBe('CPU_VENDOR_AMD');

    const client = vcpud(target, other);
    const peer = 'host-c, spiffe://example.org/host-c';
    expect(await refusalOf(client.host.GetHost({}))).toMatchObject(denied(peer));
    const read = (async () => {
      for await (const _ of client.readMemory({ name: 'vms/web', gpa: 0, sizeBytes: 1 }))
        expect.unreachable();
    })();
    expect(await refusalOf(read)).toMatchObject(denied(peer));
    const written = client.writeMemory([{ name: 'vms/web', gpa: 0, data: Buffer.alloc(1024) }]);
    expect(await refusalOf(written)).toMatchObject(denied(peer));
    await expect(kept(new HealthClient(target, other)).check('')).rejects.toMatchObject({
      code: status.PERMISSION_DENIED,
    });
    const shown = await vcpuctl([
      ...['--endpoint', `tcp://${target}`, ...tlsOptions(writeTlsFiles(folder, 'other', other))],
      ...['vm', 'list'],
    ]);
    expect(shown.status).toBe(5);
    expect(shown.err).toContain('lets in here [PERMISSION_DENIED PEER_NOT_ALLOWED]');
    expect(await end(command, 'SIGTERM')).toBe(0);
  });

  const certificate = (subjectaltname: string | undefined, CN: string | string[]) =>
    ({ subjectaltname, subject: { CN } }) as unknown as PeerCertificate;

  test.each([
    ['DNS:a, DNS:b.example.org, IP Address:10.0.0.1, URI:spiffe://x/y', 'a', 'a|b.example.org|spiffe://x/y'],
    [undefined, 'a', 'a'],
    [undefined, ['a', 'b'], 'a|b'],
    ['', 'a', 'a'],
    // One name, that looks like two to whom reads it wrong.
    ['DNS:"a, DNS:admin", DNS:b', 'c', 'a, DNS:admin|b|c'],
    ['URI:"http://x/\\"y, DNS:admin\\"", DNS:b', 'c', 'http://x/"y, DNS:admin"|b|c'],
    ['email:admin, othername:<unsupported>, DirName:"CN = admin, DNS:admin"', 'c', 'c'],
  ] as const)(
    'of a certificate for %j with the common name %j the names are %s',
    (alternative, common, names) => {
      expect(namesOf(certificate(alternative, common as string)).join('|')).toBe(names);
    },
  );

  test('of no certificate there are none', () => {
    expect(namesOf(undefined)).toEqual([]);
  });
});
