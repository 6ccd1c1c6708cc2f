// The floor of every RPC: EchoService.Echo, which answers what GetNestedState answers, ready-made, from the same
// server with the same serializers. What a call costs beyond it is vcpud's own work.

import type { Server, ServiceDefinition } from '@grpc/grpc-js';
import { api } from '../../lib/api/definitions.js';
import { nestedState } from '../../lib/api/vcpu-state.js';
import type { GetNestedStateRequest__Output } from '../../protos/gen/vcpud/v1/GetNestedStateRequest.js';
import type { GetNestedStateResponse } from '../../protos/gen/vcpud/v1/GetNestedStateResponse.js';

const { GetNestedState } = api.NestedStateService.service;

/** GetNestedState's messages under a name of its own. */
export const ECHO = { ...GetNestedState, path: '/vcpud.bench.v1.EchoService/Echo' };

const SERVICE: ServiceDefinition = { Echo: ECHO };

/** A live L2's state, as SVM has it. */
const BYTES = 4224;

/** Adds the service to a server: startServer's `extend`. */
export function addEcho(server: Server): void {
  const bytes = Buffer.alloc(BYTES, 0xa5);
  bytes.writeUInt16LE(0x101, 0); // flags: GUEST_MODE, GIF_SET
  bytes.writeUInt16LE(1, 2); // format: SVM
  bytes.writeUInt32LE(BYTES, 4);
  const answer: GetNestedStateResponse = {
    nestedState: nestedState(bytes),
    stopDuration: { seconds: 0, nanos: 123_456 },
    captureTime: { seconds: 1_800_000_000, nanos: 123_456_789 },
  };
  server.addService(SERVICE, {
    Echo: (
      _call: { readonly request: GetNestedStateRequest__Output },
      callback: (error: null, response: GetNestedStateResponse) => void,
    ) => callback(null, answer),
  });
}
