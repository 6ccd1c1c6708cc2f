// Where a vcpud may be said to be, and what of that leaves the machine.

import { describe, expect, test } from 'vitest';
import { VcpudClient } from '../../../lib/api/client.js';
import {
  endpointText,
  hostAndPort,
  leavesMachine,
  parseEndpoint,
  parseTarget,
  targetOf,
} from '../../../lib/api/endpoint.js';

describe('an endpoint', () => {
  test.each([
    ['unix:///run/vcpud.sock', 'unix', '/run/vcpud.sock', 'unix:/run/vcpud.sock'],
    ['tcp://127.0.0.1:0', 'tcp', '127.0.0.1:0', '127.0.0.1:0'],
    ['tcp://0.0.0.0:7443', 'tcp', '0.0.0.0:7443', '0.0.0.0:7443'],
    ['tcp://[::1]:50051', 'tcp', '[::1]:50051', '[::1]:50051'],
    ['tcp://[fd00::1:2]:65535', 'tcp', '[fd00::1:2]:65535', '[fd00::1:2]:65535'],
    ['tcp://host-a.example.org:1', 'tcp', 'host-a.example.org:1', 'host-a.example.org:1'],
  ])('%s is taken', (text, kind, address, target) => {
    const endpoint = parseEndpoint(text);
    expect(endpoint).toEqual({ kind, address });
    expect([endpointText(endpoint), targetOf(endpoint)]).toEqual([text, target]);
  });

  test.each([
    'tcp://127.0.0.1:65536',
    'tcp://127.0.0.1',
    'tcp://:1',
    'tcp://fd00::1:1',
    'tcp://[host]:1',
    'tcp://-host:1',
    'tcp://host/a:1',
    'tcp://user@host:1',
    'unix://relative.sock',
    'unix:///',
    'unix:/one-slash',
    '/run/vcpud.sock',
    '127.0.0.1:1',
    'http://127.0.0.1:1',
    'dns:///host:1',
    '',
  ])('%j is refused with a sentence', (text) => {
    expect(() => parseEndpoint(text)).toThrow(`${text} is neither unix:///PATH nor tcp://HOST:PORT`);
  });

  test.each([
    ['unix:/run/vcpud.sock', 'unix:///run/vcpud.sock'],
    ['unix:///run/vcpud.sock', 'unix:///run/vcpud.sock'],
    ['127.0.0.1:50051', 'tcp://127.0.0.1:50051'],
    ['[::1]:50051', 'tcp://[::1]:50051'],
    ['tcp://host-a:50051', 'tcp://host-a:50051'],
  ])('is of clients %s too: %s', (text, same) => {
    expect(parseTarget(text)).toEqual(parseEndpoint(same));
  });

  test.each([
    ['tcp://127.0.0.1:50051', '127.0.0.1'],
    ['tcp://[::1]:50051', '::1'],
    ['tcp://host-a.example.org:50051', 'host-a.example.org'],
  ])('%s has the host %s', (text, host) => {
    expect(hostAndPort(parseEndpoint(text))).toEqual({ host, port: 50_051 });
  });

  test.each(['unix:///a', 'tcp://127.0.0.1:1', 'tcp://127.8.9.10:1', 'tcp://[::1]:1', 'tcp://localhost:1'])(
    '%s stays on this machine',
    (text) => expect(leavesMachine(parseEndpoint(text))).toBe(false),
  );

  test.each([
    'tcp://0.0.0.0:1',
    'tcp://10.0.0.1:1',
    'tcp://[::]:1',
    'tcp://[fd00::1]:1',
    'tcp://example.org:1',
    'tcp://127.0.0.1.example.org:1',
    'tcp://127.0.0:1',
    'tcp://127.0.0.256:1',
    'tcp://localhost.example.org:1',
  ])('%s leaves this machine, and no client speaks to it without TLS', (text) => {
    expect(leavesMachine(parseEndpoint(text))).toBe(true);
    expect(() => new VcpudClient(text)).toThrow(`${text} is not a loopback address: it needs mutual TLS`);
  });
});
