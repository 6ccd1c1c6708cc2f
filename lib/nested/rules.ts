// The kernel's rules for KVM_SET_NESTED_STATE, one row a rule, in the order in which the kernel applies them:
// those of the ioctl itself here, each vendor's in svm-rules.ts and vmx-rules.ts. Set and Check walk them before
// the kernel sees a state, so that an error names the rule; lib/errors and the generated docs/errors.md take
// reasons and messages from here.
//
// A row says when a state is REFUSED. Rows stand for Linux 6.1 up to mid-2026, read from
// arch/x86/kvm/{x86.c,svm/nested.c,vmx/nested.c}. Where those kernels differ, or where a later one may know
// more bits, the row is marked `varies` and counts only if the kernel at hand was seen to apply it.
//
// The table never refuses what the kernel at hand takes. So a state that passes may still be refused:
// - what is not in the bytes and registers: memory faults, out of memory;
// - SVM: EVENTINJ with #CP or #VC, which hang on features;
// - VMX: the controls that an enlightened VMCS can't have (nested_evmcs_check_controls; vcpud never enables it).
// The kernel remains the last judge.

import { read, viewOf } from './codec.js';
import {
  FIELDS,
  type Field,
  FLAG,
  FORMAT,
  HEADER,
  HEADER_BYTES,
  KNOWN_FLAGS,
  VMX_SHADOW_BYTES,
} from './layout.js';
import {
  always,
  hasFlag,
  type KernelFacts,
  NEEDS,
  type Need,
  type Rule,
  type RuleContext,
  type Section,
  service,
  type VcpuFacts,
  varying,
} from './rule.js';
import { SVM_SECTIONS } from './svm-rules.js';
import { VMX_SECTIONS } from './vmx-rules.js';

/** Rules of vcpud's own: what the kernel is handed must be all of the state and nothing but the state. */
const BYTES_RULES = [
  service({
    reason: 'NESTED_STATE_EMPTY',
    field: 'bytes',
    message: 'There are no bytes: a nested state has at least its 128-byte header.',
    needs: [],
    violated: ({ bytes }) => bytes.length === 0,
  }),
  service({
    reason: 'NESTED_HEADER_TRUNCATED',
    field: 'bytes',
    message: 'The bytes end within the header, which has 128.',
    needs: [],
    violated: ({ bytes }) => bytes.length > 0 && bytes.length < HEADER_BYTES,
  }),
  service({
    reason: 'NESTED_DATA_TOO_LONG',
    field: 'bytes',
    message: 'There are more bytes than any nested state has: 8320.',
    needs: [],
    violated: ({ bytes }) => bytes.length > VMX_SHADOW_BYTES,
  }),
] as const satisfies readonly Rule[];

/** The size field against the bytes that are here: the kernel reads its buffer and can't know how many were given. */
const LENGTH_RULES = [
  service({
    reason: 'NESTED_DATA_TRUNCATED',
    field: 'size',
    message: 'The size field says more bytes than the state has.',
    needs: [],
    violated: ({ bytes, view }) => read(view, HEADER.size) > bytes.length,
  }),
  service({
    reason: 'NESTED_DATA_BEYOND_SIZE',
    field: 'size',
    message: 'The state has more bytes than its size field says, and they would be lost.',
    needs: [],
    violated: ({ bytes, view }) =>
      read(view, HEADER.size) < bytes.length && read(view, HEADER.size) >= HEADER_BYTES,
  }),
] as const satisfies readonly Rule[];

const GENERIC_RULES = [
  always({
    reason: 'NESTED_SIZE_BELOW_HEADER',
    field: 'size',
    message: 'The size field must be at least 128, the size of the header.',
    source: 'kvm_arch_vcpu_ioctl',
    needs: [],
    violated: ({ view }) => read(view, HEADER.size) < HEADER_BYTES,
  }),
  varying({
    reason: 'NESTED_FLAGS_UNKNOWN',
    kernels: 'a later kernel may know more',
    field: 'flags',
    message: 'Only GUEST_MODE, RUN_PENDING, EVMCS, MTF_PENDING and GIF_SET are flags of a nested state.',
    source: 'kvm_arch_vcpu_ioctl',
    needs: [],
    violated: ({ view }) => (read(view, HEADER.flags) & ~KNOWN_FLAGS) !== 0,
  }),
  always({
    reason: 'NESTED_RUN_PENDING_WITHOUT_GUEST_MODE',
    field: 'flags',
    message: 'RUN_PENDING needs GUEST_MODE.',
    source: 'kvm_arch_vcpu_ioctl',
    needs: [],
    violated: ({ view }) => hasFlag(view, FLAG.RUN_PENDING) && !hasFlag(view, FLAG.GUEST_MODE),
  }),
] as const satisfies readonly Rule[];

const FORMAT_RULES = [
  always({
    reason: 'NESTED_FORMAT_UNKNOWN',
    field: 'format',
    message: 'The format is neither 0 (VMX) nor 1 (SVM).',
    source: 'svm_set_nested_state, vmx_set_nested_state',
    needs: [],
    violated: ({ view }) =>
      read(view, HEADER.format) !== FORMAT.VMX && read(view, HEADER.format) !== FORMAT.SVM,
  }),
] as const satisfies readonly Rule[];

