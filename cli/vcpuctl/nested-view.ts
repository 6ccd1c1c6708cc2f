// What the bytes of a nested state say, for people: the header by lib/nested/describe.ts, and of vmcb12 or vmcs12
// what tells where L1 and L2 stand. All offsets are those of lib/nested/layout.ts.

import { read, viewOf } from '../../lib/nested/codec.js';
import { describeNestedState, type NestedStateView } from '../../lib/nested/describe.js';
import {
  NO_ADDRESS,
  PAGE_BYTES,
  VMCB12_CONTROL,
  VMCB12_SAVE,
  VMCS12,
  VMCS12_STRUCT_BYTES,
} from '../../lib/nested/layout.js';
import { svmExitName, vmxExitName } from './exit-codes.js';
import { type Detail, hex, size } from './output.js';

/** vmcb12.control.int_ctl (APM volume 2, table B-1, offset 060h). */
const V_IRQ = 1 << 8;
const V_INTR_PRIO_SHIFT = 16;
const V_INTR_PRIO_MASK = 0xf;
const V_INTR_MASKING = 1 << 24;

/** vmcb12.control.nested_ctl (offset 090h): NP_ENABLE. */
const NP_ENABLE = 1n;

/** EVENTINJ of a VMCB and the VM-entry interruption information of a VMCS, which are laid out alike. */
const EVENT_VALID_BIT = 31;
const EVENT_ERROR_CODE_BIT = 11;
const EVENT_TYPE_SHIFT = 8;
const EVENT_TYPE_MASK = 0x7;
const EVENT_VECTOR_MASK = 0xff;

/** Types of an injected event: APM volume 2, table 15-20, and SDM volume 3, table 25-17. */
const EVENT_TYPES = {
  SVM: ['INTR', 'reserved', 'NMI', 'exception', 'software interrupt', 'reserved', 'reserved', 'reserved'],
  VMX: [
    'external interrupt',
    'reserved',
    'NMI',
    'hardware exception',
    'software interrupt',
    'privileged software exception',
    'software exception',
    'other event',
  ],
} as const;

/** CPU-based execution controls: "activate secondary controls"; of those: "enable EPT", "enable VPID". */
const ACTIVATE_SECONDARY_CONTROLS = 1 << 31;
const ENABLE_EPT = 1 << 1;
const ENABLE_VPID = 1 << 5;

const VM_ENTRY_FAILURE_BIT = 31;

const bit = (value: number, number: number): boolean => ((value >>> number) & 1) !== 0;

const addressOrNone = (value: bigint): string => (value === NO_ADDRESS ? 'none' : hex(value));

export const inL2 = (view: NestedStateView): boolean => view.flags.includes('GUEST_MODE');

/** The flags by name, then those that have none. */
function flagsText({ flags, unknownFlags }: NestedStateView): string {
  const names: string[] = [...flags];
  if (unknownFlags !== 0) names.push(hex(unknownFlags));
  return names.length === 0 ? 'none' : names.join(', ');
}

/** "SVM, 4.1 KiB (4224 bytes), GUEST_MODE, GIF_SET". */
export function nestedSummary(bytes: Uint8Array): string {
  const view = describeNestedState(bytes);
  return `${view.format}, ${size(view.size)}, flags ${flagsText(view)}`;
}

/** Of one vCPU in a list: FORMAT, L2, GIF, the structure that L2 runs from or that is current, SIZE. */
export const NESTED_COLUMNS = ['FORMAT', 'L2', 'GIF', 'VMCB12/VMCS12', 'SIZE'] as const;

export function nestedCells(bytes: Uint8Array): string[] {
  const view = describeNestedState(bytes);
  const gif = view.format === 'SVM' ? (view.flags.includes('GIF_SET') ? 'set' : 'clear') : '-';
  return [view.format, inL2(view) ? 'yes' : 'no', gif, currentStructure(view), size(view.size)];
}

function currentStructure(view: NestedStateView): string {
  if (view.svm !== undefined) return inL2(view) ? hex(view.svm.vmcbPa) : '-';
  if (view.vmx === undefined) return '-';
  if (view.vmx.vmxonPa === NO_ADDRESS) return 'VMXOFF';
  return view.vmx.vmcs12Pa === NO_ADDRESS ? 'VMXON' : hex(view.vmx.vmcs12Pa);
}

/** Everything that `nested get` shows of the bytes. */
export function nestedDetails(bytes: Uint8Array): Detail[] {
  const view = describeNestedState(bytes);
  const data = viewOf(bytes);
  const rows: Detail[] = [
    ['format', view.format],
    ['in L2', inL2(view) ? 'yes' : 'no'],
    ['flags', flagsText(view)],
    ['size', size(view.size)],
  ];
  if (view.svm !== undefined) {
    rows.push(['vmcb_pa', hex(view.svm.vmcbPa)]);
    if (view.svm.gpat !== 0n) rows.push(['gPAT', hex(view.svm.gpat)]);
    if (view.dataBytes >= PAGE_BYTES) rows.push(...vmcb12Details(data));
  } else if (view.vmx !== undefined) {
    const { vmxonPa, vmcs12Pa, smmFlags, headerFlags, preemptionTimerDeadline } = view.vmx;
    rows.push(['VMXON region', addressOrNone(vmxonPa)], ['current VMCS', addressOrNone(vmcs12Pa)]);
    if (smmFlags.length > 0) rows.push(['before SMM', smmFlags.join(', ')]);
    if (headerFlags.length > 0) rows.push(['preemption timer', `ends at TSC ${preemptionTimerDeadline}`]);
    if (view.dataBytes >= VMCS12_STRUCT_BYTES) rows.push(...vmcs12Details(data));
  }
  return rows;
}

