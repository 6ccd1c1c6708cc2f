// What vcpuctl says of states: nested ones of both vendors, and vCPUs'.

import type { MessageTypeDefinition } from '@grpc/proto-loader';
import { describe, expect, test } from 'vitest';
import { svmExitName, vmxExitName } from '../../../cli/vcpuctl/exit-codes.js';
import { nestedCells, nestedDetails, nestedSummary } from '../../../cli/vcpuctl/nested-view.js';
import { modeText, vcpuDetails } from '../../../cli/vcpuctl/vcpu-view.js';
import { packageDefinition } from '../../../lib/api/definitions.js';
import { viewOf, write } from '../../../lib/nested/codec.js';
import {
  HEADER,
  SVM_HEADER,
  VMCB12_CONTROL,
  VMCB12_SAVE,
  VMCS12,
  VMX_HEADER,
} from '../../../lib/nested/layout.js';
import type { VcpuState, VcpuState__Output } from '../../../protos/gen/vcpud/v1/VcpuState.js';
import {
  svmGuestMode,
  svmHeaderOnly,
  vmxGuestMode,
  vmxOff,
  vmxShadow,
  vmxVmxon,
} from '../../vectors/nested-states.js';
import { vcpuState } from './fake-vcpud.js';

function changed(bytes: Uint8Array, change: (view: DataView) => void): Uint8Array {
  change(viewOf(bytes));
  return bytes;
}

const asObject = (rows: ReadonlyArray<readonly [string, string]>) => Object.fromEntries(rows);

describe('an SVM state', () => {
  test('in L2 shows L1’s orders for L2 and where L1 stands', () => {
    const bytes = changed(svmGuestMode(), (view) => {
      write(view, VMCB12_CONTROL.exit_code, 0x81n);
      write(view, VMCB12_CONTROL.exit_info_1, 0x11n);
      write(view, VMCB12_CONTROL.asid, 5);
      write(view, VMCB12_CONTROL.nested_ctl, 1n);
      write(view, VMCB12_CONTROL.nested_cr3, 0x6000n);
      write(view, VMCB12_CONTROL.int_ctl, (1 << 24) | (0xf << 16) | (1 << 8));
      write(view, VMCB12_CONTROL.int_vector, 0x40);
      write(view, VMCB12_CONTROL.event_inj, 0x8000_0b0e); // exception 14 with an error code
      write(view, VMCB12_CONTROL.event_inj_err, 2);
      write(view, VMCB12_CONTROL.tsc_offset, 0xffff_ffff_ffff_ff9cn);
      write(view, VMCB12_SAVE.rip, 0x7c00n);
      write(view, VMCB12_SAVE.rsp, 0x8000n);
      write(view, VMCB12_SAVE.cr3, 0x1000n);
    });
    expect(asObject(nestedDetails(bytes))).toMatchObject({
      format: 'SVM',
      'in L2': 'yes',
      flags: 'GUEST_MODE, GIF_SET',
      size: '4.1 KiB (4224 bytes)',
      vmcb_pa: '0x3000',
      'exit code': 'VMMCALL 0x81, EXITINFO1 0x11, EXITINFO2 0x0',
      ASID: '5',
      'nested paging': 'on, nested CR3 0x6000',
      V_IRQ: 'pending, vector 0x40, priority 15',
      V_INTR_MASKING: 'on',
      'injected event': 'exception, vector 0xe, error code 0x2',
      'TSC offset': '-100',
      'L1 RIP': '0x7c00',
      'L1 RSP': '0x8000',
      'L1 CR3': '0x1000',
    });
    expect(nestedCells(bytes)).toEqual(['SVM', 'yes', 'set', '0x3000', '4.1 KiB (4224 bytes)']);
    expect(nestedSummary(bytes)).toBe('SVM, 4.1 KiB (4224 bytes), flags GUEST_MODE, GIF_SET');
  });

  test('with nothing pending says so', () => {
    expect(asObject(nestedDetails(svmGuestMode()))).toMatchObject({
      'exit code': 'READ_CR0 0x0, EXITINFO1 0x0, EXITINFO2 0x0',
      'nested paging': 'off',
      V_IRQ: 'not pending',
      'injected event': 'none',
    });
  });

  test('out of L2 is its header', () => {
    const clear = changed(svmHeaderOnly(), (view) => write(view, HEADER.flags, 0));
    expect(nestedDetails(clear)).toEqual([
      ['format', 'SVM'],
      ['in L2', 'no'],
      ['flags', 'none'],
      ['size', '128 bytes'],
      ['vmcb_pa', '0x0'],
    ]);
    expect(nestedCells(clear)).toEqual(['SVM', 'no', 'clear', '-', '128 bytes']);
  });

  test('shows an L2 PAT and flags that have no name where there are any', () => {
    const bytes = changed(svmHeaderOnly(), (view) => {
      write(view, HEADER.flags, 0x8100);
      write(view, SVM_HEADER.gpat, 0x0007_0406n);
    });
    expect(asObject(nestedDetails(bytes))).toMatchObject({ flags: 'GIF_SET, 0x8000', gPAT: '0x70406' });
  });
});

