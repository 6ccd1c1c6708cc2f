// The rules against the case tables, the kernel's own selftest rows, and arbitrary bytes.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { viewOf, write } from '../../../lib/nested/codec.js';
import {
  FIELDS,
  FLAG,
  FORMAT,
  HEADER,
  HEADER_BYTES,
  MIN_BUFFER_BYTES,
  NO_ADDRESS,
  SMM_FLAG,
  SVM_HEADER,
  VMCB12_CONTROL,
  VMCB12_SAVE,
  VMCS12,
  VMX_CURRENT_BYTES,
} from '../../../lib/nested/layout.js';
import { PROBES, VALID_STATE } from '../../../lib/nested/probes.js';
import { resetNestedState } from '../../../lib/nested/reset.js';
import type { KernelFacts, VcpuFacts } from '../../../lib/nested/rule.js';
import {
  checkNestedState,
  EVERYTHING_KNOWN,
  explainRefusal,
  judgeNestedState,
  RULES,
  type RuleReason,
  type RuleViolation,
} from '../../../lib/nested/rules.js';
import {
  caseBytes,
  GENERIC_SELFTEST,
  kernel,
  SVM_RULE_CASES,
  SVM_SELFTEST,
  SVM_VCPU,
  svmGuestMode,
  svmHeaderOnly,
  VMX_SELFTEST,
  VMX_VCPU,
  vmxCurrent,
  vmxGuestMode,
  vmxOff,
  vmxShadow,
  vmxVmxon,
} from '../../vectors/nested-states.js';
import { VMX_RULE_CASES } from '../../vectors/vmx-rule-cases.js';

/** Every violation, where all is known. */
const allViolations = (bytes: Uint8Array, vcpu: VcpuFacts, facts: KernelFacts) =>
  judgeNestedState(bytes, vcpu, facts, EVERYTHING_KNOWN).violations;

/** What the kernel says, which reads its buffer and knows nothing of the bytes that were given. */
function kernelVerdict(bytes: Uint8Array, vcpu: VcpuFacts, facts: KernelFacts): RuleViolation | undefined {
  const buffer = new Uint8Array(MIN_BUFFER_BYTES);
  buffer.set(bytes.subarray(0, MIN_BUFFER_BYTES));
  return explainRefusal(buffer, vcpu, facts);
}

const VARYING = RULES.filter((rule) => rule.varies).map((rule) => rule.reason);
const everyRule = (format: 'SVM' | 'VMX'): KernelFacts => kernel(format, ...VARYING);

describe('the table', () => {
  test('has each reason once, UPPER_SNAKE, at most 63 characters', () => {
    const reasons = RULES.map((rule) => rule.reason);
    expect(new Set(reasons).size).toBe(reasons.length);
    for (const reason of reasons) expect(reason).toMatch(/^[A-Z][A-Z0-9_]{0,61}[A-Z0-9]$/);
  });

  test('has a case for each rule', () => {
    const cases = new Set([...SVM_RULE_CASES, ...VMX_RULE_CASES].map((row) => row.reason));
    expect(RULES.map((rule) => rule.reason).filter((reason) => !cases.has(reason))).toEqual([]);
  });

  test('names a field of the layout, a register of the vCPU, or the bytes', () => {
    const paths = new Set([...FIELDS.SVM, ...FIELDS.VMX].map((field) => field.path));
    for (const path of ['vcpu.efer', 'vcpu.cr0', 'vcpu.cr3', 'vcpu.cr4', 'bytes']) paths.add(path);
    expect(RULES.map((rule) => rule.field).filter((field) => !paths.has(field))).toEqual([]);
  });

  test('says each rule in one sentence', () => {
    for (const { message } of RULES) expect(message).toMatch(/^[A-Z].*\.$/);
  });
});

