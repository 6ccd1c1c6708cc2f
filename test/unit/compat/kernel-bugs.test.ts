// Which kernels may have a bug, by their releases.

import { expect, test } from 'vitest';
import { KERNEL_BUGS, type KernelBug, mayHave } from '../../../lib/compat/kernel-bugs.js';

const bug = (id: string): KernelBug => KERNEL_BUGS.find((one) => one.id === id) as KernelBug;

test.each([
  ['SVM_RUN_PENDING_LOST', '5.7.0', false],
  ['SVM_RUN_PENDING_LOST', '5.8.0', true],
  ['SVM_RUN_PENDING_LOST', '5.10.0-28-amd64', true],
  ['SVM_RUN_PENDING_LOST', '5.11.0', false],
  ['CVE-2022-48793', '5.13.19', false],
  ['CVE-2022-48793', '5.14', true],
  ['CVE-2022-48793', '5.15.24', true],
  ['CVE-2022-48793', '5.15.25', false],
  ['CVE-2022-48793', '5.15.0-91-generic', true],
  ['CVE-2022-48793', '5.16.10', true],
  ['CVE-2022-48793', '5.16.11', false],
  ['CVE-2022-48793', '5.17.0', false],
  ['CVE-2022-48793', '6.1.0', false],
  ['SVM_NEXT_RIP_STALE', '4.19.0', false],
  ['SVM_NEXT_RIP_STALE', '6.1.0-56-amd64', true],
  ['SVM_NEXT_RIP_STALE', '7.0.1', true],
  ['SVM_NEXT_RIP_STALE', '7.1.0-rc1', false],
  ['SVM_NEXT_RIP_STALE', 'no release', false],
  ['VMX_PREEMPTION_TIMER_RESTARTED', '5.7.19', true],
  ['VMX_PREEMPTION_TIMER_RESTARTED', '5.8.0', false],
])('%s in %s: %s', (id, release, expected) => {
  expect(mayHave(bug(id), release)).toBe(expected);
});

test('ids are stable words, each once', () => {
  const ids = KERNEL_BUGS.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.filter((id) => !/^[A-Z][A-Z0-9_-]+$/.test(id))).toEqual([]);
});
