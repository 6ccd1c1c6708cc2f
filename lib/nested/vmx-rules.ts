// The rules of vmx_set_nested_state (arch/x86/kvm/vmx/nested.c), one row a rule, in the kernel's order: those of the
// header and the sizes here, the consistency checks of a state in guest mode in vmx-control-rules.ts,
// vmx-host-rules.ts and vmx-guest-rules.ts. Read by rules.ts, whose head says what a row means.

import { read } from './codec.js';
import {
  FLAG,
  FORMAT,
  HEADER,
  HEADER_BYTES,
  KNOWN_SMM_FLAGS,
  KNOWN_VMX_HEADER_FLAGS,
  NO_ADDRESS,
  SHADOW_VMCS12,
  SMM_FLAG,
  VMCS12,
  VMCS12_REVISION,
  VMCS12_STRUCT_BYTES,
  VMX_CURRENT_BYTES,
  VMX_HEADER,
} from './layout.js';
import {
  always,
  hasFlag,
  legalGpa,
  PAGE_MASK,
  type Rule,
  type RuleContext,
  type Section,
  varying,
} from './rule.js';
import { hasSecondary, SECONDARY, SHADOW_INDICATOR } from './vmx-conditions.js';
import { VMX_CONTROL_RULES } from './vmx-control-rules.js';
import { VMX_ENTRY_FAILURES, VMX_GUEST_RULES } from './vmx-guest-rules.js';
import { VMX_HOST_RULES } from './vmx-host-rules.js';

const VMX_FORMAT_RULES = [
  always({
    reason: 'VMX_FORMAT_MISMATCH',
    field: 'format',
    message:
      'This is an AMD state (format 1, SVM) and the host an Intel one, whose kvm_intel takes format 0 (VMX) only.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => read(view, HEADER.format) === FORMAT.SVM,
  }),
] as const satisfies readonly Rule[];

const VMX_OFF_RULES = [
  always({
    reason: 'VMX_SMM_FLAGS_WITHOUT_VMXON',
    field: 'hdr.vmx.smm.flags',
    message: 'Without a VMXON region the SMM flags must be 0.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => read(view, VMX_HEADER['smm.flags']) !== 0,
  }),
  always({
    reason: 'VMX_VMCS12_PA_WITHOUT_VMXON',
    field: 'hdr.vmx.vmcs12_pa',
    message: 'Without a VMXON region there is no current VMCS: its address must be ~0.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => read(view, VMX_HEADER.vmcs12_pa) !== NO_ADDRESS,
  }),
  always({
    reason: 'VMX_FLAGS_WITHOUT_VMXON',
    field: 'flags',
    message: 'Without a VMXON region the only legal flag is EVMCS.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => (read(view, HEADER.flags) & ~FLAG.EVMCS) !== 0,
  }),
] as const satisfies readonly Rule[];

const VMX_ON_RULES = [
  always({
    reason: 'VMX_CPUID_VMX_CLEAR',
    field: 'hdr.vmx.vmxon_pa',
    message: "There is a VMXON region, but the guest's CPUID lacks VMX: set CPUID first.",
    source: 'vmx_set_nested_state',
    needs: ['cpuid'],
    violated: ({ vcpu }) => !vcpu.hasVmx,
  }),
  always({
    reason: 'VMX_VMXON_PA_UNALIGNED',
    field: 'hdr.vmx.vmxon_pa',
    message: 'The address of the VMXON region must be a multiple of 4096, or ~0 for none.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => (read(view, VMX_HEADER.vmxon_pa) & PAGE_MASK) !== 0n,
  }),
  always({
    reason: 'VMX_VMXON_PA_ILLEGAL',
    field: 'hdr.vmx.vmxon_pa',
    message: "The address of the VMXON region is beyond the guest's physical address width.",
    source: 'vmx_set_nested_state',
    needs: ['cpuid'],
    violated: ({ view, vcpu }) => !legalGpa(vcpu, read(view, VMX_HEADER.vmxon_pa)),
  }),
] as const satisfies readonly Rule[];

