// The real-time clock: what an operating system reads at boot, as MC146818 has it.

import { expect, test } from 'vitest';
import { readCmos } from '../../../../lib/vm/pc/cmos.js';

const SUNDAY = new Date('2034-12-31T23:59:08Z');

test.each([
  ['seconds', 0x00, 0x08],
  ['minutes', 0x02, 0x59],
  ['hours, of 24', 0x04, 0x23],
  ['day of the week, Sunday first', 0x06, 0x01],
  ['day', 0x07, 0x31],
  ['month', 0x08, 0x12],
  ['year', 0x09, 0x34],
  ['century', 0x32, 0x20],
  ['no update in progress', 0x0a, 0x26],
  ['24 hours, BCD', 0x0b, 0x02],
  ['a good battery', 0x0d, 0x80],
  ['nothing else', 0x10, 0x00],
])('%s', (_what, index, value) => {
  expect(readCmos(index, SUNDAY)).toBe(value);
});
