// What it is called when the kernel does not take a part of a state: whose fault it is, by the errno, and which
// field of the API it was. Every set of lib/state and lib/vm ends in one of these when it fails.

import { VcpudError } from '../errors/vcpud-error.js';
import { MsrRefused } from '../kvm/msrs.js';
import { UnexpectedReturn } from '../kvm/port.js';
import { KernelError } from '../os/kernel-error.js';

/** errnos by which the kernel says that it does not like the values given; any other is a failing host. */
const REFUSALS = new Set(['EINVAL', 'EBUSY', 'E2BIG', 'EPERM', 'ENXIO', 'EOPNOTSUPP']);

/** The error for a part that could not be set. `field` is its path in the request. Throws what is no kernel's doing. */
export function partRefused(part: string, field: string, cause: unknown): VcpudError {
  if (cause instanceof MsrRefused) {
    const metadata = {
      msr: `0x${cause.index.toString(16)}`,
      value: `0x${cause.wanted.toString(16)}`,
      held: cause.held === undefined ? 'unreadable' : `0x${cause.held.toString(16)}`,
    };
    return VcpudError.of('MSR_REFUSED', cause.message, { field, metadata, cause });
  }
  if (!(cause instanceof KernelError)) throw cause;
  const metadata = { part, call: cause.call, errno: cause.code };
  if (!REFUSALS.has(cause.code)) {
    return VcpudError.of('KERNEL_ERROR', `setting ${part} failed: ${cause.code}`, { metadata, cause });
  }
  const message = `the kernel refused ${part}: ${cause.code}`;
  return VcpudError.of('KERNEL_REFUSED_STATE', message, { field, metadata, cause });
}

/** The error for a SET_NESTED_STATE that failed although every rule let it pass. Throws what is no kernel's doing. */
export function nestedRefused(field: string, cause: unknown): VcpudError {
  if (cause instanceof KernelError && !REFUSALS.has(cause.code)) {
    return partRefused('the nested state', field, cause);
  }
  if (!(cause instanceof KernelError || cause instanceof UnexpectedReturn)) throw cause;
  const metadata: Record<string, string> =
    cause instanceof KernelError ? { errno: cause.code } : { return_value: String(cause.value) };
  const message = `the kernel refused the nested state (${cause.message}); no rule known to vcpud foresaw it`;
  return VcpudError.of('KERNEL_REJECTED', message, { field, metadata, cause });
}
