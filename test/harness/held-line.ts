// A line to a vcpud that can be stopped, in either direction, while a message is on its way, and cut with what was held
// delivered or lost: for what two sides believe when a network or a peer goes away at one moment.

import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** To the vcpud, or back from it. */
export type Direction = 'there' | 'back';

export interface HeldLine {
  readonly socketPath: string;
  /** unix:///PATH, or tcp://127.0.0.1:PORT. */
  readonly endpoint: string;
  /** From here on bytes in that direction wait, and so does the end of who sends them. */
  hold(direction: Direction): void;
  /** What waits in that direction goes on, and what comes. */
  release(direction: Direction): void;
  /** Bytes that wait, in both directions. */
  heldBytes(): number;
  /** Cuts the line; what waits is lost. */
  cut(): void;
  /** Gives the vcpud what waits for it, and cuts the line right behind. */
  deliverAndCut(): Promise<void>;
  /** Cuts it, and lets nobody in any more. */
  close(): Promise<void>;
}

interface Pair {
  readonly client: Socket;
  readonly vcpud: Socket;
  readonly waiting: Record<Direction, Buffer[]>;
  readonly ended: Set<Direction>;
}

/** A line to the socket, which begins at a socket too, or at a port of TCP: over that a source streams memory. */
export async function heldLine(socketPath: string, begins: 'unix' | 'tcp' = 'unix'): Promise<HeldLine> {
  const folder = mkdtempSync(join(tmpdir(), 'vcpud-held-'));
  const path = join(folder, 'line.sock');
  const pairs = new Set<Pair>();
  const held = new Set<Direction>();
  const drop = (pair: Pair) => {
    pairs.delete(pair);
    pair.client.destroy();
    pair.vcpud.destroy();
  };
  const connected = (client: Socket) => {
    const vcpud = createConnection(socketPath);
    const pair: Pair = { client, vcpud, waiting: { there: [], back: [] }, ended: new Set() };
    pairs.add(pair);
    for (const [direction, from, to] of [
      ['there', client, vcpud],
      ['back', vcpud, client],
    ] as const) {
      from.on('data', (bytes: Buffer) => {
        if (held.has(direction)) pair.waiting[direction].push(bytes);
        else to.write(bytes);
      });
      from.on('error', () => undefined); // it was cut off: closed next
      from.on('close', () => {
        if (held.has(direction)) pair.ended.add(direction);
        else drop(pair);
      });
    }
  };
  const server = createServer(connected);
  await new Promise<void>((resolve) =>
    begins === 'unix' ? server.listen(path, resolve) : server.listen(0, '127.0.0.1', resolve),
  );
  const cut = () => {
    for (const pair of pairs) drop(pair);
    held.clear();
  };
  return {
    socketPath: path,
    endpoint:
      begins === 'unix' ? `unix://${path}` : `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hold: (direction) => void held.add(direction),
    release: (direction) => {
      held.delete(direction);
      for (const pair of pairs) {
        const to = direction === 'there' ? pair.vcpud : pair.client;
        for (const bytes of pair.waiting[direction].splice(0)) to.write(bytes);
        if (pair.ended.has(direction)) to.end(() => drop(pair));
      }
    },
    heldBytes: () =>
      [...pairs].reduce((sum, { waiting }) => {
        const bytes = [...waiting.there, ...waiting.back];
        return sum + bytes.reduce((all, { length }) => all + length, 0);
      }, 0),
    cut,
    deliverAndCut: async () => {
      await Promise.all(
        [...pairs].map((pair) => {
          const rest = Buffer.concat(pair.waiting.there);
          return new Promise<void>((resolve) => pair.vcpud.end(rest, resolve));
        }),
      );
      cut();
    },
    close: async () => {
      cut();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
