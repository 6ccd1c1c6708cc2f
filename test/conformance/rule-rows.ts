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
import { type Facing, type Need, never, onFormat } from './facing.js';
import type { Row } from './row.js';
import { BYTES_RULES, LENGTH_RULES, VARYING_RULES } from './rule-kinds.js';
import type { SuiteVcpu, Wanted } from './suite-vcpu.js';
import { factsOf, L1_IN_LONG_MODE, type SettableFacts, withFacts } from './vcpu-facts.js';
import { grouped } from './verdict.js';
import { refusalOf } from './wire.js';

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

function needsOf(format: NestedFormat, { vcpu = {} }: RuleCase): readonly Need[] {
  const behind = Object.entries(BEHIND).filter(([fact]) => fact in vcpu);
  return [onFormat(format), ...behind.map(([, why]) => never(why))];
}

/** What the row asks of its vCPU, in registers that go together. */
function wantedBy(format: NestedFormat, { vcpu }: RuleCase): Wanted {
  if (vcpu === undefined) return { inL2: true };
  const {
    separateL2Pat: _pat,
    enlightenedVmcs: _evmcs,
    vmxCapabilityMsrs: _msrs,
    maxPhyAddr: _width,
    ...facts
  } = vcpu;
  // No kernel takes an illegal CR3 while the vCPU is in long mode.
  if (facts.cr3 !== undefined) return { facts: { ...facts, efer: 0x1000n, cr0: 0x11n } };
  if (format === 'VMX' && facts.hasVmx === false) return { facts: { ...facts, cr4: 0x20n } };
  return { facts };
}

const applies = ({ enforced }: Facing, reason: string): boolean =>
  !VARYING_RULES.has(reason) || enforced.has(reason);

function expectedOf(facing: Facing, { reason }: RuleCase): readonly string[] {
  if (!applies(facing, reason)) return ['taken by validate, kernel'];
  if (BYTES_RULES.has(reason)) return [`${reason} by validate, set, kernel; unchanged`];
  if (LENGTH_RULES.has(reason)) return [`${reason} by validate, set; unchanged`];
  const refused = `${reason} by validate, set, kernel; EINVAL; unchanged`;
  return MAYBE_NO_VCPU.has(reason) ? [refused, noVcpu(reason)] : [refused];
}

const noVcpu = (reason: string): string =>
  `KERNEL_REFUSED_STATE for such a vCPU; ${reason} by validate of its description`;

async function ask(bench: Bench, format: NestedFormat, row: RuleCase): Promise<string> {
  const wanted = wantedBy(format, row);
  if (MAYBE_NO_VCPU.has(row.reason)) {
    const refusal = await refusalOf(bench.vcpu(wanted));
    if (refusal !== undefined)
      return `${refusal.reason} for such a vCPU; ${await judged(bench, format, row, wanted)}`;
  }
  const vcpu = await bench.vcpu(wanted);
  const bytes = caseBytes(row, VALID[format], vcpu.facts);
  if (!applies(bench.facing, row.reason)) return taken(vcpu, bytes);
  const [first = 'nothing'] = await vcpu.violations(bytes);
  const set = await vcpu.set(bytes, { kernelVerdict: false });
  const facets: Record<string, string> = { validate: first, set: set.refusal?.reason ?? 'taken' };
  let errno: string | undefined;
  if (!LENGTH_RULES.has(row.reason)) {
    const kernel = await vcpu.set(bytes, { kernelVerdict: true });
    facets['kernel'] = kernel.refusal?.reason ?? 'taken';
    if (!BYTES_RULES.has(row.reason)) errno = kernel.refusal?.metadata['errno'] ?? 'no errno';
  }
  const parts = [grouped(facets), ...(errno === undefined ? [] : [errno]), await vcpu.unchanged()];
  return parts.join('; ');
}

/** A rule that this kernel was not seen to have: neither table nor kernel may refuse. */
async function taken(vcpu: SuiteVcpu, bytes: Uint8Array): Promise<string> {
  const [first] = await vcpu.violations(bytes);
  const { refusal } = await vcpu.set(bytes, { kernelVerdict: true });
  return grouped({ validate: first ?? 'taken', kernel: refusal?.reason ?? 'taken' });
}

/** What ValidateNestedState says of a vCPU that is only described. */
async function judged(bench: Bench, format: NestedFormat, row: RuleCase, { facts }: Wanted): Promise<string> {
  const { fresh } = await bench.vcpu();
  const { cpuid, sregs2, sregs, msrs, events } = withFacts(fresh, {
    ...L1_IN_LONG_MODE[format],
    ...facts,
  } as SettableFacts);
  const described = {
    format: `NESTED_STATE_FORMAT_${format}` as const,
    enforcedRules: [...bench.facing.enforced],
    cpuid,
    sregs: sregs2.length > 0 ? sregs2 : sregs,
    msrs,
    events,
  };
  const data = Buffer.from(caseBytes(row, VALID[format], factsOf(fresh)));
  const { violations } = await bench.client.nested.ValidateNestedState({ nestedState: { data }, described });
  return `${violations[0]?.reason ?? 'nothing'} by validate of its description`;
}

const rowsOf = (format: NestedFormat, cases: readonly RuleCase[]): Row[] =>
  cases.map((row) => ({
    group: GROUP,
    name: `${row.name}: ${row.reason}`,
    needs: needsOf(format, row),
    expected: (facing) => expectedOf(facing, row),
    run: (bench) => ask(bench, format, row),
  }));

export const RULE_ROWS: readonly Row[] = [...rowsOf('SVM', SVM_RULE_CASES), ...rowsOf('VMX', VMX_RULE_CASES)];
