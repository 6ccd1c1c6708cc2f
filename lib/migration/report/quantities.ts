// Sizes, rates and times of a migration, as people read them: in its report and on the command line.

import { dirtyRate, type Round } from '../pre-copy.js';

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

/** "17.1 MiB". */
export function byteText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** "350.0 MiB/s", of bytes and the milliseconds they took. */
export const rateText = (bytes: number, ms: number): string =>
  `${byteText((bytes * 1000) / Math.max(ms, 0.1))}/s`;

/** "0.41 ms", "12.3 ms", "2.50 s". */
export function timeText(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return `${ms < 10 ? ms.toFixed(2) : ms.toFixed(1)} ms`;
}

/** "12.5 MiB/s": how fast the guest wrote while a round was sent. */
export const dirtyRateText = (round: Round): string => rateText(dirtyRate(round), 1);

/** A blackout beside the longest that was asked for, which is a wish: what decides is the prediction. */
export const blackoutText = (ms: number, maxBlackoutMs: number): string =>
  `${timeText(ms)}, ${ms <= maxBlackoutMs ? 'within' : 'longer than'} the ${maxBlackoutMs} ms allowed`;

/** What was compared at the destination before the guest went on. */
export const comparedText = (verifiedRanges: number): string =>
  verifiedRanges > 0
    ? `the state, read back, and all memory (SHA-256 of ${verifiedRanges} ranges)`
    : 'the state, read back, and a checksum of each message of memory';
