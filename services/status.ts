// Errors on their way out: a VcpudError becomes a gRPC status with google.rpc details; anything else becomes
// INTERNAL with an id that finds it in the log, and none of its text.

import { randomUUID } from 'node:crypto';
import { Metadata, type StatusObject, status } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { attachDetails, type Detail, ERROR_DOMAIN } from '../lib/api/error-details.js';
import { VcpudError } from '../lib/errors/vcpud-error.js';
import { KernelError } from '../lib/os/kernel-error.js';

/** The google.rpc details of an error: always an ErrorInfo, and a BadRequest or PreconditionFailure where it fits. */
function detailsOf(error: VcpudError): Detail[] {
  const { field, further = [], subject, metadata } = error.details;
  const info = { reason: error.reason, domain: ERROR_DOMAIN, metadata: metadata ?? {} };
  const details: Detail[] = [{ type: 'ErrorInfo', message: info }];
  if (error.status === 'FAILED_PRECONDITION') {
    const violation = { type: error.reason, subject: subject ?? 'host', description: error.message };
    details.push({ type: 'PreconditionFailure', message: { violations: [violation] } });
  } else if (field !== undefined) {
    const all = [{ field, reason: error.reason, message: error.message }, ...further];
    const fieldViolations = all.map(({ message, ...rest }) => ({ ...rest, description: message }));
    details.push({ type: 'BadRequest', message: { fieldViolations } });
  }
  return details;
}

/** What a handler gives to grpc-js for an error. */
export function toStatus(error: unknown, log: Logger): Pick<StatusObject, 'code' | 'details' | 'metadata'> {
  let known: VcpudError;
  if (error instanceof VcpudError) {
    known = error;
  } else if (error instanceof KernelError) {
    log.error({ err: error }, 'the kernel failed a call that does not fail on a sound host');
    const { call, code: errno } = error;
    known = VcpudError.of('KERNEL_ERROR', `${call} failed: ${errno}`, { metadata: { call, errno } });
  } else {
    const logId = randomUUID();
    log.error({ err: error, logId }, 'a call failed in a way that vcpud has no name for');
    known = VcpudError.of('INTERNAL', `internal error; log id ${logId}`, { metadata: { log_id: logId } });
  }
  const code = status[known.status];
  const metadata = new Metadata();
  attachDetails(metadata, code, known.message, detailsOf(known));
  return { code, details: known.message, metadata };
}
