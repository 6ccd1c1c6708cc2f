// A way to a vcpud on which a test can stop one message, known by its rpc and by what it says, and let it go on or be
// lost: for making something happen at an exact point of a call. Whatever is behind the message in its call waits too.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Client,
  credentials,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { api } from '../../lib/api/definitions.js';
import { type Duplex, duplex, StreamEnded } from '../../lib/api/duplex.js';
import type { Direction } from './held-line.js';

/** A message that is stopped, or is to be. */
export interface Held {
  /** Resolves when it has come. */
  readonly reached: Promise<void>;
  /** It goes on, now or as soon as it comes. */
  release(): void;
  /** It is lost, and so are the messages behind it in its direction; how the call ends is not. */
  lose(): void;
}

interface Request<Message> {
  readonly path: string;
  requestDeserialize(bytes: Buffer): Message;
}

interface Answer<Message> {
  readonly path: string;
  responseDeserialize(bytes: Buffer): Message;
}

export interface CallGate {
  readonly socketPath: string;
  /** unix:///PATH. */
  readonly endpoint: string;
  /** Holds the first request of the rpc that `liked` likes. */
  holdRequest<Message>(rpc: Request<Message>, liked: (request: Message) => boolean): Held;
  /** Holds the first answer of the rpc that `liked` likes. */
  holdAnswer<Message>(rpc: Answer<Message>, liked: (answer: Message) => boolean): Held;
  /** Ends every call, and lets nobody in any more. What is held is lost. */
  close(): Promise<void>;
}

interface Stop {
  readonly path: string;
  readonly direction: Direction;
  readonly likes: (bytes: Buffer) => boolean;
  readonly reach: () => void;
  /** Whether the message goes on. */
  readonly goesOn: Promise<boolean>;
}

type Call = ServerDuplexStream<Buffer, Buffer>;

const same = (bytes: Buffer): Buffer => bytes;
/** A unary rpc is a stream of one message each way: on the wire they are the same. */
const RAW = {
  requestStream: true,
  responseStream: true,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
};
const SERVICES: readonly ServiceDefinition[] = [
  api.HostService.service,
  api.VmService.service,
  api.MemoryService.service,
  api.VcpuService.service,
  api.NestedStateService.service,
  api.MigrationService.service,
];
const NO_LIMIT = {
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  'grpc.use_local_subchannel_pool': 1,
};

/** A gate before the vcpud that listens on the socket. */
export async function callGate(socketPath: string): Promise<CallGate> {
  const folder = mkdtempSync(join(tmpdir(), 'vcpud-gate-'));
  const path = join(folder, 'gate.sock');
  const client = new Client(`unix:${socketPath}`, credentials.createInsecure(), NO_LIMIT);
  const server = new Server(NO_LIMIT);
  const stops = new Set<Stop>();
  const losses = new Set<() => void>();

  /** Resolves when a message may go on; false where it is lost. */
  const passes = async (rpc: string, direction: Direction, bytes: Buffer): Promise<boolean> => {
    const stop = [...stops].find(
      (each) => each.path === rpc && each.direction === direction && each.likes(bytes),
    );
    if (stop === undefined) return true;
    stops.delete(stop);
    stop.reach();
    return stop.goesOn;
  };

  for (const service of SERVICES) {
    const rpcs = Object.entries(service);
    server.addService(
      Object.fromEntries(rpcs.map(([name, rpc]) => [name, { ...rpc, ...RAW }])),
      Object.fromEntries(
        rpcs.map(([name, rpc]) => [name, (call: Call) => passOn(call, client, rpc.path, passes)]),
      ),
    );
  }
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });

  const hold = (rpc: string, direction: Direction, likes: (bytes: Buffer) => boolean): Held => {
    let reach: () => void = () => undefined;
    let decide: (goesOn: boolean) => void = () => undefined;
    const reached = new Promise<void>((resolve) => {
      reach = resolve;
    });
    const goesOn = new Promise<boolean>((resolve) => {
      decide = resolve;
    });
    stops.add({ path: rpc, direction, likes, reach, goesOn });
    const lose = () => decide(false);
    losses.add(lose);
    return { reached, release: () => decide(true), lose };
  };

  return {
    socketPath: path,
    endpoint: `unix://${path}`,
    holdRequest: (rpc, liked) => hold(rpc.path, 'there', (bytes) => liked(rpc.requestDeserialize(bytes))),
    holdAnswer: (rpc, liked) => hold(rpc.path, 'back', (bytes) => liked(rpc.responseDeserialize(bytes))),
    close: async () => {
      for (const lose of losses) lose();
      server.forceShutdown();
      client.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

type Passes = (rpc: string, direction: Direction, bytes: Buffer) => Promise<boolean>;

function passOn(call: Call, client: Client, rpc: string, passes: Passes): void {
  const onward = duplex(client.makeBidiStreamRequest(rpc, same, same, call.metadata));
  let last = Promise.resolve(true);
  /** Each when what is before it has gone on; none behind one that is lost. */
  const inOrder = (task: () => Promise<boolean> | boolean) => {
    last = last.then(async (goesOn) => goesOn && (await task()));
  };
  call.on('data', (bytes: Buffer) => {
    // Who sends waits too, but for what flow control and grpc-js (16 messages) let come unread.
    call.pause();
    inOrder(async () => {
      if (!(await passes(rpc, 'there', bytes))) return false;
      await onward.send(bytes);
      call.resume();
      return true;
    });
  });
  call.on('end', () => {
    inOrder(() => {
      onward.end();
      return true;
    });
  });
  call.on('cancelled', () => {
    // Behind what the caller said before it went away: bytes on their way arrive though their sender has died.
    last = last.then(() => {
      onward.cancel();
      return false;
    });
  });
  void answers(call, onward, (bytes) => passes(rpc, 'back', bytes));
}

async function answers(
  call: Call,
  onward: Duplex<Buffer, Buffer>,
  passes: (bytes: Buffer) => Promise<boolean>,
): Promise<void> {
  let lost = false;
  try {
    for (;;) {
      const bytes = await onward.next();
      lost ||= !(await passes(bytes));
      if (!lost && !call.cancelled) call.write(bytes);
    }
  } catch (error) {
    if (call.cancelled) return;
    if (error instanceof StreamEnded) {
      call.end();
      return;
    }
    const { code, details, metadata } = error as ServiceError;
    call.emit('error', { code, details, metadata });
  }
}
