// A state given to a vCPU that never ran, on a model of a kernel with nested SVM: after whatever was given before, it holds.

import { beforeEach, describe, expect, test } from 'vitest';
import { EVENTS_LAYOUT, SREGS_LAYOUT } from '../../../lib/kvm/abi.js';
import { setCpuid } from '../../../lib/kvm/cpuid.js';
import { modelDriver } from '../../../lib/kvm/model/model-driver.js';
import { isAsNew, restoreFresh } from '../../../lib/state/restore.js';
import { differences } from '../../../lib/state/snapshot-compare.js';
import type { StateVcpu } from '../../../lib/state/state-vcpu.js';
import { captureVcpu, type VcpuSnapshot } from '../../../lib/state/vcpu-components.js';
import { probeHost } from '../../../lib/vm/host.js';
import { probeRules } from '../../../lib/vm/host-rules.js';
import { capturedStates } from '../../vectors/captured.js';

const { kvm, profile } = probeHost(modelDriver('amd'));
const rules = probeRules(kvm, profile);
const captured = capturedStates('svm').map(({ name, parts }) => ({
  name,
  nested: parts.nested as Buffer,
  parts,
}));

let vcpu: StateVcpu;
let powerOn: VcpuSnapshot;

beforeEach(() => {
  const port = kvm.createVm().createVcpu(0);
  setCpuid(port, profile.supportedCpuid);
  const { capabilities, msrIndices } = profile;
  const { maxBytes } = profile.nested;
  vcpu = {
    port,
    shape: { capabilities, irqchip: false, msrIndices, nested: { format: 'SVM', maxBytes } },
    dropPendingAccess: () => undefined, // it never runs
    readGuest: () => undefined, // its VM has no memory
  };
  powerOn = captureVcpu(vcpu);
});

/** The registers and the nested state that were captured, on what the vCPU holds else. */
const withCaptured = (name: string): VcpuSnapshot => {
  const { sregs2, regs, nested } = captured.find((state) => state.name === name)?.parts ?? {};
  if (sregs2 === undefined || regs === undefined || nested === undefined) throw new Error(name);
  return { ...powerOn, sregs2, regs, nested };
};

const give = (state: VcpuSnapshot, asNew: boolean) =>
  restoreFresh(vcpu, state, rules, 'state.vcpus[0]', asNew);

describe('a vCPU that never ran', () => {
  test.each(captured.map(({ name }) => name))(
    'takes %s, and after it another state, and holds it',
    (name) => {
      const state = withCaptured(name);
      give(state, true);
      expect(differences(state, captureVcpu(vcpu))).toEqual([]);
      give(powerOn, isAsNew(powerOn, state));
      expect(differences(powerOn, captureVcpu(vcpu))).toEqual([]);
      give(state, isAsNew(powerOn, powerOn));
      expect(differences(state, captureVcpu(vcpu))).toEqual([]);
    },
  );

  test('is as new after what it held when it was, and after nothing in L2 or in SMM', () => {
    expect(isAsNew(powerOn, powerOn)).toBe(true);
    const inL2 = captured.filter(({ nested }) => nested.length > 128);
    expect(inL2.length).toBeGreaterThan(0);
    for (const { nested } of inL2) expect(isAsNew(powerOn, { ...powerOn, nested })).toBe(false);
    const events = Buffer.from(powerOn.events ?? []);
    events.writeUInt8(1, EVENTS_LAYOUT.smm);
    expect(isAsNew(powerOn, { ...powerOn, events })).toBe(false);
    const sregs2 = Buffer.from(powerOn.sregs2 ?? []);
    sregs2.writeBigUInt64LE(0x1000n, SREGS_LAYOUT.cr3);
    expect(isAsNew(powerOn, { ...powerOn, sregs2 })).toBe(true);
  });
});
