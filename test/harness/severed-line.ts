// A line to a vcpud that breaks: bytes go through it to and fro, up to a number of them, and then both ends are cut
// off in the middle of whatever was being said.

import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SeveredLine {
  /** As a client takes it. */
  readonly target: string;
  /** Bytes that the client has sent so far. */
  sent(): number;
  /** Cuts it now, and lets nobody in any more. */
  sever(): Promise<void>;
}

/** A line to the socket that breaks once the client has sent that many bytes: the last of them still arrive. */
export async function severedLine(socketPath: string, breaksAfterBytes: number): Promise<SeveredLine> {
  const folder = mkdtempSync(join(tmpdir(), 'vcpud-line-'));
  const path = join(folder, 'line.sock');
  const sockets: Socket[] = [];
  let sent = 0;
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer((client) => {
    const vcpud = createConnection(socketPath);
    sockets.push(client, vcpud);
    for (const socket of [client, vcpud]) {
      socket.on('error', cut); // the other end was cut off
      socket.on('close', cut);
    }
    vcpud.pipe(client);
    client.on('data', (bytes: Buffer) => {
      const passed = bytes.subarray(0, Math.max(0, breaksAfterBytes - sent));
      sent += bytes.length;
      if (sent < breaksAfterBytes) vcpud.write(passed);
      else vcpud.write(passed, cut);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    target: `unix:${path}`,
    sent: () => sent,
    sever: async () => {
      cut();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
