// One run of a command: its client, made when first needed, and the two ways to answer. Loads gRPC and the .proto
// files no earlier than that: help and usage errors don't wait for them.

import type { Command } from 'commander';
import type { ClientTls } from '../../lib/api/channel.js';
import type { VcpudClient } from '../../lib/api/client.js';
import { type Endpoint, endpointText, leavesMachine } from '../../lib/api/endpoint.js';
import type { TlsFiles } from '../../lib/api/tls-files.js';
import { isUnreached, OtherEndpointError, VcpuctlError } from './failure.js';
import type { Io } from './io.js';

/** The options before the group. */
export interface GlobalOptions {
  readonly endpoint: Endpoint;
  readonly json?: true;
  readonly timeout: number;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsServerName?: string;
}

/** What TLS is spoken with; undefined on a Unix socket, and where no option says anything of it. */
async function tlsOf(options: GlobalOptions): Promise<ClientTls | undefined> {
  const files = tlsFilesOf(options);
  if (files === undefined) return undefined;
  const { readTlsFiles, TlsFileError } = await import('../../lib/api/tls-files.js');
  const { tlsServerName: serverName } = options;
  try {
    return { ...readTlsFiles(files, 'client'), ...(serverName === undefined ? {} : { serverName }) };
  } catch (error) {
    if (error instanceof TlsFileError) throw new VcpuctlError('CLIENT', 'TLS_FILE', error.message);
    throw error;
  }
}

const TLS_OPTIONS = '--tls-ca, --tls-cert and --tls-key';

/** The files by the options. Fails with USAGE where the endpoint needs them, or only some of them are given. */
function tlsFilesOf({ endpoint, tlsCa, tlsCert, tlsKey }: GlobalOptions): TlsFiles | undefined {
  if (endpoint.kind === 'unix') return undefined;
  if (tlsCa !== undefined && tlsCert !== undefined && tlsKey !== undefined) {
    return { ca: tlsCa, cert: tlsCert, key: tlsKey };
  }
  if (tlsCa !== undefined || tlsCert !== undefined || tlsKey !== undefined) {
    throw new VcpuctlError('USAGE', '', `${TLS_OPTIONS} go together: not all of them are given`);
  }
  if (!leavesMachine(endpoint)) return undefined;
  const where = endpointText(endpoint);
  throw new VcpuctlError('USAGE', '', `${where} is not a loopback address: it needs ${TLS_OPTIONS}`);
}

export class Session {
  readonly io: Io;
  readonly json: boolean;
  /** How long a call may take, and a stream may stand still, ms. */
  readonly timeoutMs: number;
  readonly endpoint: Endpoint;
  private readonly options: GlobalOptions;
  private client: VcpudClient | undefined;

  constructor(io: Io, options: GlobalOptions) {
    this.io = io;
    this.json = options.json === true;
    this.timeoutMs = options.timeout * 1000;
    this.endpoint = options.endpoint;
    this.options = options;
  }

  /** The one client of a run. */
  async connect(): Promise<VcpudClient> {
    if (this.client !== undefined) return this.client;
    const { VcpudClient } = await import('../../lib/api/client.js');
    const { endpoint, ...options } = await this.connection();
    this.client = new VcpudClient(endpoint, options);
    return this.client;
  }

  /** A session with another vcpud than --endpoint's, with the same options; the caller closes it. */
  at(endpoint: Endpoint): Session {
    return new Session(this.io, { ...this.options, endpoint });
  }

  /** Something asked of another vcpud than --endpoint's, with the same options: for commands about two. */
  async elsewhere<T>(endpoint: Endpoint, ask: (client: VcpudClient) => Promise<T>): Promise<T> {
    const other = this.at(endpoint);
    try {
      return await ask(await other.connect());
    } catch (error) {
      throw new OtherEndpointError(endpointText(endpoint), await other.explained(error));
    } finally {
      other.close();
    }
  }

  /** With what a client of the same vcpud is made. */
  async connection(): Promise<{ endpoint: string; timeoutMs: number; tls: ClientTls | undefined }> {
    const tls = await tlsOf(this.options);
    return { endpoint: endpointText(this.endpoint), timeoutMs: this.timeoutMs, tls };
  }

  /** A call that nobody answered, with why where TLS is the reason; any other error as it is. */
  async explained(error: unknown): Promise<unknown> {
    if (this.endpoint.kind === 'unix' || !(await isUnreached(error))) return error;
    const { tlsObstacle } = await import('../../lib/api/unreached.js');
    const obstacle = await tlsObstacle(this.endpoint, await tlsOf(this.options), this.timeoutMs);
    if (obstacle === undefined) return error;
    const { reason, message } = obstacle;
    return new VcpuctlError(
      'UNAVAILABLE',
      reason,
      `no answer from ${endpointText(this.endpoint)}: ${message}`,
    );
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
      } catch (error) {
        throw await session.explained(error);
      } finally {
        session.close();
      }
    };
}
