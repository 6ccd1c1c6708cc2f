// Which bytes of a nested state a vCPU must hold, as a set followed by a get shows. The suite's own statement, from the
// manuals: the service judges its sets by lib/nested/compare.ts, and a mistake there must not hide itself here.
//
// Everything is held to the byte, but for what is named here: on SVM, what VMRUN doesn't save of L1 (APM volume 2,
// 15.5.1) lives in registers and travels as such; on VMX, in guest mode, a few fields are the vCPU's registers and
// events (SDM volume 3, 27.3), or the CPU's own to write.

import {
  type Field,
  FLAG,
  FORMAT,
  HEADER,
  HEADER_BYTES,
  PAGE_BYTES,
  VMCB12_SAVE,
  VMCS12,
} from '../../lib/nested/layout.js';

/** vmcb12's save area, from the blob's start. */
const SAVE_AREA = { from: HEADER_BYTES + 0x400, to: HEADER_BYTES + PAGE_BYTES } as const;

/** Of L1, what VMRUN saves and #VMEXIT loads. */
const SAVED_BY_VMRUN: readonly Field[] = [
  ...(['es', 'cs', 'ss', 'ds', 'gdtr', 'idtr'] as const).flatMap((name) => [
    VMCB12_SAVE[`${name}.selector`],
    VMCB12_SAVE[`${name}.attrib`],
    VMCB12_SAVE[`${name}.limit`],
    VMCB12_SAVE[`${name}.base`],
  ]),
  VMCB12_SAVE.efer,
  VMCB12_SAVE.cr0,
  VMCB12_SAVE.cr3,
  VMCB12_SAVE.cr4,
  VMCB12_SAVE.rflags,
  VMCB12_SAVE.rip,
  VMCB12_SAVE.rsp,
  VMCB12_SAVE.rax,
];

/** Of L2, in guest mode, what is the vCPU's own rather than the VMCS's. */
const OF_THE_VCPU: readonly Field[] = [
  VMCS12.guest_activity_state,
  VMCS12.guest_interruptibility_info,
  VMCS12.guest_dr7,
  VMCS12.guest_ia32_efer,
];

/** Of L2, in guest mode, what the CPU writes by itself: the timer, and where its last VM exit was. */
const OF_THE_CPU: readonly Field[] = [VMCS12.vmx_preemption_timer_value, VMCS12.guest_linear_address];

/** Whether the vCPU's registers and events came with the nested state: then they are the same on both sides. */
export type Given = 'nested state alone' | 'whole vCPU';

/** The bytes to compare: those that may differ are zero. */
function comparable(bytes: Buffer, given: Given): Buffer {
  const copy = Buffer.from(bytes);
  const inL2 = (copy.readUInt16LE(HEADER.flags.offset) & FLAG.GUEST_MODE) !== 0;
  if (!inL2) return copy;
  const clear = ({ offset, bytes: length }: Field) => void copy.fill(0, offset, offset + length);
  if (copy.readUInt16LE(HEADER.format.offset) === FORMAT.SVM) {
    copy.fill(0, SAVE_AREA.from, SAVE_AREA.to);
    for (const { offset, bytes: length } of SAVED_BY_VMRUN) bytes.copy(copy, offset, offset, offset + length);
  } else {
    for (const field of OF_THE_CPU) clear(field);
    if (given === 'nested state alone') for (const field of OF_THE_VCPU) clear(field);
  }
  return copy;
}

/** "held", or where the first byte is that is not. */
export function heldText(set: Uint8Array, got: Uint8Array, given: Given): string {
  const [wanted, found] = [comparable(Buffer.from(set), given), comparable(Buffer.from(got), given)];
  if (wanted.equals(found)) return 'held';
  if (wanted.length !== found.length) return `${found.length} bytes for ${wanted.length}`;
  const at = wanted.findIndex((byte, i) => byte !== found[i]);
  return `byte ${at} is 0x${found[at]?.toString(16)}, not 0x${wanted[at]?.toString(16)}`;
}
