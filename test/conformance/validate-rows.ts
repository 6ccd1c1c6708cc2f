// ValidateNestedState: against a vCPU that is there, a vCPU that is only described, and none; every rule broken and not
// only the first; what is left unjudged where the description lacks a part. And SetNestedState's validate_only.

import { type NestedFormat, VMCB12_CONTROL, VMCB12_SAVE, VMCS12 } from '../../lib/nested/layout.js';
import type { VcpuFacts } from '../../lib/nested/rule.js';
import type { NestedStateTarget } from '../../protos/gen/vcpud/v1/NestedStateTarget.js';
import type { ValidateNestedStateRequest } from '../../protos/gen/vcpud/v1/ValidateNestedStateRequest.js';
import { svmGuestMode, svmHeaderOnly, vmxGuestMode, vmxOff, vmxVmxon } from '../vectors/nested-states.js';
import type { Bench } from './bench.js';
import { describe } from './described.js';
import { onFormat, withNested } from './facing.js';
import type { Row } from './row.js';
import { changed } from './vcpu-facts.js';
import { answerOf, refusalOf } from './wire.js';

const GROUP = 'validate';

const IN_L2 = { SVM: svmGuestMode, VMX: vmxGuestMode } as const;
const OUT_OF_L2 = { SVM: svmHeaderOnly, VMX: vmxOff } as const;
const FORMATS: readonly NestedFormat[] = ['SVM', 'VMX'];

type Target = Pick<ValidateNestedStateRequest, 'name' | 'described'>;

/** "none", or the reasons in order. */
async function reasonsOf(bench: Bench, bytes: Uint8Array, target: Target): Promise<string> {
  const nestedState = { data: Buffer.from(bytes) };
  const { violations } = await bench.client.nested.ValidateNestedState({ nestedState, ...target });
  return violations.map(({ reason }) => reason).join(', ') || 'none';
}

// ---------------------------------------------------------------------------------------------------------
// Many faults in one state: all are told, in the kernel's order

interface Faulty {
  readonly format: NestedFormat;
  readonly bytes: () => Buffer;
  readonly reasons: readonly string[];
}

const FAULTY: readonly Faulty[] = [
  {
    format: 'SVM',
    bytes: () =>
      changed(svmGuestMode({ vmcbPa: 0x3001n }), (copy) => {
        copy.writeUInt32LE(0, VMCB12_CONTROL.intercept_misc2.offset);
        copy.writeUInt32LE(0, VMCB12_CONTROL.asid.offset);
        copy.writeBigUInt64LE(0x0001_0033n, VMCB12_SAVE.cr0.offset); // without PG
        copy.writeBigUInt64LE(1n << 63n, VMCB12_SAVE.dr6.offset);
      }),
    reasons: [
      'SVM_VMCB_PA_UNALIGNED',
      'SVM_VMRUN_INTERCEPT_CLEAR',
      'SVM_ASID_ZERO',
      'SVM_HOST_CR0_PG_CLEAR',
      'SVM_HOST_DR6_HIGH_BITS',
    ],
  },
  {
    format: 'VMX',
    bytes: () =>
      changed(vmxGuestMode({ vmcs12Pa: 0x2001n }), (copy) => {
        copy.writeBigUInt64LE(0x6001n, VMCS12.io_bitmap_a.offset);
        copy.writeUInt16LE(0, VMCS12.virtual_processor_id.offset);
        copy.writeUInt16LE(0, VMCS12.host_cs_selector.offset);
        copy.writeUInt16LE(0, VMCS12.host_tr_selector.offset);
      }),
    reasons: [
      'VMX_VMCS12_PA_UNALIGNED',
      'VMX_IO_BITMAP_A_ILLEGAL',
      'VMX_VPID_ZERO',
      'VMX_HOST_CS_SELECTOR_ZERO',
      'VMX_HOST_TR_SELECTOR_ZERO',
    ],
  },
];

