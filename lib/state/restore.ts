// Giving a vCPU a whole state so that it holds, or not at all. The order is RESTORE_ORDER's; here are the checks
// before it, the errors it ends in, and the way back.

import { VcpudError } from '../errors/vcpud-error.js';
import { MsrRefused } from '../kvm/msrs.js';
import type { ByteRange } from '../nested/compare.js';
import { KernelError } from '../os/kernel-error.js';
import { getNested, NESTED_ACCESS, nestedNotSupported } from './nested-access.js';
import { kernelRefused, type NestedRules, requireHeld, requireValid, vcpuFacts } from './nested-set.js';
import { putBack } from './put-back.js';
import {
  captureVcpu,
  missizedParts,
  RestoreFailed,
  restoreVcpu,
  type StateVcpu,
  type VcpuSnapshot,
} from './vcpu-components.js';

/** errnos by which the kernel says that it does not like the values given; any other is a failing host. */
const REFUSALS = new Set(['EINVAL', 'EBUSY', 'E2BIG', 'EPERM', 'ENXIO', 'EOPNOTSUPP']);

/** Checks all that can be checked before the kernel sees anything. `path` is the field that holds the state. */
function requireRestorable(vcpu: StateVcpu, snapshot: VcpuSnapshot, rules: NestedRules, path: string): void {
  const wrong = missizedParts(vcpu.shape, snapshot);
  const first = wrong[0];
  if (first !== undefined) {
    const all = wrong.map(({ part, expected }) => `${part} must be ${expected}`).join('; ');
    throw VcpudError.of('STATE_SIZE_WRONG', `the state is not of this kernel's shape: ${all}`, {
      field: `${path}.${first.part}`,
      metadata: { part: first.part, expected: first.expected },
    });
  }
  if (vcpu.shape.nested === undefined) {
    if (snapshot.nested !== undefined) throw nestedNotSupported();
    return;
  }
  // The rules see the registers that the vCPU is about to hold, which come with the state.
  requireValid(snapshot.nested ?? Buffer.alloc(0), vcpuFacts(snapshot), rules, `${path}.nested_state.data`);
}

/** The error for a step that failed. */
function stepError(error: unknown, path: string): VcpudError {
  if (error instanceof VcpudError) return error;
  if (!(error instanceof RestoreFailed)) throw error;
  const { step, cause } = error;
  if (step === 'nested') return kernelRefused(cause);
  const field = `${path}.${step}`;
  if (cause instanceof MsrRefused) {
    const metadata = {
      msr: `0x${cause.index.toString(16)}`,
      value: `0x${cause.wanted.toString(16)}`,
      held: cause.held === undefined ? 'unreadable' : `0x${cause.held.toString(16)}`,
    };
    return VcpudError.of('MSR_REFUSED', cause.message, { field, metadata, cause });
  }
  const errno = cause instanceof KernelError ? cause.code : 'none';
  const metadata = { part: step, errno };
  if (REFUSALS.has(errno)) {
    return VcpudError.of('KERNEL_REFUSED_STATE', `the kernel refused ${step}: ${errno}`, {
      field,
      metadata,
      cause,
    });
  }
  return VcpudError.of('KERNEL_ERROR', `setting ${step} failed: ${errno}`, { metadata, cause });
}

/**
 * Gives a vCPU a whole state; it must be out of KVM_RUN. After a failure it holds what it held before, and the error's
 * metadata "vcpu_holds" says so. Gives the non-zero bytes of the nested state that the kernel does not hold by design.
 */
export function restoreOrPutBack(
  vcpu: StateVcpu,
  snapshot: VcpuSnapshot,
  rules: NestedRules,
  path = 'state',
): ByteRange[] {
  requireRestorable(vcpu, snapshot, rules, path);
  const former = captureVcpu(vcpu, getNested);
  try {
    restoreVcpu(vcpu, snapshot, NESTED_ACCESS);
    return snapshot.nested === undefined ? [] : requireHeld(vcpu, snapshot.nested).ignored;
  } catch (error) {
    const holds = putBack(vcpu, former);
    throw stepError(error, path).with({ vcpu_holds: holds });
  }
}