const VMX_HEADER_RULES = [
  always({
    reason: 'VMX_SMM_GUEST_MODE_IN_GUEST_MODE',
    field: 'hdr.vmx.smm.flags',
    message: 'SMM_GUEST_MODE (L2 was interrupted by an SMI) excludes GUEST_MODE (L2 is running).',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => hasSmmFlag(view, SMM_FLAG.SMM_GUEST_MODE) && hasFlag(view, FLAG.GUEST_MODE),
  }),
  always({
    reason: 'VMX_SMM_FLAGS_UNKNOWN',
    field: 'hdr.vmx.smm.flags',
    message: 'Only SMM_GUEST_MODE and SMM_VMXON are SMM flags.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => (read(view, VMX_HEADER['smm.flags']) & ~KNOWN_SMM_FLAGS) !== 0,
  }),
  varying({
    reason: 'VMX_HEADER_FLAGS_UNKNOWN',
    kernels: 'a later kernel may know more',
    field: 'hdr.vmx.flags',
    message: 'Only PREEMPTION_TIMER_DEADLINE is a flag of the VMX header.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => (read(view, VMX_HEADER.flags) & ~KNOWN_VMX_HEADER_FLAGS) !== 0,
  }),
  always({
    reason: 'VMX_GUEST_MODE_IN_SMM',
    field: 'flags',
    message: 'The vCPU is in SMM, which suspends VMX: neither GUEST_MODE nor RUN_PENDING is legal.',
    source: 'vmx_set_nested_state',
    needs: ['registers'],
    violated: ({ view, vcpu }) => vcpu.inSmm && hasFlag(view, FLAG.GUEST_MODE | FLAG.RUN_PENDING),
  }),
  always({
    reason: 'VMX_SMM_FLAGS_OUTSIDE_SMM',
    field: 'hdr.vmx.smm.flags',
    message:
      'The vCPU is not in SMM, so the SMM flags must be 0: set its events (SMM) before the nested state.',
    source: 'vmx_set_nested_state',
    needs: ['registers'],
    violated: ({ view, vcpu }) => !vcpu.inSmm && read(view, VMX_HEADER['smm.flags']) !== 0,
  }),
  always({
    reason: 'VMX_SMM_GUEST_MODE_WITHOUT_SMM_VMXON',
    field: 'hdr.vmx.smm.flags',
    message: 'SMM_GUEST_MODE needs SMM_VMXON.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) =>
      hasSmmFlag(view, SMM_FLAG.SMM_GUEST_MODE) && !hasSmmFlag(view, SMM_FLAG.SMM_VMXON),
  }),
  always({
    reason: 'VMX_EVMCS_WITHOUT_CPUID_VMX',
    field: 'flags',
    message: "EVMCS needs VMX in the guest's CPUID.",
    source: 'vmx_set_nested_state',
    needs: ['cpuid'],
    violated: ({ view, vcpu }) => hasFlag(view, FLAG.EVMCS) && !vcpu.hasVmx,
  }),
  always({
    reason: 'VMX_EVMCS_NOT_ENABLED',
    field: 'flags',
    message: 'EVMCS needs KVM_CAP_HYPERV_ENLIGHTENED_VMCS, which is not enabled on this vCPU.',
    source: 'vmx_set_nested_state',
    needs: ['registers'],
    violated: ({ view, vcpu }) => hasFlag(view, FLAG.EVMCS) && !vcpu.enlightenedVmcs,
  }),
  // From here on a refusal by the kernel leaves the vCPU out of guest mode, most likely in VMX operation.
] as const satisfies readonly Rule[];

const VMX_SIZE_RULES = [
  always({
    reason: 'VMX_SIZE_BELOW_VMCS12',
    field: 'size',
    message:
      'GUEST_MODE, EVMCS or an address of a current VMCS needs a vmcs12, for which the size field is too small.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) =>
      !sizeHoldsVmcs12(view) &&
      (hasFlag(view, FLAG.GUEST_MODE | FLAG.EVMCS) || read(view, VMX_HEADER.vmcs12_pa) !== NO_ADDRESS),
  }),
] as const satisfies readonly Rule[];

