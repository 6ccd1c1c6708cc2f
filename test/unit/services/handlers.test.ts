// What stands between grpc-js and the services' functions, over a real server on a real socket: errors get out as
// they should and no further, and streams take no more than their clients do.

import {
  Client,
  type ClientReadableStream,
  credentials,
  type ServiceError,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import { VcpudClient } from '../../../lib/api/client.js';
import { api } from '../../../lib/api/definitions.js';
import { type Duplex, StreamEnded } from '../../../lib/api/duplex.js';
import { errorInfoOf } from '../../../lib/api/error-details.js';
import { VcpudError } from '../../../lib/errors/vcpud-error.js';
import { KernelError } from '../../../lib/os/kernel-error.js';
import type { Caller } from '../../../lib/vm/vm.js';
import type { GetVmRequest__Output } from '../../../protos/gen/vcpud/v1/GetVmRequest.js';
import type { GetVmResponse } from '../../../protos/gen/vcpud/v1/GetVmResponse.js';
import type { ReadMemoryRequest__Output } from '../../../protos/gen/vcpud/v1/ReadMemoryRequest.js';
import type { ReadMemoryResponse } from '../../../protos/gen/vcpud/v1/ReadMemoryResponse.js';
import type { SendVmRequest, SendVmRequest__Output } from '../../../protos/gen/vcpud/v1/SendVmRequest.js';
import type { SendVmResponse, SendVmResponse__Output } from '../../../protos/gen/vcpud/v1/SendVmResponse.js';
import type { WatchVmRequest__Output } from '../../../protos/gen/vcpud/v1/WatchVmRequest.js';
import type {
  WatchVmResponse,
  WatchVmResponse__Output,
} from '../../../protos/gen/vcpud/v1/WatchVmResponse.js';
import type { WriteMemoryRequest__Output } from '../../../protos/gen/vcpud/v1/WriteMemoryRequest.js';
import type { WriteMemoryResponse } from '../../../protos/gen/vcpud/v1/WriteMemoryResponse.js';
import {
  clientStream,
  duplexStream,
  type Push,
  pushStream,
  type Reply,
  serverStream,
  unary,
} from '../../../services/handlers.js';
import { Wire as RpcWire, rpcOf } from '../../conformance/wire.js';
import { eventually } from '../../harness/eventually.js';
import { heldLine } from '../../harness/held-line.js';
import { serveOnWire, type Wire } from '../../harness/wire.js';

/** The functions behind the four kinds of handler; each test gives those that it needs. */
interface Functions {
  readonly unary?: (request: GetVmRequest__Output, caller: Caller) => Promise<GetVmResponse> | GetVmResponse;
  readonly serverStream?: (request: ReadMemoryRequest__Output) => AsyncIterable<ReadMemoryResponse>;
  readonly pushStream?: (request: WatchVmRequest__Output, push: Push<WatchVmResponse>) => () => void;
  readonly clientStream?: (
    requests: AsyncIterable<WriteMemoryRequest__Output>,
  ) => Promise<WriteMemoryResponse>;
}

/** The one behind a stream in both directions. */
type Talk = (requests: AsyncIterable<SendVmRequest__Output>, reply: Reply<SendVmResponse>) => Promise<void>;

const notAsked = () => {
  throw new Error('this test does not call it');
};

const ends: Array<() => void | Promise<void>> = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function served(functions: Functions): Promise<Wire> {
  const handlers = (log: Logger): readonly [UntypedServiceImplementation, UntypedServiceImplementation] => [
    {
      GetVm: unary(log, functions.unary ?? notAsked),
      WatchVm: pushStream(log, functions.pushStream ?? notAsked),
    } as UntypedServiceImplementation,
    {
      ReadMemory: serverStream(log, functions.serverStream ?? notAsked),
      WriteMemory: clientStream(log, functions.clientStream ?? notAsked),
    } as UntypedServiceImplementation,
  ];
  const wire = await serveOnWire((log) => {
    const [vm, memory] = handlers(log);
    return [
      [api.VmService.service, vm],
      [api.MemoryService.service, memory],
    ];
  });
  ends.push(wire.stop);
  return wire;
}

function connect(wire: Wire): VcpudClient {
  const client = new VcpudClient(wire.target);
  ends.push(() => client.close());
  return client;
}

/** A client's stream to a handler that talks. */
async function talking(talk: Talk): Promise<Duplex<SendVmRequest, SendVmResponse__Output>> {
  return connect(await talkative(talk)).sendVm();
}

async function talkative(talk: Talk): Promise<Wire> {
  const wire = await serveOnWire((log) => [
    [api.MigrationService.service, { SendVm: duplexStream(log, talk) } as UntypedServiceImplementation],
  ]);
  ends.push(wire.stop);
  return wire;
}

async function errorOf(call: Promise<unknown>): Promise<ServiceError> {
  return call.then(
    () => {
      throw new Error('the call was not refused');
    },
    (error: ServiceError) => error,
  );
}

/** One call of the rpc that stands for a kind of handler. */
async function callKind(wire: Wire, kind: keyof Functions): Promise<ServiceError> {
  const rpcs = {
    unary: 'GetVm',
    serverStream: 'ReadMemory',
    pushStream: 'WatchVm',
    clientStream: 'WriteMemory',
  };
  const client = new RpcWire({ endpoint: wire.target, tls: undefined, timeoutMs: 60_000 });
  ends.push(() => client.close());
  return errorOf(client.call(rpcOf(rpcs[kind]), [{ name: 'vms/a' }]));
}

/** Functions of which the one of that kind throws, at once or, where it is asynchronous, later. */
function throwing(kind: keyof Functions, thrown: unknown): Functions {
  switch (kind) {
    case 'unary':
      return { unary: () => Promise.reject(thrown) };
    case 'serverStream':
      return {
        async *serverStream() {
          yield { zeroBytes: 1 };
          throw thrown;
        },
      };
    case 'pushStream':
      return {
        pushStream: () => {
          throw thrown;
        },
      };
    case 'clientStream':
      return {
        clientStream: async (requests) => {
          for await (const _ of requests) throw thrown;
          return {};
        },
      };
  }
}

const KINDS = ['unary', 'serverStream', 'pushStream', 'clientStream'] as const;
const SECRET = 'TypeError: the secret of /root/inner';

describe('an error that nobody foresaw', () => {
  for (const kind of KINDS) {
    test(`of a ${kind} handler is INTERNAL, with the log's id and none of its text`, async () => {
      const wire = await served(throwing(kind, new Error(SECRET)));
      const error = await callKind(wire, kind);
      expect(error.code).toBe(status.INTERNAL);
      const info = errorInfoOf(error);
      expect(info).toMatchObject({ reason: 'INTERNAL', domain: 'vcpud' });
      const id = info?.metadata['log_id'];
      expect(id).toMatch(/^[0-9a-f-]{36}$/);
      expect(error.details).toBe(`internal error; log id ${id}`);
      const sent = `${error.message} ${error.details} ${JSON.stringify(error.metadata.getMap())} ${error.metadata
        .get('grpc-status-details-bin')
        .map((bytes) => bytes.toString('latin1'))}`;
      expect(sent).toContain(id);
      expect(sent).not.toMatch(/secret|root|inner|TypeError|stack/);
      const logged = wire.log.filter((line) => line.includes(SECRET));
      expect(logged).toHaveLength(1);
      expect(JSON.parse(logged[0] ?? '')).toMatchObject({ level: 50, logId: id, err: { message: SECRET } });
    });

    test.each([
      ['a string', SECRET],
      ['nothing', undefined],
      ['null', null],
      ['an object', { secret: SECRET }],
    ])(`of a ${kind} handler can be %s`, async (_, thrown) => {
      const error = await callKind(await served(throwing(kind, thrown)), kind);
      expect(error.code).toBe(status.INTERNAL);
      expect(error.details).toMatch(/^internal error; log id [0-9a-f-]{36}$/);
    });

    test(`of a ${kind} handler that is the kernel's is KERNEL_ERROR, with call and errno`, async () => {
      const wire = await served(throwing(kind, new KernelError('KVM_GET_REGS', 5)));
      const error = await callKind(wire, kind);
      expect(error.code).toBe(status.INTERNAL);
      expect(errorInfoOf(error)).toMatchObject({
        reason: 'KERNEL_ERROR',
        metadata: { call: 'KVM_GET_REGS', errno: 'EIO' },
      });
      expect(wire.log.filter((line) => line.includes('KVM_GET_REGS'))).toHaveLength(1);
    });

    test(`of a ${kind} handler that a caller is meant to see is told as it is, and not logged`, async () => {
      const refusal = VcpudError.of('VM_NOT_FOUND', 'there is no VM a', { metadata: { vm: 'a' } });
      const wire = await served(throwing(kind, refusal));
      const error = await callKind(wire, kind);
      expect(error.code).toBe(status.NOT_FOUND);
      expect(error.details).toBe('there is no VM a');
      expect(errorInfoOf(error)).toMatchObject({ reason: 'VM_NOT_FOUND', metadata: { vm: 'a' } });
      expect(wire.log).toEqual([]);
    });
  }

  test('thrown before the first await is no other', async () => {
    const wire = await served({
      unary: () => {
        throw new Error(SECRET);
      },
    });
    expect((await callKind(wire, 'unary')).details).toMatch(/^internal error; log id/);
  });
});

describe('a unary handler', () => {
  test('is told when its caller has gone', async () => {
    let caller: Caller | undefined;
    const wire = await served({
      unary: (_, who) => {
        caller = who;
        return new Promise(() => undefined);
      },
    });
    const raw = new Client(wire.target, credentials.createInsecure());
    ends.push(() => raw.close());
    const { path, requestSerialize, responseDeserialize } = api.VmService.service.GetVm;
    const call = raw.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      { name: 'vms/a' },
      () => undefined,
    );
    await eventually('the call to arrive', () => caller);
    expect(caller?.gone()).toBe(false);
    call.cancel();
    await eventually('the caller to be gone', () => (caller?.gone() === true ? true : undefined));
  });
});

