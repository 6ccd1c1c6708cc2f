// Times on the wire: google.protobuf.Timestamp and Duration of milliseconds.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { duration, timestamp } from '../../../services/messages.js';

const msOf = ({ seconds, nanos }: { seconds?: unknown; nanos?: unknown }): number =>
  Number(seconds) * 1000 + Number(nanos) / 1e6;

describe('times', () => {
  test('are legal, and what they were, to the nanosecond or the double', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 4e12, noNaN: true }), (ms) => {
        for (const message of [timestamp(ms), duration(ms)]) {
          expect(Number.isInteger(message.seconds)).toBe(true);
          expect(Number.isInteger(message.nanos)).toBe(true);
          expect(message.nanos).toBeGreaterThanOrEqual(0);
          expect(message.nanos).toBeLessThan(1e9);
          expect(Math.abs(msOf(message) - ms)).toBeLessThanOrEqual(Math.max(1e-6, ms * 1e-15));
        }
      }),
    );
  });

  test('that round up to a whole second are one', () => {
    expect(duration(999.999_999_9)).toEqual({ seconds: 1, nanos: 0 });
    expect(timestamp(1999.999_999_9)).toEqual({ seconds: 2, nanos: 0 });
  });

  test('that are negative, as a clock that was set back makes them, are no duration', () => {
    expect(duration(-5)).toEqual({ seconds: 0, nanos: 0 });
  });
});
