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
// - what is not in the bytes and registers: memory faults, out of memory, guest RAM behind the shadow VMCS;
// - CR4 against the guest's CPUID (only bits that no kernel knows are refused here);
// - SVM: EVENTINJ with #CP or #VC, which hang on features;
// - VMX in guest mode: APICv, PML, EPTP, VMFUNC, MSR lists, event injection, MPX, PMU, canonical addresses,
//   PAT, EFER, DEBUGCTL and CET, and what enlightened VMCS adds. The kernel remains the last judge.

import { read, viewOf } from './codec.js';
import { FIELDS, type Field, FLAG, HEADER, HEADER_BYTES, KNOWN_FLAGS } from './layout.js';
import {
  always,
  hasFlag,
  type KernelFacts,
  type Rule,
  type RuleContext,
  type Section,
  service,
  type VcpuFacts,
  varying,
} from './rule.js';
import { copiesVmcb12, SVM_SECTIONS } from './svm-rules.js';
import { copiesVmcs12, VMX_SECTIONS } from './vmx-rules.js';

const BYTES_RULES = [
  service({
    reason: 'NESTED_HEADER_TRUNCATED',
    field: 'bytes',
    message: 'A nested state has at least its 128-byte header.',
    violated: ({ bytes }) => bytes.length < HEADER_BYTES,
  }),
] as const satisfies readonly Rule[];

const GENERIC_RULES = [
  always({
    reason: 'NESTED_SIZE_BELOW_HEADER',
    field: 'size',
    message: 'The size field must be at least 128, the size of the header.',
    source: 'kvm_arch_vcpu_ioctl',
    violated: ({ view }) => read(view, HEADER.size) < HEADER_BYTES,
  }),
  service({
    reason: 'NESTED_DATA_TRUNCATED',
    field: 'size',
    message: 'The size field promises more bytes than the state has, and the kernel would read them.',
    violated: (context) =>
      (copiesVmcb12(context) || copiesVmcs12(context)) &&
      read(context.view, HEADER.size) > context.bytes.length,
  }),
  varying({
    reason: 'NESTED_FLAGS_UNKNOWN',
    field: 'flags',
    message: 'Only GUEST_MODE, RUN_PENDING, EVMCS, MTF_PENDING and GIF_SET are flags of a nested state.',
    source: 'kvm_arch_vcpu_ioctl',
    violated: ({ view }) => (read(view, HEADER.flags) & ~KNOWN_FLAGS) !== 0,
  }),
  always({
    reason: 'NESTED_RUN_PENDING_WITHOUT_GUEST_MODE',
    field: 'flags',
    message: 'RUN_PENDING needs GUEST_MODE.',
    source: 'kvm_arch_vcpu_ioctl',
    violated: ({ view }) => hasFlag(view, FLAG.RUN_PENDING) && !hasFlag(view, FLAG.GUEST_MODE),
  }),
] as const satisfies readonly Rule[];

const SECTIONS = [
  { reached: () => true, rules: BYTES_RULES },
  { reached: (c) => c.bytes.length >= HEADER_BYTES, rules: GENERIC_RULES },
  ...SVM_SECTIONS,
  ...VMX_SECTIONS,
] as const satisfies readonly Section[];

export type RuleReason = (typeof SECTIONS)[number]['rules'][number]['reason'];
type TableRule = Rule<RuleReason>;

/** Every rule, in order: for error tables and documentation. */
export const RULES: readonly TableRule[] = SECTIONS.flatMap((section): readonly TableRule[] => section.rules);

export interface RuleViolation {
  readonly reason: RuleReason;
  readonly errno: 'EINVAL';
  readonly field: string;
  /** The rule's message, with the field's value where the field has one. */
  readonly message: string;
  readonly source: string;
  readonly origin: 'kernel' | 'service';
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
  for (const section of SECTIONS) {
    if (!section.reached(context)) continue;
    for (const rule of section.rules) {
      if (breaks(context, rule)) return violation(context, rule);
    }
  }
  return undefined;
}

/**
 * Every rule that the state breaks, in order. Those after the first judge bytes that the kernel would not have
 * looked at any more: good for a person who repairs a state, no prediction of further errors.
 */
export function allViolations(bytes: Uint8Array, vcpu: VcpuFacts, kernel: KernelFacts): RuleViolation[] {
  const context: RuleContext = { bytes, view: viewOf(bytes), vcpu, kernel };
  const violations: RuleViolation[] = [];
  for (const section of SECTIONS) {
    if (!section.reached(context)) continue;
    for (const rule of section.rules) {
      if (breaks(context, rule)) violations.push(violation(context, rule));
    }
  }
  return violations;
}

function breaks(context: RuleContext, rule: Rule): boolean {
  return (!rule.varies || context.kernel.enforced.has(rule.reason)) && rule.violated(context);
}

function violation(context: RuleContext, rule: TableRule): RuleViolation {
  const value = fieldValue(context, rule.field);
  return {
    reason: rule.reason,
    errno: rule.errno,
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
  const field = FIELDS[kernel.format].find((candidate) => candidate.path === path);
  if (field === undefined || field.type === 'bytes' || field.offset + field.bytes > bytes.length)
    return undefined;
  return read(view, field as Field<'u8' | 'u16' | 'u32' | 'u64'>);
}