function eventText(format: 'SVM' | 'VMX', event: number): string {
  if (!bit(event, EVENT_VALID_BIT)) return 'none';
  const type = EVENT_TYPES[format][(event >>> EVENT_TYPE_SHIFT) & EVENT_TYPE_MASK] ?? '';
  return `${type}, vector ${hex(event & EVENT_VECTOR_MASK)}`;
}

/** vmcb12: the control area is L1's orders for L2; the save area holds L1's own registers from before VMRUN. */
function vmcb12Details(data: DataView): Detail[] {
  const exitCode = read(data, VMCB12_CONTROL.exit_code);
  const name = svmExitName(exitCode);
  const info = `EXITINFO1 ${hex(read(data, VMCB12_CONTROL.exit_info_1))}, EXITINFO2 ${hex(read(data, VMCB12_CONTROL.exit_info_2))}`;
  const nested = (read(data, VMCB12_CONTROL.nested_ctl) & NP_ENABLE) !== 0n;
  const interrupt = read(data, VMCB12_CONTROL.int_ctl);
  const vector = read(data, VMCB12_CONTROL.int_vector) & EVENT_VECTOR_MASK;
  const priority = (interrupt >>> V_INTR_PRIO_SHIFT) & V_INTR_PRIO_MASK;
  const event = read(data, VMCB12_CONTROL.event_inj);
  const errorCode =
    bit(event, EVENT_VALID_BIT) && bit(event, EVENT_ERROR_CODE_BIT)
      ? `, error code ${hex(read(data, VMCB12_CONTROL.event_inj_err))}`
      : '';
  return [
    ['exit code', `${name === undefined ? '' : `${name} `}${hex(exitCode)}, ${info}`],
    ['ASID', String(read(data, VMCB12_CONTROL.asid))],
    ['nested paging', nested ? `on, nested CR3 ${hex(read(data, VMCB12_CONTROL.nested_cr3))}` : 'off'],
    [
      'V_IRQ',
      (interrupt & V_IRQ) === 0 ? 'not pending' : `pending, vector ${hex(vector)}, priority ${priority}`,
    ],
    ['V_INTR_MASKING', (interrupt & V_INTR_MASKING) === 0 ? 'off' : 'on'],
    ['injected event', eventText('SVM', event) + errorCode],
    ['TSC offset', String(BigInt.asIntN(64, read(data, VMCB12_CONTROL.tsc_offset)))],
    ['L1 RIP', hex(read(data, VMCB12_SAVE.rip))],
    ['L1 RSP', hex(read(data, VMCB12_SAVE.rsp))],
    ['L1 CR3', hex(read(data, VMCB12_SAVE.cr3))],
    ['L1 CR0', hex(read(data, VMCB12_SAVE.cr0))],
    ['L1 CR4', hex(read(data, VMCB12_SAVE.cr4))],
    ['L1 EFER', hex(read(data, VMCB12_SAVE.efer))],
  ];
}

/** vmcs12: the guest_* fields are L2's, the host_* fields what L1 goes on with after a VM exit. */
function vmcs12Details(data: DataView): Detail[] {
  const reason = read(data, VMCS12.vm_exit_reason);
  const name = vmxExitName(reason & 0xffff);
  const failed = bit(reason, VM_ENTRY_FAILURE_BIT) ? ', VM entry failed' : '';
  const qualification = `qualification ${hex(read(data, VMCS12.exit_qualification))}`;
  const primary = read(data, VMCS12.cpu_based_vm_exec_control);
  const secondary =
    (primary & ACTIVATE_SECONDARY_CONTROLS) === 0 ? 0 : read(data, VMCS12.secondary_vm_exec_control);
  const ept = (secondary & ENABLE_EPT) !== 0;
  const vpid = (secondary & ENABLE_VPID) !== 0;
  const link = read(data, VMCS12.vmcs_link_pointer);
  return [
    ['exit reason', `${name === undefined ? '' : `${name} `}${reason & 0xffff}${failed}, ${qualification}`],
    ['VPID', vpid ? String(read(data, VMCS12.virtual_processor_id)) : 'off'],
    ['EPT', ept ? `on, EPT pointer ${hex(read(data, VMCS12.ept_pointer))}` : 'off'],
    ['shadow VMCS', addressOrNone(link)],
    ['injected event', eventText('VMX', read(data, VMCS12.vm_entry_intr_info_field))],
    ['TSC offset', String(BigInt.asIntN(64, read(data, VMCS12.tsc_offset)))],
    ['L2 RIP', hex(read(data, VMCS12.guest_rip))],
    ['L2 RSP', hex(read(data, VMCS12.guest_rsp))],
    ['L2 CR3', hex(read(data, VMCS12.guest_cr3))],
    ['L1 RIP', hex(read(data, VMCS12.host_rip))],
    ['L1 RSP', hex(read(data, VMCS12.host_rsp))],
    ['L1 CR3', hex(read(data, VMCS12.host_cr3))],
  ];
}