const FAULTY_ROWS: readonly Row[] = FAULTY.flatMap(({ format, bytes, reasons }): Row[] => [
  {
    group: GROUP,
    name: `${format}, five faults at once, of a described vCPU`,
    expected: () => reasons.join(', '),
    run: (bench) => reasonsOf(bench, bytes(), { described: describe(format) }),
  },
  {
    group: GROUP,
    name: `${format}, five faults at once, for no vCPU in particular`,
    needs: [onFormat(format)],
    expected: () => reasons.join(', '),
    run: (bench) => reasonsOf(bench, bytes(), {}),
  },
  {
    group: GROUP,
    name: `${format}, five faults at once, for a vCPU`,
    needs: [onFormat(format)],
    expected: () => `${reasons.join(', ')}; unchanged`,
    run: async (bench) => {
      const vcpu = await bench.vcpu({ inL2: true });
      return `${await reasonsOf(bench, bytes(), { name: vcpu.name })}; ${await vcpu.unchanged()}`;
    },
  },
  {
    group: GROUP,
    name: `${format}, five faults at once: SetNestedState's BadRequest has them all`,
    needs: [onFormat(format)],
    expected: () => `${reasons[0]}; 5 fields of nested_state.data; unchanged`,
    run: async (bench) => {
      const vcpu = await bench.vcpu({ inL2: true });
      const { refusal } = await vcpu.set(bytes(), { kernelVerdict: false });
      const fields = (refusal?.fieldViolations ?? []).filter(({ field }) =>
        field.startsWith('nested_state.data:'),
      );
      return `${refusal?.reason ?? 'taken'}; ${fields.length} fields of nested_state.data; ${await vcpu.unchanged()}`;
    },
  },
]);

// ---------------------------------------------------------------------------------------------------------
// One violation says everything that an error would

const VIOLATION_ROWS: readonly Row[] = FAULTY.map(({ format, bytes, reasons }) => ({
  group: GROUP,
  name: `${format}, a violation has reason, errno, field, message and source`,
  expected: () => reasons.map((reason) => `${reason} whole`).join(', '),
  run: async (bench) => {
    const nestedState = { data: bytes() };
    const { violations } = await bench.client.nested.ValidateNestedState({
      nestedState,
      described: describe(format),
    });
    return violations
      .map(({ reason, errno, field, message, source }) => {
        const whole =
          errno === 'EINVAL' && field !== '' && /^[A-Z].*[.)]$/.test(message) && /^\w+$/.test(source);
        return `${reason} ${whole ? 'whole' : `${errno}|${field}|${message}|${source}`}`;
      })
      .join(', ');
  },
}));

// ---------------------------------------------------------------------------------------------------------
// Targets

interface Judged {
  readonly name: string;
  readonly bytes: () => Uint8Array;
  readonly target: () => NestedStateTarget;
  readonly expected: string;
}

const svmBytes = (change: (copy: Buffer) => void) => () => changed(svmGuestMode(), change);
const tlbControl3 = svmBytes((copy) => void copy.writeUInt8(3, VMCB12_CONTROL.tlb_ctl.offset));

const judged = (
  name: string,
  format: NestedFormat,
  expected: string,
  facts: Partial<VcpuFacts> = {},
  bytes: () => Uint8Array = IN_L2[format],
): Judged => ({ name, bytes, target: () => describe(format, facts), expected });

const JUDGED: readonly Judged[] = [
  judged('a valid SVM state in L2', 'SVM', 'none'),
  judged('a valid VMX state in L2', 'VMX', 'none'),
  judged('a valid SVM state out of L2', 'SVM', 'none', {}, svmHeaderOnly),
  judged('a valid VMX state out of L2', 'VMX', 'none', {}, vmxOff),
  judged('EFER.SVME clear', 'SVM', 'SVM_EFER_SVME_CLEAR', { efer: 0x500n }),
  judged('SVM, in SMM', 'SVM', 'SVM_GUEST_MODE_IN_SMM', { inSmm: true }),
  judged('SVM, 32 bits of address, vmcb_pa 2^32', 'SVM', 'SVM_VMCB_PA_ILLEGAL', { maxPhyAddr: 32 }, () =>
    svmGuestMode({ vmcbPa: 1n << 32n }),
  ),
  judged('SVM, 33 bits of address, vmcb_pa 2^32', 'SVM', 'none', { maxPhyAddr: 33 }, () =>
    svmGuestMode({ vmcbPa: 1n << 32n }),
  ),
  judged('VMX, in SMM', 'VMX', 'VMX_GUEST_MODE_IN_SMM', { inSmm: true }),
  judged('VMX, not in CPUID', 'VMX', 'VMX_CPUID_VMX_CLEAR', { hasVmx: false }, vmxVmxon),
  judged("SVM's state on an Intel host", 'VMX', 'VMX_FORMAT_MISMATCH', {}, svmGuestMode),
  judged("VMX's state on an AMD host", 'SVM', 'SVM_FORMAT_MISMATCH', {}, vmxGuestMode),
  {
    name: 'a rule that varies, on a host that has it',
    bytes: tlbControl3,
    target: () => describe('SVM', {}, ['SVM_TLB_CTL_UNSUPPORTED']),
    expected: 'SVM_TLB_CTL_UNSUPPORTED',
  },
  {
    name: 'a rule that varies, on a host without it',
    bytes: tlbControl3,
    target: () => describe('SVM'),
    expected: 'none',
  },
  {
    name: 'sregs of 312 bytes',
    bytes: svmGuestMode,
    target: () => {
      const target = describe('SVM', { efer: 0x500n });
      return { ...target, sregs: target.sregs.subarray(0, 312) };
    },
    expected: 'SVM_EFER_SVME_CLEAR',
  },
];

