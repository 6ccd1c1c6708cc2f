// Resource names (AIP-122) and page tokens (AIP-158), read and written.

import { VcpudError } from '../lib/errors/vcpud-error.js';

const VM_ID = /^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const VM_NAME = /^vms\/([a-z](?:[a-z0-9-]{0,61}[a-z0-9])?)$/;
const VCPU_NAME = /^vms\/([a-z](?:[a-z0-9-]{0,61}[a-z0-9])?)\/vcpus\/(0|[1-9][0-9]{0,3})$/;

const DEFAULT_PAGE = 100;
const LARGEST_PAGE = 1000;

export const vmName = (id: string): string => `vms/${id}`;
export const vcpuName = (id: string, index: number): string => `vms/${id}/vcpus/${index}`;

function malformed(field: string, name: string, form: string): VcpudError {
  const shown = name.length > 80 ? `${name.slice(0, 80)}…` : name;
  return VcpudError.of('NAME_MALFORMED', `${field} must be ${form}, not "${shown}"`, {
    field,
    metadata: { name: shown, form },
  });
}

/** Checks an id for a new VM. */
export function checkVmId(id: string): string {
  if (VM_ID.test(id)) return id;
  const message = 'vm_id must be 1 to 63 of a-z, 0-9 and -, beginning with a letter and not ending with -';
  throw VcpudError.of('VM_ID_MALFORMED', message, { field: 'vm_id', metadata: { vm_id: id.slice(0, 80) } });
}

/** The VM's id in vms/{vm}. */
export function parseVmName(name: string, field = 'name'): string {
  const id = VM_NAME.exec(name)?.[1];
  if (id === undefined) throw malformed(field, name, 'vms/{vm}');
  return id;
}

/** The VM's id and the vCPU's index in vms/{vm}/vcpus/{index}. */
export function parseVcpuName(name: string, field = 'name'): { vm: string; index: number } {
  const match = VCPU_NAME.exec(name);
  if (match?.[1] === undefined) throw malformed(field, name, 'vms/{vm}/vcpus/{index}');
  return { vm: match[1], index: Number(match[2]) };
}

/** One page of a list that is sorted by key, which is also what page tokens are made of. */
export function page<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  request: { readonly pageSize: number; readonly pageToken: string },
): { items: T[]; nextPageToken: string } {
  if (request.pageSize < 0) {
    throw VcpudError.of('PAGE_SIZE_NEGATIVE', 'page_size must not be negative', { field: 'page_size' });
  }
  const size = Math.min(request.pageSize === 0 ? DEFAULT_PAGE : request.pageSize, LARGEST_PAGE);
  const after = request.pageToken === '' ? undefined : readToken(request.pageToken);
  const start = after === undefined ? 0 : items.findIndex((item) => keyOf(item) > after);
  const shown = start < 0 ? [] : items.slice(start, start + size);
  const last = shown.at(-1);
  const more = start >= 0 && start + size < items.length && last !== undefined;
  return { items: shown, nextPageToken: more ? writeToken(keyOf(last)) : '' };
}

const TOKEN_PREFIX = 'v1:';

const writeToken = (key: string): string => Buffer.from(TOKEN_PREFIX + key).toString('base64url');

function readToken(token: string): string {
  const text = Buffer.from(token, 'base64url').toString();
  if (text.startsWith(TOKEN_PREFIX) && writeToken(text.slice(TOKEN_PREFIX.length)) === token) {
    return text.slice(TOKEN_PREFIX.length);
  }
  throw VcpudError.of('PAGE_TOKEN_INVALID', 'page_token is not one that a list call gave', {
    field: 'page_token',
  });
}