describe.each([
  ['SVM', SVM_RULE_CASES, svmGuestMode, SVM_VCPU],
  ['VMX', VMX_RULE_CASES, vmxGuestMode, VMX_VCPU],
] as const)('%s: one change to a valid state', (format, cases, valid, vcpu) => {
  test.each(cases.map((row) => [row.name, row.reason, row] as const))('%s: %s', (_name, reason, row) => {
    const facts = { ...vcpu, ...row.vcpu };
    const bytes = caseBytes(row, valid, facts);
    const rule = RULES.find((candidate) => candidate.reason === reason);
    const verdict = rule?.origin === 'service' ? checkNestedState : kernelVerdict;
    const violation = verdict(bytes, facts, kernel(format, reason));
    const { errno, returns, field, source } = rule ?? {};
    expect(violation).toMatchObject({ reason, errno, field, source });
    expect(violation?.returns).toBe(returns);
    const all = allViolations(bytes, facts, kernel(format, reason));
    expect(all.find(({ origin }) => origin === rule?.origin)).toEqual(violation);
  });

  test.each(cases.filter((row) => VARYING.includes(row.reason)).map((row) => [row.reason, row] as const))(
    '%s is not applied where the kernel does not',
    (_reason, row) => {
      const facts = { ...vcpu, ...row.vcpu };
      expect(checkNestedState(caseBytes(row, valid, facts), facts, kernel(format))).toBeUndefined();
    },
  );
});

describe('valid states pass', () => {
  test.each([
    ['SVM in guest mode', svmGuestMode()],
    ['SVM in guest mode, VMRUN pending', svmGuestMode({ flags: FLAG.GUEST_MODE | FLAG.RUN_PENDING })],
    ['SVM out of guest mode', svmHeaderOnly()],
    ['SVM with GIF clear', svmHeaderOnly({ flags: 0 })],
    ['SVM reset', resetNestedState('SVM')],
    ['SVM that is what the probes start from', VALID_STATE.SVM(new Map())],
  ])('%s', (_name, bytes) => {
    expect(checkNestedState(bytes, SVM_VCPU, everyRule('SVM'))).toBeUndefined();
  });

  test.each([
    ['VMX off', vmxOff()],
    ['VMXON without a current VMCS', vmxVmxon()],
    ['VMXON with a current VMCS', vmxCurrent()],
    ['VMX in guest mode', vmxGuestMode()],
    ['VMX in guest mode, VM entry pending', vmxGuestMode({ flags: FLAG.GUEST_MODE | FLAG.RUN_PENDING })],
    ['VMX in guest mode with a shadow VMCS', vmxShadow()],
    ['VMX with a preemption timer deadline', vmxGuestMode({ headerFlags: 1, deadline: 99n })],
    ['VMX reset', resetNestedState('VMX')],
    ['VMX that is what the probes start from', VALID_STATE.VMX(VMX_VCPU.vmxCapabilityMsrs)],
  ])('%s', (_name, bytes) => {
    expect(checkNestedState(bytes, VMX_VCPU, everyRule('VMX'))).toBeUndefined();
  });

  test('VMX that was interrupted by an SMI', () => {
    const bytes = vmxVmxon({ smmFlags: SMM_FLAG.SMM_VMXON | SMM_FLAG.SMM_GUEST_MODE });
    expect(checkNestedState(bytes, { ...VMX_VCPU, inSmm: true }, everyRule('VMX'))).toBeUndefined();
  });

  test('reset states pass on a vCPU with neither EFER.SVME nor CPUID', () => {
    const bare = { ...SVM_VCPU, efer: 0n, hasSvm: false, hasVmx: false };
    expect(checkNestedState(resetNestedState('SVM'), bare, everyRule('SVM'))).toBeUndefined();
    expect(checkNestedState(resetNestedState('VMX'), bare, everyRule('VMX'))).toBeUndefined();
  });
});

describe("the kernel's selftest", () => {
  test.each([...GENERIC_SELFTEST, ...VMX_SELFTEST].map((row) => [`${row.id} ${row.name}`, row] as const))(
    '%s',
    (_name, row) => {
      expect(kernelVerdict(row.bytes(), row.vcpu, everyRule('VMX'))?.reason ?? 'OK').toBe(row.verdict);
    },
  );

  test.each(SVM_SELFTEST.map((row) => [`${row.id} ${row.name}`, row] as const))('%s', (_name, row) => {
    expect(kernelVerdict(row.bytes(), row.vcpu, everyRule('SVM'))?.reason ?? 'OK').toBe(row.verdict);
  });

  test('S4 passes on a kernel of 2026', () => {
    const row = SVM_SELFTEST.find(({ id }) => id === 'S4');
    expect(row && checkNestedState(row.bytes(), row.vcpu, kernel('SVM'))).toBeUndefined();
  });
});

