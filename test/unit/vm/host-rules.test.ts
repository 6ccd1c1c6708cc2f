// Asking a kernel which rules it enforces: asked of the models, whose kernels are known, the answers must be what the real
// kernels gave when the models were captured.

import { describe, expect, test } from 'vitest';
import '../../../lib/os/libc.js';
import { AMD_HOST } from '../../../lib/kvm/model/amd-host.js';
import { INTEL_HOST } from '../../../lib/kvm/model/intel-host.js';
import { modelDriver } from '../../../lib/kvm/model/model-driver.js';
import { newVcpuFacts } from '../../../lib/kvm/vcpu-facts.js';
import { REFUSED_BIT_PROBES } from '../../../lib/nested/probes.js';
import { ALL_BUT_MEMORY, judgeNestedState } from '../../../lib/nested/rules.js';
import { probeHost } from '../../../lib/vm/host.js';
import { probeRules } from '../../../lib/vm/host-rules.js';

const MODELS = [
  ['amd', AMD_HOST, { cr4: 'SVM_HOST_CR4_RESERVED_BITS', efer: 'SVM_HOST_EFER_RESERVED_BITS' }],
  ['intel', INTEL_HOST, { cr4: 'VMX_HOST_CR4_RESERVED', efer: 'VMX_HOST_EFER_RESERVED_BITS' }],
] as const;

describe.each(MODELS)('the kernel of the %s model', (vendor, { kernel }, reasons) => {
  const { kvm, profile } = probeHost(modelDriver(vendor));
  const rules = probeRules(kvm, profile);

  test('is seen to enforce what it enforces, and to refuse the bits that it refuses', () => {
    expect([...rules.enforced].sort()).toEqual([...kernel.enforced].sort());
    expect(rules.refused).toEqual(kernel.refused);
  });

  test.each(['cr4', 'efer'] as const)(
    'a bit of %s that it refuses is named, and one that it takes is not',
    (name) => {
      const facts = newVcpuFacts(profile.supportedCpuid, profile.vmxCapabilityMsrs);
      const stateWith = REFUSED_BIT_PROBES[kernel.format][name];
      const refusing = { ...rules, refused: { cr4: 0n, efer: 0n, [name]: 1n << 40n } };
      const broken = (bit: bigint) => {
        const bytes = stateWith(bit, facts.vmxCapabilityMsrs);
        const { violations } = judgeNestedState(bytes, facts, refusing, ALL_BUT_MEMORY);
        return violations.map(({ reason }) => reason);
      };
      expect(broken(1n << 40n)).toContain(reasons[name]);
      expect(broken(0n)).toEqual([]);
    },
  );
});
