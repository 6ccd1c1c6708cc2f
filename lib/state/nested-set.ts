// Setting a nested state so that it holds, or not at all: the rules first, then the kernel, then what the kernel
// reads back; after any failure the vCPU is put back to what it held.

import { VcpudError } from '../errors/vcpud-error.js';
import { msrRows } from '../kvm/msrs.js';
import { liveVcpuFacts, newVcpuFacts } from '../kvm/vcpu-facts.js';
import { type ByteRange, compareNestedStates } from '../nested/compare.js';
import { HEADER_BYTES, MIN_BUFFER_BYTES } from '../nested/layout.js';
import type { KernelFacts, ReadGuest, VcpuFacts } from '../nested/rule.js';
import {
  checkNestedState,
  EVERYTHING_KNOWN,
  explainRefusal,
  judgeNestedState,
  type RuleViolation,
} from '../nested/rules.js';
import { getNested, giveNested, requireNested } from './nested-access.js';
import { putBack } from './put-back.js';
import { nestedRefused } from './refusals.js';
import type { KernelVcpu, StateVcpu } from './state-vcpu.js';
import { captureVcpu, type VcpuSnapshot } from './vcpu-components.js';

/** Which of the rules that vary the kernel at hand enforces, its format, and what it refused beside the rules. */
export interface NestedRules extends KernelFacts {
  /** Refusals by the kernel that no rule explains: each is a bug in the table. */
  readonly unexplained: { count: number };
}

/** Throws the first rule's error that the state breaks on such a vCPU, with all others. `path` is the field that holds the bytes. */
export function requireValid(bytes: Uint8Array, facts: VcpuFacts, rules: NestedRules, path: string): void {
  // Which there are is asked only where there is one: the whole examination costs several times as much.
  if (checkNestedState(bytes, facts, rules) === undefined) return;
  const [first, ...further] = judgeNestedState(bytes, facts, rules, EVERYTHING_KNOWN).violations;
  if (first === undefined) return;
  throw ruleError(first, path, further);
}

function ruleError(
  { reason, message, field, errno, returns, source }: RuleViolation,
  path: string,
  further: readonly RuleViolation[],
): VcpudError {
  return VcpudError.ofRule(reason, message, {
    field: `${path}:${field}`,
    further: further.map((other) => ({
      field: `${path}:${other.field}`,
      reason: other.reason,
      message: other.message,
    })),
    // As nestedRefused has it: one or the other.
    metadata: { ...(returns === undefined ? { errno } : { return_value: String(returns) }), field, source },
  });
}

/** Reads back and compares; throws NESTED_STATE_NOT_HELD where the kernel holds something else. */
export function requireHeld(vcpu: KernelVcpu, bytes: Uint8Array): { held: Buffer; ignored: ByteRange[] } {
  const held = getNested(vcpu);
  const { lost, ignored } = compareNestedStates(bytes, held);
  if (lost.length === 0) return { held, ignored: [...ignored] };
  const fields = lost.map(({ field }) => field).join(', ');
  throw VcpudError.of(
    'NESTED_STATE_NOT_HELD',
    `the kernel took the state but reads back other values of ${fields}`,
    {
      metadata: { fields },
    },
  );
}

/**
 * Examines and compares a nested state as a set does, with whatever result, and sets nothing: so that the code has run when a
 * guest stands still for it. `parts` are those of a vCPU of this host.
 */
export function rehearseNestedSet(
  bytes: Buffer,
  parts: VcpuSnapshot,
  readGuest: ReadGuest,
  rules: NestedRules,
): void {
  if (bytes.length < HEADER_BYTES) return;
  const none = Buffer.alloc(0);
  const facts = newVcpuFacts(parts.cpuid ?? none, msrRows(parts.msrs ?? none));
  checkNestedState(bytes, { ...facts, readGuest }, rules);
  const readBack = Buffer.from(bytes);
  // What KVM gives back of a state is never all of it.
  readBack.fill(0xff, bytes.length - 1);
  compareNestedStates(bytes, readBack);
}

/** What became of a set: what the kernel then holds, and the non-zero bytes that it does not hold by design. */
export interface NestedSet {
  readonly held: Buffer;
  readonly ignored: readonly ByteRange[];
}

/** Throws the error of the rules that a state breaks on the vCPU as it is; changes nothing. It must be out of KVM_RUN. */
export function checkNestedStateFor(vcpu: StateVcpu, bytes: Uint8Array, rules: NestedRules): void {
  requireNested(vcpu);
  requireValid(bytes, factsOf(vcpu, captureVcpu(vcpu)), rules, PATH);
}

/** Checks a nested state against the vCPU as it is, and sets it. The vCPU must be out of KVM_RUN. */
export function setNestedState(vcpu: StateVcpu, bytes: Uint8Array, rules: NestedRules): NestedSet {
  requireNested(vcpu);
  const former = captureVcpu(vcpu);
  requireValid(bytes, factsOf(vcpu, former), rules, PATH);
  return setOrPutBack(vcpu, bytes, former, (cause) => {
    rules.unexplained.count += 1;
    return nestedRefused(PATH, cause);
  });
}

/**
 * Gives a nested state to the kernel without the checks, but for its length: 128 to 8320 bytes fit the kernel's buffer.
 * A refusal is explained by the rules afterwards.
 */
export function setNestedStateUnchecked(vcpu: StateVcpu, bytes: Uint8Array, rules: NestedRules): NestedSet {
  requireNested(vcpu);
  const former = captureVcpu(vcpu);
  const facts = factsOf(vcpu, former);
  const first = checkNestedState(bytes, facts, rules);
  if (first?.field === 'bytes') throw ruleError(first, PATH, []);
  return setOrPutBack(vcpu, bytes, former, (cause) => {
    const refusal = nestedRefused(PATH, cause);
    const buffer = Buffer.alloc(MIN_BUFFER_BYTES);
    buffer.set(bytes);
    const explained = explainRefusal(buffer, facts, rules);
    if (explained !== undefined) return ruleError(explained, PATH, []).with(refusal.details.metadata ?? {});
    rules.unexplained.count += 1;
    return refusal;
  });
}

const PATH = 'nested_state.data';

/** What the rules ask of a vCPU that holds this. */
export function factsOf(vcpu: StateVcpu, former: VcpuSnapshot): VcpuFacts {
  return liveVcpuFacts(former, (gpa, bytes) => vcpu.readGuest(gpa, bytes));
}

function setOrPutBack(
  vcpu: StateVcpu,
  bytes: Uint8Array,
  former: VcpuSnapshot,
  refused: (cause: unknown) => VcpudError,
): NestedSet {
  try {
    giveNested(vcpu, bytes);
    return requireHeld(vcpu, bytes);
  } catch (error) {
    const holds = putBack(vcpu, former);
    throw (error instanceof VcpudError ? error : refused(error)).with({ vcpu_holds: holds });
  }
}
