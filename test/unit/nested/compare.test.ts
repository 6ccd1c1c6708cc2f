// What SET and GET make of a state: lost where KVM holds the bits, ignored where it does not by design.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { viewOf, write } from '../../../lib/nested/codec.js';
import { compareNestedStates, sameNestedState } from '../../../lib/nested/compare.js';
import {
  FLAG,
  HEADER_BYTES,
  NO_ADDRESS,
  SVM_GUEST_BYTES,
  SVM_HEADER,
  VMCB12_CONTROL,
  VMCB12_SAVE,
  VMCS12,
  VMCS12_STRUCT_BYTES,
  VMX_CURRENT_BYTES,
  VMX_HEADER,
} from '../../../lib/nested/layout.js';
import { resetNestedState } from '../../../lib/nested/reset.js';
import {
  svmGuestMode,
  svmHeaderOnly,
  svmSelftest,
  vmxCurrent,
  vmxGuestMode,
  vmxOff,
  vmxShadow,
  vmxVmxon,
} from '../../vectors/nested-states.js';

/** A copy of a state with one change. */
function changed(bytes: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const copy = bytes.slice();
  change(viewOf(copy));
  return copy;
}

const NOTHING = { lost: [], ignored: [] };
const fieldsOf = (ranges: readonly { field: string }[]): string[] => ranges.map(({ field }) => field);

const STATES = {
  'SVM out of guest mode': svmHeaderOnly,
  'SVM in guest mode': svmGuestMode,
  'VMX off': vmxOff,
  VMXON: vmxVmxon,
  'VMX with a current VMCS': vmxCurrent,
  'VMX in guest mode': vmxGuestMode,
  'VMX with a shadow VMCS': vmxShadow,
};

describe('equal states', () => {
  test.each(Object.entries(STATES))('%s has no difference to itself', (_name, build) => {
    expect(compareNestedStates(build(), build())).toEqual(NOTHING);
    expect(sameNestedState(build(), build())).toBe(true);
  });

  test('any bytes equal themselves', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 9000 }), (bytes) => {
        expect(sameNestedState(bytes, bytes.slice())).toBe(true);
        expect(compareNestedStates(bytes, bytes.slice())).toEqual(NOTHING);
      }),
    );
  });

  test('a longer state is another state', () => {
    expect(sameNestedState(new Uint8Array(128), new Uint8Array(129))).toBe(false);
  });
});

describe('SVM out of guest mode', () => {
  test('GIF that reads back otherwise is lost', () => {
    const { lost, ignored } = compareNestedStates(svmHeaderOnly({ flags: 0 }), svmHeaderOnly());
    expect(lost).toEqual([{ offset: 1, length: 1, field: 'flags' }]);
    expect(ignored).toEqual([]);
  });

  test('vmcb_pa, size and data are ignored (selftest S10)', () => {
    const set = svmSelftest({ flags: FLAG.GIF_SET, vmcbPa: NO_ADDRESS });
    set[4000] = 1;
    expect(compareNestedStates(set, resetNestedState('SVM'))).toEqual({
      lost: [],
      ignored: [
        { offset: 5, length: 1, field: 'size' },
        { offset: 8, length: 8, field: 'hdr.svm.vmcb_pa' },
        { offset: 4000, length: 1, field: 'vmcb12' },
      ],
    });
  });

  test('header bytes that the kernel does not know are lost', () => {
    const set = changed(svmHeaderOnly(), (view) => view.setUint32(40, 0xffff_ffff));
    expect(compareNestedStates(set, svmHeaderOnly()).lost).toEqual([{ offset: 40, length: 4, field: 'hdr' }]);
  });
});

