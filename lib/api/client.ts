// A client of the API: one channel, every unary rpc as a promise, the streams as async iterables. Used by the
// reference orchestrator, by vcpuctl and by the tests.

import {
  Client,
  type ClientReadableStream,
  type ClientWritableStream,
  Metadata,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import type { MethodDefinition } from '@grpc/proto-loader';
import type { CollectDirtyPagesRequest } from '../../protos/gen/vcpud/v1/CollectDirtyPagesRequest.js';
import type { CollectDirtyPagesResponse__Output } from '../../protos/gen/vcpud/v1/CollectDirtyPagesResponse.js';
import type { HostServiceDefinition } from '../../protos/gen/vcpud/v1/HostService.js';
import type { MemoryServiceDefinition } from '../../protos/gen/vcpud/v1/MemoryService.js';
import type { MigrationServiceDefinition } from '../../protos/gen/vcpud/v1/MigrationService.js';
import type { NestedStateServiceDefinition } from '../../protos/gen/vcpud/v1/NestedStateService.js';
import type { ReadMemoryRequest } from '../../protos/gen/vcpud/v1/ReadMemoryRequest.js';
import type { ReadMemoryResponse__Output } from '../../protos/gen/vcpud/v1/ReadMemoryResponse.js';
import type { ReceiveVmResponse__Output } from '../../protos/gen/vcpud/v1/ReceiveVmResponse.js';
import type { SendVmRequest } from '../../protos/gen/vcpud/v1/SendVmRequest.js';
import type { SendVmResponse__Output } from '../../protos/gen/vcpud/v1/SendVmResponse.js';
import type { VcpuServiceDefinition } from '../../protos/gen/vcpud/v1/VcpuService.js';
import type { VmServiceDefinition } from '../../protos/gen/vcpud/v1/VmService.js';
import type { WatchVmRequest } from '../../protos/gen/vcpud/v1/WatchVmRequest.js';
import type { WatchVmResponse__Output } from '../../protos/gen/vcpud/v1/WatchVmResponse.js';
import type { WriteConsoleRequest } from '../../protos/gen/vcpud/v1/WriteConsoleRequest.js';
import type { WriteConsoleResponse__Output } from '../../protos/gen/vcpud/v1/WriteConsoleResponse.js';
import type { WriteMemoryRequest } from '../../protos/gen/vcpud/v1/WriteMemoryRequest.js';
import type { WriteMemoryResponse__Output } from '../../protos/gen/vcpud/v1/WriteMemoryResponse.js';
import { type ClientTls, channelTo } from './channel.js';
import { api } from './definitions.js';
import { type Duplex, duplex } from './duplex.js';

/** Every rpc of a service, called as a unary one. Streaming ones are methods of VcpudClient. */
export type Unary<Definition> = {
  // The generated definitions have an index signature beside the names; it is left out.
  readonly [Name in keyof Definition as string extends Name
    ? never
    : Name]: Definition[Name] extends MethodDefinition<
    infer Request,
    infer _ResponseIn,
    infer _RequestOut,
    infer Response
  >
    ? (request: Request) => Promise<Response>
    : never;
};

/** What of a method's definition a call needs. */
interface UnaryMethod<Request> {
  readonly path: string;
  requestSerialize(request: Request): Buffer;
}

/** A stream from the server: iterate it; cancel() ends it from this side, without an error. */
export interface Incoming<T> extends AsyncIterable<T> {
  cancel(): void;
}

/** How long a call may take before it fails with DEADLINE_EXCEEDED, ms. */
const DEFAULT_TIMEOUT_MS = 60_000;

const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
  'grpc.enable_channelz': 0,
  // How much of a stream may be on its way. HTTP/2's own 64 KiB makes the server wait for this side after every piece
  // of a chunk of guest memory: ReadMemory then takes half as long again (measured).
  'grpc-node.flow_control_window': 4 * 1024 * 1024,
  // A stream has no deadline, and a network that falls silent ends no connection: a call under way asks every 10 s
  // whether the other end is still there, and fails where that says nothing for 20 s.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 20_000,
  // Each client its own connection: one that is slow doesn't hold up another.
  'grpc.use_local_subchannel_pool': 1,
} as const;

