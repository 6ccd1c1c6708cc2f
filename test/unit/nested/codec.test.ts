// Layout, codec, description and reset states.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { read, readHeader, viewOf, write, writeHeader } from '../../../lib/nested/codec.js';
import { describeNestedState } from '../../../lib/nested/describe.js';
import {
  FIELDS,
  type Field,
  FLAG,
  FORMAT,
  HEADER,
  HEADER_BYTES,
  KNOWN_FLAGS,
  KNOWN_SMM_FLAGS,
  KNOWN_VMX_HEADER_FLAGS,
  MIN_BUFFER_BYTES,
  NO_ADDRESS,
  SVM_GUEST_BYTES,
  SVM_HEADER,
  VMCB12_CONTROL,
  VMCB12_SAVE,
  VMCS12,
  VMCS12_STRUCT_BYTES,
  VMX_HEADER,
  VMX_SHADOW_BYTES,
} from '../../../lib/nested/layout.js';
import { resetNestedState } from '../../../lib/nested/reset.js';
import { svmGuestMode, vmxShadow } from '../../vectors/nested-states.js';

const u64 = fc.bigInt({ min: 0n, max: NO_ADDRESS });

describe('layout', () => {
  test('sizes are those of the kernel', () => {
    expect([HEADER_BYTES, SVM_GUEST_BYTES, VMX_SHADOW_BYTES, MIN_BUFFER_BYTES]).toEqual([
      128, 4224, 8320, 8320,
    ]);
  });

  test.each([
    [SVM_HEADER.vmcb_pa, 8],
    [VMX_HEADER.preemption_timer_deadline, 32],
    [VMCB12_CONTROL.asid, 128 + 0x58],
    [VMCB12_CONTROL.hyperv_enlightenments, 128 + 0x3e0],
    [VMCB12_SAVE['cs.attrib'], 128 + 0x412],
    [VMCB12_SAVE.efer, 128 + 0x4d0],
    [VMCB12_SAVE.rip, 128 + 0x578],
    [VMCB12_SAVE.rax, 128 + 0x5f8],
    [VMCB12_SAVE.dbgctl, 128 + 0x670],
    [VMCS12.guest_rip, 128 + 544],
    [VMCS12.guest_pml_index, 128 + 996],
  ] as const)('$path', (field, offset) => {
    expect(field.offset).toBe(offset);
  });

  test('the last field of vmcs12 ends where the kernel stops copying', () => {
    const { offset, bytes } = VMCS12.guest_pml_index;
    expect(offset + bytes).toBe(HEADER_BYTES + VMCS12_STRUCT_BYTES);
  });

  test.each(['SVM', 'VMX'] as const)('%s fields do not overlap and have unique names', (format) => {
    const fields = [...FIELDS[format]].sort((a, b) => a.offset - b.offset);
    expect(new Set(fields.map(({ path }) => path)).size).toBe(fields.length);
    for (const [index, { offset, bytes, path }] of fields.entries()) {
      const next = fields[index + 1];
      expect(offset + bytes, path).toBeLessThanOrEqual(next?.offset ?? MIN_BUFFER_BYTES);
    }
  });
});

describe('codec', () => {
  test('reads back each field that it writes, and touches no other byte', () => {
    const fields = [...FIELDS.SVM, ...FIELDS.VMX].filter((field) => field.type !== 'bytes');
    fc.assert(
      fc.property(
        fc.constantFrom(...fields),
        u64,
        fc.uint8Array({ minLength: MIN_BUFFER_BYTES, maxLength: MIN_BUFFER_BYTES }),
        (field, value, bytes) => {
          const before = bytes.slice();
          const cut = BigInt.asUintN(8 * field.bytes, value);
          const view = viewOf(bytes);
          if (field.type === 'u64') write(view, field as Field<'u64'>, cut);
          else write(view, field as Field<'u32'>, Number(cut));
          expect(BigInt(read(view, field as Field<'u64' | 'u32'>))).toBe(cut);
          before.set(bytes.subarray(field.offset, field.offset + field.bytes), field.offset);
          expect(Buffer.compare(bytes, before)).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('writing a header leaves the rest of it alone', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: HEADER_BYTES, maxLength: 300 }),
        fc.nat(0xffff),
        fc.nat(0xffff),
        fc.nat(0xffff_ffff),
        (bytes, flags, format, size) => {
          const before = bytes.slice(8);
          writeHeader(bytes, { flags, format, size });
          expect(readHeader(bytes)).toEqual({ flags, format, size });
          expect(bytes.slice(8)).toEqual(before);
        },
      ),
    );
  });

  test.each([0, 7, 127])('%d bytes have no header', (length) => {
    expect(() => readHeader(new Uint8Array(length))).toThrow(RangeError);
    expect(() => writeHeader(new Uint8Array(length), { flags: 0, format: 0, size: 128 })).toThrow(RangeError);
    expect(() => describeNestedState(new Uint8Array(length))).toThrow(RangeError);
  });

  test('a subarray of a larger buffer is read in place', () => {
    const pool = Buffer.alloc(1000);
    writeHeader(pool.subarray(200), { flags: FLAG.GIF_SET, format: FORMAT.SVM, size: 128 });
    expect(readHeader(pool.subarray(200))).toEqual({ flags: 0x100, format: 1, size: 128 });
    expect(pool.readUInt16LE(200)).toBe(0x100);
  });
});

