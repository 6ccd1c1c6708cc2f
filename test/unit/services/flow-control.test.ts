// What a vcpud tells those who connect of how much may be on its way to it, by HTTP/2 itself: grpc-js has no option for
// a server's windows, so an update of it may take them away unsaid.

import { mkdtempSync, rmSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FLOW_CONTROL_WINDOW_BYTES } from '../../../lib/api/flow-control.js';
import { modelDriver } from '../../../lib/kvm/model/model-driver.js';
import { type RunningServer, startServer } from '../../../services/server.js';

const folder = mkdtempSync(join(tmpdir(), 'vcpud-windows-'));
const socket = join(folder, 'vcpud.sock');
let server: RunningServer;

beforeAll(async () => {
  const endpoints = [
    { kind: 'unix', address: socket },
    { kind: 'tcp', address: '127.0.0.1:0' },
  ] as const;
  server = await startServer(modelDriver('amd'), { endpoints, tls: undefined }, pino({ level: 'silent' }));
});

afterAll(async () => {
  await server.stop(0);
  rmSync(folder, { recursive: true });
});

/** Where the second endpoint got its port. */
const port = (): number => Number(server.targets[1]?.split(':').at(-1));

test.each([
  ['a Unix socket', () => connectSocket(socket)],
  ['TCP', () => connectSocket(port(), '127.0.0.1')],
])('over %s a stream and a connection may have a whole window on its way', async (_name, open) => {
  const session: ClientHttp2Session = connect('http://localhost', { createConnection: open });
  try {
    await new Promise((resolve, reject) => {
      session.once('remoteSettings', resolve);
      session.once('error', reject);
    });
    // Behind the settings comes the connection's window; behind both, the answer to this.
    await new Promise<void>((resolve, reject) => {
      session.ping((error) => (error === null ? resolve() : reject(error)));
    });
    expect(session.remoteSettings.initialWindowSize).toBe(FLOW_CONTROL_WINDOW_BYTES);
    expect(session.state.remoteWindowSize).toBe(FLOW_CONTROL_WINDOW_BYTES);
  } finally {
    session.destroy();
  }
});
