// What is kept of a console for those who come late: the last 64 KiB, without gaps, at a cost that does not depend on
// how a guest prints.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConsoleHistory } from '../../../lib/vm/vm-events.js';

const KEPT = 64 * 1024;

/** What is kept of one vCPU: where it begins, and the bytes; fails where they have a gap or an overlap. */
function keptOf(history: ConsoleHistory, vcpu: number): { begin: number; bytes: Buffer } {
  const events = history.all().filter(({ vcpuIndex }) => vcpuIndex === vcpu);
  const begin = events[0]?.offset ?? 0;
  let at = begin;
  for (const { offset, data } of events) {
    expect(offset).toBe(at);
    at += data.length;
  }
  return { begin, bytes: Buffer.concat(events.map(({ data }) => data)) };
}

describe('the history', () => {
  test('is all that was printed, of every vCPU, while that is little', () => {
    const line = fc.record({ vcpu: fc.nat(3), data: fc.uint8Array({ minLength: 1, maxLength: 300 }) });
    fc.assert(
      fc.property(fc.array(line, { maxLength: 60 }), (lines) => {
        const history = new ConsoleHistory();
        const written = [0, 1, 2, 3].map(() => Buffer.alloc(0));
        lines.forEach(({ vcpu, data }, time) => {
          const before = written[vcpu] ?? Buffer.alloc(0);
          expect(history.add(vcpu, data, time)).toBe(before.length);
          written[vcpu] = Buffer.concat([before, data]);
        });
        for (const [vcpu, bytes] of written.entries())
          expect(keptOf(history, vcpu)).toEqual({ begin: 0, bytes });
        const times = history.all().map(({ time }) => time);
        expect(times).toEqual(times.toSorted((a, b) => a - b)); // in the order in which vCPUs took turns
      }),
    );
  });

  test.each([1, 30, 1000, 4096, 5000])(
    'is the last 64 KiB of output that came %i bytes at a time',
    (size) => {
      const history = new ConsoleHistory();
      const all = Buffer.alloc(3 * KEPT + 17);
      for (let i = 0; i < all.length; i += 1) all[i] = (i * 31) & 0xff;
      for (let at = 0; at < all.length; at += size) history.add(0, all.subarray(at, at + size), at);
      const { begin, bytes } = keptOf(history, 0);
      expect(bytes.length).toBeGreaterThanOrEqual(KEPT);
      expect(bytes.length).toBeLessThan(KEPT + 2 * 5000);
      expect(bytes.equals(all.subarray(begin))).toBe(true);
    },
  );

  test('costs no more of a guest that prints single bytes: few pieces, and quickly', () => {
    const history = new ConsoleHistory();
    const since = performance.now();
    for (let i = 0; i < 1_000_000; i += 1) history.add(0, Buffer.from([i & 0xff]), i);
    expect(performance.now() - since).toBeLessThan(10_000);
    expect(history.all().length).toBeLessThan(40);
  });

  test('stays small where vCPUs take turns at every byte', () => {
    const history = new ConsoleHistory();
    for (let i = 0; i < 200_000; i += 1) history.add(i & 1, Buffer.from([i & 0xff]), i);
    expect(history.all().length).toBeLessThanOrEqual(2048);
    expect(keptOf(history, 0).bytes.length).toBeGreaterThan(1000);
  });

  test('that somebody was given does not change when more is printed', () => {
    const history = new ConsoleHistory();
    history.add(0, Buffer.from('first'), 0);
    const given = history.all();
    history.add(0, Buffer.from(' second'), 1);
    expect(given.map(({ data }) => Buffer.from(data).toString())).toEqual(['first']);
    expect(keptOf(history, 0).bytes.toString()).toBe('first second');
  });

  test('does not change with a buffer that the printer uses again', () => {
    const history = new ConsoleHistory();
    const buffer = Buffer.from('one');
    history.add(0, buffer, 0);
    buffer.write('two');
    expect(keptOf(history, 0).bytes.toString()).toBe('one');
  });
});
