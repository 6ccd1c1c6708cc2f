// The run's own scripts: every byte of the command and its environment must reach it.

import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { quoted } from './emulator.js';
import { runInitramfs } from './initramfs.js';
import { TestbedProblem } from './problem.js';

const RUN = { nested: true, environment: new Map(), cwd: '/srv', command: ['true'], visible: ['/srv'] };

test.each(['', ' ', "'", "''", 'a\nb', '$HOME `id` "x" \\', '*', '-n', 'ä'])(
  'a shell reads %j back',
  (word) => {
    const echoed = execFileSync('/bin/sh', ['-c', `printf %s ${quoted(word)}`], { encoding: 'utf8' });
    expect(echoed).toBe(word);
  },
);

test('a folder below /tmp stays visible in the host', () => {
  const text = runInitramfs({ ...RUN, visible: ['/tmp/work/checkout', '/home'] }).toString();
  expect(text).toContain("KEEP_TMP='work'\n");
});

test.each(['/run/user/0', '/dev/shm/x', '/proc', '/sys/'])('%s is refused', (path) => {
  expect(() => runInitramfs({ ...RUN, visible: [path] })).toThrow(TestbedProblem);
});

test.each(['/runtime', '/home/run', '/device'])('%s is not mistaken for a folder of the host', (path) => {
  expect(() => runInitramfs({ ...RUN, visible: [path] })).not.toThrow();
});