describe('a stream that the server makes', () => {
  const CHUNK = Buffer.alloc(256 * 1024);

  /** Counts what is asked of the generator, and whether it was told to stop. */
  function counted(most: number) {
    const seen = { made: 0, stopped: false };
    const make = async function* make(): AsyncGenerator<ReadMemoryResponse> {
      try {
        for (; seen.made < most; seen.made += 1) yield { gpa: seen.made, data: CHUNK };
      } finally {
        seen.stopped = true;
      }
    };
    return { seen, make };
  }

  test('goes out whole, in order', async () => {
    const { seen, make } = counted(20);
    const client = connect(await served({ serverStream: make }));
    const gpas: number[] = [];
    for await (const { gpa, data } of client.readMemory({})) {
      expect(data).toHaveLength(CHUNK.length);
      gpas.push(Number(gpa));
    }
    expect(gpas).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(seen).toEqual({ made: 20, stopped: true });
  });

  test('is made no faster than its client takes it, and stops when its client goes', async () => {
    const { seen, make } = counted(10_000);
    const wire = await served({ serverStream: make });
    const client = connect(wire);
    const incoming = client.readMemory({});
    const iterator = incoming[Symbol.asyncIterator]();
    await iterator.next();
    // Another stream of the same server runs from begin to end while this one stands still.
    const other = connect(wire);
    let bytes = 0;
    for await (const { data } of other.readMemory({})) {
      bytes += data?.length ?? 0;
      if (bytes >= 20 * CHUNK.length) break;
    }
    // The two of them, and what fits into HTTP/2's windows and gRPC's buffers.
    expect(seen.made).toBeLessThan(60);
    incoming.cancel();
    await eventually('the generator to be told', () => (seen.stopped ? true : undefined));
  });
});

