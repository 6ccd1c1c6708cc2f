// Every rule about nested states one by one: a valid default with one change (test/vectors/nested-states.ts), given to
// ValidateNestedState, to SetNestedState and to the kernel alone. All three must name the same rule, and the vCPU that
// refused must hold what it held.

import type { NestedFormat } from '../../lib/nested/layout.js';
import type { VcpuFacts } from '../../lib/nested/rule.js';
import {
  caseBytes,
  type RuleCase,
  SVM_RULE_CASES,
  svmGuestMode,
  vmxGuestMode,
} from '../vectors/nested-states.js';
import { VMX_RULE_CASES } from '../vectors/vmx-rule-cases.js';
import type { Bench } from './bench.js';
import { DESCRIBED_FACTS, describe } from './described.js';
import { type Facing, type Need, never, onFormat } from './facing.js';
import type { Row } from './row.js';
import { BYTES_RULES, LENGTH_RULES, RETURNING_RULES, VARYING_RULES } from './rule-kinds.js';
import { LINKED_VMCS_GPA, type Wanted } from './suite-vcpu.js';
import { type SettableFacts, VMX_IN_SMM } from './vcpu-facts.js';
import { grouped } from './verdict.js';
import { answersInstead } from './vmx-host.js';
import { type Refusal, refusalOf } from './wire.js';

const GROUP = 'rules';

const VALID = { SVM: svmGuestMode, VMX: vmxGuestMode } as const;

/** Facts that no call of the API can give a vCPU. */
const BEHIND: Readonly<Partial<Record<keyof VcpuFacts, string>>> = {
  separateL2Pat: 'vcpud leaves KVM_X86_QUIRK_NESTED_SVM_SHARED_PAT as it is',
  enlightenedVmcs: 'vcpud never enables KVM_CAP_HYPERV_ENLIGHTENED_VMCS on a vCPU',
  vmxCapabilityMsrs: "the row is about VMX capability MSRs other than the host's",
};

/** vCPUs that some kernels let nobody have: of those only a description can be judged. */
const MAYBE_NO_VCPU: ReadonlySet<string> = new Set(['SVM_L2_CR0_NW_WITHOUT_CD']);

/** Rules that the kernel answers with this instead of -1 and EINVAL: it has entered L2 and come out by a VM exit. */
const VMENTRY_VMEXIT = 'return value 2';

function needsOf(format: NestedFormat, { vcpu = {} }: RuleCase): readonly Need[] {
  const behind = Object.entries(BEHIND).filter(([fact]) => fact in vcpu);
  return [onFormat(format), ...behind.map(([, why]) => never(why))];
}

/** What the row asks of its vCPU, in registers that go together. */
function wantedBy(format: NestedFormat, { vcpu }: RuleCase): Wanted {
  if (vcpu === undefined) return { inL2: true };
  const { readGuest, ...rest } = vcpu;
  if (readGuest !== undefined) {
    const header = readGuest(LINKED_VMCS_GPA, 4);
    return { inL2: true, linkedVmcs: Buffer.from(header ?? []).readUInt32LE(0) };
  }
  const facts: SettableFacts = rest;
  // No kernel takes an illegal CR3 while the vCPU is in long mode.
  if (facts.cr3 !== undefined) return { facts: { ...facts, efer: 0x1000n, cr0: 0x11n } };
  if (format === 'VMX' && facts.inSmm === true) return { facts: { ...facts, ...VMX_IN_SMM } };
  if (format === 'VMX' && facts.hasVmx === false) return { facts: { ...facts, cr4: 0x20n } };
  return { facts };
}

const applies = ({ enforced }: Facing, reason: string): boolean =>
  !VARYING_RULES.has(reason) || enforced.has(reason);

const refusedText = (reason: string): string =>
  `${reason} by validate, set, kernel; ${RETURNING_RULES.has(reason) ? VMENTRY_VMEXIT : 'EINVAL'}; unchanged`;

