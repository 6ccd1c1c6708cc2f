// A model vCPU's MSRs, and KVM_GET_MSRS and KVM_SET_MSRS on them. Most hold what they are given, within a mask that
// was captured from the real host; those that mean something to KVM have a row of their own here (both vendors') or
// in the vendor's model. MSRs that KVM_GET_MSR_INDEX_LIST does not name are refused, but for the few below.
//
// Sources: kvm_set_msr_common and kvm_get_msr_common, arch/x86/kvm/hyperv.c. Called by vcpu.ts and system.ts.

import { MSR, SIZE } from '../abi.js';
import { E2BIG } from './errno.js';
import type { ModelHost } from './model-host.js';
import type { ModelMsr } from './nested-model.js';
import { type RegisterContext, setApicBase } from './registers.js';
import type { ModelClock } from './time.js';
import type { VcpuState } from './vcpu-state.js';

/** MAX_IO_MSRS. */
const MOST_ROWS = 256;
const U64 = 0xffff_ffff_ffff_ffffn;

/** msr_io: walks struct kvm_msr_entry rows until one is refused; gives how many were done. */
export function forEachMsr(buffer: Buffer, apply: (index: number, valueAt: number) => boolean): number {
  const count = buffer.readUInt32LE(0);
  if (count >= MOST_ROWS) return E2BIG;
  for (let i = 0; i < count; i += 1) {
    const at = SIZE.msrsHeader + SIZE.msrEntry * i;
    if (!apply(buffer.readUInt32LE(at), at + 8)) return i;
  }
  return count;
}

export function getMsrs(msrs: ReadonlyMap<number, ModelMsr>, buffer: Buffer): number {
  return forEachMsr(buffer, (index, at) => {
    const value = msrs.get(index)?.read();
    if (value === undefined) return false;
    buffer.writeBigUInt64LE(value, at);
    return true;
  });
}

export function setMsrs(msrs: ReadonlyMap<number, ModelMsr>, buffer: Buffer): number {
  return forEachMsr(buffer, (index, at) => msrs.get(index)?.write(buffer.readBigUInt64LE(at)) ?? false);
}

// ---------------------------------------------------------------------------------------------------------
// Kinds of MSRs

/** Holds `keeps` of any value that has no bit beyond `accepts`. */
export function maskedMsr(initial: bigint, accepts: bigint, keeps: bigint): ModelMsr {
  let held = initial;
  return {
    read: () => held,
    write: (value) => {
      if ((value & ~accepts & U64) !== 0n) return false;
      held = value & keeps;
      return true;
    },
  };
}

/** Holds what `valid` lets pass. */
export function checkedMsr(initial: bigint, valid: (value: bigint) => boolean): ModelMsr {
  let held = initial;
  return {
    read: () => held,
    write: (value) => {
      if (!valid(value)) return false;
      held = value;
      return true;
    },
  };
}

/** Takes anything and stays what it is. */
export function ignoringMsr(read: () => bigint): ModelMsr {
  return { read, write: () => true };
}

/** is_noncanonical_address: 48 bits, 57 with CR4.LA57. */
export function isCanonical(value: bigint, { cr4 }: VcpuState): boolean {
  const bits = (cr4 & (1n << 12n)) !== 0n ? 57 : 48;
  return BigInt.asUintN(64, BigInt.asIntN(bits, value)) === value;
}

/** kvm_pat_valid: each of the 8 bytes is a memory type 0, 1, 4, 5, 6 or 7. */
export function isValidPat(pat: bigint): boolean {
  for (let rest = pat; rest !== 0n; rest >>= 8n) {
    const type = rest & 0xffn;
    if (type > 7n || type === 2n || type === 3n) return false;
  }
  return true;
}

// ---------------------------------------------------------------------------------------------------------
// MSRs of both vendors

/** What is one thing for all vCPUs of a VM. */
export interface VmMsrs {
  /** MSR_KVM_WALL_CLOCK. No time is written into guest memory for it. */
  wallClock: bigint;
}

export interface MsrContext extends RegisterContext {
  readonly vm: VmMsrs;
  readonly clock: ModelClock;
}

const KVM_WALL_CLOCK = [0x11, 0x4b56_4d00] as const;
const KVM_SYSTEM_TIME = [0x12, 0x4b56_4d01] as const;
const EFER = { MSR: 0xc000_0080, LMA: 1n << 10n } as const;
const MISC_FEATURES_ENABLES = 0x140;
const PLATFORM_INFO = { MSR: 0xce, CPUID_FAULT: 1n << 31n } as const;
const HV_GUEST_OS_ID = 0x4000_0000;

type Row = readonly [index: number, make: (context: MsrContext, others: Msrs) => ModelMsr];
type Msrs = ReadonlyMap<number, ModelMsr>;

const held = (msrs: Msrs, index: number): bigint => msrs.get(index)?.read() ?? 0n;

