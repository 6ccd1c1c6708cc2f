// vcpuctl memory: MemoryService. Both directions stream: neither holds more than a few chunks, however large.

import type { Command } from 'commander';
import { stretch } from '../../lib/api/zero-pages.js';
import type { WriteMemoryRequest } from '../../protos/gen/vcpud/v1/WriteMemoryRequest.js';
import type { WriteMemoryResponse__Output } from '../../protos/gen/vcpud/v1/WriteMemoryResponse.js';
import { quantity, vmName } from './arguments.js';
import { inputStream, type MemorySink, memoryFile, rawOutput, STANDARD_STREAM } from './files.js';
import { Hexdump } from './hexdump.js';
import { examples, hex, plural, size, table } from './output.js';
import { Progress } from './progress.js';
import type { Act, Session } from './session.js';
import { Stall, within } from './stall.js';

interface ReadOptions {
  readonly gpa: bigint;
  readonly size: bigint;
  readonly out?: string;
}

interface WriteOptions {
  readonly gpa: bigint;
  readonly in: string;
}

export function register(group: Command, act: Act): void {
  group.addHelpText(
    'after',
    examples('memory read web --gpa 0x1000 --size 64', 'memory write web --gpa 0 --in image'),
  );

  group
    .command('read')
    .description('read guest-physical memory: as a hexdump, or into a file')
    .argument('<vm>', 'vms/{vm} or {vm}', vmName)
    .requiredOption('--gpa <address>', 'guest-physical address of the first byte', quantity)
    .requiredOption('--size <bytes>', 'how many; the range must lie in one region', quantity)
    .option('--out <file>', 'write the bytes there, with holes for zeroes; - for standard output')
    .addHelpText(
      'after',
      `\nWithout --out, --json prints each message of the stream as one JSON line.\n${examples(
        'memory read web --gpa 0x1000 --size 256',
        'memory read web --gpa 0 --size 64M --out web.ram',
        'memory read web --gpa 0xfffffff0 --size 16 --out - | ndisasm -b 16 -',
      )}`,
    )
    .action(act(read));

  group
    .command('write')
    .description('write a file into guest-physical memory')
    .argument('<vm>', 'vms/{vm} or {vm}', vmName)
    .requiredOption('--gpa <address>', 'guest-physical address of the first byte', quantity)
    .requiredOption('--in <file>', 'what to write, or - for standard input')
    .addHelpText(
      'after',
      `\nRuns of zero bytes travel as their length. What was written before an error stays written.\n${examples(
        'memory write web --gpa 0xffff0000 --in bios.bin',
        'memory write copy --gpa 0 --in web.ram',
        'memory write web --gpa 0x1000 --in -',
      )}`,
    )
    .action(act(write));

  group
    .command('start-tracking')
    .description('keep which pages are written from now on, until they are collected')
    .argument('<vm>', 'vms/{vm} or {vm}', vmName)
    .addHelpText('after', examples('memory start-tracking web'))
    .action(
      act(async (session, name: string) => {
        const client = await session.connect();
        const answer = await client.memory.StartDirtyTracking({ name });
        await session.answer(
          'StartDirtyTrackingResponse',
          answer,
          () => `${name}: written pages are kept until they are collected\n`,
        );
      }),
    );

  group
    .command('collect-dirty')
    .description('take the pages that were written since they were last collected')
    .argument('<vm>', 'vms/{vm} or {vm}', vmName)
    .option('--ranges', 'with --json: only which pages, without what they hold')
    .option('--resend', 'the pages of the collect before too: they did not all arrive')
    .addHelpText(
      'after',
      `\nShows which pages, in ranges. They count as collected, and don't come again unless
they are written again. --json prints each message of the stream as one JSON
line, with what the pages hold.\n${examples(
        'memory collect-dirty web',
        'memory collect-dirty web --resend',
        '--json memory collect-dirty web --ranges',
      )}`,
    )
    .action(act(collectDirty));

  group
    .command('stop-tracking')
    .description('keep no longer which pages are written; forget what was not collected')
    .argument('<vm>', 'vms/{vm} or {vm}', vmName)
    .addHelpText('after', examples('memory stop-tracking web'))
    .action(
      act(async (session, name: string) => {
        const client = await session.connect();
        const answer = await client.memory.StopDirtyTracking({ name });
        await session.answer(
          'StopDirtyTrackingResponse',
          answer,
          () => `${name}: written pages are not kept any more\n`,
        );
      }),
    );
}

interface CollectOptions {
  readonly ranges?: true;
  readonly resend?: true;
}

async function collectDirty(session: Session, name: string, options: CollectOptions): Promise<void> {
  const client = await session.connect();
  const rangesOnly = options.ranges === true || !session.json;
  const request = { name, rangesOnly, resend: options.resend === true };
  const messages = within(session.timeoutMs, client.collectDirtyPages(request));
  if (session.json) {
    for await (const message of messages) await session.jsonLine('CollectDirtyPagesResponse', message);
    return;
  }
  const rows: string[][] = [];
  let pages = '';
  for await (const { head, gpa, rangeBytes } of messages) {
    if (head !== null && head !== undefined) pages = head.pageCount;
    else rows.push([hex(gpa), size(rangeBytes ?? 0)]);
  }
  const ranges = rows.length === 0 ? '' : `${table(['GPA', 'SIZE'], rows)}\n`;
  await session.io.out(`${ranges}${plural(Number(pages), 'dirty page')} of ${name} collected\n`);
}

