// What went wrong, for people and for programs, and the one table of exit statuses. Errors of calls, of files and
// of the command line all end here.

import type { ServiceError } from '@grpc/grpc-js';
import type { ErrorInfo } from '../../lib/api/error-details.js';

/** Codes that are vcpuctl's own, beside gRPC's: no call ends with them. */
export type OwnCode = 'USAGE' | 'CLIENT' | 'INCOMPATIBLE' | 'STAYS' | 'IN_DOUBT';

interface StatusRow {
  readonly status: number;
  /** gRPC codes and own codes that end with it. */
  readonly codes: readonly string[];
  readonly when: string;
}

/** Every exit status. A code in no row ends with FAILED. */
export const EXIT_STATUSES: readonly StatusRow[] = [
  { status: 0, codes: ['OK'], when: 'done' },
  { status: 1, codes: ['CLIENT'], when: 'failed in another way than below, or a file could not be used' },
  { status: 2, codes: ['USAGE'], when: 'wrong usage; nothing was called' },
  { status: 3, codes: ['UNAVAILABLE'], when: 'no vcpud answers at the endpoint, or it is ending' },
  { status: 4, codes: ['NOT_FOUND'], when: 'there is no such VM or vCPU' },
  {
    status: 5,
    codes: ['INVALID_ARGUMENT', 'OUT_OF_RANGE', 'FAILED_PRECONDITION', 'ALREADY_EXISTS', 'PERMISSION_DENIED'],
    when: 'refused: the request, or what is there, must change first',
  },
  {
    status: 6,
    codes: ['DEADLINE_EXCEEDED'],
    when: 'no answer within --timeout; whether it was done is not known',
  },
  { status: 7, codes: ['INCOMPATIBLE'], when: 'the host must not be given the VM: there is a blocker' },
  { status: 8, codes: ['IN_DOUBT'], when: 'a migration broke off in its switch: migrate --resume ends it' },
  { status: 9, codes: ['STAYS'], when: 'a migration came to nothing: the guest is at the source, as before' },
  { status: 130, codes: ['INTERRUPTED'], when: 'ended by Ctrl-C or SIGTERM' },
];

const FAILED = 1;

export function exitStatusOf(code: string): number {
  return EXIT_STATUSES.find(({ codes }) => codes.includes(code))?.status ?? FAILED;
}

export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

/** A failure as it is shown. */
export interface Failure {
  /** A gRPC code's name, or one of OwnCode. */
  readonly code: string;
  /** vcpud's stable reason; empty where the error carries none. */
  readonly reason: string;
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly fieldViolations: readonly FieldViolation[];
}

/** A failure that vcpuctl itself found. */
export class VcpuctlError extends Error {
  readonly code: string;
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
  constructor(
    code: OwnCode | 'INVALID_ARGUMENT' | 'DEADLINE_EXCEEDED' | 'UNAVAILABLE',
    reason: string,
    message: string,
    metadata: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.name = 'VcpuctlError';
    this.code = code;
    this.reason = reason;
    this.metadata = metadata;
  }
}

/** Ctrl-C ended a command that goes on until then; there is nothing to say. */
export class Interrupted extends Error {
  constructor() {
    super('interrupted');
    this.name = 'Interrupted';
  }
}

/** What another vcpud than --endpoint's failed with. */
export class OtherEndpointError extends Error {
  readonly endpoint: string;
  constructor(endpoint: string, cause: unknown) {
    super(`${endpoint} failed`, { cause });
    this.name = 'OtherEndpointError';
    this.endpoint = endpoint;
  }
}

/** What a failed use of a file is to the caller. */
export function fileFailure(verb: 'read' | 'write', path: string, error: unknown): VcpuctlError {
  const { code, message } = error as NodeJS.ErrnoException;
  return new VcpuctlError('CLIENT', code ?? 'FILE', `cannot ${verb} ${path}: ${message}`);
}

function isServiceError(error: unknown): error is ServiceError {
  const { code, details, metadata } = error as Partial<ServiceError>;
  return (
    error instanceof Error &&
    typeof code === 'number' &&
    typeof details === 'string' &&
    metadata !== undefined
  );
}

/** grpc-js ends its sentence with a note that is mostly empty. */
const withoutEmptyNote = (details: string): string => details.replace(/\.? Resolution note: $/, '');

/** Whether it is a call that no vcpud answered. */
export async function isUnreached(error: unknown): Promise<boolean> {
  if (!isServiceError(error)) return false;
  const { status, errorInfoOf } = await grpc();
  return error.code === status.UNAVAILABLE && errorInfoOf(error) === undefined;
}

/** Loaded already where a call has failed; loading it for every start would double the time of --help. */
async function grpc() {
  const [{ status }, { errorInfoOf }] = await Promise.all([
    import('@grpc/grpc-js'),
    import('../../lib/api/error-details.js'),
  ]);
  return { status, errorInfoOf };
}

/** What any error is to the caller. */
export async function failureOf(error: unknown, endpoint: string): Promise<Failure> {
  if (error instanceof OtherEndpointError) return failureOf(error.cause, error.endpoint);
  if (error instanceof VcpuctlError) {
    const { code, reason, message, metadata } = error;
    return { code, reason, message, metadata, fieldViolations: [] };
  }
  if (!isServiceError(error)) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { code: 'CLIENT', reason: code ?? 'INTERNAL', message, metadata: {}, fieldViolations: [] };
  }
  const { status, errorInfoOf } = await grpc();
  const info: ErrorInfo | undefined = errorInfoOf(error);
  const unreached = await isUnreached(error);
  return {
    code: status[error.code] ?? String(error.code),
    reason: info?.reason ?? '',
    message: unreached ? `no answer from ${endpoint}: ${withoutEmptyNote(error.details)}` : error.details,
    metadata: info?.metadata ?? {},
    fieldViolations: (info?.fieldViolations ?? []).map(({ field, description }) => ({ field, description })),
  };
}

/** For people: the sentence, then what else is known, a line each. */
export function failureText(failure: Failure): string {
  const { code, reason, message, metadata, fieldViolations } = failure;
  const lines = [`vcpuctl: ${message} [${[code, reason].filter((part) => part !== '').join(' ')}]`];
  for (const { field, description } of fieldViolations) {
    lines.push(description === message ? `  field ${field}` : `  field ${field}: ${description}`);
  }
  for (const [name, value] of Object.entries(metadata)) lines.push(`  ${name}: ${value}`);
  if (code === 'USAGE') lines.push('  vcpuctl help, or vcpuctl help <group> <command>, says how.');
  return `${lines.join('\n')}\n`;
}

/** For programs: one JSON object. */
export function failureJson({ code, reason, message, metadata, fieldViolations }: Failure): string {
  return `${JSON.stringify({ code, reason, message, metadata, fieldViolations }, undefined, 2)}\n`;
}
