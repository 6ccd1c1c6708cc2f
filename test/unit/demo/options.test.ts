// The demo's command line: what it stands for, and what it refuses.

import { expect, test } from 'vitest';
import { readOptions, timeLimitMs, UsageError } from '../../../demo/options.js';

test.each([
  ['', { kind: 'stopped' }],
  ['--guest small', { kind: 'stopped' }],
  ['--guest small --migrations 1000', { kind: 'live', guest: 'small', migrations: 1000 }],
  ['--guest linux', { kind: 'live', guest: 'linux', migrations: 20 }],
  ['--driver model', { kind: 'model' }],
  ['--hosts 2', { kind: 'two hosts', cpu: 'amd', guest: 'small', migrations: 20, kernels: ['6.1', '6.12'] }],
  [
    '--hosts 2 --cpu intel --migrations 2',
    { kind: 'two hosts', cpu: 'intel', guest: 'small', migrations: 2, kernels: ['6.1', '6.12'] },
  ],
  [
    '--hosts 2 --kernels 6.12,6.12 --guest linux --migrations 4 --cpu amd',
    { kind: 'two hosts', cpu: 'amd', guest: 'linux', migrations: 4, kernels: ['6.12', '6.12'] },
  ],
])('"%s" is that scenario', (line, scenario) => {
  const options = readOptions(line.split(' ').filter((word) => word !== ''));
  expect(options?.scenario).toEqual(scenario);
});

test.each([
  ['--guest windows', /--guest is one of small, linux, not windows/],
  ['--migrations 0', /whole number from 1 on/],
  ['--migrations 1.5', /whole number/],
  ['--migrations many', /whole number/],
  ['--driver model --guest linux', /runs no guest/],
  ['--driver model --migrations 2', /runs no guest/],
  ['--hosts 3', /--hosts is one of 1, 2, not 3/],
  ['--hosts 2 --kernels 6.1', /two, such as 6\.1,6\.12/],
  ['--hosts 2 --kernels 6.1,5.10', /not 5\.10/],
  ['--kernels 6.1,6.12', /goes with --hosts 2/],
  ['--speed', /speed/],
])('"%s" is refused', (line, message) => {
  const read = () => readOptions(line.split(' '));
  expect(read).toThrow(UsageError);
  expect(read).toThrow(message);
});

test('help is no scenario; --json and --cpu are told beside it', () => {
  expect(readOptions(['--help'])).toBeUndefined();
  expect(readOptions(['--json', '--cpu', 'intel'])).toMatchObject({ json: true, cpu: 'intel' });
  expect(readOptions([])).toMatchObject({ json: false, cpu: undefined });
});

test('the time limit grows with the moves, on Intel faster', () => {
  const grows = (cpu: 'amd' | 'intel') => timeLimitMs(cpu, 1000) - timeLimitMs(cpu, 1);
  expect(grows('amd')).toBeGreaterThan(0);
  expect(grows('intel')).toBeGreaterThan(grows('amd'));
});
