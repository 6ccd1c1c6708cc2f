// ValidateNestedState in process, on the model host: the whole table of rules over a live L2's state, with what it asks
// of a vCPU found out once, as an orchestrator does that checks many states against one target. Needs no KVM.

import { MODEL_VENDORS, type ModelVendor, modelDriver } from '../../lib/kvm/model/model-driver.js';
import { newVcpuFacts } from '../../lib/kvm/vcpu-facts.js';
import { ALL_BUT_MEMORY, judgeNestedState } from '../../lib/nested/rules.js';
import { probeHost } from '../../lib/vm/host.js';
import { probeRules } from '../../lib/vm/host-rules.js';
import { svmGuestMode, vmxGuestMode } from '../vectors/nested-states.js';
import type { Measurement, Target } from './row.js';
import type { Stage } from './stage.js';
import { median } from './statistics.js';

const STATES: Readonly<Record<ModelVendor, () => Uint8Array>> = { amd: svmGuestMode, intel: vmxGuestMode };
/** Copies that are checked in turn, so that none stays in the CPU's nearest cache. */
const COPIES = 64;
const WARM_UP = 20_000;
const ROUND = 20_000;
const TARGET: Target = { of: 'measured', bound: 'at least', value: 20_000 };

function ratesOf(vendor: ModelVendor, rounds: number): number[] {
  const { kvm, profile } = probeHost(modelDriver(vendor));
  const rules = probeRules(kvm, profile);
  const facts = newVcpuFacts(profile.supportedCpuid, profile.vmxCapabilityMsrs);
  const states = Array.from({ length: COPIES }, STATES[vendor]);
  const check = (count: number): void => {
    for (let i = 0; i < count; i += 1) {
      const { violations } = judgeNestedState(states[i % COPIES] as Uint8Array, facts, rules, ALL_BUT_MEMORY);
      if (violations[0] !== undefined) throw new Error(`a valid state breaks ${violations[0].reason}`);
    }
  };
  check(WARM_UP);
  const rates = Array.from({ length: rounds }, () => {
    const since = performance.now();
    check(ROUND);
    return (ROUND / (performance.now() - since)) * 1000;
  });
  kvm.close();
  return rates;
}

export async function validate(stage: Stage): Promise<Measurement[]> {
  return MODEL_VENDORS.map((vendor) => {
    const rates = ratesOf(vendor, stage.amounts.pairs);
    return {
      name: `validate-${vendor}`,
      what: `ValidateNestedState in process, on the model of the ${vendor} host`,
      unit: 'states/s',
      measured: median(rates),
      target: TARGET,
      details: { 'slowest round': Math.min(...rates), rounds: rates.length },
    };
  });
}