describe('limits of single rules', () => {
  const reasonOf = (bytes: Uint8Array, vcpu: VcpuFacts, facts: KernelFacts): RuleReason | 'OK' =>
    checkNestedState(bytes, vcpu, facts)?.reason ?? 'OK';
  const svm = (change: (view: DataView) => void): Uint8Array => {
    const bytes = svmGuestMode();
    change(viewOf(bytes));
    return bytes;
  };
  const vmx = (change: (view: DataView) => void): Uint8Array => {
    const bytes = vmxGuestMode();
    change(viewOf(bytes));
    return bytes;
  };

  test.each([
    ['msrpm_base_pa', 0x2000n, 'OK'],
    ['msrpm_base_pa', 0x1000n, 'SVM_MSRPM_ILLEGAL'],
    ['iopm_base_pa', 0x3000n, 'OK'],
    ['iopm_base_pa', 0x2000n, 'SVM_IOPM_ILLEGAL'],
  ] as const)('%s that starts %d bytes below the address width: %s', (field, below, verdict) => {
    const bytes = svm((view) => write(view, VMCB12_CONTROL[field], (1n << 40n) - below));
    expect(reasonOf(bytes, SVM_VCPU, everyRule('SVM'))).toBe(verdict);
  });

  test('the low 12 bits of the permission maps do not count', () => {
    const bytes = svm((view) => {
      write(view, VMCB12_CONTROL.msrpm_base_pa, (1n << 40n) - 0x2000n + 0xfffn);
      write(view, VMCB12_CONTROL.iopm_base_pa, (1n << 40n) - 0x3000n + 0xfffn);
    });
    expect(reasonOf(bytes, SVM_VCPU, everyRule('SVM'))).toBe('OK');
  });

  test('nested CR3 counts only with nested paging that the guest has', () => {
    const illegal = svm((view) => write(view, VMCB12_CONTROL.nested_cr3, 1n << 50n));
    const facts = kernel('SVM', 'SVM_NESTED_CR3_ILLEGAL');
    expect(reasonOf(illegal, SVM_VCPU, facts)).toBe('OK');
    write(viewOf(illegal), VMCB12_CONTROL.nested_ctl, 1n);
    expect(reasonOf(illegal, SVM_VCPU, facts)).toBe('SVM_NESTED_CR3_ILLEGAL');
    expect(reasonOf(illegal, { ...SVM_VCPU, hasNpt: false }, facts)).toBe('OK');
  });

  test('L1 out of long mode needs neither PAE nor a legal CR3', () => {
    const bytes = svm((view) => {
      write(view, VMCB12_SAVE.efer, 0x1000n);
      write(view, VMCB12_SAVE.cr4, 0n);
      write(view, VMCB12_SAVE.cr3, 1n << 50n);
      write(view, VMCB12_SAVE['cs.attrib'], 0x069b);
    });
    expect(reasonOf(bytes, SVM_VCPU, everyRule('SVM'))).toBe('OK');
  });

  test('CR3 may have its LAM bits where the guest and the kernel have LAM', () => {
    const bytes = svm((view) => write(view, VMCB12_SAVE.cr3, (3n << 61n) | 0x1000n));
    const lam = { ...SVM_VCPU, cr3: 1n << 62n, reserved: { ...SVM_VCPU.reserved, cr3: 0n } };
    expect(reasonOf(bytes, lam, everyRule('SVM'))).toBe('OK');
    expect(reasonOf(bytes, SVM_VCPU, everyRule('SVM'))).toBe('SVM_HOST_CR3_ILLEGAL');
    // What the kernel supports counts beside what the guest's CPUID says.
    const kernelWithout = { ...everyRule('SVM'), reserved: SVM_VCPU.reserved };
    expect(reasonOf(bytes, lam, kernelWithout)).toBe('SVM_HOST_CR3_ILLEGAL');
  });

  test.each([
    ['the guest lacks', { ...SVM_VCPU.reserved, cr4: 1n << 20n }, undefined],
    ['the kernel lacks', SVM_VCPU.reserved, { ...SVM_VCPU.reserved, cr4: 1n << 20n }],
  ])('CR4 may not have a bit of a feature that %s', (_who, ofVcpu, ofKernel) => {
    const bytes = svm((view) => write(view, VMCB12_SAVE.cr4, 0x10_0020n)); // SMEP
    const facts: KernelFacts =
      ofKernel === undefined ? kernel('SVM') : { ...kernel('SVM'), reserved: ofKernel };
    expect(reasonOf(bytes, SVM_VCPU, kernel('SVM'))).toBe('OK');
    expect(reasonOf(bytes, { ...SVM_VCPU, reserved: ofVcpu }, facts)).toBe(
      'SVM_HOST_CR4_FEATURE_UNSUPPORTED',
    );
  });

  test('a bit that the kernel was seen to refuse is refused', () => {
    const bytes = svm((view) => {
      write(view, VMCB12_SAVE.cr4, 0x20n | (1n << 25n));
      write(view, VMCB12_SAVE.efer, 0x1500n | (1n << 13n));
    });
    expect(reasonOf(bytes, SVM_VCPU, kernel('SVM'))).toBe('OK');
    for (const [refused, reason] of [
      [{ cr4: 1n << 25n, efer: 0n }, 'SVM_HOST_CR4_RESERVED_BITS'],
      [{ cr4: 0n, efer: 1n << 13n }, 'SVM_HOST_EFER_RESERVED_BITS'],
    ] as const) {
      expect(reasonOf(bytes, SVM_VCPU, { ...kernel('SVM'), refused })).toBe(reason);
    }
  });

  test('CR0.NW is legal with CD', () => {
    const bytes = svm((view) => write(view, VMCB12_SAVE.cr0, 0xe001_0033n));
    expect(reasonOf(bytes, { ...SVM_VCPU, cr0: 0xe001_0033n }, everyRule('SVM'))).toBe('OK');
  });

  test.each([
    ['not valid', 0x0000_0702, 'OK'],
    ['INTR', 0x8000_0020, 'OK'],
    ['NMI', 0x8000_0202, 'OK'],
    ['#PF', 0x8000_0b0e, 'OK'],
    ['#CP, left to the kernel', 0x8000_0b15, 'OK'],
    ['#VC, left to the kernel', 0x8000_0b1d, 'OK'],
    ['software interrupt', 0x8000_0480, 'OK'],
    ['type 5', 0x8000_0500, 'SVM_EVENT_INJ_TYPE_INVALID'],
    ['exception 9', 0x8000_0309, 'SVM_EVENT_INJ_VECTOR_INVALID'],
  ] as const)('EVENTINJ %s', (_name, value, verdict) => {
    const bytes = svm((view) => write(view, VMCB12_CONTROL.event_inj, value));
    expect(reasonOf(bytes, SVM_VCPU, everyRule('SVM'))).toBe(verdict);
  });

  test.each([
    [0x0007_0406_0007_0406n, 'OK'],
    [0x0105_0406_0007_0406n, 'OK'],
    [0x0000_0000_0000_0000n, 'OK'],
    [0x0300_0000_0000_0000n, 'SVM_GPAT_INVALID'],
    [0x0000_0008_0000_0000n, 'SVM_GPAT_INVALID'],
  ] as const)("L2's PAT %d: %s", (gpat, verdict) => {
    const bytes = svmGuestMode({ gpat });
    const facts = kernel('SVM', 'SVM_GPAT_INVALID');
    const separate = { ...SVM_VCPU, separateL2Pat: true };
    expect(reasonOf(bytes, separate, facts)).toBe('OK'); // without nested paging
    write(viewOf(bytes), VMCB12_CONTROL.nested_ctl, 1n);
    expect(reasonOf(bytes, separate, facts)).toBe(verdict);
    expect(reasonOf(bytes, SVM_VCPU, facts)).toBe('OK');
  });

  test('out of guest mode SVM reads nothing after the flags', () => {
    const bytes = svmHeaderOnly({ size: 0xffff_ffff, vmcbPa: NO_ADDRESS });
    expect(kernelVerdict(bytes, SVM_VCPU, everyRule('SVM'))).toBeUndefined();
  });

  test('the kernel asks for its struct vmcs12 only, 1126 bytes', () => {
    const bytes = vmxCurrent({ size: 1126 });
    expect(kernelVerdict(bytes, VMX_VCPU, everyRule('VMX'))).toBeUndefined();
    expect(reasonOf(bytes.slice(0, 1126), VMX_VCPU, everyRule('VMX'))).toBe('OK');
    expect(reasonOf(bytes.slice(0, 1125), VMX_VCPU, everyRule('VMX'))).toBe('NESTED_DATA_TRUNCATED');
  });

  test('the shadow-VMCS indicator is no part of the revision id', () => {
    const bytes = vmx((view) => write(view, VMCS12.revision_id, 0x91e5_7ed0));
    expect(reasonOf(bytes, VMX_VCPU, everyRule('VMX'))).toBe('OK');
  });

  test('out of guest mode the vmcs12 is not judged beyond its revision id', () => {
    const bytes = vmx((view) => write(view, VMCS12.pin_based_vm_exec_control, 0));
    write(viewOf(bytes), HEADER.flags, 0);
    expect(reasonOf(bytes, VMX_VCPU, everyRule('VMX'))).toBe('OK');
  });

  test('controls are not judged without the capability MSRs', () => {
    const bytes = vmx((view) => {
      write(view, VMCS12.pin_based_vm_exec_control, 0);
      write(view, VMCS12.host_cr0, 0n);
    });
    expect(reasonOf(bytes, { ...VMX_VCPU, vmxCapabilityMsrs: new Map() }, everyRule('VMX'))).toBe('OK');
  });

  test('secondary controls count only if activated', () => {
    const bytes = vmx((view) => {
      write(view, VMCS12.cpu_based_vm_exec_control, 0x1620_6172);
      write(view, VMCS12.secondary_vm_exec_control, 0xffff_ffff);
    });
    expect(reasonOf(bytes, VMX_VCPU, everyRule('VMX'))).toBe('OK');
  });

  test('an unrestricted L2 may have paging off', () => {
    const bytes = vmx((view) => {
      write(view, VMCS12.guest_cr0, 0x20n);
      write(view, VMCS12.secondary_vm_exec_control, 0xa2);
      write(view, VMCS12.vm_entry_controls, 0x0000_11fb); // L2 out of 64-bit mode
    });
    expect(reasonOf(bytes, VMX_VCPU, everyRule('VMX'))).toBe('OK');
  });

  test('a message gives the value of its field', () => {
    const bytes = svmGuestMode({ vmcbPa: 0x3001n });
    expect(checkNestedState(bytes, SVM_VCPU, kernel('SVM'))?.message).toBe(
      'The address of the vmcb12 must be a multiple of 4096. (hdr.svm.vmcb_pa is 0x3001)',
    );
  });

  test('all violations are given in order', () => {
    const bytes = svm((view) => {
      write(view, VMCB12_CONTROL.asid, 0);
      write(view, VMCB12_SAVE.cr0, 0n);
      write(view, SVM_HEADER.vmcb_pa, 1n);
    });
    expect(allViolations(bytes, SVM_VCPU, everyRule('SVM')).map(({ reason }) => reason)).toEqual([
      'SVM_VMCB_PA_UNALIGNED',
      'SVM_ASID_ZERO',
      'SVM_HOST_CR0_PG_CLEAR',
      'SVM_HOST_CR0_PE_CLEAR',
    ]);
  });

  test('a state of the other vendor is refused for its format', () => {
    expect(reasonOf(vmxGuestMode(), SVM_VCPU, everyRule('SVM'))).toBe('SVM_FORMAT_MISMATCH');
    expect(reasonOf(svmGuestMode(), VMX_VCPU, everyRule('VMX'))).toBe('VMX_FORMAT_MISMATCH');
  });
});

