// CPUID as the model keeps it: what the host offers, and the bits of a vCPU's table that follow its registers
// (arch/x86/kvm/cpuid.c). Called by vcpu.ts, registers.ts and system.ts.

import { REFUSED_EVERYWHERE } from '../../nested/rule.js';
import { CPUID_ENTRY, SIZE } from '../abi.js';
import type { ModelHost } from './model-host.js';
import type { VcpuState } from './vcpu-state.js';

type Register = 'eax' | 'ebx' | 'ecx' | 'edx';

/** cpuid_entry2_find: where the entry stands, or -1. An entry without an index of its own answers for any. */
export function findEntry(entries: Buffer, leaf: number, index: number): number {
  for (let at = 0; at < entries.length; at += SIZE.cpuidEntry) {
    if (entries.readUInt32LE(at + CPUID_ENTRY.function) !== leaf) continue;
    const significant = (entries.readUInt32LE(at + CPUID_ENTRY.flags) & 1) !== 0;
    if (!significant || entries.readUInt32LE(at + CPUID_ENTRY.index) === index) return at;
  }
  return -1;
}

function register(entries: Buffer, leaf: number, index: number, name: Register): number {
  const at = findEntry(entries, leaf, index);
  return at < 0 ? 0 : entries.readUInt32LE(at + CPUID_ENTRY[name]);
}

/** CPUID 1 ECX[21]. */
export const hasX2apic = (entries: Buffer): boolean => ((register(entries, 1, 0, 'ecx') >>> 21) & 1) === 1;

/** Components from 2 on of an XSAVE area: their size and offset in bytes, by CPUID Dh's subleaves. */
interface XsaveComponent {
  readonly bit: bigint;
  readonly bytes: number;
  readonly offset: number;
  readonly aligned: boolean;
}

/** Legacy region and header. */
export const XSAVE_MIN_BYTES = 576;

/** What of CPUID is the host's. */
export interface CpuidTables {
  /** KVM_GET_SUPPORTED_CPUID, as entries. */
  readonly supported: Buffer;
  /** CR4 bits that this kernel lets no guest set (cr4_reserved_bits). */
  readonly cr4Reserved: bigint;
  readonly xsaveComponents: readonly XsaveComponent[];
  /** cpuid_get_supported_xcr0: what a guest with that CPUID may have in XCR0. */
  supportedXcr0(entries: Buffer): bigint;
}

export function cpuidTables(host: ModelHost): CpuidTables {
  const supported = Buffer.alloc(SIZE.cpuidEntry * host.supportedCpuid.length);
  host.supportedCpuid.forEach(([leaf, index, flags, eax, ebx, ecx, edx], i) => {
    const row = { function: leaf, index, flags, eax, ebx, ecx, edx };
    for (const [name, value] of Object.entries(row)) {
      supported.writeUInt32LE(value, SIZE.cpuidEntry * i + CPUID_ENTRY[name as keyof typeof CPUID_ENTRY]);
    }
  });
  return {
    supported,
    cr4Reserved: (host.kernel.refused ?? REFUSED_EVERYWHERE).cr4,
    xsaveComponents: host.supportedCpuid
      .filter(([leaf, index]) => leaf === 0xd && index >= 2)
      .map(([, index, , eax, ebx, ecx]) => ({
        bit: 1n << BigInt(index),
        bytes: eax,
        offset: ebx,
        aligned: (ecx & 2) !== 0,
      })),
    supportedXcr0: (entries) => {
      const high = BigInt(register(entries, 0xd, 0, 'edx')) << 32n;
      return (high | BigInt(register(entries, 0xd, 0, 'eax'))) & host.xcr0;
    },
  };
}

/** xstate_required_size. */
function xsaveBytes({ xsaveComponents }: CpuidTables, xcr0: bigint, compacted: boolean): number {
  let end = XSAVE_MIN_BYTES;
  for (const { bit, bytes, offset, aligned } of xsaveComponents) {
    if ((xcr0 & bit) === 0n) continue;
    if (!compacted) end = Math.max(end, offset + bytes);
    else end = (aligned ? Math.ceil(end / 64) * 64 : end) + bytes;
  }
  return end;
}

/** Bits of a vCPU's CPUID that follow its registers: leaf, index, register, bit, and what it follows. */
const RUNTIME_BITS: ReadonlyArray<
  readonly [leaf: number, register: Register, bit: number, set: (state: VcpuState) => boolean]
> = [
  [1, 'ecx', 27, ({ cr4 }) => (cr4 & (1n << 18n)) !== 0n], // OSXSAVE
  [1, 'edx', 9, ({ apicBase }) => (apicBase & (1n << 11n)) !== 0n], // APIC
  [7, 'ecx', 4, ({ cr4 }) => (cr4 & (1n << 22n)) !== 0n], // OSPKE
];

/** __kvm_update_cpuid_runtime on the vCPU's own table. */
export function updateRuntimeBits(state: VcpuState, tables: CpuidTables): void {
  const entries = state.cpuid;
  for (const [leaf, name, bit, set] of RUNTIME_BITS) {
    const at = findEntry(entries, leaf, 0);
    if (at < 0) continue;
    const others = entries.readUInt32LE(at + CPUID_ENTRY[name]) & ~(1 << bit);
    entries.writeUInt32LE((others | (set(state) ? 1 << bit : 0)) >>> 0, at + CPUID_ENTRY[name]);
  }
  const plain = findEntry(entries, 0xd, 0);
  if (plain >= 0) entries.writeUInt32LE(xsaveBytes(tables, state.xcr0, false), plain + CPUID_ENTRY.ebx);
  const compacted = findEntry(entries, 0xd, 1);
  const XSAVEC_OR_XSAVES = (1 << 1) | (1 << 3);
  if (compacted >= 0 && (entries.readUInt32LE(compacted + CPUID_ENTRY.eax) & XSAVEC_OR_XSAVES) !== 0) {
    entries.writeUInt32LE(xsaveBytes(tables, state.xcr0, true), compacted + CPUID_ENTRY.ebx);
  }
}

/** kvm_check_cpuid: linear addresses have 48 or 57 bits. */
export function isValidCpuid(entries: Buffer): boolean {
  const at = findEntry(entries, 0x8000_0008, 0);
  if (at < 0) return true;
  return [0, 48, 57].includes((entries.readUInt32LE(at + CPUID_ENTRY.eax) >>> 8) & 0xff);
}