const JUDGED_ROWS: readonly Row[] = JUDGED.map(({ name, bytes, target, expected }) => ({
  group: GROUP,
  name: `described: ${name}`,
  expected: () => expected,
  run: (bench) => reasonsOf(bench, bytes(), { described: target() }),
}));

// ---------------------------------------------------------------------------------------------------------
// What can't be judged is said

/** A rule for each part that rules need. */
const SENTINELS: Readonly<Record<NestedFormat, Readonly<Record<'bytes' | 'registers' | 'cpuid', string>>>> = {
  SVM: { bytes: 'SVM_ASID_ZERO', registers: 'SVM_EFER_SVME_CLEAR', cpuid: 'SVM_VMCB_PA_ILLEGAL' },
  VMX: {
    bytes: 'VMX_VMXON_PA_UNALIGNED',
    registers: 'VMX_GUEST_MODE_IN_SMM',
    cpuid: 'VMX_CPUID_VMX_CLEAR',
  },
};

const WITHOUT = {
  nothing: [],
  cpuid: ['cpuid'],
  sregs: ['sregs'],
  events: ['events'],
  'all but format': ['cpuid', 'sregs', 'msrs', 'events'],
} as const satisfies Readonly<Record<string, ReadonlyArray<keyof NestedStateTarget>>>;

const LEFT_UNJUDGED: Readonly<Record<keyof typeof WITHOUT, ReadonlyArray<'registers' | 'cpuid'>>> = {
  nothing: [],
  cpuid: ['cpuid'],
  sregs: ['registers'],
  events: ['registers'],
  'all but format': ['registers', 'cpuid'],
};

const UNJUDGED_ROWS: readonly Row[] = FORMATS.flatMap((format) =>
  (Object.keys(WITHOUT) as Array<keyof typeof WITHOUT>).map((lacking): Row => {
    const sentinels = SENTINELS[format];
    return {
      group: GROUP,
      name: `${format}, a description without ${lacking}`,
      expected: () => {
        const left = LEFT_UNJUDGED[lacking].map((part) => sentinels[part]);
        return `none broken; unjudged of ${Object.values(sentinels).join(', ')}: ${left.join(', ') || 'none'}`;
      },
      run: async (bench) => {
        const described: NestedStateTarget = { ...describe(format) };
        for (const part of WITHOUT[lacking]) described[part] = Buffer.alloc(0);
        const nestedState = { data: Buffer.from(IN_L2[format]()) };
        const { violations, unjudgedRules } = await bench.client.nested.ValidateNestedState({
          nestedState,
          described,
        });
        const broken = violations.map(({ reason }) => reason).join(', ') || 'none';
        const unjudged = Object.values(sentinels).filter((reason) => unjudgedRules.includes(reason));
        return `${broken} broken; unjudged of ${Object.values(sentinels).join(', ')}: ${unjudged.join(', ') || 'none'}`;
      },
    };
  }),
);

// ---------------------------------------------------------------------------------------------------------
// The answer's own view of the state, and validate_only

