// What counts as trouble in a Linux guest's console lines, and how bytes become lines.

import { expect, test } from 'vitest';
import { GuestConsole, troublesOf } from '../../guests/linux/console.js';

const GOOD = ['l1 ready 6.1.0', 'writer 0', 'l2 1 100', 'writer 2000', 'l2 2 100', 'l2 3 4294967396'];

test('lines in order, with counts that grow or stay, are no trouble', () => {
  expect(troublesOf(GOOD)).toEqual([]);
});

test.each<[string, string[], string[]]>([
  ['a missing line', [...GOOD, 'l2 5 4294967400'], ['l2 line 5 came after 3']],
  ['a repeated line', [...GOOD, 'l2 3 4294967396'], ['l2 line 3 came after 3']],
  ['a count that falls', [...GOOD, 'l2 4 5'], ['L2 counted 5 after 4294967396']],
  ['a line cut off', [...GOOD, 'l2 4'], ["no line of L2's: l2 4"]],
  ['two lines in one', [...GOOD, 'l2 4 5l2 5 6'], ["no line of L2's: l2 4 5l2 5 6"]],
  ['an error of its VMM', [...GOOD, 'l2 error exit 5'], ['l2 error exit 5']],
  ['a page that was lost', [...GOOD, 'writer error page 2345'], ['writer error page 2345']],
  ['a writer that goes back', [...GOOD, 'writer 1999'], ['the writer wrote 1999 pages after 2000']],
  ['a first line that is not 1', ['l2 2 5'], ['l2 line 2 came after 0']],
])('%s is told', (_, lines, troubles) => {
  expect(troublesOf(lines)).toEqual(troubles);
});

test.each([
  '[    5.1] WARNING: CPU: 0 PID: 0 at arch/x86/kernel/fpu/xstate.c:606',
  '[    5.1] BUG: unable to handle page fault for address: 0000000000000008',
  '[    5.1] rcu: INFO: rcu_preempt self-detected stall on CPU',
  '[    5.1] watchdog: BUG: soft lockup - CPU#0 stuck for 26s!',
  "[    5.1] clocksource: timekeeping watchdog on CPU0: Marking clocksource 'tsc' as unstable",
])('what the kernel says is told: %s', (line) => {
  expect(troublesOf([...GOOD, line])).toEqual([line]);
});

test.each([
  '[   39.160210] ACPI BIOS Error (bug): A valid RSDP was not found (20220331/tbxfroot-210)',
  '[   22.109956] \tRCU CPU stall warnings timeout set to 300 (rcu_cpu_stall_timeout).',
  '[  107.092913] clocksource: Long readout interval, skipping watchdog check: cs_nsec: 1287301408',
])('what it says in passing is not: %s', (line) => {
  expect(troublesOf([...GOOD, line])).toEqual([]);
});

test('what the kernel says in the middle of a line leaves that line whole', () => {
  const guest = new GuestConsole();
  guest.push(Buffer.from('l2 1 5\r\nl2 2 30[  107.092913] one\r\n[  107.092914] two\r\n16\r\nl2 3 4'));
  guest.push(Buffer.from('000\r[  108.100000] three\r\n\nl2 4 5000\r\n'));
  expect(guest.lines.filter((line) => line.startsWith('l2'))).toEqual([
    'l2 1 5',
    'l2 2 3016',
    'l2 3 4000',
    'l2 4 5000',
  ]);
  expect(guest.lines).toContain('[  107.092914] two');
});

test('lines are put together however the bytes come, and lose their CR', async () => {
  const guest = new GuestConsole();
  const second = guest.next((line) => line.startsWith('l2 2'));
  for (const byte of Buffer.from('l2 1 5\r\nl2 2 6\r\nl2 3')) guest.push(Buffer.of(byte));
  expect(await second).toBe('l2 2 6');
  expect(guest.lines).toEqual(['l2 1 5', 'l2 2 6']);
});
