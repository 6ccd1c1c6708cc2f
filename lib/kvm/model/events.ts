// KVM_GET_VCPU_EVENTS and KVM_SET_VCPU_EVENTS of a model vCPU, and KVM_GET/SET_MP_STATE (arch/x86/kvm/x86.c).

import { MP_STATE } from '../abi.js';
import { EINVAL } from './errno.js';
import type { VendorModel } from './nested-model.js';
import type { VcpuState } from './vcpu-state.js';

/** struct kvm_vcpu_events: byte offsets. */
const E = {
  exceptionInjected: 0,
  exceptionNr: 1,
  hasErrorCode: 2,
  exceptionPending: 3,
  errorCode: 4, // u32
  interruptInjected: 8,
  interruptNr: 9,
  interruptSoft: 10,
  interruptShadow: 11,
  nmiInjected: 12,
  nmiPending: 13,
  nmiMasked: 14,
  flags: 20, // u32
  smm: 24,
  smiPending: 25,
  smmInsideNmi: 26,
  latchedInit: 27,
  tripleFault: 28,
  hasPayload: 55,
  payload: 56, // u64
  bytes: 64,
} as const;

/** KVM_VCPUEVENT_VALID_*. */
const VALID = {
  NMI_PENDING: 0x1,
  SIPI_VECTOR: 0x2,
  SHADOW: 0x4,
  SMM: 0x8,
  PAYLOAD: 0x10,
  TRIPLE_FAULT: 0x20,
} as const;
const ALL_VALID = 0x3f;

const NMI_VECTOR = 2;
/** #BP and #OF: their instruction's length is not in the events, so they are not told; the guest takes them again. */
const isSoft = (vector: number): boolean => vector === 3 || vector === 4;

const bool = (value: number): number => (value === 0 ? 0 : 1);

export function getEvents(state: VcpuState, vendor: VendorModel, buffer: Buffer): number {
  const { exception, vm } = state;
  buffer.fill(0, 0, E.bytes);
  const u8 = (offset: number, value: number) => buffer.writeUInt8(value, offset);
  if (!isSoft(exception.vector)) {
    const conflated = vm.exceptionPayload ? 0 : exception.pending;
    u8(E.exceptionInjected, exception.injected | conflated);
    u8(E.exceptionPending, exception.pending);
  }
  u8(E.exceptionNr, exception.vector);
  u8(E.hasErrorCode, exception.hasErrorCode);
  buffer.writeUInt32LE(exception.errorCode, E.errorCode);
  u8(E.hasPayload, exception.hasPayload);
  buffer.writeBigUInt64LE(exception.payload, E.payload);
  u8(E.interruptInjected, state.interruptSoft === 0 ? state.interruptInjected : 0);
  u8(E.interruptNr, state.interruptNr);
  u8(E.interruptShadow, vendor.getInterruptShadow());
  u8(E.nmiInjected, state.nmiInjected);
  u8(E.nmiPending, bool(state.nmiPending));
  u8(E.nmiMasked, state.nmiMasked);
  u8(E.smm, state.smm ? 1 : 0);
  u8(E.smiPending, state.smiPending);
  u8(E.smmInsideNmi, state.smmInsideNmi);
  u8(E.latchedInit, state.latchedInit);
  let flags = VALID.NMI_PENDING | VALID.SHADOW | VALID.SMM;
  if (vm.exceptionPayload) flags |= VALID.PAYLOAD;
  if (vm.tripleFaultEvent) {
    u8(E.tripleFault, state.tripleFault);
    flags |= VALID.TRIPLE_FAULT;
  }
  buffer.writeUInt32LE(flags, E.flags);
  return 0;
}

