// Why nothing answered, of servers that are no vcpud: what each does with the handshake is its own.

import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { parseEndpoint } from '../../../lib/api/endpoint.js';
import type { TlsMaterial } from '../../../lib/api/tls-files.js';
import { tlsObstacle } from '../../../lib/api/unreached.js';
import { Authority, type CertificateFacts } from '../../harness/certificates.js';

const PROBE_MS = 60_000;

let authority: Authority;
let client: TlsMaterial;
const servers: Server[] = [];

beforeAll(async () => {
  authority = await Authority.make('a CA');
  client = await authority.issue('client');
});

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listening(server: Server): Promise<string> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A server of TLS with a certificate of these facts. */
async function speakingTls(facts: Partial<CertificateFacts>, options: TlsOptions): Promise<string> {
  const { cert, key } = await authority.issue('server', facts);
  const server = createTlsServer({ cert, key, ...options });
  server.on('secureConnection', (socket) => socket.on('error', () => undefined));
  return listening(server);
}

const H2: TlsOptions = { ALPNProtocols: ['h2'] };
const reasonAt = async (endpoint: string, tls: TlsMaterial | undefined, ms = PROBE_MS) =>
  (await tlsObstacle(parseEndpoint(endpoint), tls, ms))?.reason;

test.each<[string, Partial<CertificateFacts>, TlsOptions, string]>([
  ['an expired certificate', { from: new Date(0), to: new Date(1000) }, H2, 'SERVER_EXPIRED'],
  ['a certificate of clients', { sides: ['client'] }, H2, 'SERVER_NOT_FOR_SERVERS'],
  ['HTTP/1.1 alone', {}, { ALPNProtocols: ['http/1.1'] }, 'TLS_WITHOUT_HTTP2'],
  ['no protocol at all', {}, {}, 'TLS_WITHOUT_HTTP2'],
])('%s', async (_, facts, options, reason) => {
  const endpoint = await speakingTls(facts, options);
  expect(await reasonAt(endpoint, client)).toBe(reason);
  expect(await reasonAt(endpoint, undefined)).toBe('TLS_WANTED');
});

test('a server in plain text that answers anything with words does not speak TLS', async () => {
  const endpoint = await listening(
    createTcpServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
  );
  expect(await reasonAt(endpoint, client)).toBe('TLS_NOT_SPOKEN');
  expect(await reasonAt(endpoint, undefined)).toBeUndefined();
});

test('one that ends every connection, one that says nothing, and none at all are no matter of TLS', async () => {
  const ending = createTcpServer((socket) => socket.destroy());
  const endpoint = await listening(ending);
  expect(await reasonAt(endpoint, client)).toBeUndefined();
  expect(await reasonAt(await listening(createTcpServer()), client, 100)).toBeUndefined();
  servers.splice(servers.indexOf(ending), 1);
  await new Promise((resolve) => ending.close(resolve));
  expect(await reasonAt(endpoint, client)).toBeUndefined();
});
