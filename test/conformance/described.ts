// vCPUs that are only described, for ValidateNestedState: built from facts, in the kernel's structures. Such a vCPU is of
// no host, so that both vendors' rules can be asked of any endpoint.

import type { NestedFormat } from '../../lib/nested/layout.js';
import type { VcpuFacts } from '../../lib/nested/rule.js';
import type { NestedStateTarget } from '../../protos/gen/vcpud/v1/NestedStateTarget.js';
import { SVM_VCPU, VMX_VCPU } from '../vectors/nested-states.js';
import {
  CPUID,
  CPUID_FACTS,
  type CpuidFact,
  EVENTS,
  MSR_ENTRY,
  type RegisterName,
  SREGS,
} from './kvm-layout.js';

const SREGS2_BYTES = 320;
const EVENTS_BYTES = 64;

/** The vCPUs for which test/vectors makes its states, by format. */
export const DESCRIBED_FACTS: Readonly<Record<NestedFormat, VcpuFacts>> = { SVM: SVM_VCPU, VMX: VMX_VCPU };

function cpuidOf(facts: VcpuFacts): Buffer {
  const leaves = new Map<number, Buffer>();
  const register = (leaf: number, name: 'eax' | 'ecx' | 'edx', bits: number) => {
    const row = leaves.get(leaf) ?? Buffer.alloc(CPUID.bytes);
    row.writeUInt32LE(leaf, CPUID.leaf);
    row.writeUInt32LE((row.readUInt32LE(CPUID[name]) | bits) >>> 0, CPUID[name]);
    leaves.set(leaf, row);
  };
  register(0x8000_0000, 'eax', 0x8000_000a);
  register(0x8000_0008, 'eax', facts.maxPhyAddr);
  for (const [fact, [leaf, name, bit]] of Object.entries(CPUID_FACTS)) {
    if (facts[fact as CpuidFact]) register(leaf, name, 1 << bit);
  }
  return Buffer.concat([...leaves.values()]);
}

function msrsOf({ vmxCapabilityMsrs }: VcpuFacts): Buffer {
  return Buffer.concat(
    [...vmxCapabilityMsrs].map(([index, value]) => {
      const row = Buffer.alloc(MSR_ENTRY.bytes);
      row.writeUInt32LE(index, MSR_ENTRY.index);
      row.writeBigUInt64LE(value, MSR_ENTRY.value);
      return row;
    }),
  );
}

function sregsOf({ cr0, cr3, cr4, efer }: VcpuFacts): Buffer {
  const bytes = Buffer.alloc(SREGS2_BYTES);
  for (const [name, value] of Object.entries({ cr0, cr3, cr4, efer })) {
    bytes.writeBigUInt64LE(value, SREGS[name as RegisterName]);
  }
  return bytes;
}

/** Everything that can be said of such a vCPU, on a kernel that has these of the rules that vary. */
export function describe(
  format: NestedFormat,
  facts: Partial<VcpuFacts> = {},
  enforcedRules: readonly string[] = [],
) {
  const whole = { ...DESCRIBED_FACTS[format], ...facts };
  const events = Buffer.alloc(EVENTS_BYTES);
  events[EVENTS.smm] = whole.inSmm ? 1 : 0;
  return {
    format: `NESTED_STATE_FORMAT_${format}`,
    enforcedRules: [...enforcedRules],
    cpuid: cpuidOf(whole),
    sregs: sregsOf(whole),
    msrs: msrsOf(whole),
    events,
  } as const satisfies NestedStateTarget;
}
