// The streams of a vcpuctl that runs in the test's own process, and the running of it.

import { type Io, ReaderGone } from '../../../cli/vcpuctl/io.js';
import { run } from '../../../cli/vcpuctl/program.js';

export interface FakeIo extends Io {
  /** Everything written to standard output. */
  output(): Buffer;
  /** Everything written to standard error. */
  errors(): string;
  /** What Ctrl-C does. */
  interrupt(): void;
  /** Whether the terminal gives every key as it is pressed. */
  isRaw(): boolean;
}

export interface FakeStreams {
  readonly stdin?: readonly Buffer[] | AsyncIterable<Buffer>;
  readonly inIsTerminal?: boolean;
  readonly errIsTerminal?: boolean;
  /** How many writes standard output takes before its reader goes. */
  readonly writesTaken?: number;
  /** Called with all that was written so far after each write. */
  readonly onOutput?: (text: string) => void;
  /** Called with each piece that is written to standard error. */
  readonly onError?: (text: string) => void;
  /** Called with what Ctrl-C would do as soon as a command listens for it. */
  readonly onListening?: (interrupt: () => void) => void;
}

export function fakeIo(streams: FakeStreams = {}): FakeIo {
  const chunks: Buffer[] = [];
  const handlers = new Set<() => void>();
  let errors = '';
  let raw = false;
  return {
    stdin: async function* () {
      yield* streams.stdin ?? [];
    },
    inIsTerminal: streams.inIsTerminal ?? false,
    rawInput: () => {
      raw = streams.inIsTerminal ?? false;
      return () => {
        raw = false;
      };
    },
    isRaw: () => raw,
    out: async (data) => {
      if (chunks.length >= (streams.writesTaken ?? Number.POSITIVE_INFINITY)) throw new ReaderGone();
      chunks.push(Buffer.from(data));
      streams.onOutput?.(Buffer.concat(chunks).toString());
    },
    err: (text) => {
      errors += text;
      streams.onError?.(text);
    },
    errIsTerminal: streams.errIsTerminal ?? false,
    onInterrupt: (handler) => {
      handlers.add(handler);
      streams.onListening?.(handler);
      return () => void handlers.delete(handler);
    },
    output: () => Buffer.concat(chunks),
    errors: () => errors,
    interrupt: () => {
      for (const handler of handlers) handler();
    },
  };
}

export interface Outcome {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** Runs one command line. */
export async function vcpuctl(args: readonly string[], streams: FakeStreams = {}): Promise<Outcome> {
  const io = fakeIo(streams);
  const status = await run(args, io);
  return { status, out: io.output().toString(), err: io.errors() };
}