describe('SVM in guest mode', () => {
  const set = changed(svmGuestMode(), (view) => {
    for (let offset = HEADER_BYTES; offset < SVM_GUEST_BYTES; offset++) view.setUint8(offset, 0xff);
  });
  const { lost, ignored } = compareNestedStates(set, changed(set, zeroData));

  function zeroData(view: DataView): void {
    for (let offset = HEADER_BYTES; offset < SVM_GUEST_BYTES; offset++) view.setUint8(offset, 0);
  }

  test('holds what KVM caches of the controls and what VMRUN loads', () => {
    expect([...new Set(fieldsOf(lost))]).toMatchInlineSnapshot(`
      [
        "vmcb12.control.intercept_cr",
        "vmcb12.control.intercept_dr",
        "vmcb12.control.intercept_exceptions",
        "vmcb12.control.intercept_misc1",
        "vmcb12.control.intercept_misc2",
        "vmcb12.control.intercept_misc3",
        "vmcb12.control.pause_filter_thresh",
        "vmcb12.control.pause_filter_count",
        "vmcb12.control.iopm_base_pa",
        "vmcb12.control.msrpm_base_pa",
        "vmcb12.control.tsc_offset",
        "vmcb12.control.asid",
        "vmcb12.control.tlb_ctl",
        "vmcb12.control.int_ctl",
        "vmcb12.control.int_vector",
        "vmcb12.control.int_state",
        "vmcb12.control.exit_code",
        "vmcb12.control.exit_info_1",
        "vmcb12.control.exit_info_2",
        "vmcb12.control.exit_int_info",
        "vmcb12.control.exit_int_info_err",
        "vmcb12.control.nested_ctl",
        "vmcb12.control.event_inj",
        "vmcb12.control.event_inj_err",
        "vmcb12.control.nested_cr3",
        "vmcb12.control.virt_ext",
        "vmcb12.control.next_rip",
        "vmcb12.save.es.selector",
        "vmcb12.save.es.attrib",
        "vmcb12.save.es.limit",
        "vmcb12.save.es.base",
        "vmcb12.save.cs.selector",
        "vmcb12.save.cs.attrib",
        "vmcb12.save.cs.limit",
        "vmcb12.save.cs.base",
        "vmcb12.save.ss.selector",
        "vmcb12.save.ss.attrib",
        "vmcb12.save.ss.limit",
        "vmcb12.save.ss.base",
        "vmcb12.save.ds.selector",
        "vmcb12.save.ds.attrib",
        "vmcb12.save.ds.limit",
        "vmcb12.save.ds.base",
        "vmcb12.save.gdtr.selector",
        "vmcb12.save.gdtr.attrib",
        "vmcb12.save.gdtr.limit",
        "vmcb12.save.gdtr.base",
        "vmcb12.save.idtr.selector",
        "vmcb12.save.idtr.attrib",
        "vmcb12.save.idtr.limit",
        "vmcb12.save.idtr.base",
        "vmcb12.save.efer",
        "vmcb12.save.cr4",
        "vmcb12.save.cr3",
        "vmcb12.save.cr0",
        "vmcb12.save.rflags",
        "vmcb12.save.rip",
        "vmcb12.save.rsp",
        "vmcb12.save.rax",
      ]
    `);
  });

  test.each([
    'vmcb12.control.avic_backing_page',
    'vmcb12.control.ghcb_gpa',
    'vmcb12.control.vmsa_pa',
    'vmcb12.control.insn_bytes',
    'vmcb12.control.clean',
    'vmcb12.control.hyperv_enlightenments',
    'vmcb12.save.fs.base',
    'vmcb12.save.tr.selector',
    'vmcb12.save.cpl',
    'vmcb12.save.dr6',
    'vmcb12.save.dr7',
    'vmcb12.save.star',
    'vmcb12.save.cr2',
    'vmcb12',
  ])('does not hold %s', (field) => {
    expect(fieldsOf(ignored)).toContain(field);
    expect(fieldsOf(lost)).not.toContain(field);
  });

  test.each([
    ['the low 12 bits of msrpm_base_pa', VMCB12_CONTROL.msrpm_base_pa, 0x1234n, 0x1000n],
    ['the low 12 bits of iopm_base_pa', VMCB12_CONTROL.iopm_base_pa, 0x1fffn, 0x1000n],
    ['RFLAGS bit 1', VMCB12_SAVE.rflags, 0x46n, 0x44n],
  ] as const)('does not hold %s', (_name, field, value, readBack) => {
    const from = changed(svmGuestMode(), (view) => write(view, field, value));
    const to = changed(svmGuestMode(), (view) => write(view, field, readBack));
    expect(compareNestedStates(from, to).lost).toEqual([]);
    expect(fieldsOf(compareNestedStates(from, to).ignored)).toEqual([field.path]);
  });

  test.each([
    ['tlb_ctl above bit 2', VMCB12_CONTROL.tlb_ctl, 0xf9, 0x01],
    ['int_vector above bit 7', VMCB12_CONTROL.int_vector, 0x1_0020, 0x20],
    ['int_state above bit 0', VMCB12_CONTROL.int_state, 0x3, 0x1],
    ['reserved bits of event_inj', VMCB12_CONTROL.event_inj, 0x8001_0020, 0x8000_0020],
    ['the RDPRU intercept', VMCB12_CONTROL.intercept_misc2, 0x4001, 0x1],
    ['the INVPCID intercept', VMCB12_CONTROL.intercept_misc3, 0x4, 0x0],
  ] as const)('does not hold %s', (_name, field, value, readBack) => {
    const from = changed(svmGuestMode(), (view) => write(view, field, value));
    const to = changed(svmGuestMode(), (view) => write(view, field, readBack));
    expect(compareNestedStates(from, to).lost).toEqual([]);
    expect(fieldsOf(compareNestedStates(from, to).ignored)).toEqual([field.path]);
  });

  test('says nothing about bytes that were set to zero', () => {
    const readBack = changed(svmGuestMode(), (view) => write(view, VMCB12_SAVE.star, 0x23n));
    expect(compareNestedStates(svmGuestMode(), readBack)).toEqual(NOTHING);
  });

  test('nested paging that the kernel drops is lost', () => {
    const from = changed(svmGuestMode(), (view) => write(view, VMCB12_CONTROL.nested_ctl, 1n));
    expect(fieldsOf(compareNestedStates(from, svmGuestMode()).lost)).toEqual(['vmcb12.control.nested_ctl']);
  });

  test("L2's PAT that the kernel drops is lost", () => {
    const from = svmGuestMode({ gpat: 0x0007_0406_0007_0406n });
    expect(
      compareNestedStates(from, svmGuestMode()).lost.every(({ field }) => field === 'hdr.svm.gpat'),
    ).toBe(true);
    expect(compareNestedStates(from, svmGuestMode()).lost).not.toEqual([]);
  });

  test('a state that reads back without its data has lost all of it that is held', () => {
    const readBack = svmHeaderOnly();
    const { lost } = compareNestedStates(svmGuestMode(), readBack);
    expect(fieldsOf(lost)).toEqual(expect.arrayContaining(['flags', 'hdr.svm.vmcb_pa', 'vmcb12.save.rip']));
  });

  test('a size beyond the data is no loss', () => {
    const from = svmGuestMode({ size: 8320 });
    expect(compareNestedStates(from, svmGuestMode())).toEqual({
      lost: [],
      ignored: [{ offset: 5, length: 1, field: 'size' }],
    });
  });

  test('RUN_PENDING that the kernel drops is lost', () => {
    const from = svmGuestMode({ flags: FLAG.GUEST_MODE | FLAG.RUN_PENDING | FLAG.GIF_SET });
    expect(fieldsOf(compareNestedStates(from, svmGuestMode()).lost)).toEqual(['flags']);
  });

  test('another vmcb_pa is lost', () => {
    const readBack = changed(svmGuestMode(), (view) => write(view, SVM_HEADER.vmcb_pa, 0x4000n));
    expect(fieldsOf(compareNestedStates(svmGuestMode(), readBack).lost)).toEqual(['hdr.svm.vmcb_pa']);
  });
});

