// The nested states that a vCPU can be in, each in its plainest form: what round trips and resets start from. Those that
// real L1s were caught in are beside them (captured.ts).

import {
  FLAG,
  type NestedFormat,
  SMM_FLAG,
  VMCB12_CONTROL,
  VMCS12,
  VMX_HEADER_FLAG,
} from '../../lib/nested/layout.js';
import {
  svmGuestMode,
  svmHeaderOnly,
  vmxCurrent,
  vmxGuestMode,
  vmxOff,
  vmxShadow,
  vmxVmxon,
} from '../vectors/nested-states.js';
import { changed, type SettableFacts, VMX_IN_SMM } from './vcpu-facts.js';

export interface PlainState {
  readonly format: NestedFormat;
  readonly name: string;
  readonly bytes: () => Uint8Array;
  /** What the vCPU has otherwise than an L1 in long mode. */
  readonly facts?: SettableFacts;
}

const V_IRQ = 1 << 8;
/** EVENTINJ: external interrupt 40h. */
const INTERRUPT_40 = 0x8000_0040;
const PREEMPTION_TIMER = 1 << 6;

const inGuestMode = (flags: number, change: (bytes: Buffer) => void = () => undefined) =>
  changed(svmGuestMode({ flags }), change);

/** As vmxGuestMode, with L2's VMX-preemption timer on: it ends at that TSC value of the guest. */
const withDeadline = () =>
  changed(
    vmxGuestMode({ headerFlags: VMX_HEADER_FLAG.PREEMPTION_TIMER_DEADLINE, deadline: 1n << 50n }),
    (copy) => {
      const { offset } = VMCS12.pin_based_vm_exec_control;
      copy.writeUInt32LE(copy.readUInt32LE(offset) | PREEMPTION_TIMER, offset);
    },
  );

export const PLAIN_STATES: readonly PlainState[] = [
  { format: 'SVM', name: 'out of L2, GIF set', bytes: svmHeaderOnly },
  { format: 'SVM', name: 'out of L2, GIF clear', bytes: () => svmHeaderOnly({ flags: 0 }) },
  { format: 'SVM', name: 'SVM off', bytes: svmHeaderOnly, facts: { efer: 0x500n } },
  { format: 'SVM', name: 'in SMM', bytes: svmHeaderOnly, facts: { inSmm: true } },
  { format: 'SVM', name: 'in L2', bytes: svmGuestMode },
  {
    format: 'SVM',
    name: 'in L2, VMRUN pending',
    bytes: () => inGuestMode(FLAG.GUEST_MODE | FLAG.RUN_PENDING | FLAG.GIF_SET),
  },
  {
    format: 'SVM',
    name: 'in L2, virtual interrupt pending',
    bytes: () =>
      inGuestMode(
        FLAG.GUEST_MODE | FLAG.GIF_SET,
        (copy) => void copy.writeUInt32LE(V_IRQ, VMCB12_CONTROL.int_ctl.offset),
      ),
  },
  {
    format: 'SVM',
    name: 'in L2, VMRUN pending with an interrupt to inject',
    bytes: () =>
      inGuestMode(
        FLAG.GUEST_MODE | FLAG.RUN_PENDING | FLAG.GIF_SET,
        (copy) => void copy.writeUInt32LE(INTERRUPT_40, VMCB12_CONTROL.event_inj.offset),
      ),
  },
  { format: 'VMX', name: 'not in VMX operation', bytes: vmxOff },
  { format: 'VMX', name: 'VMXON, no current VMCS', bytes: vmxVmxon },
  {
    format: 'VMX',
    name: 'VMXON, current VMCS, in SMM',
    bytes: () => vmxCurrent({ smmFlags: SMM_FLAG.SMM_VMXON }),
    facts: VMX_IN_SMM,
  },
  { format: 'VMX', name: 'VMXON, current VMCS', bytes: vmxCurrent },
  { format: 'VMX', name: 'in L2', bytes: vmxGuestMode },
  {
    format: 'VMX',
    name: 'in L2, VM entry pending',
    bytes: () => vmxGuestMode({ flags: FLAG.GUEST_MODE | FLAG.RUN_PENDING }),
  },
  {
    format: 'VMX',
    name: 'in L2, monitor trap flag pending',
    bytes: () => vmxGuestMode({ flags: FLAG.GUEST_MODE | FLAG.MTF_PENDING }),
  },
  { format: 'VMX', name: 'in L2, preemption timer running', bytes: withDeadline },
  { format: 'VMX', name: 'in L2, shadow VMCS linked', bytes: vmxShadow },
];
