// One run of a command: its client, made when first needed, and the two ways to answer. Loads gRPC and the .proto
// files no earlier than that: help and usage errors don't wait for them.

import type { Command } from 'commander';
import type { VcpudClient } from '../../lib/api/client.js';
import type { Endpoint } from './arguments.js';
import type { Io } from './io.js';

/** The options before the group. */
export interface GlobalOptions {
  readonly endpoint: Endpoint;
  readonly json?: true;
  readonly timeout: number;
}

export class Session {
  readonly io: Io;
  readonly json: boolean;
  /** How long a call may take, and a stream may stand still, ms. */
  readonly timeoutMs: number;
  /** As a gRPC client takes it. */
  readonly target: string;
  private client: VcpudClient | undefined;

  constructor(io: Io, options: GlobalOptions) {
    this.io = io;
    this.json = options.json === true;
    this.timeoutMs = options.timeout * 1000;
    this.target = options.endpoint.target;
  }

  async connect(): Promise<VcpudClient> {
    const { VcpudClient } = await import('../../lib/api/client.js');
    this.client ??= new VcpudClient(this.target, this.timeoutMs);
    return this.client;
  }

  /** Answers with a message of the API: as JSON, or as the text that people read. */
  async answer<T extends object>(type: string, message: T, text: (message: T) => string): Promise<void> {
    if (this.json) await this.document(await this.asJson(type, message));
    else await this.io.out(text(message));
  }

  /** Answers with what is no message of the API. */
  async say(document: object, text: string): Promise<void> {
    if (this.json) await this.document(document);
    else await this.io.out(text);
  }

  /** One message of a stream, on a line of its own. */
  async jsonLine(type: string, message: object): Promise<void> {
    await this.io.out(`${JSON.stringify(await this.asJson(type, message))}\n`);
  }

  private async asJson(type: string, message: object): Promise<object> {
    const { toJson } = await import('./json.js');
    return toJson(type, message) as object;
  }

  private async document(document: object): Promise<void> {
    await this.io.out(`${JSON.stringify(document, undefined, 2)}\n`);
  }

  close(): void {
    this.client?.close();
  }
}

/** Makes commander's action of a function that takes a session, then the command's arguments and options. */
export type Act = <Values extends unknown[]>(
  task: (session: Session, ...values: Values) => Promise<void>,
) => (...all: [...Values, Command]) => Promise<void>;

export function actWith(io: Io): Act {
  return <Values extends unknown[]>(task: (session: Session, ...values: Values) => Promise<void>) =>
    async (...all: [...Values, Command]) => {
      const command = all.at(-1) as Command;
      const session = new Session(io, command.optsWithGlobals<GlobalOptions>());
      try {
        await task(session, ...(all.slice(0, -1) as Values));
      } finally {
        session.close();
      }
    };
}
