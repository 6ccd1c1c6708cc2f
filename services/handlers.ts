// What stands between grpc-js and a service's functions: awaits them, maps what they throw, and keeps streams
// under flow control. Every handler of every service is made here, so that no error leaves unmapped.

import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  ServerDuplexStream,
  ServerReadableStream,
  ServerWritableStream,
} from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { VcpudError } from '../lib/errors/vcpud-error.js';
import type { Caller } from '../lib/vm/vm.js';
import { toStatus } from './status.js';

const callerOf = (call: { readonly cancelled: boolean }): Caller => ({ gone: () => call.cancelled });

/** Who is sent a stream. */
export interface Receiver extends Caller {
  /** Resolves when all that was yielded so far is out, or the client has gone: see gone() for which. */
  taken(): Promise<void>;
}

/** A handler of one request and one answer. */
export function unary<Request, Response>(
  log: Logger,
  serve: (request: Request, caller: Caller) => Promise<Response> | Response,
): handleUnaryCall<Request, Response> {
  return async (call, callback) => {
    try {
      callback(null, await serve(call.request, callerOf(call)));
    } catch (error) {
      callback(toStatus(error, log));
    }
  };
}

/**
 * A handler that answers with a stream that the service makes as fast as the client takes it. A message is serialized
 * before the service is asked for the next one, which it makes while that one is on its way: it may build each
 * message in the same memory.
 */
export function serverStream<Request, Response>(
  log: Logger,
  serve: (request: Request, receiver: Receiver) => AsyncIterable<Response>,
): handleServerStreamingCall<Request, Response> {
  return async (call) => {
    let sent: Promise<void> = Promise.resolve();
    const receiver = { ...callerOf(call), taken: () => sent };
    try {
      for await (const message of serve(call.request, receiver)) {
        await sent;
        if (call.cancelled) return;
        sent = send(call, message);
      }
      await sent;
      call.end();
    } catch (error) {
      call.emit('error', toStatus(error, log));
    }
  };
}

/** Serializes a message at once, unless another is on its way; resolves when it is out, or its client has gone. */
function send<Response>(call: ServerWritableStream<unknown, Response>, message: Response): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      call.off('cancelled', done);
      call.off('close', done);
      resolve();
    };
    call.once('cancelled', done);
    call.once('close', done);
    call.write(message, done);
  });
}

/** How many bytes of events may wait for a watcher that takes them slower than they come. */
const WATCHER_BACKLOG_BYTES = 1024 * 1024;

/** What a pushing service is given. */
export interface Push<Response> {
  /** Sends a message, now or when the client takes it. */
  send(message: Response, bytes: number): void;
  /** Ends the stream well. */
  end(): void;
  /** Ends it with an error. */
  fail(error: VcpudError): void;
}

/**
 * A handler that answers with messages as they come about. `serve` subscribes and gives the function that
 * unsubscribes, which is called exactly once. A client that falls 1 MiB behind is cut off with WATCHER_TOO_SLOW.
 */
export function pushStream<Request, Response>(
  log: Logger,
  serve: (request: Request, push: Push<Response>) => () => void,
): handleServerStreamingCall<Request, Response> {
  return (call) => {
    const backlog: Array<{ message: Response; bytes: number }> = [];
    let backlogBytes = 0;
    let flowing = true;
    let ending = false;
    let over = false;
    let unsubscribe: (() => void) | undefined;
    const finish = () => {
      over = true;
      backlog.length = 0;
      unsubscribe?.();
      unsubscribe = undefined;
    };
    const fail = (error: unknown) => {
      if (over) return;
      finish();
      call.emit('error', toStatus(error, log));
    };
    const flush = () => {
      while (flowing && !over) {
        const next = backlog.shift();
        if (next === undefined) break;
        backlogBytes -= next.bytes;
        flowing = call.write(next.message);
      }
      if (ending && backlog.length === 0 && !over) {
        finish();
        call.end();
      }
    };
    call.on('drain', () => {
      flowing = true;
      flush();
    });
    call.once('cancelled', finish);
    call.once('close', finish);
    try {
      const stop = serve(call.request, {
        send: (message, bytes) => {
          if (over || ending) return;
          backlog.push({ message, bytes });
          backlogBytes += bytes;
          flush();
          if (backlogBytes > WATCHER_BACKLOG_BYTES) {
            fail(VcpudError.of('WATCHER_TOO_SLOW', 'this watcher took events slower than they came'));
          }
        },
        end: () => {
          ending = true;
          flush();
        },
        fail,
      });
      if (over) stop();
      else unsubscribe = stop;
    } catch (error) {
      fail(error);
    }
  };
}

/** A handler that takes a stream, one message at a time: the next is read when the one before has been dealt with. */
export function clientStream<Request, Response>(
  log: Logger,
  serve: (requests: AsyncIterable<Request>) => Promise<Response>,
): handleClientStreamingCall<Request, Response> {
  return async (call, callback) => {
    try {
      callback(null, await serve(requestsOf(call)));
    } catch (error) {
      // What still comes in is thrown away, so that the status reaches the client.
      call.resume();
      if (!call.cancelled) callback(toStatus(error, log));
    }
  };
}

/** What a service that talks is given. */
export interface Reply<Response> {
  /** Sends a message; a client that reads slower than it asks holds up nothing but itself. */
  send(message: Response): void;
  readonly caller: Caller;
}

/**
 * A handler that takes a stream, one message at a time, and answers as it goes. `serve` runs to its end even where the
 * client goes away. It then still gets every message that had arrived, for one of them may be the last word of a peer
 * that died of it; after those its `for await` throws. Whoever wants no more from a client that has gone asks reply.caller.
 */
export function duplexStream<Request, Response>(
  log: Logger,
  serve: (requests: AsyncIterable<Request>, reply: Reply<Response>) => Promise<void>,
): handleBidiStreamingCall<Request, Response> {
  return async (call) => {
    const reply: Reply<Response> = {
      caller: callerOf(call),
      send: (message) => {
        if (!call.cancelled) call.write(message);
      },
    };
    try {
      await serve(arrivedOf(call), reply);
      call.end();
    } catch (error) {
      // What still comes in is thrown away, so that the status reaches the client.
      call.resume();
      if (!call.cancelled) call.emit('error', toStatus(error, log));
    }
  };
}

/** All that has arrived, in order: a stream that is cancelled would throw away what it holds. */
async function* arrivedOf<Request>(call: ServerDuplexStream<Request, unknown>): AsyncGenerator<Request> {
  const rest: Request[] = [];
  call.once('cancelled', () => {
    for (let request = call.read(); request !== null; request = call.read()) rest.push(request as Request);
  });
  try {
    // Not destroyed where the service is done before the client is: its status could not be sent any more.
    for await (const request of call.iterator({ destroyOnReturn: false })) yield request as Request;
  } catch (error) {
    if (!call.cancelled) throw error;
  }
  yield* rest;
  if (call.cancelled) throw VcpudError.of('CANCELLED', 'the caller went away');
}

async function* requestsOf<Request>(call: ServerReadableStream<Request, unknown>): AsyncGenerator<Request> {
  for await (const request of call) {
    if (call.cancelled) break;
    yield request as Request;
  }
  if (call.cancelled) throw VcpudError.of('CANCELLED', 'the caller went away');
}
