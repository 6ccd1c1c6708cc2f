// The 34 cases of the kernel's own nested_set_state_test (tools/testing/selftests/kvm/x86), through the API: each is given
// to the kernel by SetNestedState with kernel_verdict, and the kernel's errno comes back, with the rule that explains it.
//
// What can't be said over gRPC: G1, a NULL pointer (its nearest, a request without a state, is here), and V7's second
// half, which needs KVM_CAP_HYPERV_ENLIGHTENED_VMCS on the vCPU: vcpud never enables it.

import type { NestedFormat } from '../../lib/nested/layout.js';
import { GENERIC_SELFTEST, type SelftestCase, SVM_SELFTEST, VMX_SELFTEST } from '../vectors/nested-states.js';
import type { Bench } from './bench.js';
import { type Facing, never, onFormat, withNested } from './facing.js';
import type { Row } from './row.js';
import type { SettableFacts } from './vcpu-facts.js';
import { verdictText } from './verdict.js';
import { answerOf } from './wire.js';

const GROUP = 'selftest';

/** Neither VMX nor SVM in CPUID, whichever the host has. */
const NO_VENDOR: SettableFacts = { hasVmx: false, hasSvm: false, efer: 0x500n, cr4: 0x20n };

/** What the selftest's vCPU has otherwise than an L1 in long mode. */
function factsFor(format: NestedFormat, { vcpu }: SelftestCase): SettableFacts {
  if (format === 'SVM') return { efer: vcpu.efer };
  return vcpu.hasVmx ? {} : { hasVmx: false, cr4: 0x20n };
}

const refused = (reason: string): string => `EINVAL ${reason}`;

/** A row's verdict where kernels differ in it. */
function verdictOn({ enforced }: Facing, { id, verdict }: SelftestCase): string {
  if (verdict === 'OK') return 'OK';
  if (id === 'S4') return enforced.has(verdict) ? refused(verdict) : 'OK';
  return refused(verdict);
}

async function ask(bench: Bench, { id, bytes }: SelftestCase, facts: SettableFacts): Promise<string> {
  const vcpu = await bench.vcpu({ facts });
  const verdict = verdictText(await vcpu.set(bytes(), { kernelVerdict: true }));
  if (verdict !== 'OK' || GOT_AFTERWARDS[id] === undefined) return verdict;
  return `OK; ${await gotText(bench, vcpu.name)}`;
}

/** On an AMD host format 0 is wrong before CPUID is looked at. */
const GENERIC_ON_SVM: Readonly<Record<string, string>> = { G3: 'SVM_FORMAT_MISMATCH' };

const GENERIC_ROWS: readonly Row[] = [
  {
    group: GROUP,
    name: 'G1 no state at all (for a NULL pointer: EFAULT)',
    needs: [withNested],
    expected: () => 'INVALID_ARGUMENT FIELD_REQUIRED; empty data: INVALID_ARGUMENT NESTED_STATE_EMPTY',
    run: async (bench) => {
      const { name } = await bench.vcpu({ facts: NO_VENDOR });
      const none = { name, nestedState: null, kernelVerdict: true };
      const empty = { ...none, nestedState: { data: Buffer.alloc(0) } };
      const answers = [none, empty].map((request) => answerOf(bench.client.nested.SetNestedState(request)));
      return (await Promise.all(answers)).join('; empty data: ');
    },
  },
  ...GENERIC_SELFTEST.map(
    (row): Row => ({
      group: GROUP,
      name: `${row.id} ${row.name}, neither VMX nor SVM`,
      needs: [withNested],
      expected: (facing) => {
        const onSvm = facing.format === 'SVM' ? GENERIC_ON_SVM[row.id] : undefined;
        return onSvm === undefined ? verdictOn(facing, row) : refused(onSvm);
      },
      run: (bench) => ask(bench, row, NO_VENDOR),
    }),
  ),
];

const rowsOf = (format: NestedFormat, cases: readonly SelftestCase[]): Row[] =>
  cases.map((row) => ({
    group: GROUP,
    name: `${row.id} ${row.name}`,
    needs: [
      onFormat(format),
      ...(row.vcpu.enlightenedVmcs
        ? [never('vcpud never enables KVM_CAP_HYPERV_ENLIGHTENED_VMCS on a vCPU')]
        : []),
    ],
    expected: (facing) => {
      const got = GOT_AFTERWARDS[row.id];
      return got === undefined ? verdictOn(facing, row) : `OK; ${got}`;
    },
    run: (bench) => ask(bench, row, factsFor(format, row)),
  }));

/** What KVM_GET_NESTED_STATE then gives, for the two cases that ask. */
const GOT_AFTERWARDS: Readonly<Record<string, string>> = {
  S10: 'vmcb_pa 0x0, flags GIF_SET, 128 bytes',
  V20: 'vmxon_pa 0xffffffffffffffff, vmcs12_pa 0xffffffffffffffff, flags none, 128 bytes',
};

async function gotText(bench: Bench, name: string): Promise<string> {
  const { nestedState } = await bench.client.nested.GetNestedState({ name });
  if (nestedState === null) return 'no state';
  const { svm, vmx, flags, sizeBytes } = nestedState;
  const hex = (value: string): string => `0x${BigInt(value).toString(16)}`;
  const addresses =
    svm !== null && svm !== undefined
      ? `vmcb_pa ${hex(svm.vmcbPa)}`
      : `vmxon_pa ${hex(vmx?.vmxonPa ?? '0')}, vmcs12_pa ${hex(vmx?.vmcs12Pa ?? '0')}`;
  const names = flags.map((flag) => flag.replace('NESTED_STATE_FLAG_', '')).join(', ');
  return `${addresses}, flags ${names || 'none'}, ${sizeBytes} bytes`;
}

export const SELFTEST_ROWS: readonly Row[] = [
  ...GENERIC_ROWS,
  ...rowsOf('VMX', VMX_SELFTEST),
  ...rowsOf('SVM', SVM_SELFTEST),
];