describe('probes', () => {
  const probes = (['SVM', 'VMX'] as const).flatMap((format) =>
    PROBES[format].map((probe) => [format, probe.reason, probe] as const),
  );

  test.each(probes)('%s: each state of %s breaks that rule and no other', (format, reason, probe) => {
    const vcpu = format === 'SVM' ? SVM_VCPU : VMX_VCPU;
    const facts = { ...vcpu, efer: probe.svme ? 0x1000n : 0n, hasNpt: probe.withoutNpt !== true };
    const states = probe.states(facts.maxPhyAddr, facts.vmxCapabilityMsrs);
    expect(states.length).toBeGreaterThan(0);
    for (const bytes of states) {
      expect(allViolations(bytes, facts, kernel(format, reason)).map((v) => v.reason)).toEqual([reason]);
      expect(allViolations(bytes, facts, kernel(format))).toEqual([]);
    }
  });

  test('there is one for each rule that varies, but for the PAT behind a quirk', () => {
    const probed = new Set(probes.map(([, reason]) => reason));
    expect(VARYING.filter((reason) => !probed.has(reason))).toEqual(['SVM_GPAT_INVALID']);
  });
});

describe('arbitrary bytes', () => {
  const u64 = fc.bigInt({ min: 0n, max: NO_ADDRESS });
  const facts: fc.Arbitrary<VcpuFacts> = fc.record({
    efer: u64,
    cr0: u64,
    cr3: u64,
    cr4: u64,
    inSmm: fc.boolean(),
    maxPhyAddr: fc.integer({ min: 0, max: 255 }),
    hasSvm: fc.boolean(),
    hasVmx: fc.boolean(),
    hasNpt: fc.boolean(),
    hasLongMode: fc.boolean(),
    hasNx: fc.boolean(),
    hasFxsrOpt: fc.boolean(),
    hasAutoIbrs: fc.boolean(),
    hasShstk: fc.boolean(),
    hasIbt: fc.boolean(),
    reserved: fc.record({ cr3: u64, cr4: u64, debugctl: u64, perfGlobalCtrl: u64 }),
    separateL2Pat: fc.boolean(),
    enlightenedVmcs: fc.boolean(),
    vmxCapabilityMsrs: fc
      .array(fc.tuple(fc.integer({ min: 0x480, max: 0x491 }), u64))
      .map((entries) => new Map(entries)),
  });
  const kernels: fc.Arbitrary<KernelFacts> = fc.record({
    format: fc.constantFrom('SVM' as const, 'VMX' as const),
    enforced: fc.subarray(VARYING).map((reasons) => new Set<string>(reasons)),
  });
  const noise = fc.uint8Array({ minLength: 0, maxLength: 9000 });
  // Valid states with some bytes changed and some cut off get further into the table than noise does.
  const nearlyValid = fc
    .tuple(
      fc.constantFrom(svmGuestMode, svmHeaderOnly, vmxOff, vmxVmxon, vmxCurrent, vmxGuestMode, vmxShadow),
      fc.array(fc.tuple(fc.nat(8400), fc.nat(255)), { maxLength: 8 }),
      fc.option(fc.nat(9000)),
    )
    .map(([build, changes, length]) => {
      const bytes = build();
      for (const [offset, value] of changes) if (offset < bytes.length) bytes[offset] = value;
      return length === null ? bytes : bytes.slice(0, length);
    });
  const states = fc.oneof(noise, nearlyValid);

  test('never make a check throw or change them', () => {
    fc.assert(
      fc.property(states, facts, kernels, (bytes, vcpu, facts) => {
        const before = bytes.slice();
        const first = checkNestedState(bytes, vcpu, facts);
        const all = allViolations(bytes, vcpu, facts);
        expect(first).toEqual(all[0]);
        expect(Buffer.compare(bytes, before)).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  test('never fire a rule that varies and is not enforced', () => {
    fc.assert(
      fc.property(states, facts, kernels, (bytes, vcpu, facts) => {
        for (const { reason } of allViolations(bytes, vcpu, facts)) {
          expect(!VARYING.includes(reason) || facts.enforced.has(reason)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('never pass where the kernel would copy past their end', () => {
    fc.assert(
      fc.property(fc.nat(9000), fc.nat(9000), kernels, (length, size, facts) => {
        const state = facts.format === 'SVM' ? svmGuestMode({ size }) : vmxCurrent({ size });
        const bytes = new Uint8Array(length);
        bytes.set(state.subarray(0, length));
        const vcpu = facts.format === 'SVM' ? SVM_VCPU : VMX_VCPU;
        if (checkNestedState(bytes, vcpu, facts) === undefined) expect(size).toBeLessThanOrEqual(length);
      }),
    );
  });

  test('are read where they lie in a larger buffer', () => {
    const pool = new Uint8Array(HEADER_BYTES + VMX_CURRENT_BYTES);
    pool.set(svmGuestMode({ format: FORMAT.SVM }), HEADER_BYTES);
    expect(checkNestedState(pool.subarray(HEADER_BYTES), SVM_VCPU, everyRule('SVM'))).toBeUndefined();
  });
});
