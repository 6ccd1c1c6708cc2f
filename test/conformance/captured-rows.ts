// The states in which real L1s were caught by real kernels (test/vectors), given to a vCPU and got back: on any endpoint
// of their format, the model too. A host keeps its own CPUID and MSRs: of a capture, what it knows from another CPU.

import { type NestedFormat, SHADOW_VMCS12, VMCS12, VMX_SHADOW_BYTES } from '../../lib/nested/layout.js';
import type { GuestKind } from '../guests/scenes.js';
import { type CapturedState, capturedStates } from '../vectors/captured.js';
import { onFormat } from './facing.js';
import { heldText } from './held.js';
import type { Row } from './row.js';
import type { SuiteVcpu } from './suite-vcpu.js';
import { differences, withNestedState } from './vcpu-facts.js';

const KINDS: Readonly<Record<NestedFormat, GuestKind>> = { SVM: 'svm', VMX: 'vmx' };

/** A linked shadow VMCS's first bytes must be in guest memory: KVM reads them there when it is given the state. */
async function linkShadow(vcpu: SuiteVcpu, nested: Buffer): Promise<void> {
  if (nested.length < VMX_SHADOW_BYTES) return;
  const gpa = nested.readBigUInt64LE(VMCS12.vmcs_link_pointer.offset);
  await vcpu.linkVmcs(gpa, nested.readUInt32LE(SHADOW_VMCS12.revision_id.offset));
}

const capturedRow = (format: NestedFormat, { name, parts }: CapturedState): Row => ({
  group: 'captured',
  name: `${format}: ${name}`,
  needs: [onFormat(format)],
  expected: () => 'held; reset: power-on state',
  run: async (bench) => {
    const vcpu = await bench.vcpu({});
    vcpu.disturb();
    const nested = parts.nested ?? Buffer.alloc(0);
    const state = { ...vcpu.before };
    for (const part of ['sregs2', 'regs', 'events', 'debugregs'] as const) {
      const bytes = parts[part];
      if (bytes !== undefined && state[part].length > 0) state[part] = bytes;
    }
    await linkShadow(vcpu, nested);
    await vcpu.give(withNestedState(state, nested));
    const got = await vcpu.state();
    const held = heldText(nested, got.nestedState?.data ?? Buffer.alloc(0), 'whole vCPU');
    const others = differences(state, got).filter((part) => part !== 'nested_state');
    await bench.client.nested.Reset({ name: vcpu.name });
    const unlike = differences(vcpu.fresh, await vcpu.state());
    const reset = unlike.length === 0 ? 'power-on state' : `unlike power-on: ${unlike.join(', ')}`;
    return `${[held, ...others].join(', other ')}; reset: ${reset}`;
  },
});

export const CAPTURED_ROWS: readonly Row[] = (['SVM', 'VMX'] as const).flatMap((format) =>
  capturedStates(KINDS[format]).map((captured) => capturedRow(format, captured)),
);