describe('a VMX state', () => {
  test('in L2 shows the last exit, where L2 stands and where L1 goes on', () => {
    const bytes = changed(vmxShadow(), (view) => {
      write(view, VMCS12.vm_exit_reason, 0x8000_0021);
      write(view, VMCS12.exit_qualification, 3n);
      write(view, VMCS12.ept_pointer, 0x701en);
      write(view, VMCS12.vm_entry_intr_info_field, 0x8000_0030);
      write(view, VMCS12.guest_rip, 0x1111n);
      write(view, VMCS12.host_rip, 0x2222n);
      write(view, VMX_HEADER.flags, 1);
      write(view, VMX_HEADER.preemption_timer_deadline, 99n);
    });
    expect(asObject(nestedDetails(bytes))).toMatchObject({
      format: 'VMX',
      'in L2': 'yes',
      size: '8.1 KiB (8320 bytes)',
      'preemption timer': 'ends at TSC 99',
      'exit reason': 'INVALID_STATE 33, VM entry failed, qualification 0x3',
      VPID: '1',
      EPT: 'on, EPT pointer 0x701e',
      'shadow VMCS': '0x5000',
      'injected event': 'external interrupt, vector 0x30',
      'L2 RIP': '0x1111',
      'L1 RIP': '0x2222',
    });
    expect(nestedCells(bytes).slice(0, 3)).toEqual(['VMX', 'yes', '-']);
  });

  test('without secondary controls has neither EPT nor VPID', () => {
    const bytes = changed(vmxGuestMode(), (view) =>
      write(view, VMCS12.cpu_based_vm_exec_control, 0x0401_e172),
    );
    expect(asObject(nestedDetails(bytes))).toMatchObject({ EPT: 'off', VPID: 'off', 'shadow VMCS': 'none' });
  });

  test('out of VMX operation, and in it without a current VMCS, says so', () => {
    expect(asObject(nestedDetails(vmxOff()))).toMatchObject({
      'VMXON region': 'none',
      'current VMCS': 'none',
    });
    expect(nestedCells(vmxOff())[3]).toBe('VMXOFF');
    expect(nestedCells(vmxVmxon())[3]).toBe('VMXON');
    expect(nestedCells(vmxGuestMode())[3]).toMatch(/^0x[0-9a-f]+$/);
  });
});

test.each([
  [0x00n, 'READ_CR0'],
  [0x14n, 'WRITE_CR4'],
  [0x27n, 'READ_DR7'],
  [0x37n, 'WRITE_DR7'],
  [0x4en, 'EXCP_14'],
  [0x78n, 'HLT'],
  [0x7bn, 'IOIO'],
  [0x80n, 'VMRUN'],
  [0x93n, 'CR3_WRITE_TRAP'],
  [0x400n, 'NPF'],
  [0xffff_ffff_ffff_ffffn, 'INVALID'],
  [0xffff_ffffn, 'INVALID'],
  [0x404n, undefined],
  [0x3fn + 0x100n, undefined],
])('SVM exit code %i is %s', (code, name) => {
  expect(svmExitName(code)).toBe(name);
});