describe('a stream of what comes about', () => {
  /** The push of the one stream, and how often it was unsubscribed. */
  function subscribable() {
    const seen: { push: Push<WatchVmResponse> | undefined; unsubscribed: number } = {
      push: undefined,
      unsubscribed: 0,
    };
    const subscribe = (_: WatchVmRequest__Output, push: Push<WatchVmResponse>) => {
      seen.push = push;
      return () => {
        seen.unsubscribed += 1;
      };
    };
    return { seen, subscribe };
  }

  const push = (seen: { push: Push<WatchVmResponse> | undefined }): Promise<Push<WatchVmResponse>> =>
    eventually('the subscription', () => seen.push);

  const event = (vcpuIndex: number): WatchVmResponse => ({ exit: { vcpuIndex, exit: 'HLT' } });

  const indices = (events: readonly WatchVmResponse__Output[]) => events.map(({ exit }) => exit?.vcpuIndex);

  test('brings everything in order, ends well, and unsubscribes once', async () => {
    const { seen, subscribe } = subscribable();
    const client = connect(await served({ pushStream: subscribe }));
    const incoming = client.watchVm({});
    const events: WatchVmResponse__Output[] = [];
    const all = (async () => {
      for await (const one of incoming) events.push(one);
    })();
    const { send, end } = await push(seen);
    for (let i = 0; i < 1000; i += 1) send(event(i), 64);
    end();
    send(event(1000), 64); // after the end there is nothing
    await all;
    expect(indices(events)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(seen.unsubscribed).toBe(1);
  });

  test('that subscribes to something that is over already is unsubscribed too', async () => {
    let unsubscribed = 0;
    const wire = await served({
      pushStream: (_, { send, end }) => {
        send(event(7), 64);
        end();
        return () => {
          unsubscribed += 1;
        };
      },
    });
    const events: WatchVmResponse__Output[] = [];
    for await (const one of connect(wire).watchVm({})) events.push(one);
    expect(indices(events)).toEqual([7]);
    expect(unsubscribed).toBe(1);
  });

  test('is cut off with WATCHER_TOO_SLOW when 1 MiB waits, after what was sent before', async () => {
    const { seen, subscribe } = subscribable();
    const wire = await served({ pushStream: subscribe });
    const client = new Client(wire.target, credentials.createInsecure());
    ends.push(() => client.close());
    const { path, requestSerialize, responseDeserialize } = api.VmService.service.WatchVm;
    const stream: ClientReadableStream<WatchVmResponse__Output> = client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      {},
    );
    const events: WatchVmResponse__Output[] = [];
    const ended = new Promise<ServiceError>((resolve) => stream.once('error', resolve));
    const { send } = await push(seen);
    let sent = 0;
    // Nothing is taken meanwhile, since nothing awaits: all of it waits.
    for (; seen.unsubscribed === 0 && sent < 10_000; sent += 1) send(event(sent), 1024);
    expect(seen.unsubscribed).toBe(1);
    expect(sent).toBeGreaterThanOrEqual(1024);
    expect(sent).toBeLessThan(3000);
    send(event(sent), 1024); // to nobody
    stream.on('data', (one: WatchVmResponse__Output) => events.push(one));
    const error = await ended;
    expect(error.code).toBe(status.RESOURCE_EXHAUSTED);
    expect(errorInfoOf(error)?.reason).toBe('WATCHER_TOO_SLOW');
    expect(indices(events)).toEqual(events.map((_, i) => i)); // no gap before the end
    expect(seen.unsubscribed).toBe(1);
  });

  test('is ended by the service with an error of its own, once', async () => {
    const { seen, subscribe } = subscribable();
    const client = connect(await served({ pushStream: subscribe }));
    const incoming = client.watchVm({});
    const ended = errorOf(
      (async () => {
        for await (const _ of incoming);
      })(),
    );
    const { send, fail, end } = await push(seen);
    send(event(0), 64);
    fail(VcpudError.of('SHUTTING_DOWN', 'vcpud is ending'));
    fail(VcpudError.of('INTERNAL', 'too late'));
    end();
    expect(errorInfoOf(await ended)?.reason).toBe('SHUTTING_DOWN');
    expect(seen.unsubscribed).toBe(1);
  });

  test('is unsubscribed once when its client goes', async () => {
    const { seen, subscribe } = subscribable();
    const client = connect(await served({ pushStream: subscribe }));
    const incoming = client.watchVm({});
    const all = (async () => {
      for await (const _ of incoming);
    })();
    const { send } = await push(seen);
    send(event(0), 64);
    incoming.cancel();
    await all;
    await eventually('the unsubscription', () => (seen.unsubscribed > 0 ? true : undefined));
    send(event(1), 64);
    expect(seen.unsubscribed).toBe(1);
  });
});

