// The testbed's command line.

import { expect, test } from 'vitest';
import { readOptions } from './options.js';

test('everything after -- is the command, options included', () => {
  expect(readOptions(['--cpu', 'amd', '--', 'npm', 'test', '--', '--nested', 'x']).command).toEqual([
    'npm',
    'test',
    '--',
    '--nested',
    'x',
  ]);
});

test('the defaults are an AMD host with nesting, 3 GiB and an hour', () => {
  expect(readOptions(['true'])).toEqual({
    cpu: 'amd',
    kernel: '6.1',
    nested: true,
    memory: '3G',
    forwards: [],
    env: {},
    timeoutSeconds: 3600,
    fetchOnly: false,
    quiet: false,
    command: ['true'],
  });
});

test('--forward and --env repeat, and a value may hold = and newlines', () => {
  const read = readOptions([
    '--forward',
    '1:2',
    '--forward',
    '3:4',
    '--env',
    'A=b=c\nd',
    '--env',
    'E=',
    '--',
    'true',
  ]);
  expect(read.forwards).toEqual([
    { hostPort: 1, guestPort: 2 },
    { hostPort: 3, guestPort: 4 },
  ]);
  expect(read.env).toEqual({ A: 'b=c\nd', E: '' });
});
