// What people write on the command line, read: endpoints, names, addresses and sizes. Anything malformed is an
// InvalidArgumentError, which commander turns into a usage failure.

import { InvalidArgumentError } from 'commander';
import { type Endpoint, hostAndPort, parseEndpoint } from '../../lib/api/endpoint.js';

export const DEFAULT_ENDPOINT = 'unix:///run/vcpud/vcpud.sock';

/** Reads unix:///PATH or tcp://HOST:PORT. */
export function endpoint(text: string): Endpoint {
  try {
    const read = parseEndpoint(text);
    if (read.kind === 'unix' || hostAndPort(read).port > 0) return read;
  } catch {
    // Said below.
  }
  throw new InvalidArgumentError('An endpoint is unix:///PATH or tcp://HOST:PORT.');
}

/** Reads --timeout. */
export function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && value <= 86_400) return value;
  throw new InvalidArgumentError('A number of seconds, more than 0 and at most 86400.');
}

/** vms/{vm} of `vms/{vm}` or `{vm}`. What an id may look like is vcpud's to say. */
export function vmName(text: string): string {
  const [, id] = /^(?:vms\/)?([^/]+)$/.exec(text) ?? [];
  if (id === undefined) throw new InvalidArgumentError('A VM is vms/{vm}, or {vm} for short.');
  return `vms/${id}`;
}

/** The bare id of a VM to be made. */
export function vmId(text: string): string {
  return vmName(text).slice('vms/'.length);
}

/** vms/{vm}/vcpus/{index} of itself or of `{vm}/{index}`. */
export function vcpuName(text: string): string {
  const [, vm, index] = /^vms\/([^/]+)\/vcpus\/([^/]+)$/.exec(text) ?? /^([^/]+)\/([^/]+)$/.exec(text) ?? [];
  if (vm === undefined || index === undefined) {
    throw new InvalidArgumentError('A vCPU is vms/{vm}/vcpus/{index}, or {vm}/{index} for short.');
  }
  return `vms/${vm}/vcpus/${index}`;
}

/** vcpuName for an argument that may come many times. */
export function vcpuNames(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), vcpuName(text)];
}

const UNITS: Readonly<Record<string, bigint>> = { K: 1n << 10n, M: 1n << 20n, G: 1n << 30n, T: 1n << 40n };
const QUANTITY = /^(0x[0-9a-f]+|[0-9]+)(?:([kmgt])(?:i?b)?)?$/i;
const U64_END = 1n << 64n;

/** An address or a size in bytes: decimal or 0x hexadecimal, with K, M, G or T for powers of 1024. */
export function quantity(text: string): bigint {
  const [, digits, unit] = QUANTITY.exec(text) ?? [];
  const value = digits === undefined ? U64_END : BigInt(digits) * (UNITS[unit?.toUpperCase() ?? ''] ?? 1n);
  if (value < U64_END) return value;
  throw new InvalidArgumentError('A number such as 4096, 0x1000, 64K or 4M, below 2^64.');
}

/** A whole number from 0 to 2^32-1, for a field of 32 bits. */
export function count(text: string): number {
  const value = Number(text);
  if (/^[0-9]+$/.test(text) && value <= 0xffff_ffff) return value;
  throw new InvalidArgumentError('A whole number.');
}

export interface Region {
  readonly gpa: bigint;
  readonly bytes: bigint;
}

/** One more region of guest memory, GPA:SIZE. */
export function regions(text: string, before: readonly Region[] | undefined): Region[] {
  const [gpa, bytes, ...more] = text.split(':');
  if (gpa === undefined || bytes === undefined || more.length > 0) {
    throw new InvalidArgumentError('A region is GPA:SIZE, such as 0:4M or 0xffff0000:64K.');
  }
  return [...(before ?? []), { gpa: quantity(gpa), bytes: quantity(bytes) }];
}