test.each([
  [0, 'EXCEPTION_NMI'],
  [12, 'HLT'],
  [18, 'VMCALL'],
  [48, 'EPT_VIOLATION'],
  [35, undefined],
  [9999, undefined],
])('VMX exit reason %i is %s', (reason, name) => {
  expect(vmxExitName(reason)).toBe(name);
});

describe('a vCPU', () => {
  const LONG = { cr0: 0x8000_0001n, cr4: 0x20n, efer: 0x500n, csL: true, csD: false };

  test.each([
    ['64-bit mode, 4-level paging', LONG, 0n],
    ['64-bit mode, 5-level paging', { ...LONG, cr4: 0x1020n }, 0n],
    ['compatibility mode, 32-bit code, 4-level paging', { ...LONG, csL: false, csD: true }, 0n],
    ['protected mode, 32-bit code, PAE paging', { ...LONG, efer: 0n, csL: false, csD: true }, 0n],
    ['protected mode, 16-bit code, 32-bit paging', { ...LONG, efer: 0n, csL: false, cr4: 0n }, 0n],
    ['virtual-8086 mode, 32-bit paging', { ...LONG, efer: 0n, csL: false, cr4: 0n }, 1n << 17n],
    ['real mode, no paging', { cr0: 0x10n, cr4: 0n, efer: 0n, csL: false, csD: false }, 0n],
  ])('is in %s', (text, registers, rflags) => {
    expect(modeText(registers, rflags)).toBe(text);
  });

  /** As a client has it. */
  function received(state: VcpuState): VcpuState__Output {
    const type = packageDefinition['vcpud.v1.VcpuState'] as unknown as MessageTypeDefinition<
      VcpuState,
      VcpuState__Output
    >;
    return type.deserialize(type.serialize(state));
  }

  test('in L2 shows L2’s registers and what is on its way to it', () => {
    expect(asObject(vcpuDetails(received(vcpuState())))).toEqual({
      'in L2': 'yes: the registers are those of L2',
      'nested state': 'SVM, 4.1 KiB (4224 bytes), flags GUEST_MODE, GIF_SET',
      mode: '64-bit mode, 4-level paging',
      RIP: '0xffff800000001000',
      RSP: '0x8000',
      RFLAGS: '0x202 (IF)',
      CR0: '0x80010033 (PE MP ET NE WP PG)',
      CR3: '0x5000',
      CR4: '0x20 (PAE)',
      EFER: '0x1500 (LME LMA SVME)',
      exception: '#PF (14), injected, error code 0x2',
      interrupt: 'none',
      NMI: 'none',
      'in SMM': 'no',
      'MP state': 'RUNNABLE',
      MSRs: '7',
      'CPUID entries': '3',
      TSC: '2000000 kHz',
      LAPIC: 'none in the kernel',
      XSAVE: '4 KiB (4096 bytes)',
    });
  });

  test('of a host without nesting, on a kernel without SREGS2, shows the rest', () => {
    const { sregs2, nestedState: _none, ...rest } = vcpuState();
    const events = Buffer.alloc(64);
    events.set([0, 13, 0, 1], 0);
    events.set([1, 0x20], 8);
    events.set([0, 1, 1], 12);
    events.set([1], 24);
    const sregs = Buffer.from((sregs2 as Buffer).subarray(0, 312));
    const lapic = Buffer.alloc(1024);
    expect(
      asObject(vcpuDetails(received({ ...rest, sregs, events, lapic, mpState: 9, tscKhz: 0 }))),
    ).toMatchObject({
      'in L2': 'no',
      'nested state': 'none: KVM of this host has no nesting',
      CR3: '0x5000',
      exception: '#GP (13), pending',
      interrupt: 'vector 0x20, injected',
      NMI: 'pending, masked',
      'in SMM': 'yes',
      'MP state': '9',
      TSC: 'frequency not known',
      LAPIC: '1 KiB (1024 bytes)',
    });
  });
});
