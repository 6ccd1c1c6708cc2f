// Where vcpud may listen, and what its command line says to what it does not take: without any /dev/kvm.

import { describe, expect, test } from 'vitest';
import { parseEndpoint } from '../../../services/server.js';
import { runVcpud } from '../../harness/serve-command.js';

describe('an endpoint', () => {
  test.each([
    ['unix:///run/vcpud.sock', { kind: 'unix', address: '/run/vcpud.sock' }],
    ['tcp://127.0.0.1:0', { kind: 'tcp', address: '127.0.0.1:0' }],
    ['tcp://127.8.9.10:65535', { kind: 'tcp', address: '127.8.9.10:65535' }],
    ['tcp://[::1]:50051', { kind: 'tcp', address: '[::1]:50051' }],
    ['tcp://localhost:1', { kind: 'tcp', address: 'localhost:1' }],
  ])('%s is taken', (text, endpoint) => {
    expect(parseEndpoint(text)).toEqual(endpoint);
  });

  test.each([
    ['tcp://0.0.0.0:1', /loopback/],
    ['tcp://10.0.0.1:1', /loopback/],
    ['tcp://[::]:1', /loopback/],
    ['tcp://example.org:1', /loopback/],
    ['tcp://127.0.0.1.example.org:1', /loopback/],
    ['tcp://localhost.example.org:1', /loopback/],
    ['tcp://127.0.0.1:65536', /loopback/],
    ['tcp://127.0.0.1', /loopback/],
    ['unix://relative.sock', /neither/],
    ['unix:/one-slash', /neither/],
    ['/run/vcpud.sock', /neither/],
    ['http://127.0.0.1:1', /neither/],
    ['', /neither/],
  ])('%j is refused with a sentence', (text, sentence) => {
    expect(() => parseEndpoint(text)).toThrow(sentence);
  });
});

describe('a command line that is wrong ends with status 2 and says what is', () => {
  test.each([
    [['serve', '--listen', 'tcp://0.0.0.0:1'], /not a loopback address/],
    [['serve', '--grace', '-1'], /0 to 3600 seconds/],
    [['serve', '--grace', 'soon'], /0 to 3600 seconds/],
    [['serve', '--log-level', 'loud'], /one of trace, debug/],
    [['serve', '--listen'], /argument missing/],
    [['serve', '--no-such-option'], /unknown option/],
    [['no-such-command'], /unknown command/],
  ])('%j', async (args, sentence) => {
    const command = runVcpud(args);
    expect(await command.exited).toBe(2);
    expect(command.stderr()).toMatch(sentence);
    expect(command.stderr()).not.toMatch(/ {4}at /); // no stack
    expect(command.stdout()).toBe('');
  });

  test.each([[['--help']], [['serve', '--help']], [['--version']]])('%j is none', async (args) => {
    const command = runVcpud(args);
    expect(await command.exited).toBe(0);
    expect(command.stdout()).toMatch(/Usage: vcpud|^\d+\.\d+\.\d+\n$/);
  });
});
