// A gRPC server of a few handlers on a socket of its own, and its log: for unit tests over the real wire.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { type Logger, pino } from 'pino';

export interface Wire {
  /** As a client takes it. */
  readonly target: string;
  /** What was logged, a line of JSON each. */
  readonly log: readonly string[];
  stop(): Promise<void>;
}

/** A logger that keeps its lines. */
export function keptLog(): { readonly log: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  return { log: pino({ level: 'debug' }, { write: (line) => void lines.push(line) }), lines };
}

export type Offer = readonly [ServiceDefinition, UntypedServiceImplementation];

/** Serves what `offers` makes of a logger. */
export async function serveOnWire(offers: (log: Logger) => readonly Offer[]): Promise<Wire> {
  const folder = mkdtempSync(join(tmpdir(), 'vcpud-wire-'));
  const { log, lines } = keptLog();
  const server = new Server({ 'grpc.max_receive_message_length': 4 * 1024 * 1024 });
  for (const [definition, handlers] of offers(log)) server.addService(definition, handlers);
  const target = `unix:${join(folder, 'wire.sock')}`;
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(target, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  return {
    target,
    log: lines,
    stop: async () => {
      server.forceShutdown();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
