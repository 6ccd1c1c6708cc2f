// Any rpc of the API by its name, the way a program in another language might call it: with whatever messages, with
// bytes that are no message, with a deadline, cancelled at any moment. And what an answer is in one line of words.

import type { Readable } from 'node:stream';
import {
  Client,
  type ClientUnaryCall,
  Metadata,
  type ServiceDefinition,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { type ClientTls, channelTo } from '../../lib/api/channel.js';
import { api } from '../../lib/api/definitions.js';
import { type ErrorInfo, errorInfoOf } from '../../lib/api/error-details.js';

export interface Rpc {
  readonly service: string;
  readonly name: string;
  /** As HTTP/2 has it: /vcpud.v1.VmService/GetVm. */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly serialize: (message: unknown) => Buffer;
  readonly deserialize: (bytes: Buffer) => unknown;
}

const SERVICES: Readonly<Record<string, ServiceDefinition>> = {
  HostService: api.HostService.service,
  VmService: api.VmService.service,
  MemoryService: api.MemoryService.service,
  VcpuService: api.VcpuService.service,
  NestedStateService: api.NestedStateService.service,
  MigrationService: api.MigrationService.service,
};

/** Every rpc of every service. */
export const RPCS: readonly Rpc[] = Object.entries(SERVICES).flatMap(([service, definition]) =>
  Object.entries(definition).map(([name, method]) => ({
    service,
    name,
    path: method.path,
    requestStream: method.requestStream,
    responseStream: method.responseStream,
    serialize: method.requestSerialize,
    deserialize: method.responseDeserialize,
  })),
);

export function rpcOf(name: string): Rpc {
  const rpc = RPCS.find((candidate) => candidate.name === name);
  if (rpc === undefined) throw new Error(`the API has no rpc ${name}`);
  return rpc;
}

/** A call under way. */
export interface UnderWay {
  readonly answer: Promise<readonly unknown[]>;
  cancel(): void;
}

/** The vcpud that is asked, and how. */
export interface Connection {
  /** unix:///PATH or tcp://HOST:PORT. */
  readonly endpoint: string;
  readonly tls: ClientTls | undefined;
  /** How long one call may take, ms. */
  readonly timeoutMs: number;
}

/** A connection for calls by name. */
export class Wire {
  private readonly client: Client;
  private readonly timeoutMs: number;

  constructor({ endpoint, tls, timeoutMs }: Connection) {
    this.timeoutMs = timeoutMs;
    const { target, credentials, options } = channelTo(endpoint, tls);
    this.client = new Client(target, credentials, {
      ...options,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_receive_message_length': -1,
      'grpc.enable_channelz': 0,
    });
  }

  /** Sends the messages, one where the rpc takes one, and gives all that come back. */
  call(rpc: Rpc, requests: readonly unknown[]): Promise<readonly unknown[]> {
    return this.start(rpc, requests, rpc.serialize, Date.now() + this.timeoutMs).answer;
  }

  /** The same with one message of any bytes. */
  callWithBytes(rpc: Rpc, bytes: Buffer): Promise<readonly unknown[]> {
    return this.start(rpc, [bytes], (given) => given as Buffer, Date.now() + this.timeoutMs).answer;
  }

  /** Begins a call, for one who may cancel it. */
  begin(rpc: Rpc, requests: readonly unknown[]): UnderWay {
    return this.start(rpc, requests, rpc.serialize, Date.now() + this.timeoutMs);
  }

  /** One message of bytes to any rpc of any service, by its path; the bytes of the first that comes back. */
  bytesOf(path: string, request: Buffer): Promise<Buffer> {
    const pass = (given: Buffer): Buffer => given;
    return new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + this.timeoutMs };
      const call = this.client.makeBidiStreamRequest(path, pass, pass, new Metadata(), options);
      call.once('data', resolve);
      call.once('error', reject);
      call.once('end', () => reject(new Error(`${path} ended without an answer`)));
      call.end(request);
    });
  }

  /** A call whose deadline is that many ms from now, or ago. */
  callWithin(rpc: Rpc, requests: readonly unknown[], ms: number): Promise<readonly unknown[]> {
    return this.start(rpc, requests, rpc.serialize, Date.now() + ms).answer;
  }

  close(): void {
    this.client.close();
  }

  private start(
    { path, deserialize, requestStream, responseStream }: Rpc,
    requests: readonly unknown[],
    serialize: (message: unknown) => Buffer,
    deadline: number,
  ): UnderWay {
    const options = { deadline };
    let cancel: () => void = () => undefined;
    const answer = new Promise<readonly unknown[]>((resolve, reject) => {
      const answered = (error: ServiceError | null, response: unknown) =>
        error === null ? resolve([response]) : reject(error);
      if (requestStream && responseStream) {
        const call = this.client.makeBidiStreamRequest(path, serialize, deserialize, new Metadata(), options);
        cancel = () => call.cancel();
        collect(call, resolve, reject);
        for (const request of requests) call.write(request);
        call.end();
      } else if (requestStream) {
        const call = this.client.makeClientStreamRequest(
          path,
          serialize,
          deserialize,
          new Metadata(),
          options,
          answered,
        );
        cancel = () => call.cancel();
        call.on('error', () => undefined); // the answer says it too
        for (const request of requests) call.write(request);
        call.end();
      } else if (responseStream) {
        const call = this.client.makeServerStreamRequest(
          path,
          serialize,
          deserialize,
          requests[0],
          new Metadata(),
          options,
        );
        cancel = () => call.cancel();
        collect(call, resolve, reject);
      } else {
        const call: ClientUnaryCall = this.client.makeUnaryRequest(
          path,
          serialize,
          deserialize,
          requests[0],
          new Metadata(),
          options,
          answered,
        );
        cancel = () => call.cancel();
      }
    });
    answer.catch(() => undefined); // whoever awaits it hears of it; one that is given up is heard by nobody
    return { answer, cancel: () => cancel() };
  }
}

/** All messages of a stream, at its end. */
function collect(
  call: Readable,
  resolve: (messages: readonly unknown[]) => void,
  reject: (error: Error) => void,
): void {
  const messages: unknown[] = [];
  call.on('data', (message: unknown) => messages.push(message));
  call.once('error', reject);
  call.once('end', () => resolve(messages));
}

export interface Refusal extends ErrorInfo {
  /** The gRPC status code's name, such as "INVALID_ARGUMENT". */
  readonly code: string;
  readonly message: string;
}

const isServiceError = (error: unknown): error is ServiceError =>
  error instanceof Error && typeof (error as Partial<ServiceError>).code === 'number' && 'details' in error;

const NO_INFO: ErrorInfo = {
  reason: '',
  domain: '',
  metadata: {},
  fieldViolations: [],
  preconditionViolations: [],
};

/** What a call was refused with, undefined where it went well. An error without details has an empty reason. */
export async function refusalOf(call: Promise<unknown>): Promise<Refusal | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    if (!isServiceError(error)) throw error;
    return { ...(errorInfoOf(error) ?? NO_INFO), code: status[error.code] ?? '', message: error.details };
  }
}

/** "OK", or code and reason: "INVALID_ARGUMENT SVM_ASID_ZERO". */
export async function answerOf(call: Promise<unknown>): Promise<string> {
  const refusal = await refusalOf(call);
  if (refusal === undefined) return 'OK';
  return refusal.reason === '' ? refusal.code : `${refusal.code} ${refusal.reason}`;
}
