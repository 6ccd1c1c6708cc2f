// What KVM demands of each VMX capability MSR that a vCPU is given: a change to what it offers, and whether it takes it.

import { expect, test } from 'vitest';
import {
  allowsPreemptionTimer,
  CAPABILITY_MSRS,
  unmetDemands,
} from '../../../lib/nested/vmx-capability-demands.js';

/** The emulated Intel host's, with one more bit each where there is room to demand more. */
const OFFERED: ReadonlyMap<number, bigint> = new Map([
  [0x480, 0xd8_1000_11e5_7ed0n],
  [0x485, 0x2000_0165n],
  [0x486, 0x8000_0021n],
  [0x488, 0x2000n],
  [0x48a, 0x32n],
  [0x48b, 0x213_7bff_0000_0000n],
  [0x48c, 0xf01_0633_4041n],
  [0x48d, 0x7f_0000_0016n],
  [0x48e, 0xf7f9_fffe_0400_6172n],
  [0x48f, 0x7f_ffff_0003_6dfbn],
  [0x490, 0xf3ff_0000_11fbn],
  [0x491, 0x1n],
]);

const bit = (n: number): bigint => 1n << BigInt(n);

const SMALLER_VMCS = 'has a VMCS smaller than there';
const NOT_OFFERED = 'has features that are not offered there';
const CONTROLS = [0x48b, 0x48d, 0x48e, 0x48f, 0x490];

test.each<[what: string, index: number, change: (value: bigint) => bigint, timed: boolean, unmet: string[]]>([
  ['less of BASIC', 0x480, (value) => value & ~bit(55), false, []],
  ['more of BASIC', 0x480, (value) => value | bit(49), false, [NOT_OFFERED]],
  [
    '32-bit addresses',
    0x480,
    (value) => value | bit(48),
    false,
    ['limits addresses to 32 bits, which KVM takes from nobody'],
  ],
  ['another revision', 0x480, (value) => value ^ 1n, false, ['has another VMCS revision']],
  ['a larger VMCS', 0x480, (value) => value + bit(33), false, []],
  ['a smaller VMCS', 0x480, (value) => value - bit(33), false, [SMALLER_VMCS]],
  ['less of MISC', 0x485, (value) => value & ~bit(29), true, []],
  ['more of MISC', 0x485, (value) => value | bit(30), true, [NOT_OFFERED]],
  ['another timer rate without a timer', 0x485, (value) => value ^ 1n, false, []],
  ['another timer rate', 0x485, (value) => value ^ 1n, true, ['has another rate of the preemption timer']],
  ['more CR3 targets', 0x485, (value) => value | bit(16), true, ['has more CR3 targets than there']],
  ['longer MSR lists', 0x485, (value) => value | bit(25), true, ['allows longer MSR lists than there']],
  ['another MSEG revision', 0x485, (value) => value | bit(32), true, ['has another MSEG revision']],
  ['a fixed bit more', 0x486, (value) => value | bit(1), false, []],
  ['a fixed bit less', 0x486, (value) => value & ~1n, false, ['leaves bits optional that must be 1 there']],
  ['a fixed bit of CR4 less', 0x488, () => 0n, false, ['leaves bits optional that must be 1 there']],
  ['any VMCS_ENUM', 0x48a, () => 0xffn, false, []],
  ['less of EPT_VPID_CAP', 0x48c, (value) => value & ~1n, false, []],
  ['more of EPT_VPID_CAP', 0x48c, (value) => value | bit(1), false, ['has bits that are not offered there']],
  ['no VMFUNC', 0x491, () => 0n, false, []],
  ['more VMFUNC', 0x491, (value) => value | bit(1), false, ['has bits that are not offered there']],
])('%s', (_, index, change, timed, unmet) => {
  const msr = CAPABILITY_MSRS.get(index);
  const offered = OFFERED.get(index);
  if (msr === undefined || offered === undefined) throw new Error('no such MSR');
  expect(unmetDemands(msr, change(offered), offered, timed)).toEqual(unmet);
});

test.each(CONTROLS)('controls 0x%s', (index) => {
  const msr = CAPABILITY_MSRS.get(index);
  if (msr === undefined) throw new Error('no such MSR');
  const offered = bit(0) | (bit(0) << 32n) | (bit(1) << 32n);
  const judged = (value: bigint) => unmetDemands(msr, value, offered, false);
  expect(judged(offered)).toEqual([]);
  // Must be 1 here though optional there, and not allowed here though allowed there: both are a VM that asks for less.
  expect(judged((bit(0) << 32n) | bit(0) | bit(1))).toEqual([]);
  expect(judged(offered & ~bit(0))).toEqual(['leaves controls optional that must be 1 there']);
  expect(judged(offered | (bit(2) << 32n))).toEqual(['allows controls that are not allowed there']);
});

test('what is offered is taken, of every MSR', () => {
  expect([...CAPABILITY_MSRS.keys()].toSorted()).toEqual([...OFFERED.keys()].toSorted());
  for (const [index, offered] of OFFERED) {
    const msr = CAPABILITY_MSRS.get(index);
    expect(msr === undefined ? 'none' : unmetDemands(msr, offered, offered, true)).toEqual([]);
  }
});

test('the preemption timer is a pin control that may be 1', () => {
  expect(allowsPreemptionTimer(0x7f_0000_0016n)).toBe(true);
  expect(allowsPreemptionTimer(0x3f_0000_0056n)).toBe(false);
});