const VIEW_ROWS: readonly Row[] = [
  {
    group: GROUP,
    name: 'the answer has the state as given, and what it says',
    expected: () => 'the bytes; NESTED_STATE_FORMAT_SVM; 4224; GUEST_MODE, GIF_SET; vmcb_pa 12288',
    run: async (bench) => {
      const data = Buffer.from(svmGuestMode());
      const { nestedState } = await bench.client.nested.ValidateNestedState({
        nestedState: { data },
        described: describe('SVM'),
      });
      const flags = nestedState?.flags.map((flag) => flag.replace('NESTED_STATE_FLAG_', '')).join(', ');
      const bytes = nestedState?.data.equals(data) === true ? 'the bytes' : 'other bytes';
      return `${bytes}; ${nestedState?.format}; ${nestedState?.sizeBytes}; ${flags}; vmcb_pa ${nestedState?.svm?.vmcbPa}`;
    },
  },
  {
    group: GROUP,
    name: 'less than a header is answered without a view of it',
    expected: () => 'NESTED_HEADER_TRUNCATED; no state',
    run: async (bench) => {
      const { violations, nestedState } = await bench.client.nested.ValidateNestedState({
        nestedState: { data: Buffer.alloc(127) },
        described: describe('SVM'),
      });
      return `${violations.map(({ reason }) => reason).join(', ')}; ${nestedState === null ? 'no state' : 'a state'}`;
    },
  },
  {
    group: GROUP,
    name: "vcpud's own rules have no errno",
    expected: () => 'NESTED_DATA_TRUNCATED "" vcpud',
    run: async (bench) => {
      const { violations } = await bench.client.nested.ValidateNestedState({
        nestedState: { data: Buffer.from(svmGuestMode()).subarray(0, 4223) },
        described: describe('SVM'),
      });
      const [first] = violations;
      return `${first?.reason} ${JSON.stringify(first?.errno)} ${first?.source}`;
    },
  },
  {
    group: GROUP,
    name: 'for a new vCPU of the host: valid states, in L2 and out',
    needs: [withNested],
    expected: () => 'none; none',
    run: async (bench) => {
      const format = bench.facing.format as NestedFormat;
      return `${await reasonsOf(bench, IN_L2[format](), {})}; ${await reasonsOf(bench, OUT_OF_L2[format](), {})}`;
    },
  },
  {
    group: GROUP,
    name: 'for a vCPU: a valid state breaks nothing, and is not given',
    needs: [withNested],
    expected: () => 'none; unchanged',
    run: async (bench) => {
      const vcpu = await bench.vcpu({ inL2: true });
      const other = OUT_OF_L2[bench.facing.format as NestedFormat]();
      return `${await reasonsOf(bench, other, { name: vcpu.name })}; ${await vcpu.unchanged()}`;
    },
  },
  {
    group: GROUP,
    name: 'validate_only: a valid state is answered, and not given',
    needs: [withNested],
    expected: () => 'as given; unchanged',
    run: async (bench) => {
      const vcpu = await bench.vcpu({ inL2: true });
      const data = Buffer.from(OUT_OF_L2[bench.facing.format as NestedFormat]());
      const { nestedState } = await bench.client.nested.SetNestedState({
        name: vcpu.name,
        nestedState: { data },
        validateOnly: true,
      });
      const answer = nestedState?.data.equals(data) === true ? 'as given' : 'otherwise';
      return `${answer}; ${await vcpu.unchanged()}`;
    },
  },
  {
    group: GROUP,
    name: 'validate_only: a state that breaks a rule is refused with its reason',
    needs: [withNested],
    expected: () => 'INVALID_ARGUMENT NESTED_DATA_TRUNCATED; unchanged',
    run: async (bench) => {
      const vcpu = await bench.vcpu({ inL2: true });
      const data = Buffer.from(IN_L2[bench.facing.format as NestedFormat]()).subarray(0, 4000);
      const call = bench.client.nested.SetNestedState({
        name: vcpu.name,
        nestedState: { data },
        validateOnly: true,
      });
      return `${await answerOf(call)}; ${await vcpu.unchanged()}`;
    },
  },
];

// ---------------------------------------------------------------------------------------------------------
// Descriptions that are none

const MALFORMED: ReadonlyArray<
  readonly [what: string, change: (target: ReturnType<typeof describe>) => object, answer: string]
> = [
  ['without a format', (target) => ({ ...target, format: 0 }), 'FIELD_REQUIRED described.format'],
  [
    'with a byte of a second CPUID entry',
    (target) => ({ ...target, cpuid: Buffer.concat([target.cpuid, Buffer.alloc(1)]) }),
    'STATE_SIZE_WRONG described.cpuid',
  ],
  [
    'with sregs of 319 bytes',
    (target) => ({ ...target, sregs: target.sregs.subarray(1) }),
    'STATE_SIZE_WRONG described.sregs',
  ],
  [
    'with 15 bytes of MSRs',
    (target) => ({ ...target, msrs: Buffer.alloc(15) }),
    'STATE_SIZE_WRONG described.msrs',
  ],
  [
    'with events of 63 bytes',
    (target) => ({ ...target, events: target.events.subarray(1) }),
    'STATE_SIZE_WRONG described.events',
  ],
];

const MALFORMED_ROWS: readonly Row[] = MALFORMED.map(([what, change, answer]) => ({
  group: GROUP,
  name: `a description ${what}`,
  expected: () => `INVALID_ARGUMENT ${answer}`,
  run: async (bench) => {
    const refusal = await refusalOf(
      bench.client.nested.ValidateNestedState({
        nestedState: { data: Buffer.from(svmGuestMode()) },
        described: change(describe('SVM')),
      }),
    );
    const fields = refusal?.fieldViolations.map(({ field }) => field).join(', ');
    return refusal === undefined ? 'OK' : `${refusal.code} ${refusal.reason} ${fields}`;
  },
}));

export const VALIDATE_ROWS: readonly Row[] = [
  ...JUDGED_ROWS,
  ...FAULTY_ROWS,
  ...VIOLATION_ROWS,
  ...UNJUDGED_ROWS,
  ...VIEW_ROWS,
  ...MALFORMED_ROWS,
];
