// One thing at a time, in the order asked.

import { expect, test } from 'vitest';
import { Mutex } from '../../../lib/vm/mutex.js';

test('tasks run one after the other, in the order asked, and each caller gets its own result', async () => {
  const mutex = new Mutex();
  const log: string[] = [];
  const task = (name: string, turns: number) => async () => {
    log.push(`${name} begins`);
    for (let i = 0; i < turns; i += 1) await new Promise(setImmediate);
    log.push(`${name} ends`);
    return name;
  };
  const results = await Promise.all([mutex.run(task('a', 5)), mutex.run(task('b', 0)), mutex.run(() => 'c')]);
  expect(results).toEqual(['a', 'b', 'c']);
  expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
});

test('a task that fails, at once or later, holds nobody up', async () => {
  const mutex = new Mutex();
  const failing = [
    mutex.run(() => {
      throw new Error('at once');
    }),
    mutex.run(() => Promise.reject(new Error('later'))),
  ];
  expect(await mutex.run(() => 'served')).toBe('served');
  const outcomes = await Promise.allSettled(failing);
  expect(outcomes.map((outcome) => outcome.status)).toEqual(['rejected', 'rejected']);
});
