// A server's HTTP/2 windows. grpc-js has an option for a client's alone (grpc-node.flow_control_window), so this reaches
// into its Server, whose version package.json fixes; test/unit/services/flow-control.test.ts says whether a client is
// told these windows. Where a Server has other insides the windows are HTTP/2's own, and memory travels more slowly.

import type { Http2Server, ServerHttp2Session } from 'node:http2';
import type { Server } from '@grpc/grpc-js';
import { FLOW_CONTROL_WINDOW_BYTES } from '../lib/api/flow-control.js';

interface Inside {
  /** What its HTTP/2 servers are made with. */
  readonly commonServerOptions?: { settings?: Record<string, unknown> };
  /** One for each address. */
  readonly http2Servers?: ReadonlyMap<Http2Server, unknown>;
}

const wide = (session: ServerHttp2Session): void => session.setLocalWindowSize(FLOW_CONTROL_WINDOW_BYTES);

/** Each stream's: before the server listens. */
export function widenStreams(server: Server): void {
  const { commonServerOptions } = server as unknown as Inside;
  if (commonServerOptions === undefined) return;
  commonServerOptions.settings = {
    ...commonServerOptions.settings,
    initialWindowSize: FLOW_CONTROL_WINDOW_BYTES,
  };
}

/** Each connection's: as soon as the server listens on one address more. */
export function widenConnections(server: Server): void {
  const { http2Servers } = server as unknown as Inside;
  for (const http2Server of http2Servers?.keys() ?? [])
    if (!http2Server.listeners('session').includes(wide)) http2Server.on('session', wide);
}
