// A stream in both directions, as a client sees it: what is sent waits until it is on its way, what comes is asked for
// one message at a time, and its end is known for certain.

import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';

export interface Duplex<Request, Response> {
  /** Resolves when the message is on its way, or the stream is over: `next` says which. */
  send(message: Request): Promise<void>;
  /** The next answer. Rejects with the stream's status where it ended badly; an end without an answer is one. */
  next(): Promise<Response>;
  /** Whether the stream has ended, one way or the other. */
  isOver(): boolean;
  /** Nothing more is sent. */
  end(): void;
  cancel(): void;
}

/** The stream ended well where an answer was waited for. */
export class StreamEnded extends Error {
  constructor() {
    super('the stream ended without an answer');
    this.name = 'StreamEnded';
  }
}

export function duplex<Request, Response>(
  call: ClientDuplexStream<Request, Response>,
): Duplex<Request, Response> {
  const answers: Response[] = [];
  const waiting: Array<{ resolve(answer: Response): void; reject(error: Error): void }> = [];
  const releases = new Set<() => void>();
  let over: Error | undefined;
  const finish = (error: Error) => {
    over ??= error;
    for (const { reject } of waiting.splice(0)) reject(over);
    for (const release of releases) release();
  };
  call.on('data', (answer: Response) => {
    const first = waiting.shift();
    if (first === undefined) answers.push(answer);
    else first.resolve(answer);
  });
  call.on('error', (error: ServiceError) => finish(error));
  call.on('end', () => finish(new StreamEnded()));
  return {
    send: (message) =>
      new Promise((resolve) => {
        if (over !== undefined) {
          resolve();
          return;
        }
        const done = () => {
          releases.delete(done);
          resolve();
        };
        releases.add(done);
        call.write(message, done);
      }),
    next: () =>
      new Promise((resolve, reject) => {
        const answer = answers.shift();
        if (answer !== undefined) resolve(answer);
        else if (over !== undefined) reject(over);
        else waiting.push({ resolve, reject });
      }),
    isOver: () => over !== undefined,
    end: () => call.end(),
    cancel: () => call.cancel(),
  };
}