const TAKEN = 'taken by validate, kernel';

function expectedOf(facing: Facing, format: NestedFormat, row: RuleCase): readonly string[] {
  const { reason } = row;
  if (BYTES_RULES.has(reason)) return [`${reason} by validate, set, kernel; unchanged`];
  if (LENGTH_RULES.has(reason)) return [`${reason} by validate, set; unchanged`];
  const usual = applies(facing, reason) ? refusedText(reason) : TAKEN;
  const other = format === 'VMX' ? answersInstead(facing, reason, bytesOf(format, row)) : undefined;
  const instead = other === undefined ? [] : [other === 'taken' ? TAKEN : refusedText(other)];
  const nobody = MAYBE_NO_VCPU.has(reason) ? [noVcpu(reason)] : [];
  return [...new Set([usual, ...instead, ...nobody])];
}

/** The row's bytes, for a vCPU of the usual address width. */
const bytesOf = (format: NestedFormat, row: RuleCase): Buffer =>
  Buffer.from(caseBytes(row, VALID[format], DESCRIBED_FACTS[format]));

const noVcpu = (reason: string): string =>
  `KERNEL_REFUSED_STATE for such a vCPU; ${reason} by validate of its description`;

async function ask(bench: Bench, format: NestedFormat, row: RuleCase): Promise<string> {
  const wanted = wantedBy(format, row);
  if (MAYBE_NO_VCPU.has(row.reason)) {
    const refusal = await refusalOf(bench.vcpu(wanted));
    if (refusal !== undefined)
      return `${refusal.reason} for such a vCPU; ${await judged(bench, format, row)}`;
  }
  const vcpu = await bench.vcpu(wanted);
  const bytes = caseBytes(row, VALID[format], vcpu.facts);
  const [first = 'taken'] = await vcpu.violations(bytes);
  if (first === 'taken') {
    const { refusal } = await vcpu.set(bytes, { kernelVerdict: true });
    return grouped({ validate: first, kernel: refusal?.reason ?? 'taken' });
  }
  const set = await vcpu.set(bytes, { kernelVerdict: false });
  const facets: Record<string, string> = { validate: first, set: set.refusal?.reason ?? 'taken' };
  let said: readonly string[] = [];
  if (!LENGTH_RULES.has(row.reason)) {
    const { refusal } = await vcpu.set(bytes, { kernelVerdict: true });
    facets['kernel'] = refusal?.reason ?? 'taken';
    if (!BYTES_RULES.has(row.reason)) said = [kernelsAnswer(refusal)];
  }
  return [grouped(facets), ...said, await vcpu.unchanged()].join('; ');
}

/** What KVM_SET_NESTED_STATE answered, by an error's metadata. */
function kernelsAnswer(refusal: Refusal | undefined): string {
  const { errno, return_value: returned } = refusal?.metadata ?? {};
  return errno ?? (returned === undefined ? 'no errno' : `return value ${returned}`);
}

/** What ValidateNestedState says of a vCPU that is only described. */
async function judged(bench: Bench, format: NestedFormat, row: RuleCase): Promise<string> {
  const { violations } = await bench.client.nested.ValidateNestedState({
    nestedState: { data: bytesOf(format, row) },
    described: describe(format, row.vcpu ?? {}, [...bench.facing.enforced]),
  });
  return `${violations[0]?.reason ?? 'nothing'} by validate of its description`;
}

const rowsOf = (format: NestedFormat, cases: readonly RuleCase[]): Row[] =>
  cases.map((row) => ({
    group: GROUP,
    name: `${row.name}: ${row.reason}`,
    needs: needsOf(format, row),
    expected: (facing) => expectedOf(facing, format, row),
    run: (bench) => ask(bench, format, row),
  }));

export const RULE_ROWS: readonly Row[] = [...rowsOf('SVM', SVM_RULE_CASES), ...rowsOf('VMX', VMX_RULE_CASES)];
