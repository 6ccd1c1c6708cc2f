// Errors on the wire: a VcpudError becomes a gRPC status with google.rpc details; anything else becomes INTERNAL
// with an id that finds it in the log, and none of its text. Clients read them back with errorInfoOf.

import { randomUUID } from 'node:crypto';
import { Metadata, type ServiceError, type StatusObject, status } from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';
import type { Logger } from 'pino';
import { VcpudError } from '../lib/errors/vcpud-error.js';
import { packageDefinition } from './proto.js';

/** ErrorInfo.domain of every error. */
export const ERROR_DOMAIN = 'vcpud';

const DETAILS_KEY = 'grpc-status-details-bin';

interface AnyMessage {
  type_url: string;
  value: Buffer;
}

function rpcType(name: string): MessageTypeDefinition<object, object> {
  return packageDefinition[`google.rpc.${name}`] as unknown as MessageTypeDefinition<object, object>;
}

function pack(name: string, message: object): AnyMessage {
  return { type_url: `type.googleapis.com/google.rpc.${name}`, value: rpcType(name).serialize(message) };
}

/** The google.rpc details of an error: always an ErrorInfo, and a BadRequest or PreconditionFailure where it fits. */
function detailsOf(error: VcpudError): AnyMessage[] {
  const { field, subject, metadata } = error.details;
  const details = [pack('ErrorInfo', { reason: error.reason, domain: ERROR_DOMAIN, metadata: metadata ?? {} })];
  if (error.status === 'FAILED_PRECONDITION') {
    const violation = { type: error.reason, subject: subject ?? 'host', description: error.message };
    details.push(pack('PreconditionFailure', { violations: [violation] }));
  } else if (field !== undefined) {
    const violation = { field, description: error.message, reason: error.reason };
    details.push(pack('BadRequest', { fieldViolations: [violation] }));
  }
  return details;
}

/** What a handler gives to grpc-js for an error. */
export function toStatus(error: unknown, log: Logger): Pick<StatusObject, 'code' | 'details' | 'metadata'> {
  let known: VcpudError;
  if (error instanceof VcpudError) {
    known = error;
  } else {
    const logId = randomUUID();
    log.error({ err: error, logId }, 'a call failed in a way that vcpud has no name for');
    known = VcpudError.of('INTERNAL', `internal error; log id ${logId}`, { metadata: { log_id: logId } });
  }
  const code = status[known.status];
  const metadata = new Metadata();
  const message = { code, message: known.message, details: detailsOf(known) };
  metadata.set(DETAILS_KEY, rpcType('Status').serialize(message));
  return { code, details: known.message, metadata };
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
