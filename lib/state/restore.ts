// Giving a vCPU a whole state so that it holds, or not at all. The order is RESTORE_ORDER's; here are the checks
// before it, the errors it ends in, and the way back.

import { VcpudError } from '../errors/vcpud-error.js';
import { EVENTS_LAYOUT } from '../kvm/abi.js';
import { vcpuFacts } from '../kvm/vcpu-facts.js';
import type { ByteRange } from '../nested/compare.js';
import { nestedNotSupported } from './nested-access.js';
import { type NestedRules, requireHeld, requireValid } from './nested-set.js';
import { putBack } from './put-back.js';
import { nestedRefused, partRefused } from './refusals.js';
import type { StateVcpu } from './state-vcpu.js';
import {
  captureVcpu,
  failAtOnce,
  missizedParts,
  RestoreFailed,
  type RestoreStep,
  restoreVcpu,
  type VcpuSnapshot,
} from './vcpu-components.js';

/** What the API calls the part that a step gives, where that is not the step's own name. */
const FIELDS: Readonly<Partial<Record<RestoreStep, string>>> = {
  tscKhz: 'tsc_khz',
  mpState: 'mp_state',
  vmxPrerequisites: 'msrs',
  tscDeadline: 'msrs',
  leaveNested: 'nested_state',
  leaveSmm: 'events',
  nested: 'nested_state',
};

const fieldOf = (step: RestoreStep): string => FIELDS[step] ?? step;

/** Checks all that can be checked before the kernel sees anything. `path` is the field that holds the state. */
export function requireRestorable(
  vcpu: StateVcpu,
  snapshot: VcpuSnapshot,
  rules: NestedRules,
  path: string,
): void {
  const wrong = missizedParts(vcpu.shape, snapshot);
  const first = wrong[0];
  if (first !== undefined) {
    const all = wrong.map(({ part, expected }) => `${fieldOf(part)} must be ${expected}`).join('; ');
    throw VcpudError.of('STATE_SIZE_WRONG', `the state is not of this kernel's shape: ${all}`, {
      field: `${path}.${fieldOf(first.part)}`,
      metadata: { part: fieldOf(first.part), expected: first.expected },
    });
  }
  if (vcpu.shape.nested === undefined) {
    if (snapshot.nested !== undefined) throw nestedNotSupported();
    return;
  }
  // The rules see the registers that the vCPU is about to hold, which come with the state, and its guest's memory.
  const readGuest = (gpa: bigint, bytes: number) => vcpu.readGuest(gpa, bytes);
  const facts = { ...vcpuFacts(snapshot), readGuest };
  requireValid(snapshot.nested ?? Buffer.alloc(0), facts, rules, `${path}.nested_state.data`);
}

/** The error for a step that failed. */
function stepError(error: unknown, path: string): VcpudError {
  if (error instanceof VcpudError) return error;
  if (!(error instanceof RestoreFailed)) throw error;
  const { step, cause } = error;
  if (step === 'nested') return nestedRefused(`${path}.nested_state.data`, cause);
  return partRefused(fieldOf(step), `${path}.${fieldOf(step)}`, cause);
}

/**
 * Whether a vCPU that never ran, and was given this, is out of L2, of VMX operation and of SMM, as it was when it was new.
 * `powerOn`: what it held then.
 */
export const isAsNew = (powerOn: VcpuSnapshot, given: VcpuSnapshot): boolean =>
  given.events?.[EVENTS_LAYOUT.smm] !== 1 &&
  (given.nested === undefined || powerOn.nested?.equals(given.nested) === true);

/**
 * Gives a vCPU that never ran a whole state. After a failure it is of no use: its VM is to be deleted. `asNew`: nobody gave
 * it anything before, or only what isAsNew is true of.
 */
export function restoreFresh(
  vcpu: StateVcpu,
  snapshot: VcpuSnapshot,
  rules: NestedRules,
  path: string,
  asNew: boolean,
): void {
  requireRestorable(vcpu, snapshot, rules, path);
  const holds = asNew ? 'what it held when it was new' : 'anything';
  try {
    restoreVcpu(vcpu, snapshot, failAtOnce, holds);
  } catch (error) {
    throw stepError(error, path);
  }
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
  const former = captureVcpu(vcpu);
  try {
    restoreVcpu(vcpu, snapshot, failAtOnce);
    return snapshot.nested === undefined ? [] : requireHeld(vcpu, snapshot.nested).ignored;
  } catch (error) {
    const holds = putBack(vcpu, former);
    throw stepError(error, path).with({ vcpu_holds: holds });
  }
}
