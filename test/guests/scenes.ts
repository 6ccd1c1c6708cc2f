// The scenes of both L1s as a table: for each, what the guest does after its start line, and in which nested state its
// vCPU is then caught. guest.ts starts them; the tests that move guests walk the table.

import {
  type FlagName,
  HEADER_BYTES,
  NO_ADDRESS,
  SVM_GUEST_BYTES,
  VMX_CURRENT_BYTES,
  VMX_SHADOW_BYTES,
  type VmxHeaderFlagName,
} from '../../lib/nested/layout.js';
import type { COUNTER } from './layout.js';
import { VMCB_GPA } from './svm-l1/layout.js';
import { VMCS_GPA, VMXON_GPA } from './vmx-l1/layout.js';

/** svm-l1 runs on CPUs with SVM, vmx-l1 on those with VMX. */
export type GuestKind = 'svm' | 'vmx';

/** What KVM_GET_NESTED_STATE gives of vCPU 0 at the scene's gate, else in L2, else when the guest has stopped. */
export interface NestedShape {
  readonly bytes: number;
  /** Of the header: exactly these. */
  readonly flags: readonly FlagName[];
  /** Of the header: where the structure that runs L2 is. Undefined where it has no meaning. */
  readonly vmcbPa?: bigint;
  readonly vmxonPa?: bigint;
  readonly vmcs12Pa?: bigint;
  /** hdr.vmx.flags: exactly these. */
  readonly headerFlags?: readonly VmxHeaderFlagName[];
}

export interface Scene {
  /** PARAMETER.scene. */
  readonly number: number;
  /** Goes up while the scene lasts: at its gate, where it has one. Undefined where the guest stops by itself. */
  readonly counter: keyof typeof COUNTER | undefined;
  readonly gate: boolean;
  /** Undefined where that L1 has no such scene. */
  readonly svm: NestedShape | undefined;
  readonly vmx: NestedShape | undefined;
}

const SVM_OUTSIDE: NestedShape = { bytes: HEADER_BYTES, flags: ['GIF_SET'] };
const SVM_IN_L2: NestedShape = {
  bytes: SVM_GUEST_BYTES,
  flags: ['GUEST_MODE', 'GIF_SET'],
  vmcbPa: VMCB_GPA,
};

const VMX_OUTSIDE: NestedShape = {
  bytes: HEADER_BYTES,
  flags: [],
  vmxonPa: NO_ADDRESS,
  vmcs12Pa: NO_ADDRESS,
  headerFlags: [],
};
const VMXON_ALONE: NestedShape = { ...VMX_OUTSIDE, vmxonPa: VMXON_GPA };
const VMCS_CURRENT: NestedShape = { ...VMXON_ALONE, bytes: VMX_CURRENT_BYTES, vmcs12Pa: VMCS_GPA };
const VMX_IN_L2: NestedShape = { ...VMCS_CURRENT, flags: ['GUEST_MODE'] };
const WITH_TIMER: NestedShape = { ...VMX_IN_L2, headerFlags: ['PREEMPTION_TIMER_DEADLINE'] };

export const SCENES = {
  /** L2 counts and calls L1, for ever. */
  normal: { number: 0, counter: 'l2Count', gate: false, svm: SVM_IN_L2, vmx: VMX_IN_L2 },
  /** As normal; after each VMMCALL's #VMEXIT L1 passes the gate with GIF=0, outside guest mode. */
  gifClear: {
    number: 1,
    counter: 'l1Spin',
    gate: true,
    svm: { bytes: HEADER_BYTES, flags: [] },
    vmx: undefined,
  },
  /** As normal; after each VM exit L1 passes the gate, outside guest mode, with the launched VMCS current. */
  launchedVmcs: { number: 1, counter: 'l1Spin', gate: true, svm: undefined, vmx: VMCS_CURRENT },
  /**
   * L2 is entered with an interrupt pending, V_IRQ or one for which L1 awaits the interrupt window, waits at the gate
   * with IF=0, takes it once, goes on as normal.
   */
  virtualInterrupt: { number: 2, counter: 'l2Spin', gate: true, svm: SVM_IN_L2, vmx: VMX_IN_L2 },
  /** Before every increment L2 takes a #PF in an OUTSB that L1 does not intercept, so that L0 emulates it. */
  pageFault: { number: 3, counter: 'l2Count', gate: false, svm: SVM_IN_L2, vmx: VMX_IN_L2 },
  /** L1 executes CLI, HLT. */
  halt: { number: 4, counter: undefined, gate: false, svm: SVM_OUTSIDE, vmx: VMX_OUTSIDE },
  /** L1 triple-faults. */
  tripleFault: { number: 5, counter: undefined, gate: false, svm: SVM_OUTSIDE, vmx: VMX_OUTSIDE },
  /** L1 writes one byte to UNHANDLED_PORT, then halts. */
  unhandledPort: { number: 6, counter: undefined, gate: false, svm: SVM_OUTSIDE, vmx: VMX_OUTSIDE },
  /** L1 reads four bytes at UNBACKED_GPA, then halts. */
  unbackedRead: { number: 7, counter: undefined, gate: false, svm: SVM_OUTSIDE, vmx: VMX_OUTSIDE },
  /** L1 counts l1_spin in long mode for ever; EFER.SVME, or CR4.VMXE, stays 0. */
  withoutL2: { number: 8, counter: 'l1Spin', gate: false, svm: SVM_OUTSIDE, vmx: VMX_OUTSIDE },
  /** L1 passes the gate after VMXON, before any VMCS is current; then as normal. */
  vmxonAlone: { number: 9, counter: 'l1Spin', gate: true, svm: undefined, vmx: VMXON_ALONE },
  /** L1 passes the gate after VMCLEAR of the VMCS that was current; then as normal. */
  vmcsCleared: { number: 10, counter: 'l1Spin', gate: true, svm: undefined, vmx: VMXON_ALONE },
  /** L1 passes the gate with the VMCS current and written, before VMLAUNCH; then as normal. */
  vmcsCurrent: { number: 11, counter: 'l1Spin', gate: true, svm: undefined, vmx: VMCS_CURRENT },
  /** As normal, with a shadow VMCS linked, in which L2 keeps its count by VMWRITE and VMREAD. */
  shadowVmcs: {
    number: 12,
    counter: 'l2Count',
    gate: false,
    svm: undefined,
    vmx: { ...VMX_IN_L2, bytes: VMX_SHADOW_BYTES },
  },
  /** As normal, with the VMX-preemption timer armed with its longest value. */
  preemptionTimer: { number: 13, counter: 'l2Count', gate: false, svm: undefined, vmx: WITH_TIMER },
  /** As normal, with the VMX-preemption timer armed with a short value; L1 counts its exits and arms it again. */
  preemptionTimerExpiring: {
    number: 14,
    counter: 'l1TimerCount',
    gate: false,
    svm: undefined,
    vmx: WITH_TIMER,
  },
} as const satisfies Readonly<Record<string, Scene>>;

export type SceneName = keyof typeof SCENES;

/** The scenes that an L1 has, in the table's order. */
export function scenesOf(kind: GuestKind): SceneName[] {
  return (Object.keys(SCENES) as SceneName[]).filter((name) => SCENES[name][kind] !== undefined);
}