export interface ClientOptions {
  /** How long a unary call may take, ms: a minute where nothing is said. */
  readonly timeoutMs?: number | undefined;
  /** TCP is spoken with it, and TCP beyond this machine not without. */
  readonly tls?: ClientTls | undefined;
}

/** A client of the vcpud at unix:///PATH or tcp://HOST:PORT; unix:/PATH and HOST:PORT, gRPC's own names, are the same. */
export class VcpudClient {
  readonly host: Unary<HostServiceDefinition>;
  readonly vm: Unary<VmServiceDefinition>;
  readonly vcpu: Unary<VcpuServiceDefinition>;
  /** Tracking on and off; memory itself moves by the streams below. */
  readonly memory: Pick<Unary<MemoryServiceDefinition>, 'StartDirtyTracking' | 'StopDirtyTracking'>;
  readonly nested: Unary<NestedStateServiceDefinition>;
  /** The streams of a migration are methods below. */
  readonly migration: Pick<Unary<MigrationServiceDefinition>, 'PrepareVm' | 'ResolveMigration'>;
  private readonly client: Client;
  private readonly timeoutMs: number;

  /** Connects when first used. Throws an Error for a person where the endpoint is malformed, or needs TLS and there is none. */
  constructor(endpoint: string, { timeoutMs, tls }: ClientOptions = {}) {
    const { target, credentials, options } = channelTo(endpoint, tls);
    this.client = new Client(target, credentials, { ...CHANNEL_OPTIONS, ...options });
    this.timeoutMs = timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.host = this.unaries(api.HostService.service);
    this.vm = this.unaries(api.VmService.service);
    this.vcpu = this.unaries(api.VcpuService.service);
    this.memory = this.unaries(api.MemoryService.service);
    this.nested = this.unaries(api.NestedStateService.service);
    this.migration = this.unaries(api.MigrationService.service);
  }

  private unaries<T>(service: ServiceDefinition): T {
    const methods: Record<string, (request: unknown) => Promise<unknown>> = {};
    for (const [name, method] of Object.entries(service)) {
      if (method.requestStream || method.responseStream) continue;
      methods[name] = (request) => this.unary(method, method.responseDeserialize, request);
    }
    return methods as T;
  }

