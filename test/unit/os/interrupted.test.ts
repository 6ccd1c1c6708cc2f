// System calls that a signal interrupts are asked again, and nothing else is.

import { constants } from 'node:os';
import { expect, test } from 'vitest';
import { unlessInterrupted } from '../../../lib/os/interrupted.js';
import { KernelError } from '../../../lib/os/kernel-error.js';

const { EINTR, ENOMEM } = constants.errno;

/** Fails so often, then gives 7; says how often it was asked. */
function failing(errno: number, times: number) {
  let asked = 0;
  const call = () => {
    asked += 1;
    if (asked <= times) throw new KernelError('KVM_CREATE_VM', errno);
    return 7;
  };
  return { call, asked: () => asked };
}

test.each([0, 1, 5])('interrupted %i times, it gives what it gives in the end', (times) => {
  const { call, asked } = failing(EINTR, times);
  expect(unlessInterrupted(call)).toBe(7);
  expect(asked()).toBe(times + 1);
});

test('interrupted for ever, it fails with EINTR', () => {
  const { call, asked } = failing(EINTR, Number.POSITIVE_INFINITY);
  expect(() => unlessInterrupted(call)).toThrow('KVM_CREATE_VM: EINTR');
  expect(asked()).toBeLessThan(100);
});

test('what fails otherwise is not asked again', () => {
  const { call, asked } = failing(ENOMEM, 1);
  expect(() => unlessInterrupted(call)).toThrow('KVM_CREATE_VM: ENOMEM');
  expect(asked()).toBe(1);
});
