// The client whose calls are timed: one connection, the same for product and floor, and rounds of calls on it.

import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { api } from '../../lib/api/definitions.js';
import type { BatchGetNestedStatesResponse__Output } from '../../protos/gen/vcpud/v1/BatchGetNestedStatesResponse.js';
import type { GetNestedStateResponse__Output } from '../../protos/gen/vcpud/v1/GetNestedStateResponse.js';
import type { NestedState__Output } from '../../protos/gen/vcpud/v1/NestedState.js';
import { ECHO } from './echo.js';

const { GetNestedState, BatchGetNestedStates } = api.NestedStateService.service;

const OPTIONS = { 'grpc.enable_channelz': 0, 'grpc.use_local_subchannel_pool': 1 } as const;

/** What a client needs of a method. */
interface Method<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

export class MeasuredClient {
  private readonly client: Client;

  constructor(target: string) {
    this.client = new Client(target, credentials.createInsecure(), OPTIONS);
  }

  get(name: string): Promise<GetNestedStateResponse__Output> {
    return this.call(GetNestedState, { name });
  }

  echo(name: string): Promise<GetNestedStateResponse__Output> {
    return this.call(ECHO, { name });
  }

  batch(parent: string): Promise<BatchGetNestedStatesResponse__Output> {
    return this.call(BatchGetNestedStates, { parent });
  }

  close(): void {
    this.client.close();
  }

  private call<Request, Response>(method: Method<Request, Response>, request: Request): Promise<Response> {
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        new Metadata(),
        (error, response) => {
          if (error === null && response !== undefined) resolve(response);
          else reject(error ?? new Error(`${method.path} ended without an answer`));
        },
      );
    });
  }
}

export type Call = () => Promise<GetNestedStateResponse__Output>;

/** What one round saw. */
export interface Round {
  /** From the first call to the last answer. */
  readonly ms: number;
  /** Each call's time that counts, ms. */
  readonly latencies: readonly number[];
  /** stop_duration of the same calls, ms. */
  readonly stops: readonly number[];
  /** Calls made, those that don't count included. */
  readonly calls: number;
}

/** Whether a state is a live L2's: 4,224 bytes, in guest mode. */
export const isLive = (state: NestedState__Output | null): boolean =>
  state?.data.length === 4224 && state.flags.includes('NESTED_STATE_FLAG_GUEST_MODE');

/** Makes `count` calls, `inFlight` at a time. A call that finds the vCPU out of L2 takes part and doesn't count. */
export async function round(call: Call, count: number, inFlight: number): Promise<Round> {
  const latencies: number[] = [];
  const stops: number[] = [];
  let begun = 0;
  const lane = async () => {
    while (begun < count) {
      begun += 1;
      const since = performance.now();
      const { nestedState, stopDuration } = await call();
      const took = performance.now() - since;
      if (!isLive(nestedState)) continue;
      latencies.push(took);
      stops.push(Number(stopDuration?.seconds ?? 0) * 1000 + (stopDuration?.nanos ?? 0) / 1e6);
    }
  };
  const since = performance.now();
  await Promise.all(Array.from({ length: inFlight }, lane));
  return { ms: performance.now() - since, latencies, stops, calls: count };
}