const COMMON: readonly Row[] = [
  [
    MSR.IA32_TSC,
    ({ clock, state }) => ({
      read: () => clock.readTsc(state.index),
      write: (value) => {
        clock.writeTsc(state.index, value);
        return true;
      },
    }),
  ],
  [0x1b, (context) => ({ read: () => context.state.apicBase, write: (v) => setApicBase(context, v) })],
  // set_efer, as the host writes it: bits of the guest's CPUID are not asked for, LMA stays.
  [
    EFER.MSR,
    ({ state, vendor, eferReserved }) => ({
      read: () => state.efer,
      write: (value) => {
        if ((value & eferReserved) !== 0n) return false;
        vendor.setEfer((value & ~EFER.LMA) | (state.efer & EFER.LMA));
        return true;
      },
    }),
  ],
  // Armed only by a LAPIC whose timer is in TSC-deadline mode; no timer runs here.
  [MSR.IA32_TSC_DEADLINE, () => ignoringMsr(() => 0n)],
  [
    PLATFORM_INFO.MSR,
    (_context, msrs) =>
      checkedMsr(
        PLATFORM_INFO.CPUID_FAULT,
        (value) =>
          (value & PLATFORM_INFO.CPUID_FAULT) !== 0n || (held(msrs, MISC_FEATURES_ENABLES) & 1n) === 0n,
      ),
  ],
  [
    MISC_FEATURES_ENABLES,
    (_context, msrs) =>
      checkedMsr(
        0n,
        (value) =>
          value === 0n ||
          (value === 1n && (held(msrs, PLATFORM_INFO.MSR) & PLATFORM_INFO.CPUID_FAULT) !== 0n),
      ),
  ],
  // HWCR: three bits are ignored, McStatusWrEn alone is held, and nothing clears it.
  [
    0xc001_0015,
    () => {
      const IGNORED = 0x148n;
      const MC_STATUS_WR_EN = 1n << 18n;
      let value = 0n;
      return {
        read: () => value,
        write: (wanted) => {
          const rest = wanted & ~IGNORED;
          if (rest === MC_STATUS_WR_EN) value = rest;
          return rest === MC_STATUS_WR_EN || rest === 0n;
        },
      };
    },
  ],
  ...KVM_WALL_CLOCK.map(
    (index): Row => [
      index,
      ({ vm }) => ({
        read: () => vm.wallClock,
        write: (value) => {
          vm.wallClock = value;
          return true;
        },
      }),
    ],
  ),
  [KVM_SYSTEM_TIME[0], () => maskedMsr(0n, U64, U64)],
  [
    KVM_SYSTEM_TIME[1],
    (_context, msrs) => ({
      read: () => held(msrs, KVM_SYSTEM_TIME[0]),
      write: (value) => msrs.get(KVM_SYSTEM_TIME[0])?.write(value) ?? false,
    }),
  ],
  // KVM_ASYNC_PF_EN: bits 5:4 are reserved; enabled with delivery as interrupt, its 8 bytes must be in memory, which
  // the kernel looks at when it holds the value already (kvm_pv_enable_async_pf).
  [
    0x4b56_4d02,
    ({ state }) => {
      let held = 0n;
      return {
        read: () => held,
        write: (value) => {
          const ENABLED_AS_INTERRUPT = 0x9n;
          if ((value & 0x30n) !== 0n) return false;
          if (!state.vm.irqchip) return value === 0n;
          held = value;
          const enabled = (value & ENABLED_AS_INTERRUPT) === ENABLED_AS_INTERRUPT;
          return !enabled || state.vm.readGuest(value & ~0x3fn, 8) !== undefined;
        },
      };
    },
  ],
  [0x4b56_4d03, () => checkedMsr(0n, (value) => (value & 0x3en) === 0n)], // KVM_STEAL_TIME
  // KVM_PV_EOI_EN: an aligned byte, which must be in memory where it is enabled.
  [
    0x4b56_4d04,
    ({ state }) =>
      checkedMsr(0n, (value) => {
        if ((value & 2n) !== 0n) return false;
        return (value & 1n) === 0n || state.vm.readGuest(value & ~1n, 1) !== undefined;
      }),
  ],
  [0x4b56_4d06, ({ state }) => checkedMsr(0n, (value) => state.vm.irqchip && value >> 8n === 0n)], // ASYNC_PF_INT
  [0x4b56_4d07, () => ignoringMsr(() => 0n)], // ASYNC_PF_ACK
  // Hyper-V's: the hypercall page can be had only once the guest has said who it is.
  [
    0x4000_0001,
    ({ state }, msrs) => {
      let value = 0n;
      return {
        read: () => value,
        write: (wanted) => {
          if (held(msrs, HV_GUEST_OS_ID) === 0n) return true;
          const enabled = (wanted & 1n) !== 0n;
          if (enabled && state.vm.readGuest(wanted & ~0xfffn, 8) === undefined) return false;
          value = wanted;
          return true;
        },
      };
    },
  ],
  [
    0x4000_0002,
    ({ state }) => {
      const MOST_VCPUS = 1024n;
      let index = BigInt(state.order);
      return {
        read: () => index,
        write: (value) => {
          const wanted = value & 0xffff_ffffn;
          if (wanted < MOST_VCPUS) index = wanted;
          return wanted < MOST_VCPUS;
        },
      };
    },
  ],
  [0x4000_0020, ({ clock }) => ignoringMsr(() => clock.nanoseconds() / 100n)],
  [0x4000_0022, ({ state }) => ignoringMsr(() => BigInt(state.tscKhz) * 1000n)],
  [0x4000_0023, () => ignoringMsr(() => 1_000_000_000n)],
  [
    0x4000_0073,
    ({ state }) =>
      checkedMsr(
        0n,
        (value) => (value & 1n) === 0n || state.vm.readGuest(value & ~0xfffn, 4096) !== undefined,
      ),
  ],
];

/** All MSRs of a vCPU: the host's captured rows, the ones above in their place, and the vendor's in theirs. */
export function makeMsrs(host: ModelHost, context: MsrContext): Msrs {
  const msrs = new Map<number, ModelMsr>();
  for (const [index, initial, accepts, keeps] of host.msrs)
    msrs.set(index, maskedMsr(initial, accepts, keeps));
  for (const [index, make] of COMMON) msrs.set(index, make(context, msrs));
  for (const [index, msr] of context.vendor.msrs) msrs.set(index, msr);
  return msrs;
}