describe('VMX', () => {
  test('EVMCS without VMXON is ignored', () => {
    const { lost, ignored } = compareNestedStates(vmxOff({ flags: FLAG.EVMCS }), vmxOff());
    expect(lost).toEqual([]);
    expect(fieldsOf(ignored)).toEqual(['flags']);
  });

  test('VMXON that reads back off is lost', () => {
    const { lost } = compareNestedStates(vmxVmxon(), vmxOff());
    expect(new Set(fieldsOf(lost))).toEqual(new Set(['hdr.vmx.vmxon_pa']));
  });

  test('SMM flags that the kernel drops, as it does without a current VMCS, are lost', () => {
    const { lost } = compareNestedStates(vmxVmxon({ smmFlags: 2 }), vmxVmxon());
    expect(fieldsOf(lost)).toEqual(['hdr.vmx.smm.flags']);
  });

  test('out of guest mode every byte of the vmcs12 struct is held, the rest of its page is not', () => {
    const from = changed(vmxCurrent(), (view) => {
      view.setUint8(HEADER_BYTES + VMCS12_STRUCT_BYTES - 1, 1);
      view.setUint8(HEADER_BYTES + VMCS12_STRUCT_BYTES, 1);
    });
    expect(compareNestedStates(from, vmxCurrent())).toEqual({
      lost: [{ offset: 128 + 997, length: 1, field: 'vmcs12.guest_pml_index' }],
      ignored: [{ offset: 128 + 998, length: 1, field: 'vmcs12' }],
    });
  });

  test('out of guest mode MTF_PENDING and the deadline are ignored', () => {
    const from = vmxCurrent({ flags: FLAG.MTF_PENDING, headerFlags: 1, deadline: 1n });
    const { lost, ignored } = compareNestedStates(from, vmxCurrent());
    expect(lost).toEqual([]);
    expect(fieldsOf(ignored)).toEqual(['flags', 'hdr.vmx.flags', 'hdr.vmx.preemption_timer_deadline']);
  });

  test('in guest mode MTF_PENDING is held', () => {
    const from = vmxGuestMode({ flags: FLAG.GUEST_MODE | FLAG.MTF_PENDING });
    expect(fieldsOf(compareNestedStates(from, vmxGuestMode()).lost)).toEqual(['flags']);
  });

  test('in guest mode the deadline is held if the preemption timer runs', () => {
    const from = vmxGuestMode({ headerFlags: 1, deadline: 7n });
    expect(compareNestedStates(from, vmxGuestMode()).lost).toEqual([]);
    const timer = (view: DataView): void => write(view, VMCS12.pin_based_vm_exec_control, 0x7f);
    const { lost } = compareNestedStates(changed(from, timer), changed(vmxGuestMode(), timer));
    expect(fieldsOf(lost)).toEqual(['hdr.vmx.flags', 'hdr.vmx.preemption_timer_deadline']);
  });

  test('a deadline that the kernel computes is no difference', () => {
    expect(compareNestedStates(vmxGuestMode(), vmxGuestMode({ headerFlags: 1, deadline: 7n }))).toEqual(
      NOTHING,
    );
  });

  test.each([
    VMCS12.guest_activity_state,
    VMCS12.guest_interruptibility_info,
    VMCS12.vmx_preemption_timer_value,
  ] as const)('in guest mode $path comes from elsewhere', (field) => {
    const from = changed(vmxGuestMode(), (view) => write(view, field, 3));
    const { lost, ignored } = compareNestedStates(from, vmxGuestMode());
    expect(lost).toEqual([]);
    expect(fieldsOf(ignored)).toEqual([field.path]);
    const current = changed(vmxCurrent(), (view) => write(view, field, 3));
    expect(fieldsOf(compareNestedStates(current, vmxCurrent()).lost)).toEqual([field.path]);
  });

  test("in guest mode L2's RIP is held", () => {
    const from = changed(vmxGuestMode(), (view) => write(view, VMCS12.guest_rip, 0x1234n));
    expect(fieldsOf(compareNestedStates(from, vmxGuestMode()).lost)).toEqual(['vmcs12.guest_rip']);
  });

  test('a linked shadow VMCS is held', () => {
    const from = changed(vmxShadow(), (view) => view.setUint8(VMX_CURRENT_BYTES + 500, 1));
    const { lost } = compareNestedStates(from, vmxShadow());
    expect(lost).toEqual([
      { offset: VMX_CURRENT_BYTES + 500, length: 1, field: 'shadow_vmcs12.guest_ldtr_base' },
    ]);
  });

  test('a shadow vmcs12 that is not linked is ignored', () => {
    const from = changed(vmxShadow(), (view) => write(view, VMCS12.vmcs_link_pointer, NO_ADDRESS));
    const readBack = from.slice(0, VMX_CURRENT_BYTES);
    write(viewOf(readBack), { path: 'size', type: 'u32', offset: 4, bytes: 4 }, VMX_CURRENT_BYTES);
    const { lost, ignored } = compareNestedStates(from, readBack);
    expect(lost).toEqual([]);
    expect(fieldsOf(ignored)).toEqual(['size', 'shadow_vmcs12.revision_id']);
  });

  test('the pad of the header is ignored', () => {
    const from = changed(vmxVmxon(), (view) => write(view, VMX_HEADER.pad, 0xffff));
    expect(compareNestedStates(from, vmxVmxon())).toEqual({
      lost: [],
      ignored: [{ offset: 26, length: 2, field: 'hdr.vmx.pad' }],
    });
  });
});

test('every reported range lies in the state that was set and differs, and what was set and differs is in one', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.values(STATES)),
      fc.constantFrom(...Object.values(STATES)),
      fc.array(fc.tuple(fc.nat(8319), fc.nat(255)), { maxLength: 20 }),
      (buildSet, buildReadBack, changes) => {
        const set = buildSet();
        const readBack = buildReadBack();
        for (const [offset, value] of changes) if (offset < set.length && offset > 3) set[offset] = value;
        const { lost, ignored } = compareNestedStates(set, readBack);
        for (const { offset, length } of [...lost, ...ignored]) {
          expect(offset + length).toBeLessThanOrEqual(set.length);
          for (let i = offset; i < offset + length; i++) expect(set[i]).not.toBe(readBack[i]);
        }
        for (const { offset, length } of ignored) {
          for (let i = offset; i < offset + length; i++) expect(set[i]).not.toBe(0);
        }
        const reported = new Set(
          [...lost, ...ignored].flatMap(({ offset, length }) => Array.from({ length }, (_, i) => offset + i)),
        );
        const missed = [...set.keys()].filter(
          (i) => set[i] !== 0 && set[i] !== readBack[i] && !reported.has(i),
        );
        expect(missed).toEqual([]);
      },
    ),
  );
});