describe('a stream that the server takes', () => {
  test('is refused in its middle: the client hears it at once, however much it still sends', async () => {
    const wire = await served({
      clientStream: async (requests) => {
        let taken = 0;
        for await (const _ of requests) {
          taken += 1;
          if (taken === 3) throw VcpudError.of('NAME_CHANGED', 'another name', { field: 'name' });
        }
        return {};
      },
    });
    let made = 0;
    const error = await errorOf(
      connect(wire).writeMemory(
        (function* chunks() {
          for (; made < 10_000; made += 1) yield { gpa: made, data: Buffer.alloc(64 * 1024) };
        })(),
      ),
    );
    expect(errorInfoOf(error)?.reason).toBe('NAME_CHANGED');
    expect(made).toBeLessThan(10_000);
  });

  for (const [what, messages] of [
    ['waits for the next message', 1],
    ['is behind with those that came', 40],
  ] as const) {
    test(`ends for a service that ${what} when its client goes, and nobody logs it`, async () => {
      let taken = 0;
      let over = false;
      let goOn: () => void = () => undefined;
      const busy = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      const wire = await served({
        clientStream: async (requests) => {
          try {
            for await (const _ of requests) {
              taken += 1;
              if (messages > 1) await busy;
            }
            return {};
          } finally {
            over = true;
          }
        },
      });
      const client = new Client(wire.target, credentials.createInsecure());
      ends.push(() => client.close());
      const { path, requestSerialize, responseDeserialize } = api.MemoryService.service.WriteMemory;
      const ended = new Promise((resolve) => {
        const call = client.makeClientStreamRequest(path, requestSerialize, responseDeserialize, resolve);
        for (let i = 0; i < messages; i += 1) call.write({ gpa: i, data: Buffer.alloc(65_536) });
        void eventually('the first message to be taken', () => (taken === 1 ? true : undefined)).then(() =>
          call.cancel(),
        );
      });
      expect(await ended).toMatchObject({ code: status.CANCELLED });
      goOn();
      await eventually('the service to be done', () => (over ? true : undefined));
      expect(taken).toBeLessThanOrEqual(messages);
      expect(wire.log).toEqual([]);
    });
  }

  test('is taken one message at a time: a slow service is not sent more than buffers hold', async () => {
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const wire = await served({
      clientStream: async (requests) => {
        let taken = 0;
        for await (const _ of requests) {
          taken += 1;
          if (taken === 1) await gate;
        }
        return { writtenBytes: taken };
      },
    });
    let made = 0;
    const done = connect(wire).writeMemory(
      (function* chunks() {
        for (; made < 400; made += 1) yield { gpa: made, data: Buffer.alloc(64 * 1024) };
      })(),
    );
    const before = await eventually('the client to be held up', async () => {
      const now = made;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return now > 0 && now === made ? now : undefined;
    });
    expect(before).toBeLessThan(100);
    release();
    expect((await done).writtenBytes).toBe('400');
  });
});

