// What a command reads, writes and listens to. Commands know this interface only, so that tests run them in their
// own process.

export interface Io {
  /** Standard input's bytes, as they come. */
  stdin(): AsyncIterable<Buffer>;
  /** Whether standard input is a terminal: somebody types there. */
  readonly inIsTerminal: boolean;
  /** Has a terminal give every key as it is pressed, Ctrl-C too; gives the function that ends that. Nothing elsewhere. */
  rawInput(): () => void;
  /** Writes to standard output; resolves when it is taken. Rejects with ReaderGone where nobody reads any more. */
  out(data: string | Uint8Array): Promise<void>;
  /** Writes to standard error. */
  err(text: string): void;
  /** Whether standard error is a terminal: somebody may be waiting for progress there. */
  readonly errIsTerminal: boolean;
  /** Calls the handler at Ctrl-C or SIGTERM, once, instead of ending the process; gives the function that takes it back. */
  onInterrupt(handler: () => void): () => void;
}

/** Standard output's reader has had enough, as in `vcpuctl vm list | head -1`: no failure. */
export class ReaderGone extends Error {
  constructor() {
    super('standard output is closed');
    this.name = 'ReaderGone';
  }
}

/** A script's own end comes as SIGTERM: a guest that is paused for its sake must go on then too. */
const ENDING = ['SIGINT', 'SIGTERM'] as const;

export function processIo(): Io {
  // Each write is told of its own failure; without listeners the event would end the process as well.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  return {
    stdin: () => process.stdin,
    inIsTerminal: process.stdin.isTTY === true,
    rawInput: () => {
      if (!process.stdin.isTTY) return () => undefined;
      process.stdin.setRawMode(true);
      return () => void process.stdin.setRawMode(false);
    },
    out: (data) =>
      new Promise((resolve, reject) => {
        process.stdout.write(data, (error) => {
          if (error === undefined || error === null) resolve();
          else reject((error as NodeJS.ErrnoException).code === 'EPIPE' ? new ReaderGone() : error);
        });
      }),
    err: (text) => void process.stderr.write(text),
    errIsTerminal: process.stderr.isTTY === true,
    onInterrupt: (handler) => {
      for (const signal of ENDING) process.once(signal, handler);
      return () => {
        for (const signal of ENDING) process.off(signal, handler);
      };
    },
  };
}
