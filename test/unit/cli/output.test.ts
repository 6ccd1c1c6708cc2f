// Text for people: sizes, tables, hexdumps, a VM's events, progress.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Hexdump } from '../../../cli/vcpuctl/hexdump.js';
import { type MemoryChunk, memoryChunks } from '../../../cli/vcpuctl/memory.js';
import {
  details,
  milliseconds,
  plural,
  roundSize,
  size,
  stopTime,
  table,
  time,
  word,
} from '../../../cli/vcpuctl/output.js';
import { Progress } from '../../../cli/vcpuctl/progress.js';
import { WatchLines } from '../../../cli/vcpuctl/watch-lines.js';
import type { WatchVmResponse__Output } from '../../../protos/gen/vcpud/v1/WatchVmResponse.js';
import { fakeIo } from './fake-io.js';

test.each([
  [0n, '0 bytes'],
  [1n, '1 byte'],
  [1023n, '1023 bytes'],
  [1024n, '1 KiB'],
  [4224n, '4.1 KiB'],
  [1_048_575n, '1023.9 KiB'],
  [4n << 20n, '4 MiB'],
  [3n << 29n, '1.5 GiB'],
  [(1n << 64n) - 1n, '15.9 EiB'],
])('%i bytes read as %s', (bytes, text) => {
  expect(roundSize(bytes)).toBe(text);
});

test('a size is given exactly as well', () => {
  expect(size('4224')).toBe('4.1 KiB (4224 bytes)');
  expect(size(128)).toBe('128 bytes');
});

test('times, durations, enum values and plurals are words for people', () => {
  expect(time({ seconds: '1767225600', nanos: 120_000_000 })).toBe('2026-01-01T00:00:00.120Z');
  expect(time(null)).toBe('-');
  expect(milliseconds({ seconds: '1', nanos: 500_000 })).toBe('1000.500 ms');
  expect(stopTime({ seconds: '0', nanos: 0 })).toBe('0 ms, it was not running');
  expect(stopTime({ seconds: '0', nanos: 412_000 })).toBe('0.412 ms');
  expect(word('VM_RUN_STATE_RUNNING', 'VM_RUN_STATE')).toBe('RUNNING');
  expect(word(7, 'VM_RUN_STATE')).toBe('7');
  expect([plural(1, 'vCPU'), plural(2, 'vCPU')]).toEqual(['1 vCPU', '2 vCPUs']);
});

test('columns are as wide as their widest cell, lines end without spaces', () => {
  expect(
    table(
      ['NAME', 'SIZE'],
      [
        ['vms/a', '4 MiB'],
        ['vms/longer', '-'],
      ],
    ),
  ).toBe('NAME        SIZE\nvms/a       4 MiB\nvms/longer  -\n');
  expect(
    details([
      ['name', 'x'],
      ['', 'y'],
    ]),
  ).toBe('name  x\n      y\n');
});

describe('a hexdump', () => {
  test('has address, bytes and text, a short last line, and the end', () => {
    const dump = new Hexdump(0x1000n);
    expect(dump.data(Buffer.from('0123456789abcdefXYZ\n'))).toBe(
      '0000000000001000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n',
    );
    expect(dump.end()).toBe(
      '0000000000001010  58 59 5a 0a                                       |XYZ.|\n0000000000001014\n',
    );
  });

  test('shows lines that repeat as one star, also where a run of zeroes is a terabyte', () => {
    const dump = new Hexdump(0n);
    const text =
      dump.data(Buffer.from([7])) + dump.zeroes(1n << 40n) + dump.data(Buffer.from([9])) + dump.end();
    expect(text.split('\n')).toEqual([
      '0000000000000000  07 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|',
      '0000000000000010  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|',
      '*',
      '0000010000000000  00 09                                             |..|',
      '0000010000000002',
      '',
    ]);
  });

  test('is the same however the bytes come', () => {
    const pieces = fc.array(fc.uint8Array({ min: 0, max: 1, maxLength: 70 }), { maxLength: 8 });
    fc.assert(
      fc.property(pieces, (chunks) => {
        const piecewise = new Hexdump(0x10n);
        const text = chunks
          .map((chunk) =>
            chunk.every((byte) => byte === 0)
              ? piecewise.zeroes(BigInt(chunk.length))
              : piecewise.data(Buffer.from(chunk)),
          )
          .join('');
        const whole = new Hexdump(0x10n);
        expect(text + piecewise.end()).toBe(whole.data(Buffer.concat(chunks)) + whole.end());
      }),
    );
  });
});