  private unary<Request, Answer>(
    { path, requestSerialize }: UnaryMethod<Request>,
    deserialize: (bytes: Buffer) => Answer,
    request: Request,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + this.timeoutMs };
      this.client.makeUnaryRequest(
        path,
        requestSerialize,
        deserialize,
        request,
        new Metadata(),
        options,
        (error, response) => {
          if (error === null) resolve(response as Answer);
          else reject(error);
        },
      );
    });
  }

  /**
   * The answer of a unary rpc as it came on the wire, for those who keep it: with fields that a newer vcpud sends and
   * that this version of the API has no name for.
   */
  answerBytes<Request>(method: UnaryMethod<Request>, request: Request): Promise<Buffer> {
    return this.unary(method, (bytes) => bytes, request);
  }

  /** Resolves when the server answers at all; rejects after the time given. */
  ready(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.client.waitForReady(Date.now() + timeoutMs, (error) =>
        error === undefined ? resolve() : reject(error),
      );
    });
  }

  /** MemoryService.ReadMemory. */
  readMemory(request: ReadMemoryRequest): Incoming<ReadMemoryResponse__Output> {
    const { path, requestSerialize, responseDeserialize } = api.MemoryService.service.ReadMemory;
    return incoming(
      this.client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request),
    );
  }

  /** MemoryService.WriteMemory: sends the chunks as fast as the server takes them. */
  writeMemory(
    chunks: AsyncIterable<WriteMemoryRequest> | Iterable<WriteMemoryRequest>,
  ): Promise<WriteMemoryResponse__Output> {
    return this.outgoing(api.MemoryService.service.WriteMemory, chunks);
  }

  /** VmService.WriteConsole: sends the pieces as fast as the guest takes them. */
  writeConsole(
    pieces: AsyncIterable<WriteConsoleRequest> | Iterable<WriteConsoleRequest>,
  ): Promise<WriteConsoleResponse__Output> {
    return this.outgoing(api.VmService.service.WriteConsole, pieces);
  }

  private outgoing<Request, Response>(
    {
      path,
      requestSerialize,
      responseDeserialize,
    }: {
      readonly path: string;
      readonly requestSerialize: (request: Request) => Buffer;
      readonly responseDeserialize: (bytes: Buffer) => Response;
    },
    messages: AsyncIterable<Request> | Iterable<Request>,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const answer = new AbortController();
      const call: ClientWritableStream<Request> = this.client.makeClientStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        (error, response) => {
          answer.abort();
          if (error === null && response !== undefined) resolve(response);
          else reject(error ?? new Error(`${path} ended without an answer`));
        },
      );
      void sendAll(call, messages, answer.signal).catch((error: unknown) => {
        call.cancel();
        reject(error);
      });
    });
  }

  /** MemoryService.CollectDirtyPages. */
  collectDirtyPages(request: CollectDirtyPagesRequest): Incoming<CollectDirtyPagesResponse__Output> {
    const { path, requestSerialize, responseDeserialize } = api.MemoryService.service.CollectDirtyPages;
    return incoming(
      this.client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request),
    );
  }

  /** MigrationService.SendVm. */
  sendVm(): Duplex<SendVmRequest, SendVmResponse__Output> {
    const { path, requestSerialize, responseDeserialize } = api.MigrationService.service.SendVm;
    return duplex(this.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize));
  }

  /** MigrationService.ReceiveVm, of messages that are serialized already: guest memory is, where it is read. */
  receiveVm(): Duplex<Buffer, ReceiveVmResponse__Output> {
    const { path, responseDeserialize } = api.MigrationService.service.ReceiveVm;
    return duplex(this.client.makeBidiStreamRequest(path, (message: Buffer) => message, responseDeserialize));
  }

  /** VmService.WatchVm. */
  watchVm(request: WatchVmRequest): Incoming<WatchVmResponse__Output> {
    const { path, requestSerialize, responseDeserialize } = api.VmService.service.WatchVm;
    return incoming(
      this.client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request),
    );
  }

  close(): void {
    this.client.close();
  }
}

function incoming<T>(call: ClientReadableStream<T>): Incoming<T> {
  let cancelled = false;
  // A call can fail before anybody iterates it: heard by nobody, its error would end the process.
  let failure: unknown;
  call.on('error', (error) => {
    failure ??= error;
  });
  return {
    cancel: () => {
      cancelled = true;
      call.cancel();
    },
    async *[Symbol.asyncIterator]() {
      try {
        if (failure !== undefined) throw failure;
        for await (const message of call) yield message as T;
      } catch (error) {
        if (!cancelled) throw error;
      } finally {
        call.cancel();
      }
    },
  };
}

/** Sends until all is sent, or until the server has answered: then nothing more is asked of the source. */
async function sendAll<Request>(
  call: ClientWritableStream<Request>,
  chunks: AsyncIterable<Request> | Iterable<Request>,
  answered: AbortSignal,
): Promise<void> {
  call.on('error', () => undefined); // the answer says it too
  for await (const chunk of chunks) {
    if (answered.aborted) return;
    if (call.write(chunk)) continue;
    await new Promise<void>((resolve) => {
      const done = () => {
        call.off('drain', done);
        answered.removeEventListener('abort', done);
        resolve();
      };
      call.once('drain', done);
      // gRPC takes no more after an answer, and says nothing of it: neither drain nor error comes.
      answered.addEventListener('abort', done, { once: true });
    });
    if (answered.aborted) return;
  }
  call.end();
}