describe('a stream in both directions', () => {
  test('is refused in its middle: the client, who waits for the answer and sends no more, hears why', async () => {
    const stream = await talking(async (requests, reply) => {
      for await (const request of requests) {
        if (request.command === 'round') throw VcpudError.of('VM_DELETED', 'gone', { subject: 'vms/a' });
        reply.send({ started: { memoryBytes: 1 } });
      }
    });
    await stream.send({ start: {} });
    expect((await stream.next()).started?.memoryBytes).toBe('1');
    await stream.send({ round: {} });
    expect(errorInfoOf(await errorOf(stream.next()))?.reason).toBe('VM_DELETED');
  });

  test('is ended by the service while the client could send more: the client has the last answer and the end', async () => {
    const stream = await talking(async (requests, reply) => {
      for await (const _ of requests) {
        reply.send({ switched: { pages: 3 } });
        return;
      }
    });
    await stream.send({ switchOver: {} });
    expect((await stream.next()).switched?.pages).toBe('3');
    await expect(stream.next()).rejects.toBeInstanceOf(StreamEnded);
  });

  test('is served whole though its client went away: what had arrived by then, and then the word that it is gone', async () => {
    const served: Array<string | undefined> = [];
    let over: unknown;
    let gone: () => boolean = () => false;
    let goOn: () => void = () => undefined;
    const busy = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const wire = await talkative(async (requests, reply) => {
      gone = () => reply.caller.gone();
      try {
        for await (const { command } of requests) {
          served.push(command);
          reply.send({ started: {} });
          await busy;
        }
      } catch (error) {
        over = error;
      }
    });
    const line = await heldLine(wire.target.replace('unix:', ''));
    ends.push(line.close);
    const client = new VcpudClient(line.endpoint);
    ends.push(() => client.close());
    const stream = client.sendVm();
    await stream.send({ start: {} });
    await stream.next();
    // They arrive, and the end of the line right behind, while the service is busy with the first.
    line.hold('there');
    for (let i = 0; i < 3; i += 1) await stream.send({ round: {} });
    await stream.send({ switchOver: {} });
    await eventually('all of it to be on its way', () =>
      line.heldBytes() >= 4 * (9 + 5 + 2) ? true : undefined,
    );
    await line.deliverAndCut();
    await eventually('the server to hear of it', () => (gone() ? true : undefined));
    goOn();
    await eventually('the service to be done', () => over);
    expect(served).toEqual(['start', 'round', 'round', 'round', 'switchOver']);
    expect(over).toMatchObject({ reason: 'CANCELLED' });
  });
});