async function read(session: Session, name: string, options: ReadOptions): Promise<void> {
  const { gpa, size: sizeBytes, out } = options;
  const { io } = session;
  const client = await session.connect();
  const messages = () =>
    within(session.timeoutMs, client.readMemory({ name, gpa: String(gpa), sizeBytes: String(sizeBytes) }));
  if (out === undefined && session.json) {
    for await (const message of messages()) await session.jsonLine('ReadMemoryResponse', message);
    return;
  }
  const sink = await sinkFor(session, gpa, out);
  const progress = new Progress(io, 'read', sizeBytes);
  let dataBytes = 0n;
  let zeroBytes = 0n;
  try {
    for await (const { content, data, zeroBytes: zeroes } of messages()) {
      if (content === 'data' && data !== undefined) {
        await sink.data(data);
        dataBytes += BigInt(data.length);
        progress.add(BigInt(data.length));
      } else {
        const run = BigInt(zeroes ?? 0);
        await sink.zeroes(run);
        zeroBytes += run;
        progress.add(run);
      }
    }
    await sink.finish();
  } catch (error) {
    await sink.abandon();
    throw error;
  } finally {
    progress.end();
  }
  if (out === undefined || out === STANDARD_STREAM) return;
  const document = {
    file: out,
    gpa: String(gpa),
    dataBytes: String(dataBytes),
    zeroBytes: String(zeroBytes),
  };
  const total = dataBytes + zeroBytes;
  await session.say(
    document,
    `${out}: ${size(total)} from ${hex(gpa)} of ${name}, ${size(zeroBytes)} of them never written\n`,
  );
}

async function sinkFor(session: Session, gpa: bigint, out: string | undefined): Promise<MemorySink> {
  if (out === undefined) return hexdump(session, gpa);
  return out === STANDARD_STREAM ? rawOutput(session.io) : memoryFile(out);
}

function hexdump({ io }: Session, gpa: bigint): MemorySink {
  const lines = new Hexdump(gpa);
  return {
    data: (bytes) => io.out(lines.data(bytes)),
    zeroes: (count) => io.out(lines.zeroes(count)),
    finish: () => io.out(lines.end()),
    abandon: async () => undefined,
  };
}

async function write(session: Session, name: string, options: WriteOptions): Promise<void> {
  const { gpa, in: path } = options;
  const { pieces, total } = await inputStream(session.io, path);
  const client = await session.connect();
  const progress = new Progress(session.io, 'wrote', total);
  try {
    const answer = await new Promise<WriteMemoryResponse__Output>((resolve, reject) => {
      const stall = new Stall(session.timeoutMs, reject);
      const requests = requestsOf(name, memoryChunks(gpa, pieces), stall, progress);
      client
        .writeMemory(requests)
        .then(resolve, reject)
        .finally(() => stall.moved());
    });
    await session.answer(
      'WriteMemoryResponse',
      answer,
      ({ writtenBytes }) => `${size(writtenBytes)} written at ${hex(gpa)} of ${name}\n`,
    );
  } finally {
    progress.end();
  }
}

/** The requests, counted, and the time that vcpud takes for each bounded. */
async function* requestsOf(
  name: string,
  chunks: AsyncIterable<MemoryChunk>,
  stall: Stall,
  progress: Progress,
): AsyncGenerator<WriteMemoryRequest> {
  for await (const chunk of chunks) {
    const gpa = String(chunk.gpa);
    stall.waiting();
    if ('data' in chunk) yield { name, gpa, data: chunk.data };
    else yield { name, gpa, zeroBytes: String(chunk.zeroBytes) };
    stall.moved();
    progress.add('data' in chunk ? BigInt(chunk.data.length) : chunk.zeroBytes);
  }
  stall.waiting(); // for the answer
}

/** What one WriteMemoryRequest writes. */
export type MemoryChunk =
  | { readonly gpa: bigint; readonly data: Buffer }
  | { readonly gpa: bigint; readonly zeroBytes: bigint };

/**
 * An input as chunks: zeroes, where they fill blocks of 4096 bytes, as one run however long, the rest as data, a
 * chunk a piece at most. There is at least one chunk: an empty input too says which VM.
 */
export async function* memoryChunks(gpa: bigint, pieces: AsyncIterable<Buffer>): AsyncGenerator<MemoryChunk> {
  let at = gpa;
  let zeroes = 0n;
  for await (const piece of pieces) {
    for (let start = 0; start < piece.length; ) {
      const { end, zero } = stretch(piece, start);
      const bytes = BigInt(end - start);
      if (zero) {
        zeroes += bytes;
      } else {
        if (zeroes > 0n) yield { gpa: at - zeroes, zeroBytes: zeroes };
        zeroes = 0n;
        yield { gpa: at, data: piece.subarray(start, end) };
      }
      at += bytes;
      start = end;
    }
  }
  if (zeroes > 0n || at === gpa) yield { gpa: at - zeroes, zeroBytes: zeroes };
}
