// Whether two snapshots of a vCPU say the same, part by part: after a restore, after a way back, at the end of a
// move. What time itself changes is left out, by a table.

import { SIZE } from '../kvm/abi.js';
import { vendorString } from '../kvm/cpuid.js';
import { MSR_NOT_THERE, msrRows } from '../kvm/msrs.js';
import { compareNestedStates, unlikeBlocks } from '../nested/compare.js';
import type { ComponentName, VcpuSnapshot } from './vcpu-components.js';

/** MSRs that change while nothing runs, that are the host's own, or that hold the same thing in another form each time. */
const VOLATILE_MSRS: ReadonlyMap<number, string> = new Map([
  [0x10, 'IA32_TSC counts'],
  [0x3b, 'IA32_TSC_ADJUST follows a TSC written by the guest'],
  [0xe7, 'IA32_MPERF counts'],
  [0xe8, 'IA32_APERF counts'],
  [0x40000010, 'HV_X64_MSR_VP_RUNTIME counts'],
  [0x40000020, 'HV_X64_MSR_TIME_REF_COUNT counts'],
  [0x40000022, 'HV_X64_MSR_TSC_FREQUENCY is what its host measured, and a write of it is ignored'],
]);

/**
 * MSRs of which kvm_amd holds less than a guest of AMD's vendor string can write, by the bits that it holds: the guest
 * writes vmcb01's field itself, KVM_SET_MSRS keeps what counts (svm_set_msr, "if (guest_cpuid_is_intel(vcpu))").
 */
const PARTLY_HELD_ON_AMD: ReadonlyMap<number, readonly [bits: bigint, why: string]> = new Map([
  [
    0x175,
    [
      0xffff_ffffn,
      'IA32_SYSENTER_ESP: SYSENTER uses 32 bits of it, and is no instruction of AMD’s long mode',
    ],
  ],
]);

const AMD_VENDORS: ReadonlySet<string> = new Set(['AuthenticAMD', 'HygonGenuine']);

/** Byte ranges of parts that time changes: [offset, length]. */
const VOLATILE_BYTES: Readonly<Partial<Record<ComponentName, ReadonlyArray<readonly [number, number]>>>> = {
  // The LAPIC timer's current count.
  lapic: [[0x390, 4]],
};

function withoutVolatile(name: ComponentName, bytes: Buffer): Buffer {
  const ranges = VOLATILE_BYTES[name];
  if (ranges === undefined) return bytes;
  const copy = Buffer.from(bytes);
  for (const [offset, length] of ranges) copy.fill(0, offset, offset + length);
  return copy;
}

/** Of the rows of `a`: kernels differ in which MSRs they list, and what one lists beyond, nobody has given it. */
function differingMsrs(a: Buffer, b: Buffer, amd: boolean): string[] {
  const held = (index: number, value = MSR_NOT_THERE) => {
    const [bits] = (amd ? PARTLY_HELD_ON_AMD.get(index) : undefined) ?? [];
    return bits === undefined ? value : value & bits;
  };
  // Most rows are alike byte for byte, and are not taken apart: this is done while a guest stands still.
  const [longer, shorter] = a.length < b.length ? [b, a] : [a, b];
  const unlike: Array<[from: number, to: number]> = [];
  for (const [from, to] of unlikeBlocks(longer, shorter, BLOCK_BYTES)) {
    for (const [row, end] of unlikeBlocks(
      longer.subarray(from, to),
      shorter.subarray(from, to),
      SIZE.msrEntry,
    ))
      unlike.push([from + row, from + end]);
  }
  const rows = (table: Buffer) => unlike.flatMap(([from, to]) => msrRows(table.subarray(from, to)));
  const other = new Map(rows(b).map(({ index, value }) => [index, value]));
  return rows(a)
    .filter(
      ({ index, value }) => !VOLATILE_MSRS.has(index) && held(index, other.get(index)) !== held(index, value),
    )
    .map(({ index }) => `msrs.0x${index.toString(16)}`);
}

/** How many rows are compared at one go. */
const BLOCK_BYTES = 8 * SIZE.msrEntry;

/**
 * Names of what differs, such as "regs" or "msrs.0xc0010117"; empty where the two are the same. Of MSRs those count that
 * the first has: it is what was given, the second what is held, maybe by another kernel.
 */
export function differences(a: VcpuSnapshot, b: VcpuSnapshot): string[] {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]) as Set<ComponentName>;
  return [...names].flatMap((name) => {
    const left = a[name];
    const right = b[name];
    if (left === undefined || right === undefined) return [name];
    if (name === 'msrs') {
      return left.length % SIZE.msrEntry === 0
        ? differingMsrs(left, right, a.cpuid !== undefined && AMD_VENDORS.has(vendorString(a.cpuid)))
        : [name];
    }
    // By what the kernel holds: on SVM it reads L1's save area back with a few bytes that it never takes (DR6, CR2).
    if (name === 'nested') return compareNestedStates(left, right).lost.map(({ field }) => `nested.${field}`);
    return withoutVolatile(name, left).equals(withoutVolatile(name, right)) ? [] : [name];
  });
}
