// What people may write for endpoints, names, addresses and sizes.
import { InvalidArgumentError } from 'commander';
import { describe, expect, test } from 'vitest';
import {
  count,
  endpoint,
  quantity,
  regions,
  seconds,
  vcpuName,
  vcpuNames,
  vmId,
  vmName,
} from '../../../cli/vcpuctl/arguments.js';

const refuses = (parse: () => unknown) => expect(parse).toThrow(InvalidArgumentError);

describe('an address or a size', () => {
  test.each([
    ['0', 0n],
    ['4096', 4096n],
    ['0x1000', 0x1000n],
    ['0XfF', 0xffn],
    ['64K', 64n << 10n],
    ['64k', 64n << 10n],
    ['4M', 4n << 20n],
    ['4MiB', 4n << 20n],
    ['4MB', 4n << 20n],
    ['1G', 1n << 30n],
    ['2T', 2n << 40n],
    ['0x10K', 16n << 10n],
    ['0x10b', 0x10bn],
    ['0xffffffffffffffff', (1n << 64n) - 1n],
  ])('%s is %i', (text, value) => {
    expect(quantity(text)).toBe(value);
  });

  test.each(['', '-1', '1.5M', '4X', '0x', 'K', '1 K', '0x10000000000000000', '16777216T', '١'])(
    '%j is none',
    (text) => refuses(() => quantity(text)),
  );
});

describe('a region', () => {
  test('is an address and a size, and adds to those before', () => {
    const first = regions('0:4M', undefined);
    expect(regions('0xffff0000:64K', first)).toEqual([
      { gpa: 0n, bytes: 4n << 20n },
      { gpa: 0xffff0000n, bytes: 64n << 10n },
    ]);
  });

  test.each(['4M', '0:4M:1', ':4M', '0:', '0-4M'])('%j is none', (text) =>
    refuses(() => regions(text, undefined)),
  );
});

describe('a name', () => {
  test.each([
    ['web', 'vms/web'],
    ['vms/web', 'vms/web'],
    ['vms', 'vms/vms'],
    ['Not-An-Id', 'vms/Not-An-Id'],
  ])('%s is the VM %s', (text, name) => {
    expect(vmName(text)).toBe(name);
    expect(vmId(text)).toBe(name.slice('vms/'.length));
  });

  test.each(['', 'web/0', 'vms/web/vcpus/0', 'vms/', '/web'])('%j is no VM', (text) =>
    refuses(() => vmName(text)),
  );

  test.each([
    ['web/0', 'vms/web/vcpus/0'],
    ['vms/web/vcpus/12', 'vms/web/vcpus/12'],
    ['vms/0', 'vms/vms/vcpus/0'],
  ])('%s is the vCPU %s', (text, name) => {
    expect(vcpuName(text)).toBe(name);
    expect(vcpuNames(text, ['vms/a/vcpus/1'])).toEqual(['vms/a/vcpus/1', name]);
  });

  test.each(['', 'web', 'web/', '/0', 'web/vcpus/0', 'vms/web/vcpus/', 'vms/web/vcpus/0/1'])(
    '%j is no vCPU',
    (text) => refuses(() => vcpuName(text)),
  );
});

describe('an endpoint', () => {
  test.each([
    ['unix:///run/vcpud/vcpud.sock', { kind: 'unix', address: '/run/vcpud/vcpud.sock' }],
    ['tcp://127.0.0.1:50051', { kind: 'tcp', address: '127.0.0.1:50051' }],
    ['tcp://host-a.example.org:1', { kind: 'tcp', address: 'host-a.example.org:1' }],
    ['tcp://[::1]:65535', { kind: 'tcp', address: '[::1]:65535' }],
  ])('%s', (text, read) => {
    expect(endpoint(text)).toEqual(read);
  });

  test.each([
    '',
    'unix://run/vcpud.sock',
    'unix:///',
    '127.0.0.1:50051',
    'tcp://127.0.0.1',
    'tcp://127.0.0.1:0',
    'tcp://127.0.0.1:65536',
    'http://127.0.0.1:50051',
  ])('%j is none', (text) => refuses(() => endpoint(text)));
});

test('a timeout is more than 0 and at most a day', () => {
  expect(seconds('0.5')).toBe(0.5);
  expect(seconds('86400')).toBe(86_400);
  for (const text of ['0', '-1', '86401', 'x', '', 'Infinity']) refuses(() => seconds(text));
});

test('a count is a whole number of 32 bits', () => {
  expect(count('0')).toBe(0);
  expect(count('4294967295')).toBe(4_294_967_295);
  for (const text of ['', '1.5', '-1', '0x10', '4294967296', '1e3']) refuses(() => count(text));
});
