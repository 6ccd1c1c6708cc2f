// States given and got back: by SetNestedState, by SetVcpuState, one after the other on one vCPU; each must be held, those
// that are a header alone included. Then Reset from each, any number of times, to what the vCPU held at power-on.

import { VMCS12 } from '../../lib/nested/layout.js';
import { vmxCurrent, vmxGuestMode } from '../vectors/nested-states.js';
import { onFormat } from './facing.js';
import { heldText } from './held.js';
import type { Row } from './row.js';
import { PLAIN_STATES, type PlainState } from './states.js';
import type { SuiteVcpu } from './suite-vcpu.js';
import { changed, differences, withNestedState } from './vcpu-facts.js';
import { verdictText } from './verdict.js';

/** Gives it to a vCPU; "held" where answer, GetNestedState and what was given are the same. */
async function give(vcpu: SuiteVcpu, bytes: Uint8Array): Promise<string> {
  const verdict = await vcpu.set(bytes, { kernelVerdict: false });
  if (verdict.refusal !== undefined) return verdictText(verdict);
  const answered = verdict.answer.nestedState?.data ?? Buffer.alloc(0);
  const got = await vcpu.nested();
  if (heldText(answered, got, 'nested state alone') !== 'held') return 'the answer is not what is then got';
  return heldText(bytes, got, 'nested state alone');
}

const setRow = ({ format, name, bytes, facts = {} }: PlainState): Row => ({
  group: 'round trips',
  name: `SetNestedState: ${name}`,
  needs: [onFormat(format)],
  expected: () => 'held',
  run: async (bench) => give(await bench.vcpu({ facts }), bytes()),
});

/** By a whole state of which it is a part; then the same whole state, as it was read, once more. */
const wholeRow = ({ format, name, bytes, facts = {} }: PlainState): Row => ({
  group: 'round trips',
  name: `SetVcpuState: ${name}`,
  needs: [onFormat(format)],
  expected: () => 'held; given once more: the same',
  run: async (bench) => {
    const vcpu = await bench.vcpu({ facts });
    vcpu.disturb();
    await vcpu.give(withNestedState(vcpu.before, bytes()));
    const first = await vcpu.state();
    const held = heldText(bytes(), first.nestedState?.data ?? Buffer.alloc(0), 'nested state alone');
    await vcpu.give(first);
    const unlike = differences(first, await vcpu.state());
    return `${held}; given once more: ${unlike.length === 0 ? 'the same' : `other ${unlike.join(', ')}`}`;
  },
});

/** Every state of the format after every other, on one vCPU. */
const inTurnRow = (format: 'SVM' | 'VMX'): Row => {
  const states = PLAIN_STATES.filter((state) => state.format === format && state.facts === undefined);
  return {
    group: 'round trips',
    name: `SetNestedState: ${states.length} states in turn, to and fro`,
    needs: [onFormat(format)],
    expected: () => 'held',
    run: async (bench) => {
      const vcpu = await bench.vcpu({});
      for (const { name, bytes } of [...states, ...states.toReversed()]) {
        const answer = await give(vcpu, bytes());
        if (answer !== 'held') return `${name}: ${answer}`;
      }
      return 'held';
    },
  };
};

const RESETS = 3;

const resetRow = ({ format, name, bytes, facts = {} }: PlainState): Row => ({
  group: 'reset',
  name: `${name}: ${RESETS} resets`,
  needs: [onFormat(format)],
  expected: () => 'power-on state',
  run: async (bench) => {
    const vcpu = await bench.vcpu({ facts });
    const verdict = await vcpu.set(bytes(), { kernelVerdict: false });
    if (verdict.refusal !== undefined) return verdictText(verdict);
    for (let i = 0; i < RESETS; i += 1) await bench.client.nested.Reset({ name: vcpu.name });
    const unlike = differences(vcpu.fresh, await vcpu.state());
    return unlike.length === 0 ? 'power-on state' : `unlike power-on: ${unlike.join(', ')}`;
  },
});

/**
 * KVM writes what is left of an L2 that was left by a set into the VMCS that is current next, when that is first read
 * (need_sync_vmcs02_to_vmcs12_rare). What is read must be what was given all the same.
 */
const AFTER_L2_ROW: Row = {
  group: 'round trips',
  name: 'SetNestedState: in L2, then a current VMCS out of L2 with segments of its own',
  needs: [onFormat('VMX')],
  expected: () => 'held; held; held',
  run: async (bench) => {
    const vcpu = await bench.vcpu({});
    const current = changed(vmxCurrent(), (copy) => {
      copy.writeUInt32LE(0xfffff, VMCS12.guest_cs_limit.offset);
      copy.writeBigUInt64LE(0x1234_5000n, VMCS12.guest_gdtr_base.offset);
    });
    const answers: string[] = [];
    for (const bytes of [vmxGuestMode(), current, current]) answers.push(await give(vcpu, bytes));
    return answers.join('; ');
  },
};

export const ROUND_TRIP_ROWS: readonly Row[] = [
  ...PLAIN_STATES.flatMap((state) => [setRow(state), wholeRow(state)]),
  inTurnRow('SVM'),
  inTurnRow('VMX'),
  AFTER_L2_ROW,
];

export const RESET_ROWS: readonly Row[] = PLAIN_STATES.map(resetRow);
