// google.rpc error details on the wire: packed into the metadata of a status by the server, read back by clients.

import type { Metadata, ServiceError, status } from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';
import { packageDefinition } from './definitions.js';

/** ErrorInfo.domain of every error. */
export const ERROR_DOMAIN = 'vcpud';

const DETAILS_KEY = 'grpc-status-details-bin';

/** google.protobuf.Any as proto-loader takes and gives it. */
interface AnyMessage {
  type_url: string;
  value: Buffer;
}

function rpcType(name: string): MessageTypeDefinition<object, object> {
  return packageDefinition[`google.rpc.${name}`] as unknown as MessageTypeDefinition<object, object>;
}

/** One detail: a message of google.rpc by its name. */
export interface Detail {
  readonly type: 'ErrorInfo' | 'BadRequest' | 'PreconditionFailure';
  readonly message: object;
}

/** Puts details into a status's metadata. */
export function attachDetails(
  metadata: Metadata,
  code: status,
  message: string,
  details: readonly Detail[],
): void {
  const packed: AnyMessage[] = details.map(({ type, message: detail }) => ({
    type_url: `type.googleapis.com/google.rpc.${type}`,
    value: rpcType(type).serialize(detail),
  }));
  metadata.set(DETAILS_KEY, rpcType('Status').serialize({ code, message, details: packed }));
}

/** What a client finds in an error of vcpud's. */
export interface ErrorInfo {
  readonly reason: string;
  readonly domain: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly fieldViolations: ReadonlyArray<{ readonly field: string; readonly description: string }>;
  readonly preconditionViolations: ReadonlyArray<{ readonly type: string; readonly subject: string }>;
}

/** Reads the google.rpc details of an error; undefined where it has none. */
export function errorInfoOf(error: ServiceError): ErrorInfo | undefined {
  const [bytes] = error.metadata?.get(DETAILS_KEY) ?? [];
  if (!(bytes instanceof Buffer)) return undefined;
  const { details } = rpcType('Status').deserialize(bytes) as { details: Array<Record<string, unknown>> };
  const found: Record<string, Record<string, unknown>> = {};
  for (const detail of details) {
    // proto-loader gives an Any as it is on the wire: type_url and value.
    const url = String(detail['type_url'] ?? detail['typeUrl'] ?? '');
    const name = url.slice(url.lastIndexOf('.') + 1);
    // Details that vcpud never sends: a proxy's between it and the client, say.
    if (packageDefinition[`google.rpc.${name}`] === undefined) continue;
    found[name] = rpcType(name).deserialize(detail['value'] as Buffer) as Record<string, unknown>;
  }
  const info = found['ErrorInfo'];
  if (info === undefined) return undefined;
  return {
    reason: String(info['reason']),
    domain: String(info['domain']),
    metadata: info['metadata'] as Record<string, string>,
    fieldViolations: (found['BadRequest']?.['fieldViolations'] ?? []) as ErrorInfo['fieldViolations'],
    preconditionViolations: (found['PreconditionFailure']?.['violations'] ??
      []) as ErrorInfo['preconditionViolations'],
  };
}