const VMX_CURRENT_RULES = [
  always({
    reason: 'VMX_VMCS12_PA_IS_VMXON_PA',
    field: 'hdr.vmx.vmcs12_pa',
    message: 'The current VMCS cannot be the VMXON region.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => read(view, VMX_HEADER.vmcs12_pa) === read(view, VMX_HEADER.vmxon_pa),
  }),
  always({
    reason: 'VMX_VMCS12_PA_UNALIGNED',
    field: 'hdr.vmx.vmcs12_pa',
    message: 'The address of the current VMCS must be a multiple of 4096, or ~0 for none.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => {
      const vmcs12Pa = read(view, VMX_HEADER.vmcs12_pa);
      return vmcs12Pa !== NO_ADDRESS && (vmcs12Pa & PAGE_MASK) !== 0n;
    },
  }),
  always({
    reason: 'VMX_VMCS12_PA_ILLEGAL',
    field: 'hdr.vmx.vmcs12_pa',
    message: "The address of the current VMCS is beyond the guest's physical address width.",
    source: 'vmx_set_nested_state',
    needs: ['cpuid'],
    violated: ({ view, vcpu }) => {
      const vmcs12Pa = read(view, VMX_HEADER.vmcs12_pa);
      return vmcs12Pa !== NO_ADDRESS && !legalGpa(vcpu, vmcs12Pa);
    },
  }),
  always({
    reason: 'VMX_VMCS12_PA_MISSING',
    field: 'hdr.vmx.vmcs12_pa',
    message: 'The state has a vmcs12, but neither an address for it nor EVMCS.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => read(view, VMX_HEADER.vmcs12_pa) === NO_ADDRESS && !hasFlag(view, FLAG.EVMCS),
  }),
] as const satisfies readonly Rule[];

const VMX_REVISION_RULES = [
  always({
    reason: 'VMX_VMCS12_REVISION_UNKNOWN',
    field: 'vmcs12.revision_id',
    message: 'The revision id of the vmcs12 must be 0x11e57ed0.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => (read(view, VMCS12.revision_id) & ~SHADOW_INDICATOR) !== VMCS12_REVISION,
  }),
] as const satisfies readonly Rule[];

const VMX_SHADOW_SIZE_RULES = [
  always({
    reason: 'VMX_SIZE_BELOW_SHADOW_VMCS12',
    field: 'size',
    message: 'L2 has a shadow VMCS linked, for which the size field is too small.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => shadowLinked(view) && !sizeHoldsShadow(view),
  }),
] as const satisfies readonly Rule[];

const VMX_SHADOW_RULES = [
  always({
    reason: 'VMX_SHADOW_REVISION_UNKNOWN',
    field: 'shadow_vmcs12.revision_id',
    message: 'The revision id of the shadow vmcs12 must be 0x11e57ed0.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => (read(view, SHADOW_VMCS12.revision_id) & ~SHADOW_INDICATOR) !== VMCS12_REVISION,
  }),
  always({
    reason: 'VMX_SHADOW_INDICATOR_CLEAR',
    field: 'shadow_vmcs12.revision_id',
    message: 'The shadow vmcs12 must have its shadow-VMCS indicator (bit 31) set.',
    source: 'vmx_set_nested_state',
    needs: [],
    violated: ({ view }) => (read(view, SHADOW_VMCS12.revision_id) & SHADOW_INDICATOR) === 0,
  }),
] as const satisfies readonly Rule[];

export const VMX_SECTIONS = [
  { reached: onIntel, rules: VMX_FORMAT_RULES },
  { reached: (c) => onVmx(c) && !vmxon(c.view), rules: VMX_OFF_RULES },
  { reached: (c) => onVmx(c) && vmxon(c.view), rules: VMX_ON_RULES },
  { reached: onVmx, rules: VMX_HEADER_RULES },
  { reached: (c) => onVmx(c) && vmxon(c.view), rules: VMX_SIZE_RULES },
  { reached: hasVmcs12, rules: VMX_CURRENT_RULES },
  { reached: hasVmcs12, rules: VMX_REVISION_RULES },
  { reached: hasGuestVmcs12, rules: VMX_SHADOW_SIZE_RULES },
  { reached: hasShadowVmcs12, rules: VMX_SHADOW_RULES },
  { reached: hasGuestVmcs12, rules: VMX_CONTROL_RULES },
  { reached: hasGuestVmcs12, rules: VMX_HOST_RULES },
  { reached: hasGuestVmcs12, rules: VMX_GUEST_RULES },
  { reached: hasGuestVmcs12, rules: VMX_ENTRY_FAILURES },
] as const satisfies readonly Section[];