export function setEvents(state: VcpuState, vendor: VendorModel, buffer: Buffer): number {
  const { vm } = state;
  const u8 = (offset: number): number => buffer.readUInt8(offset);
  const flags = buffer.readUInt32LE(E.flags);
  const valid = (flag: number): boolean => (flags & flag) !== 0;
  if ((flags & ~ALL_VALID) !== 0) return EINVAL;

  let injected = u8(E.exceptionInjected);
  let pending = u8(E.exceptionPending);
  let hasPayload = u8(E.hasPayload);
  if (valid(VALID.PAYLOAD)) {
    if (!vm.exceptionPayload) return EINVAL;
    if (pending !== 0) injected = 0;
    else hasPayload = 0;
  } else {
    pending = 0;
    hasPayload = 0;
  }
  const vector = u8(E.exceptionNr);
  if ((injected !== 0 || pending !== 0) && (vector > 31 || vector === NMI_VECTOR)) return EINVAL;
  const smm = u8(E.smm);
  // INITs are latched in SMM.
  const inSmm = valid(VALID.SMM) && (smm !== 0 || u8(E.smiPending) !== 0);
  if (inSmm && state.mpState === MP_STATE.INIT_RECEIVED) return EINVAL;

  state.exception = {
    injected: bool(injected),
    pending: bool(pending),
    vector,
    hasErrorCode: bool(u8(E.hasErrorCode)),
    errorCode: buffer.readUInt32LE(E.errorCode),
    hasPayload: bool(hasPayload),
    payload: buffer.readBigUInt64LE(E.payload),
  };
  state.interruptInjected = bool(u8(E.interruptInjected));
  state.interruptNr = u8(E.interruptNr);
  state.interruptSoft = bool(u8(E.interruptSoft));
  if (valid(VALID.SHADOW)) vendor.setInterruptShadow(u8(E.interruptShadow));
  state.nmiInjected = bool(u8(E.nmiInjected));
  if (valid(VALID.NMI_PENDING)) state.nmiPending = u8(E.nmiPending);
  state.nmiMasked = bool(u8(E.nmiMasked));

  if (valid(VALID.SMM)) {
    if ((state.smm ? 1 : 0) !== smm) {
      vendor.leave(); // kvm_leave_nested
      state.smm = smm !== 0; // kvm_smm_changed
      if (!state.smm) state.smmInsideNmi = 0;
    }
    state.smiPending = bool(u8(E.smiPending));
    if (smm !== 0) state.smmInsideNmi = bool(u8(E.smmInsideNmi));
    if (vm.irqchip) state.latchedInit = bool(u8(E.latchedInit));
  }
  // Refused here, after all the rest has been taken.
  if (valid(VALID.TRIPLE_FAULT)) {
    if (!vm.tripleFaultEvent) return EINVAL;
    state.tripleFault = bool(u8(E.tripleFault));
  }
  return 0;
}

/** kvm_arch_vcpu_ioctl_get_mpstate. A pending INIT or SIPI is not processed: nothing here sends one. */
export function getMpState(state: VcpuState, buffer: Buffer): number {
  buffer.writeUInt32LE(state.mpState, 0);
  return 0;
}

/** KVM_MP_STATE_AP_RESET_HOLD. */
const AP_RESET_HOLD = 9;
const NEED_A_LAPIC: ReadonlySet<number> = new Set([
  MP_STATE.UNINITIALIZED,
  MP_STATE.HALTED,
  AP_RESET_HOLD,
  MP_STATE.INIT_RECEIVED,
  MP_STATE.SIPI_RECEIVED,
]);

/** kvm_arch_vcpu_ioctl_set_mpstate. `blocked`: SMM, or the vendor's reasons that INIT and SIPI are not taken. */
export function setMpState(state: VcpuState, blocked: boolean, buffer: Buffer): number {
  const wanted = buffer.readUInt32LE(0);
  if (wanted !== MP_STATE.RUNNABLE && !(NEED_A_LAPIC.has(wanted) && state.vm.irqchip)) return EINVAL;
  const startup = wanted === MP_STATE.SIPI_RECEIVED || wanted === MP_STATE.INIT_RECEIVED;
  if (startup && (blocked || state.smiPending !== 0)) return EINVAL;
  state.mpState = wanted === MP_STATE.SIPI_RECEIVED ? MP_STATE.INIT_RECEIVED : wanted;
  return 0;
}