describe('describe', () => {
  test('an SVM state in guest mode', () => {
    expect(describeNestedState(svmGuestMode({ gpat: 0x0007_0406_0007_0406n }))).toEqual({
      format: 'SVM',
      flags: ['GUEST_MODE', 'GIF_SET'],
      unknownFlags: 0,
      size: 4224,
      dataBytes: 4096,
      svm: { vmcbPa: 0x3000n, gpat: 0x0007_0406_0007_0406n },
    });
  });

  test('a VMX state with a shadow VMCS, a deadline, and SMM flags', () => {
    const bytes = vmxShadow({ headerFlags: 5, deadline: 1234n, smmFlags: 0x8002, flags: 0x600f });
    expect(describeNestedState(bytes)).toEqual({
      format: 'VMX',
      flags: ['GUEST_MODE', 'RUN_PENDING', 'EVMCS', 'MTF_PENDING'],
      unknownFlags: 0x6000,
      size: 8320,
      dataBytes: 8192,
      vmx: {
        vmxonPa: 0x1000n,
        vmcs12Pa: 0x2000n,
        smmFlags: ['SMM_VMXON'],
        unknownSmmFlags: 0x8000,
        smmBits: 0x8002,
        headerFlags: ['PREEMPTION_TIMER_DEADLINE'],
        unknownHeaderFlags: 4,
        headerBits: 5,
        preemptionTimerDeadline: 1234n,
      },
    });
  });

  test('a format that has no name', () => {
    const bytes = new Uint8Array(200);
    writeHeader(bytes, { flags: 0, format: 7, size: 160 });
    expect(describeNestedState(bytes)).toEqual({
      format: 'UNKNOWN',
      flags: [],
      unknownFlags: 0,
      size: 160,
      dataBytes: 32,
    });
  });

  test('gives back what any SVM header was written with', () => {
    fc.assert(
      fc.property(fc.nat(0xffff), fc.nat(0xffff_ffff), u64, u64, (flags, size, vmcbPa, gpat) => {
        const bytes = new Uint8Array(SVM_GUEST_BYTES);
        writeHeader(bytes, { flags, format: FORMAT.SVM, size });
        write(viewOf(bytes), SVM_HEADER.vmcb_pa, vmcbPa);
        write(viewOf(bytes), SVM_HEADER.gpat, gpat);
        const view = describeNestedState(bytes);
        expect(view.svm).toEqual({ vmcbPa, gpat });
        expect(view.flags.reduce((sum, name) => sum | FLAG[name], view.unknownFlags)).toBe(flags);
        expect(view.unknownFlags & KNOWN_FLAGS).toBe(0);
        expect(view.size).toBe(size);
      }),
    );
  });

  test('gives back what any VMX header was written with', () => {
    fc.assert(
      fc.property(
        fc.nat(0xffff),
        fc.nat(0xffff_ffff),
        u64,
        u64,
        u64,
        (smm, flags, vmxon, vmcs12, deadline) => {
          const bytes = new Uint8Array(HEADER_BYTES);
          writeHeader(bytes, { flags: 0, format: FORMAT.VMX, size: HEADER_BYTES });
          const view = viewOf(bytes);
          write(view, VMX_HEADER['smm.flags'], smm);
          write(view, VMX_HEADER.flags, flags);
          write(view, VMX_HEADER.vmxon_pa, vmxon);
          write(view, VMX_HEADER.vmcs12_pa, vmcs12);
          write(view, VMX_HEADER.preemption_timer_deadline, deadline);
          expect(describeNestedState(bytes).vmx).toMatchObject({
            vmxonPa: vmxon,
            vmcs12Pa: vmcs12,
            unknownSmmFlags: smm & ~KNOWN_SMM_FLAGS,
            unknownHeaderFlags: (flags & ~KNOWN_VMX_HEADER_FLAGS) >>> 0,
            preemptionTimerDeadline: deadline,
          });
        },
      ),
    );
  });
});

describe('reset states', () => {
  test('SVM: header only, GIF set, all else zero', () => {
    const bytes = resetNestedState('SVM');
    expect(bytes).toHaveLength(128);
    expect(readHeader(bytes)).toEqual({ flags: 0x100, format: 1, size: 128 });
    expect(bytes.slice(8)).toEqual(new Uint8Array(120));
  });

  test('VMX: header only, both addresses ~0, all else zero', () => {
    const bytes = resetNestedState('VMX');
    expect(bytes).toHaveLength(128);
    expect(readHeader(bytes)).toEqual({ flags: 0, format: 0, size: 128 });
    expect(bytes.slice(8, 24)).toEqual(new Uint8Array(16).fill(0xff));
    expect(bytes.slice(24)).toEqual(new Uint8Array(104));
  });

  test('each is a fresh one', () => {
    write(viewOf(resetNestedState('SVM')), HEADER.flags, 0);
    expect(readHeader(resetNestedState('SVM')).flags).toBe(0x100);
  });
});
