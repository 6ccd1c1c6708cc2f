// Any rpc of the API by its name, the way a program in another language might call it: with whatever messages, or
// with bytes that are no message at all. For tests that go through all of them by a table.

import { Client, credentials, Metadata, type ServiceDefinition, type ServiceError } from '@grpc/grpc-js';
import { api } from '../../lib/api/definitions.js';

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
  MigrationService: api.MigrationService.service,
  VcpuService: api.VcpuService.service,
  NestedStateService: api.NestedStateService.service,
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

const DEADLINE_MS = 60_000;

/** A connection for calls by name. */
export class RpcClient {
  private readonly client: Client;

  constructor(target: string) {
    this.client = new Client(target, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_receive_message_length': -1,
    });
  }

  /** Sends the messages, one where the rpc takes one, and gives all that come back. */
  call(rpc: Rpc, requests: readonly unknown[]): Promise<unknown[]> {
    return this.send(rpc, requests, rpc.serialize);
  }

  /** The same with one message of any bytes. */
  callWithBytes(rpc: Rpc, bytes: Buffer): Promise<unknown[]> {
    return this.send(rpc, [bytes], (given) => given as Buffer);
  }

  close(): void {
    this.client.close();
  }

  private send(
    rpc: Rpc,
    requests: readonly unknown[],
    serialize: (message: unknown) => Buffer,
  ): Promise<unknown[]> {
    const { path, deserialize } = rpc;
    const options = { deadline: Date.now() + DEADLINE_MS };
    return new Promise((resolve, reject) => {
      const answered = (error: ServiceError | null, response: unknown) =>
        error === null ? resolve([response]) : reject(error);
      if (rpc.requestStream && rpc.responseStream) {
        const call = this.client.makeBidiStreamRequest(path, serialize, deserialize, new Metadata(), options);
        const messages: unknown[] = [];
        call.on('data', (message: unknown) => messages.push(message));
        call.once('error', reject);
        call.once('end', () => resolve(messages));
        for (const request of requests) call.write(request);
        call.end();
      } else if (rpc.requestStream) {
        const call = this.client.makeClientStreamRequest(
          path,
          serialize,
          deserialize,
          new Metadata(),
          options,
          answered,
        );
        for (const request of requests) call.write(request);
        call.end();
      } else if (rpc.responseStream) {
        const call = this.client.makeServerStreamRequest(
          path,
          serialize,
          deserialize,
          requests[0],
          new Metadata(),
          options,
        );
        const messages: unknown[] = [];
        call.on('data', (message: unknown) => messages.push(message));
        call.once('error', reject);
        call.once('end', () => resolve(messages));
      } else {
        this.client.makeUnaryRequest(
          path,
          serialize,
          deserialize,
          requests[0],
          new Metadata(),
          options,
          answered,
        );
      }
    });
  }
}