const hasHeader = ({ bytes }: RuleContext): boolean => bytes.length >= HEADER_BYTES;

const SECTIONS = [
  { reached: () => true, rules: BYTES_RULES },
  { reached: hasHeader, rules: LENGTH_RULES },
  { reached: hasHeader, rules: GENERIC_RULES },
  { reached: hasHeader, rules: FORMAT_RULES },
  ...SVM_SECTIONS,
  ...VMX_SECTIONS,
] as const satisfies readonly Section[];

export type RuleReason = (typeof SECTIONS)[number]['rules'][number]['reason'];
type TableRule = Rule<RuleReason>;

/** Every rule, in order: for error tables and documentation. */
export const RULES: readonly TableRule[] = SECTIONS.flatMap((section): readonly TableRule[] => section.rules);

export interface RuleViolation {
  readonly reason: RuleReason;
  /** As in Rule. */
  readonly errno: 'EINVAL' | '';
  readonly returns?: number;
  readonly field: string;
  /** The rule's message, with the field's value where the field has one. */
  readonly message: string;
  readonly source: string;
  readonly origin: 'kernel' | 'service';
}

/** The rules that come to bear on a state, in order. */
function* reachedRules(context: RuleContext): Generator<TableRule> {
  for (const { reached, rules } of SECTIONS) if (reached(context)) yield* rules;
}

/**
 * The first rule that the state breaks, which is where the kernel would stop; undefined if it breaks none.
 * Never throws, whatever the bytes.
 */
export function checkNestedState(
  bytes: Uint8Array,
  vcpu: VcpuFacts,
  kernel: KernelFacts,
): RuleViolation | undefined {
  const context: RuleContext = { bytes, view: viewOf(bytes), vcpu, kernel };
  for (const rule of reachedRules(context)) if (breaks(context, rule)) return violation(context, rule);
  return undefined;
}

/**
 * The first of the kernel's own rules that the state breaks; undefined if it breaks none. `buffer` is what the kernel
 * reads: the state, padded with zeroes to MIN_BUFFER_BYTES. Explains a refusal, and is the model driver's verdict.
 */
export function explainRefusal(
  buffer: Uint8Array,
  vcpu: VcpuFacts,
  kernel: KernelFacts,
): RuleViolation | undefined {
  const context: RuleContext = { bytes: buffer, view: viewOf(buffer), vcpu, kernel };
  for (const rule of reachedRules(context)) {
    if (rule.origin === 'kernel' && breaks(context, rule)) return violation(context, rule);
  }
  return undefined;
}

/** What a state's whole examination finds. */
export interface Judgement {
  /**
   * Every rule that it breaks, in the kernel's order. Those after the first judge bytes that the kernel would not have
   * looked at any more: good for a person who repairs a state, no prediction of further errors.
   */
  readonly violations: readonly RuleViolation[];
  /** Reasons of the rules that could not be judged: what they need is not known. */
  readonly unjudged: readonly RuleReason[];
}

/** Everything that a rule may need. */
export const EVERYTHING_KNOWN: ReadonlySet<Need> = new Set(NEEDS);

/** Everything but guest memory: of a vCPU that is not there yet. */
export const ALL_BUT_MEMORY: ReadonlySet<Need> = new Set(NEEDS.filter((need) => need !== 'memory'));

/** Every rule that the state breaks, as far as what is `known` of the vCPU tells. Never throws, whatever the bytes. */
export function judgeNestedState(
  bytes: Uint8Array,
  vcpu: VcpuFacts,
  kernel: KernelFacts,
  known: ReadonlySet<Need>,
): Judgement {
  const context: RuleContext = { bytes, view: viewOf(bytes), vcpu, kernel };
  const violations: RuleViolation[] = [];
  const unjudged: RuleReason[] = [];
  for (const rule of reachedRules(context)) {
    if (rule.needs.some((need) => !known.has(need))) unjudged.push(rule.reason);
    else if (breaks(context, rule)) violations.push(violation(context, rule));
  }
  return { violations, unjudged };
}

function breaks(context: RuleContext, rule: Rule): boolean {
  return (!rule.varies || context.kernel.enforced.has(rule.reason)) && rule.violated(context);
}

function violation(context: RuleContext, rule: TableRule): RuleViolation {
  const value = fieldValue(context, rule.field);
  return {
    reason: rule.reason,
    errno: rule.errno,
    ...(rule.returns === undefined ? {} : { returns: rule.returns }),
    field: rule.field,
    message:
      value === undefined ? rule.message : `${rule.message} (${rule.field} is 0x${value.toString(16)})`,
    source: rule.source,
    origin: rule.origin,
  };
}

/** Value behind the path of a rule; undefined for what has no number. */
function fieldValue({ bytes, view, vcpu, kernel }: RuleContext, path: string): number | bigint | undefined {
  if (path === 'vcpu.efer') return vcpu.efer;
  if (path === 'vcpu.cr0') return vcpu.cr0;
  if (path === 'vcpu.cr3') return vcpu.cr3;
  if (path === 'vcpu.cr4') return vcpu.cr4;
  const field = FIELDS[kernel.format].find((candidate) => candidate.path === path);
  if (field === undefined || field.type === 'bytes' || field.offset + field.bytes > bytes.length)
    return undefined;
  return read(view, field as Field<'u8' | 'u16' | 'u32' | 'u64'>);
}
