// Setting a nested state so that it holds, or not at all: the rules first, then the kernel, then what the kernel
// reads back; after any failure the vCPU is put back to what it held.

import { VcpudError } from '../errors/vcpud-error.js';
import { EVENTS_LAYOUT, SREGS_LAYOUT } from '../kvm/abi.js';
import { cpuidRegister, hasSvm, hasVmx, maxPhyAddr } from '../kvm/cpuid.js';
import { msrRows } from '../kvm/msrs.js';
import { type ByteRange, compareNestedStates } from '../nested/compare.js';
import { HEADER_BYTES } from '../nested/layout.js';
import type { KernelFacts, VcpuFacts } from '../nested/rule.js';
import { checkNestedState } from '../nested/rules.js';
import { getNested, NESTED_ACCESS, requireNested } from './nested-access.js';
import { putBack } from './put-back.js';
import { nestedRefused } from './refusals.js';
import { captureVcpu, type KernelVcpu, type StateVcpu, type VcpuSnapshot } from './vcpu-components.js';

/** Which of the rules that vary the kernel at hand enforces, and its format. */
export type NestedRules = KernelFacts;

const bit = (value: number, n: number): boolean => ((value >>> n) & 1) === 1;

/** What the rules ask of a vCPU, from what it holds or is about to hold. */
export function vcpuFacts(snapshot: VcpuSnapshot): VcpuFacts {
  const sregs = snapshot.sregs2 ?? snapshot.sregs ?? Buffer.alloc(SREGS_LAYOUT.apicBase + 8);
  const cpuid = snapshot.cpuid ?? Buffer.alloc(0);
  const extended = cpuidRegister(cpuid, 0x80000001, 'edx');
  return {
    efer: sregs.readBigUInt64LE(SREGS_LAYOUT.efer),
    cr0: sregs.readBigUInt64LE(SREGS_LAYOUT.cr0),
    cr3: sregs.readBigUInt64LE(SREGS_LAYOUT.cr3),
    inSmm: snapshot.events?.[EVENTS_LAYOUT.smm] === 1,
    maxPhyAddr: maxPhyAddr(cpuid),
    hasSvm: hasSvm(cpuid),
    hasVmx: hasVmx(cpuid),
    hasNpt: bit(cpuidRegister(cpuid, 0x8000000a, 'edx'), 0),
    hasLongMode: bit(extended, 29),
    hasNx: bit(extended, 20),
    hasFxsrOpt: bit(extended, 25),
    separateL2Pat: false, // vcpud leaves KVM_X86_QUIRK_NESTED_SVM_SHARED_PAT as it is
    enlightenedVmcs: false, // vcpud never enables KVM_CAP_HYPERV_ENLIGHTENED_VMCS
    vmxCapabilityMsrs: new Map(
      msrRows(snapshot.msrs ?? Buffer.alloc(0))
        .filter(({ index }) => index >= 0x480 && index <= 0x491)
        .map(({ index, value }) => [index, value]),
    ),
  };
}

/** Throws the first rule's error that the state breaks on such a vCPU. `path` is the field that holds the bytes. */
export function requireValid(bytes: Uint8Array, facts: VcpuFacts, rules: NestedRules, path: string): void {
  if (bytes.length === 0) {
    throw VcpudError.of('FIELD_REQUIRED', `${path} is required`, { field: path });
  }
  const violation = checkNestedState(bytes, facts, rules);
  if (violation === undefined) return;
  throw VcpudError.ofRule(violation.reason, violation.message, {
    field: `${path}:${violation.field}`,
    metadata: { errno: violation.errno, field: violation.field, source: violation.source },
  });
}

/** Reads back and compares; throws NESTED_STATE_NOT_HELD where the kernel holds something else. */
export function requireHeld(vcpu: KernelVcpu, bytes: Uint8Array): { held: Buffer; ignored: ByteRange[] } {
  const held = getNested(vcpu);
  const { lost, ignored } = compareNestedStates(bytes, held);
  if (lost.length === 0) return { held, ignored: [...ignored] };
  const fields = lost.map(({ field }) => field).join(', ');
  throw VcpudError.of(
    'NESTED_STATE_NOT_HELD',
    `the kernel took the state but reads back other values of ${fields}`,
    {
      metadata: { fields },
    },
  );
}

/**
 * Checks a nested state against the vCPU as it is and, unless only that was asked, sets it. The vCPU must be out
 * of KVM_RUN. Gives what the kernel then holds, and the non-zero bytes that it does not hold by design.
 */
export function setNestedState(
  vcpu: StateVcpu,
  bytes: Uint8Array,
  rules: NestedRules,
  validateOnly: boolean,
): { held: Buffer; ignored: ByteRange[] } {
  requireNested(vcpu);
  const former = captureVcpu(vcpu, getNested);
  requireValid(bytes, vcpuFacts(former), rules, 'nested_state.data');
  if (validateOnly) return { held: Buffer.from(bytes), ignored: [] };
  try {
    NESTED_ACCESS.set(vcpu, bytes.length < HEADER_BYTES ? Buffer.alloc(HEADER_BYTES) : Buffer.from(bytes));
    return requireHeld(vcpu, bytes);
  } catch (error) {
    const holds = putBack(vcpu, former);
    const refusal = error instanceof VcpudError ? error : nestedRefused('nested_state.data', error);
    throw refusal.with({ vcpu_holds: holds });
  }
}