/**
 * How far the kernel has come when it refuses by a rule; it takes nothing back. 'nothing': the vCPU is as it was.
 * 'vmxon': out of L2 and in VMX operation, without a current VMCS. 'current': with the state's vmcs12 as current VMCS.
 * 'guest': the same, with its shadow vmcs12 and flags. 'entry': VM entry has begun.
 */
export type VmxRefusalStage = 'nothing' | 'vmxon' | 'current' | 'guest' | 'entry';

const STAGES: ReadonlyMap<string, VmxRefusalStage> = new Map(
  (
    [
      ['vmxon', [VMX_SIZE_RULES, VMX_CURRENT_RULES]],
      ['current', [VMX_REVISION_RULES]],
      [
        'guest',
        [VMX_SHADOW_SIZE_RULES, VMX_SHADOW_RULES, VMX_CONTROL_RULES, VMX_HOST_RULES, VMX_GUEST_RULES],
      ],
      ['entry', [VMX_ENTRY_FAILURES]],
    ] as const
  ).flatMap(([stage, tables]) =>
    tables.flatMap((table: readonly Rule[]) => table.map(({ reason }) => [reason, stage] as const)),
  ),
);

export function vmxRefusalStage(reason: string): VmxRefusalStage {
  return STAGES.get(reason) ?? 'nothing';
}

function onIntel({ bytes, kernel }: RuleContext): boolean {
  return kernel.format === 'VMX' && bytes.length >= HEADER_BYTES;
}

/** Of another format's state nothing else is judged: the bytes behind the format mean something else. */
function onVmx(context: RuleContext): boolean {
  return onIntel(context) && read(context.view, HEADER.format) === FORMAT.VMX;
}

function vmxon(view: DataView): boolean {
  return read(view, VMX_HEADER.vmxon_pa) !== NO_ADDRESS;
}

/** The kernel asks for its own struct vmcs12 to fit, not for the whole page. */
function sizeHoldsVmcs12(view: DataView): boolean {
  return read(view, HEADER.size) >= HEADER_BYTES + VMCS12_STRUCT_BYTES;
}

function sizeHoldsShadow(view: DataView): boolean {
  return read(view, HEADER.size) >= VMX_CURRENT_BYTES + VMCS12_STRUCT_BYTES;
}

/** The kernel copies a vmcs12. */
function copiesVmcs12(context: RuleContext): boolean {
  return onVmx(context) && vmxon(context.view) && sizeHoldsVmcs12(context.view);
}

/** The kernel copies a vmcs12, and it is here. */
function hasVmcs12(context: RuleContext): boolean {
  return copiesVmcs12(context) && context.bytes.length >= HEADER_BYTES + VMCS12_STRUCT_BYTES;
}

function hasGuestVmcs12(context: RuleContext): boolean {
  return hasVmcs12(context) && hasFlag(context.view, FLAG.GUEST_MODE);
}

/** The kernel copies a shadow vmcs12, and it is here. */
function hasShadowVmcs12(context: RuleContext): boolean {
  return (
    hasGuestVmcs12(context) &&
    shadowLinked(context.view) &&
    sizeHoldsShadow(context.view) &&
    context.bytes.length >= VMX_CURRENT_BYTES + VMCS12_STRUCT_BYTES
  );
}

function shadowLinked(view: DataView): boolean {
  return hasSecondary(view, SECONDARY.SHADOW_VMCS) && read(view, VMCS12.vmcs_link_pointer) !== NO_ADDRESS;
}

function hasSmmFlag(view: DataView, flag: number): boolean {
  return (read(view, VMX_HEADER['smm.flags']) & flag) !== 0;
}
