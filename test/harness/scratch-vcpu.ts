// A vCPU of this very process that never runs: for asking the kernel itself, past vcpud, whether it takes a state.
// And states of vCPUs with other registers or another CPUID than a new one has.

import { VcpudError } from '../../lib/errors/vcpud-error.js';
import { CPUID_ENTRY, EVENTS_LAYOUT, SIZE, SREGS_LAYOUT } from '../../lib/kvm/abi.js';
import { setCpuid } from '../../lib/kvm/cpuid.js';
import { NATIVE_DRIVER } from '../../lib/kvm/native/native-driver.js';
import type { VcpuFacts } from '../../lib/nested/rule.js';
import { KernelError } from '../../lib/os/kernel-error.js';
import { giveNested } from '../../lib/state/nested-access.js';
import type { NestedRules } from '../../lib/state/nested-set.js';
import type { StateVcpu } from '../../lib/state/state-vcpu.js';
import { captureVcpu, failAtOnce, restoreVcpu, type VcpuSnapshot } from '../../lib/state/vcpu-components.js';
import { probeHost } from '../../lib/vm/host.js';
import { probeRules } from '../../lib/vm/host-rules.js';

export interface ScratchVcpu {
  readonly vcpu: StateVcpu;
  /** The rules that the kernel at hand was seen to enforce. */
  readonly rules: NestedRules;
  /** Everything that it holds. */
  capture(): VcpuSnapshot;
  /** Gives it everything. */
  give(snapshot: VcpuSnapshot): void;
  /** KVM_SET_NESTED_STATE, unchecked: "taken", or the errno's name. */
  ask(nested: Uint8Array): string;
  close(): void;
}

export function createScratchVcpu(): ScratchVcpu {
  const { kvm, profile } = probeHost(NATIVE_DRIVER);
  const { format, maxBytes } = profile.nested;
  if (format === undefined) throw VcpudError.of('NESTED_NOT_SUPPORTED', profile.nested.disabledReason);
  const rules = probeRules(kvm, profile);
  const vm = kvm.createVm();
  const port = vm.createVcpu(0);
  setCpuid(port, profile.supportedCpuid);
  const { capabilities, msrIndices } = profile;
  const vcpu: StateVcpu = {
    port,
    shape: { capabilities, irqchip: false, msrIndices, nested: { format, maxBytes } },
    dropPendingAccess: () => undefined, // it never runs
    readGuest: () => undefined, // its VM has no memory
  };
  return {
    vcpu,
    rules,
    capture: () => captureVcpu(vcpu),
    give: (snapshot) => restoreVcpu(vcpu, snapshot, failAtOnce),
    ask: (nested) => {
      try {
        giveNested(vcpu, nested);
        return 'taken';
      } catch (error) {
        if (error instanceof KernelError) return error.code;
        throw error;
      }
    },
    close: () => {
      for (const each of [port, vm, kvm]) each.close();
    },
  };
}

/** CPUID bits behind the facts that rules ask of: leaf, register, bit. */
const CPUID_BITS = {
  hasSvm: [0x80000001, 'ecx', 2],
  hasNpt: [0x8000000a, 'edx', 0],
  hasLongMode: [0x80000001, 'edx', 29],
  hasNx: [0x80000001, 'edx', 20],
  hasFxsrOpt: [0x80000001, 'edx', 25],
  hasAutoIbrs: [0x80000021, 'eax', 8],
} as const;

/** A copy of a CPUID table in which the bit is as wanted. */
function withCpuidBit(cpuid: Buffer, fact: keyof typeof CPUID_BITS, wanted: boolean): Buffer {
  const [leaf, register, bit] = CPUID_BITS[fact];
  const copy = Buffer.from(cpuid);
  for (let at = 0; at < copy.length; at += SIZE.cpuidEntry) {
    if (copy.readUInt32LE(at + CPUID_ENTRY.function) !== leaf) continue;
    const offset = at + CPUID_ENTRY[register];
    const others = copy.readUInt32LE(offset) & ~(1 << bit);
    copy.writeUInt32LE((others | (wanted ? 1 << bit : 0)) >>> 0, offset);
  }
  return copy;
}

/** Facts that a state can be given; others are the kernel's. */
export type SettableFacts = Partial<
  Pick<VcpuFacts, 'efer' | 'cr0' | 'cr3' | 'inSmm'> & { readonly cr4: bigint } & Readonly<
      Record<keyof typeof CPUID_BITS, boolean>
    >
>;

const REGISTERS = ['cr0', 'cr3', 'cr4', 'efer'] as const;

/** A copy of a state with other registers and CPUID bits; out of L2 or in it as before. */
export function withFacts(snapshot: VcpuSnapshot, facts: SettableFacts): VcpuSnapshot {
  const sregs = Buffer.from(snapshot.sregs2 ?? snapshot.sregs ?? Buffer.alloc(0));
  for (const register of REGISTERS) {
    const value = facts[register];
    if (value !== undefined) sregs.writeBigUInt64LE(value, SREGS_LAYOUT[register]);
  }
  const events = Buffer.from(snapshot.events ?? Buffer.alloc(0));
  if (facts.inSmm !== undefined) events.writeUInt8(facts.inSmm ? 1 : 0, EVENTS_LAYOUT.smm);
  let cpuid = snapshot.cpuid ?? Buffer.alloc(0);
  for (const fact of Object.keys(CPUID_BITS) as Array<keyof typeof CPUID_BITS>) {
    const wanted = facts[fact];
    if (wanted !== undefined) cpuid = withCpuidBit(cpuid, fact, wanted);
  }
  const changed = snapshot.sregs2 === undefined ? { sregs } : { sregs2: sregs };
  return { ...snapshot, ...changed, events, cpuid };
}

/** The registers of an L1 in long mode with SVM on: what the plain nested states are made for. */
export const L1_IN_LONG_MODE: SettableFacts = { efer: 0x1500n, cr0: 0x8001_0033n, cr3: 0x1000n, cr4: 0x20n };
