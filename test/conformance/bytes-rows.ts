// The bytes of a nested state as a message carries them: too few, too many, of sizes between the legal ones, of a format
// that there is not, of the other vendor, with header bytes that nobody knows. Each has a reason of its own, never the
// kernel's errno alone. The vCPU that refuses is in L2, and stays.

import {
  HEADER,
  HEADER_BYTES,
  type NestedFormat,
  SMM_FLAG,
  SVM_GUEST_BYTES,
  VMCS12_STRUCT_BYTES,
  VMX_CURRENT_BYTES,
  VMX_SHADOW_BYTES,
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
import type { Bench } from './bench.js';
import { onFormat, withNested } from './facing.js';
import type { Row } from './row.js';
import type { Verdict } from './suite-vcpu.js';
import { changed, VMX_IN_SMM } from './vcpu-facts.js';
import { grouped, verdictText } from './verdict.js';

const GROUP = 'bytes';

/** A state of that many bytes whose size field says so: cut, or filled up with zeroes. */
export function resized(bytes: Uint8Array, length: number, size = length): Buffer {
  const copy = Buffer.alloc(length);
  copy.set(bytes.subarray(0, length));
  if (length >= HEADER_BYTES) copy.writeUInt32LE(size, HEADER.size.offset);
  return copy;
}

const inL2 = (format: NestedFormat): Uint8Array => (format === 'SVM' ? svmGuestMode() : vmxGuestMode());
const header = (format: NestedFormat): Uint8Array => (format === 'SVM' ? svmHeaderOnly() : vmxOff());

// ---------------------------------------------------------------------------------------------------------
// Refused

interface Refused {
  readonly name: string;
  readonly bytes: (format: NestedFormat) => Uint8Array;
  readonly reason: string;
  /** Who refuses it: where the kernel isn't among them, it can't see what is wrong. */
  readonly by: 'validate, set, kernel' | 'validate, set';
}

const refusedBytes = (name: string, reason: string, bytes: Refused['bytes']): Refused => {
  return { name, reason, bytes, by: 'validate, set, kernel' };
};
const refusedSize = (name: string, reason: string, bytes: Refused['bytes']): Refused => {
  return { name, reason, bytes, by: 'validate, set' };
};

const REFUSED: readonly Refused[] = [
  refusedBytes('no bytes', 'NESTED_STATE_EMPTY', () => Buffer.alloc(0)),
  refusedBytes('1 byte', 'NESTED_HEADER_TRUNCATED', (format) => header(format).subarray(0, 1)),
  refusedBytes('127 bytes', 'NESTED_HEADER_TRUNCATED', (format) => header(format).subarray(0, 127)),
  refusedBytes('8321 bytes', 'NESTED_DATA_TOO_LONG', (format) => resized(inL2(format), 8321)),
  refusedSize('in L2, 128 bytes of 4224', 'NESTED_DATA_TRUNCATED', (format) =>
    resized(inL2(format), 128, 4224),
  ),
  refusedSize('in L2, 4223 bytes of 4224', 'NESTED_DATA_TRUNCATED', (format) =>
    resized(inL2(format), 4223, 4224),
  ),
  refusedSize('in L2, 4224 bytes of 4225', 'NESTED_DATA_TRUNCATED', (format) =>
    resized(inL2(format), 4224, 4225),
  ),
  refusedSize('header alone of 2^32-1', 'NESTED_DATA_TRUNCATED', (format) =>
    resized(header(format), 128, 0xffff_ffff),
  ),
  refusedSize('in L2, 4225 bytes, size 4224', 'NESTED_DATA_BEYOND_SIZE', (format) =>
    resized(inL2(format), 4225, 4224),
  ),
  refusedSize('in L2, 4224 bytes, size 128', 'NESTED_DATA_BEYOND_SIZE', (format) =>
    resized(inL2(format), 4224, 128),
  ),
  refusedSize('header and a byte, size 128', 'NESTED_DATA_BEYOND_SIZE', (format) =>
    resized(header(format), 129, 128),
  ),
  refusedBytes('size 0', 'NESTED_SIZE_BELOW_HEADER', (format) => resized(header(format), 128, 0)),
  refusedBytes('size 127', 'NESTED_SIZE_BELOW_HEADER', (format) => resized(header(format), 128, 127)),
  ...[2, 3, 0xffff].map((value) =>
    refusedBytes(`format ${value}`, 'NESTED_FORMAT_UNKNOWN', (format) =>
      changed(header(format), (copy) => void copy.writeUInt16LE(value, HEADER.format.offset)),
    ),
  ),
];

async function ask(bench: Bench, { bytes, by }: Refused): Promise<string> {
  const format = bench.facing.format as NestedFormat;
  const vcpu = await bench.vcpu({ inL2: true });
  const data = bytes(format);
  const [first = 'nothing'] = await vcpu.violations(data);
  const facets: Record<string, string> = { validate: first };
  facets['set'] = reasonOf(await vcpu.set(data, { kernelVerdict: false }));
  if (by.endsWith('kernel')) facets['kernel'] = reasonOf(await vcpu.set(data, { kernelVerdict: true }));
  return `${grouped(facets)}; ${await vcpu.unchanged()}`;
}

const reasonOf = ({ refusal }: Verdict): string =>
  refusal === undefined
    ? 'taken'
    : `${refusal.code === 'INVALID_ARGUMENT' ? '' : `${refusal.code} `}${refusal.reason}`;

const REFUSED_ROWS: readonly Row[] = REFUSED.map((row) => ({
  group: GROUP,
  name: row.name,
  needs: [withNested],
  expected: () => `${row.reason} by ${row.by}; unchanged`,
  run: (bench) => ask(bench, row),
}));

// ---------------------------------------------------------------------------------------------------------
// Sizes between the legal ones

interface Sized {
  readonly format: NestedFormat;
  readonly name: string;
  readonly bytes: () => Uint8Array;
  /** The kernel's verdict, and how many bytes it then gives. */
  readonly expected: string;
}

const sized = (
  format: NestedFormat,
  valid: () => Uint8Array,
  what: string,
  sizes: readonly number[],
  expected: string,
) =>
  sizes.map(
    (size): Sized => ({
      format,
      name: `${what}, ${size} bytes`,
      bytes: () => resized(valid(), size),
      expected,
    }),
  );

/** Past what the kernel's struct vmcs12 has, the rest of its page is nobody's. */
const VMCS12_END = HEADER_BYTES + VMCS12_STRUCT_BYTES;
const SHADOW_END = VMX_CURRENT_BYTES + VMCS12_STRUCT_BYTES;

const SIZED: readonly Sized[] = [
  ...sized('SVM', svmGuestMode, 'in L2', [128, 129, 2176, 4223], 'EINVAL SVM_SIZE_BELOW_VMCB12'),
  ...sized('SVM', svmGuestMode, 'in L2', [4225, 6000, 8319, 8320], `OK; ${SVM_GUEST_BYTES} bytes held`),
  ...sized('SVM', svmHeaderOnly, 'out of L2', [129, 4223, 4224, 8320], `OK; ${HEADER_BYTES} bytes held`),
  ...sized('VMX', vmxCurrent, 'current VMCS', [128, 129, VMCS12_END - 1], 'EINVAL VMX_SIZE_BELOW_VMCS12'),
  ...sized('VMX', vmxCurrent, 'current VMCS', [4225, 8320], `OK; ${VMX_CURRENT_BYTES} bytes held`),
  ...sized(
    'VMX',
    vmxShadow,
    'in L2, shadow VMCS',
    [4224, SHADOW_END - 1],
    'EINVAL VMX_SIZE_BELOW_SHADOW_VMCS12',
  ),
  ...sized('VMX', vmxShadow, 'in L2, shadow VMCS', [SHADOW_END, 8319], `OK; ${VMX_SHADOW_BYTES} bytes held`),
  ...sized('VMX', vmxVmxon, 'VMXON', [129, VMCS12_END - 1], `OK; ${HEADER_BYTES} bytes held`),
  ...sized('VMX', vmxOff, 'VMXOFF', [129, 4224, VMX_SHADOW_BYTES], `OK; ${HEADER_BYTES} bytes held`),
];

const SIZED_ROWS: readonly Row[] = SIZED.map(({ format, name, bytes, expected }) => ({
  group: GROUP,
  name,
  needs: [onFormat(format)],
  expected: () => expected,
  run: async (bench) => {
    const vcpu = await bench.vcpu({});
    const verdict = await vcpu.set(bytes(), { kernelVerdict: false });
    if (verdict.refusal !== undefined) return verdictText(verdict);
    return `OK; ${verdict.answer.nestedState?.data.length} bytes held`;
  },
}));

// ---------------------------------------------------------------------------------------------------------
// The other vendor's

const OTHERS: ReadonlyArray<readonly [format: NestedFormat, what: string, bytes: () => Uint8Array]> = [
  ['SVM', 'VMX, not in VMX operation', vmxOff],
  ['SVM', 'VMX, VMXON', vmxVmxon],
  ['SVM', 'VMX, current VMCS', vmxCurrent],
  ['SVM', 'VMX, in L2 with a shadow VMCS', vmxShadow],
  ['VMX', 'SVM, a header alone', svmHeaderOnly],
  ['VMX', 'SVM, in L2', svmGuestMode],
];

const OTHERS_ROWS: readonly Row[] = OTHERS.map(([format, what, bytes]) => ({
  group: GROUP,
  name: `the other vendor's: ${what}`,
  needs: [onFormat(format)],
  expected: () => `EINVAL ${format}_FORMAT_MISMATCH, naming Intel and AMD; unchanged`,
  run: async (bench) => {
    const vcpu = await bench.vcpu({ inL2: true });
    const verdict = await vcpu.set(bytes(), { kernelVerdict: false });
    const message = verdict.refusal?.message ?? '';
    const named = ['Intel', 'AMD'].filter((vendor) => message.includes(vendor));
    return `${verdictText(verdict)}, naming ${named.join(' and ') || 'neither'}; ${await vcpu.unchanged()}`;
  },
}));

// ---------------------------------------------------------------------------------------------------------
// Bytes that only a newer kernel could mean something by

/** Of each format: offsets in the header that have no name, and the states in which they are tried. */
const UNKNOWN_BYTES: ReadonlyArray<
  readonly [format: NestedFormat, what: string, bytes: () => Uint8Array, offsets: readonly number[]]
> = [
  ['SVM', 'out of L2', svmHeaderOnly, [24, 64, 127]],
  ['SVM', 'in L2', svmGuestMode, [24, 64, 127]],
  ['VMX', 'VMXOFF', vmxOff, [40, 127]],
  ['VMX', 'VMXON', vmxVmxon, [40, 127]],
  ['VMX', 'in L2', vmxGuestMode, [40, 127]],
];

const UNKNOWN_ROWS: readonly Row[] = UNKNOWN_BYTES.flatMap(([format, what, bytes, offsets]) =>
  offsets.map((offset) => ({
    group: GROUP,
    name: `header byte ${offset}, which has no name, ${what}`,
    needs: [onFormat(format)],
    // A kernel that knows it holds it; one that doesn't must not lose it silently.
    expected: () => ['DATA_LOSS NESTED_STATE_NOT_HELD; unchanged', 'OK; held'],
    run: async (bench: Bench) => {
      const vcpu = await bench.vcpu({ inL2: true });
      const data = changed(bytes(), (copy) => void copy.writeUInt8(0xa5, offset));
      const verdict = await vcpu.set(data, { kernelVerdict: false });
      if (verdict.refusal !== undefined) return `${verdictText(verdict)}; ${await vcpu.unchanged()}`;
      return `OK; ${verdict.answer.nestedState?.data[offset] === 0xa5 ? 'held' : 'lost'}`;
    },
  })),
);

/**
 * KVM answers 0 to SMM_VMXON without a current VMCS, and does not hold it (vmx_set_nested_state returns before it comes
 * to smm.flags): a vCPU caught in SMM so can't be moved, and the one who tries must hear of it.
 */
const SMM_ROW: Row = {
  group: GROUP,
  name: 'VMXON, in SMM, no current VMCS: what the kernel forgets',
  needs: [onFormat('VMX')],
  expected: () => ['DATA_LOSS NESTED_STATE_NOT_HELD; unchanged', 'OK; held'],
  run: async (bench) => {
    const vcpu = await bench.vcpu({ facts: VMX_IN_SMM });
    const bytes = vmxVmxon({ smmFlags: SMM_FLAG.SMM_VMXON });
    const verdict = await vcpu.set(bytes, { kernelVerdict: false });
    if (verdict.refusal !== undefined) return `${verdictText(verdict)}; ${await vcpu.unchanged()}`;
    return verdict.answer.nestedState?.data.equals(bytes) === true ? 'OK; held' : 'OK; lost';
  },
};

export const BYTES_ROWS: readonly Row[] = [
  ...REFUSED_ROWS,
  ...SIZED_ROWS,
  ...OTHERS_ROWS,
  ...UNKNOWN_ROWS,
  SMM_ROW,
];