describe('what is written into guest memory', () => {
  async function* pieces(...buffers: Buffer[]) {
    yield* buffers;
  }
  const collect = async (gpa: bigint, ...buffers: Buffer[]): Promise<MemoryChunk[]> => {
    const chunks: MemoryChunk[] = [];
    for await (const chunk of memoryChunks(gpa, pieces(...buffers))) chunks.push(chunk);
    return chunks;
  };

  test('sends zeroes that fill blocks as one run, across pieces', async () => {
    const zeroes = Buffer.alloc(8192);
    const data = Buffer.alloc(4096, 7);
    expect(await collect(0x1000n, data, zeroes, zeroes, Buffer.from('end'))).toEqual([
      { gpa: 0x1000n, data },
      { gpa: 0x2000n, zeroBytes: 16_384n },
      { gpa: 0x6000n, data: Buffer.from('end') },
    ]);
  });

  test('is one chunk at least, also where the input is empty or all zero', async () => {
    expect(await collect(5n)).toEqual([{ gpa: 5n, zeroBytes: 0n }]);
    expect(await collect(5n, Buffer.alloc(10))).toEqual([{ gpa: 5n, zeroBytes: 10n }]);
  });

  test('puts together again what came, byte for byte', async () => {
    const piece = fc.array(
      fc.constantFrom(Buffer.alloc(4096), Buffer.alloc(4096, 1), Buffer.alloc(100), Buffer.from('x')),
      {
        maxLength: 5,
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 4 }), async (input) => {
        const buffers = input.map((parts) => Buffer.concat(parts));
        let at = 64n;
        const parts = (await collect(at, ...buffers)).map((chunk) => {
          expect(chunk.gpa).toBe(at);
          const bytes = 'data' in chunk ? chunk.data : Buffer.alloc(Number(chunk.zeroBytes));
          at += BigInt(bytes.length);
          return bytes;
        });
        expect(Buffer.concat(parts).equals(Buffer.concat(buffers))).toBe(true);
      }),
    );
  });
});

describe("a VM's events", () => {
  const eventTime = { seconds: '1767225600', nanos: 0 };
  const printed = (text: string | Buffer, vcpuIndex = 0): WatchVmResponse__Output => ({
    eventTime,
    console: { vcpuIndex, data: Buffer.from(text), offset: '0', port: 'CONSOLE_PORT_DEBUG' },
  });
  const WHEN = '2026-01-01T00:00:00.000Z';

  test('show console output line by line, however it comes', () => {
    const lines = new WatchLines();
    expect(lines.take(printed('hel'))).toBe('');
    expect(lines.take(printed('other\n', 1))).toBe(`${WHEN}  vcpu 1 console  other\n`);
    expect(lines.take(printed('lo\r\nsecond\n\nthi'))).toBe(
      `${WHEN}  vcpu 0 console  hello\n${WHEN}  vcpu 0 console  second\n${WHEN}  vcpu 0 console  \n`,
    );
    expect(lines.take({ eventTime, exit: { vcpuIndex: 0, exit: 'HLT' } })).toBe(
      `${WHEN}  vcpu 0 console  thi\n${WHEN}  vcpu 0 exit     HLT\n`,
    );
    expect(lines.flush()).toBe('');
  });

  test('show UTF-8 that came in two pieces, and no control characters', () => {
    const lines = new WatchLines();
    const bytes = Buffer.from('é\u001b[31m\n');
    expect(lines.take(printed(bytes.subarray(0, 1)))).toBe('');
    expect(lines.take(printed(bytes.subarray(1)))).toBe(`${WHEN}  vcpu 0 console  é\\x1b[31m\n`);
  });

  test('end a line that never ends after 4096 bytes', () => {
    const lines = new WatchLines();
    expect(lines.take(printed('x'.repeat(4095)))).toBe('');
    expect(lines.take(printed('y'))).toBe(`${WHEN}  vcpu 0 console  ${'x'.repeat(4095)}y\n`);
    expect(lines.flush()).toBe('');
  });

  test('an event of a newer vcpud is shown as such', () => {
    expect(new WatchLines().take({ eventTime })).toBe(`${WHEN}  an event that this vcpuctl does not know\n`);
  });
});

describe('progress', () => {
  const at = (times: readonly number[]) => {
    const left = [...times];
    return () => left.shift() ?? 0;
  };

  test('is silent for two seconds, then one line that is renewed four times a second and taken away', () => {
    const io = fakeIo({ errIsTerminal: true });
    const progress = new Progress(io, 'read', 4096n, at([0, 1999, 2000, 2100, 2250]));
    for (let i = 0; i < 4; i += 1) progress.add(1024n);
    progress.end();
    expect(io.errors().split('\r\u001b[K')).toEqual([
      '',
      'read 2 KiB of 4 KiB (50 %)',
      'read 4 KiB of 4 KiB (100 %)',
      '',
    ]);
  });

  test('is silent where nobody sees it, and needs no total', () => {
    const unseen = fakeIo();
    const progress = new Progress(unseen, 'wrote', undefined, at([0, 9000]));
    progress.add(1n);
    progress.end();
    expect(unseen.errors()).toBe('');
    const seen = fakeIo({ errIsTerminal: true });
    new Progress(seen, 'wrote', undefined, at([0, 9000])).add(1024n);
    expect(seen.errors()).toBe('\r\u001b[Kwrote 1 KiB');
  });
});
