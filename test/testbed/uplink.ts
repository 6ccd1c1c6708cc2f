// The command's output on its way out of the Intel host: two TCP connections from inside to this process, for which
// an emulated serial line is too slow. Called by bochs.ts.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export interface Uplink {
  readonly port: number;
  /** What a connection must say first, then a space, 'stdout' or 'stderr' and a newline. */
  readonly token: string;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Ends both outputs, after what has come. */
  close(): void;
}

/** A listener on 127.0.0.1; each output ends when its connection does. */
export async function openUplink(): Promise<Uplink> {
  const token = randomBytes(16).toString('hex');
  const outputs = { stdout: new PassThrough(), stderr: new PassThrough() };
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: false }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => {}); // the emulator's end, which run.ts sees for itself
    void greeting(socket).then((line) => {
      const [word, name] = line.split(' ');
      if (word !== token || (name !== 'stdout' && name !== 'stderr')) {
        socket.destroy();
        return;
      }
      pipeline(socket, outputs[name]).catch(() => outputs[name].end());
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    token,
    ...outputs,
    close: () => {
      server.close();
      if (sockets.size === 0) for (const output of Object.values(outputs)) output.end();
      for (const socket of sockets) socket.destroySoon();
    },
  };
}

/** The first line, byte by byte: what follows it is the output's. */
async function greeting(socket: Socket): Promise<string> {
  let line = '';
  while (line.length < 100) {
    const byte = socket.read(1) as Buffer | null;
    if (byte === null) {
      if (socket.readableEnded || socket.destroyed) return '';
      await Promise.race([once(socket, 'readable'), once(socket, 'close')]).catch(() => {});
      continue;
    }
    if (byte[0] === 0x0a) return line;
    line += byte.toString('latin1');
  }
  return '';
}
