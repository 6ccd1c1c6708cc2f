// Bad input, for every rpc there is: each row is one call that vcpud refuses, and what it says. After each refused
// set the VM holds what it held. Then bytes at random: none of them gets anything but an answer.

import { type ServiceError, status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorInfoOf } from '../../lib/api/error-details.js';
import { REASONS } from '../../lib/errors/vcpud-error.js';
import { EVENTS_LAYOUT, SIZE, SREGS_LAYOUT } from '../../lib/kvm/abi.js';
import { HEADER_BYTES, VMCB12_CONTROL } from '../../lib/nested/layout.js';
import { RULES } from '../../lib/nested/rules.js';
import type { VcpuState__Output } from '../../protos/gen/vcpud/v1/VcpuState.js';
import type { VmRequirements__Output } from '../../protos/gen/vcpud/v1/VmRequirements.js';
import type { VmState__Output } from '../../protos/gen/vcpud/v1/VmState.js';
import { MIGRATION_CONTRACT } from '../conformance/migration-contract.js';
import { errorTables } from '../harness/error-tables.js';
import { eventually } from '../harness/eventually.js';
import { onlyVcpu, unlike } from '../harness/live-guest.js';
import { refusalOf } from '../harness/refusal.js';
import { RPCS, RpcClient, rpcOf } from '../harness/rpc.js';
import { changed, inGuestMode, nestedOf, withMsr } from '../harness/states.js';
import { createTiny } from '../harness/tiny-guest.js';
import { startVcpud, type VcpudProcess } from '../harness/vcpud-process.js';
import { svmGuestMode, svmHeaderOnly } from '../vectors/nested-states.js';

/** Paused, two vCPUs, vCPU 0 in guest mode, two regions side by side. */
const STILL = 'still';
/** Paused, one vCPU, with irqchip and PIT. */
const CHIPS = 'chips';
/** Running: its vCPU halts in the kernel, and costs no CPU. */
const RUNNING = 'running';
/** Stopped by itself: HLT without an irqchip. */
const STOPPED = 'stopped';
/** Paused, with PC devices. */
const SERIAL = 'serial';

const FIRST_REGION = 2 * 1024 * 1024;
const SECOND_REGION = 64 * 1024;
const TOO_LARGE = 5 * 1024 * 1024;

/** What the VMs hold, captured before the first row. */
interface World {
  readonly still: VmState__Output;
  readonly chips: VmState__Output;
  /** What the first one asks of a host. */
  readonly requirements: VmRequirements__Output;
}

interface Row {
  readonly rpc: string;
  readonly what: string;
  readonly request: (world: World) => object | readonly object[];
  readonly code: string;
  readonly reason: string;
  /** BadRequest's field. */
  readonly field?: string;
  /** PreconditionFailure's subject. */
  readonly subject?: string;
  /** Metadata that must be there, among other. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const vmName = (id: string): string => `vms/${id}`;
const vcpuName = (id: string, index = 0): string => `vms/${id}/vcpus/${index}`;

// ---------------------------------------------------------------------------------------------------------
// Names: the same for every rpc that takes one

const NAMES_OF_NO_VM = [
  '',
  'vms',
  'vms/',
  STILL,
  'vms/Still',
  `vms/${STILL}/`,
  `vms/${STILL}\n`,
  `vms/${STILL}/vcpus/0`,
  'vms/1still',
  'vms/still-',
  'vms/stïll',
  `vms/${'a'.repeat(64)}`,
  `vms/${'a'.repeat(5000)}`,
];

const NAMES_OF_NO_VCPU = [
  '',
  vmName(STILL),
  `vms/${STILL}/vcpus`,
  `vms/${STILL}/vcpus/`,
  `vms/${STILL}/vcpus/00`,
  `vms/${STILL}/vcpus/-1`,
  `vms/${STILL}/vcpus/0x0`,
  `vms/${STILL}/vcpus/10000`,
  `vms/${STILL}/vcpus/0/`,
  `vms/${STILL}/vcpus/٠`,
  `vms/-/vcpus/0`,
];

interface Named {
  readonly rpc: string;
  readonly field: string;
  readonly request: (name: string, world: World) => object;
}

const byName = (rpc: string): Named => ({ rpc, field: 'name', request: (name) => ({ name }) });

const VM_NAMED: readonly Named[] = [
  ...['GetVm', 'DeleteVm', 'RunVm', 'PauseVm', 'WatchVm', 'GetVmState', 'GetVmRequirements'].map(byName),
  ...['StartDirtyTracking', 'CollectDirtyPages', 'StopDirtyTracking'].map(byName),
  { rpc: 'SetVmState', field: 'name', request: (name, { still }) => ({ name, state: still }) },
  { rpc: 'ListVcpus', field: 'parent', request: (parent) => ({ parent }) },
  { rpc: 'BatchGetNestedStates', field: 'parent', request: (parent) => ({ parent }) },
  { rpc: 'ReadMemory', field: 'name', request: (name) => ({ name, gpa: 0, sizeBytes: 1 }) },
  { rpc: 'WriteMemory', field: 'name', request: (name) => ({ name, gpa: 0, data: Buffer.alloc(1) }) },
];

const VCPU_NAMED: readonly Named[] = [
  ...['GetVcpu', 'GetVcpuState', 'GetNestedState', 'Reset'].map(byName),
  { rpc: 'SetVcpuState', field: 'name', request: (name, { still }) => ({ name, state: still.vcpus[1] }) },
  {
    rpc: 'SetNestedState',
    field: 'name',
    request: (name) => ({ name, nestedState: nestedOf(svmHeaderOnly()) }),
  },
  {
    rpc: 'ValidateNestedState',
    field: 'name',
    request: (name) => ({ name, nestedState: nestedOf(svmHeaderOnly()) }),
  },
  {
    rpc: 'BatchGetNestedStates',
    field: 'names[1]',
    request: (name) => ({ parent: 'vms/-', names: [vcpuName(STILL), name] }),
  },
];

const NAME_ROWS: readonly Row[] = [
  ...VM_NAMED.flatMap(({ rpc, field, request }): Row[] => [
    ...NAMES_OF_NO_VM.map((name) => ({
      rpc,
      what: `${field} ${JSON.stringify(name.slice(0, 24))}`,
      request: (world: World) => request(name, world),
      code: 'INVALID_ARGUMENT',
      reason: 'NAME_MALFORMED',
      field,
    })),
    {
      rpc,
      what: 'a VM that is not there',
      request: (world) => request('vms/nobody', world),
      code: 'NOT_FOUND',
      reason: 'VM_NOT_FOUND',
      metadata: { vm: 'nobody' },
    },
  ]),
  ...VCPU_NAMED.flatMap(({ rpc, field, request }): Row[] => [
    ...NAMES_OF_NO_VCPU.map((name) => ({
      rpc,
      what: `${field} ${JSON.stringify(name)}`,
      request: (world: World) => request(name, world),
      code: 'INVALID_ARGUMENT',
      reason: 'NAME_MALFORMED',
      field,
    })),
    {
      rpc,
      what: 'a vCPU of a VM that is not there',
      request: (world) => request('vms/nobody/vcpus/0', world),
      code: 'NOT_FOUND',
      reason: 'VM_NOT_FOUND',
      metadata: { vm: 'nobody' },
    },
    {
      rpc,
      what: 'a vCPU that its VM does not have',
      request: (world) => request(vcpuName(STILL, 2), world),
      code: 'NOT_FOUND',
      reason: 'VCPU_NOT_FOUND',
      metadata: { vm: STILL, vcpu: '2' },
    },
  ]),
];

// ---------------------------------------------------------------------------------------------------------
// What a VM asks of a host

const invalidRequirements = (
  what: string,
  change: (requirements: VmRequirements__Output) => object,
  reason: string,
  field: string,
): Row => ({
  rpc: 'CheckCompatibility',
  what,
  request: ({ requirements }) => ({ requirements: { ...requirements, ...change(requirements) } }),
  code: 'INVALID_ARGUMENT',
  reason,
  field: `requirements.${field}`,
});

const REQUIREMENTS_ROWS: readonly Row[] = [
  invalidRequirements('no name', () => ({ name: '' }), 'NAME_MALFORMED', 'name'),
  invalidRequirements('no host', () => ({ host: null }), 'FIELD_REQUIRED', 'host'),
  invalidRequirements('no CPUID', () => ({ cpuids: [] }), 'FIELD_REQUIRED', 'cpuids'),
  invalidRequirements(
    'a CPUID without its last byte',
    ({ cpuids }) => ({ cpuids: cpuids.map((entries) => entries.subarray(1)) }),
    'STATE_SIZE_WRONG',
    'cpuids[0]',
  ),
];

// ---------------------------------------------------------------------------------------------------------
// Fields of VMs, lists and memory

const REGION = { gpa: 0, sizeBytes: 0x1000 };

function invalidVm(what: string, vm: object, reason: string, field: string): Row {
  return {
    rpc: 'CreateVm',
    what,
    request: () => ({ vmId: 'new', vm: { memoryRegions: [REGION], ...vm } }),
    code: 'INVALID_ARGUMENT',
    reason,
    field,
  };
}

const invalidRegions = (what: string, regions: readonly object[], field: string): Row =>
  invalidVm(what, { memoryRegions: regions }, 'MEMORY_REGION_INVALID', field);

const region = (gpa: number | string, sizeBytes: number | string) => ({ gpa, sizeBytes });

const HIGHEST_PAGE = (2n ** 64n - 4096n).toString();

const CREATE_ROWS: readonly Row[] = [
  ...['', 'New', '1new', '-new', 'new-', 'a/b', 'nëw', 'new\n', 'a'.repeat(64)].map(
    (vmId): Row => ({
      rpc: 'CreateVm',
      what: `the id ${JSON.stringify(vmId.slice(0, 16))}`,
      request: () => ({ vmId, vm: { memoryRegions: [REGION] } }),
      code: 'INVALID_ARGUMENT',
      reason: 'VM_ID_MALFORMED',
      field: 'vm_id',
    }),
  ),
  {
    rpc: 'CreateVm',
    what: 'no vm',
    request: () => ({ vmId: 'new' }),
    code: 'INVALID_ARGUMENT',
    reason: 'FIELD_REQUIRED',
    field: 'vm',
  },
  {
    rpc: 'CreateVm',
    what: 'an id that is taken',
    request: () => ({ vmId: STILL, vm: { memoryRegions: [REGION] } }),
    code: 'ALREADY_EXISTS',
    reason: 'VM_EXISTS',
    field: 'vm_id',
    metadata: { vm: STILL },
  },
  invalidVm('289 vCPUs', { vcpuCount: 289 }, 'VCPU_COUNT_OUT_OF_RANGE', 'vm.vcpu_count'),
  invalidVm('2^32-1 vCPUs', { vcpuCount: 0xffff_ffff }, 'VCPU_COUNT_OUT_OF_RANGE', 'vm.vcpu_count'),
  invalidVm('a PIT without an irqchip', { pit: true }, 'DEVICES_INVALID', 'vm.pit'),
  invalidRegions('no memory', [], 'vm.memory_regions'),
  invalidRegions(
    '33 regions',
    Array.from({ length: 33 }, (_, i) => region(i * 0x1000, 0x1000)),
    'vm.memory_regions',
  ),
  invalidRegions('a region that is not in whole pages', [region(0x800, 0x1000)], 'vm.memory_regions[0]'),
  invalidRegions('a region of half a page', [REGION, region(0x1000, 0x800)], 'vm.memory_regions[1]'),
  invalidRegions('an empty region', [region(0, 0)], 'vm.memory_regions[0]'),
  invalidRegions('a region past the last address', [region(HIGHEST_PAGE, 0x2000)], 'vm.memory_regions[0]'),
  invalidRegions('a region of 2^64 - 4096 bytes', [region(0, HIGHEST_PAGE)], 'vm.memory_regions[0]'),
  invalidRegions('regions that overlap', [region(0, 0x3000), region(0x2000, 0x2000)], 'vm.memory_regions[1]'),
  invalidRegions(
    'a region over the pages that KVM needs',
    [region(0xfeff_c000, 0x1000)],
    'vm.memory_regions[0]',
  ),
];

/** Page tokens that no list call gave: not base64url, without the prefix, with bytes after it. */
const BAD_TOKENS = ['x', '!', 'bm9uZQ', Buffer.from('v1:still').toString('base64'), 'djE6c3RpbGw='].filter(
  (token) => token !== Buffer.from('v1:still').toString('base64url'),
);

const LIST_ROWS: readonly Row[] = [
  { rpc: 'ListVms', parent: {} },
  { rpc: 'ListVcpus', parent: { parent: vmName(STILL) } },
].flatMap(({ rpc, parent }): Row[] => [
  {
    rpc,
    what: 'a negative page size',
    request: () => ({ ...parent, pageSize: -1 }),
    code: 'INVALID_ARGUMENT',
    reason: 'PAGE_SIZE_NEGATIVE',
    field: 'page_size',
  },
  ...BAD_TOKENS.map((pageToken) => ({
    rpc,
    what: `the page token ${pageToken}`,
    request: () => ({ ...parent, pageToken }),
    code: 'INVALID_ARGUMENT',
    reason: 'PAGE_TOKEN_INVALID',
    field: 'page_token',
  })),
]);

/** Ranges that no one region of STILL holds. */
const UNBACKED: ReadonlyArray<readonly [what: string, gpa: number | string, bytes: number]> = [
  ['begins behind the last region', FIRST_REGION + SECOND_REGION, 1],
  ['ends behind the last region', FIRST_REGION + SECOND_REGION - 1, 2],
  ['lies in two regions', FIRST_REGION - 1, 2],
  ['begins at the last address there is', (2n ** 64n - 1n).toString(), 1],
  ['ends past the last address there is', (2n ** 64n - 1n).toString(), 4096],
];

const memoryRow = (rpc: string, what: string, request: object | readonly object[]) => ({
  rpc,
  what,
  request: () => request,
});

const notBacked = (gpa: number | string) => ({
  code: 'OUT_OF_RANGE',
  reason: 'MEMORY_RANGE_NOT_BACKED',
  field: 'gpa',
  metadata: { gpa: `0x${BigInt(gpa).toString(16)}` },
});

const fieldRequired = (field: string) => ({
  code: 'INVALID_ARGUMENT',
  reason: 'FIELD_REQUIRED',
  field,
});

const name = vmName(STILL);

const MEMORY_ROWS: readonly Row[] = [
  ...UNBACKED.flatMap(([what, gpa, bytes]): Row[] => [
    {
      ...memoryRow('ReadMemory', `a range that ${what}`, { name, gpa, sizeBytes: bytes }),
      ...notBacked(gpa),
    },
    {
      ...memoryRow('WriteMemory', `data that ${what}`, { name, gpa, data: Buffer.alloc(bytes) }),
      ...notBacked(gpa),
    },
    {
      ...memoryRow('WriteMemory', `zeroes that ${what}`, { name, gpa, zeroBytes: bytes }),
      ...notBacked(gpa),
    },
  ]),
  {
    ...memoryRow('ReadMemory', 'more bytes than there are addresses', {
      name,
      gpa: 0,
      sizeBytes: HIGHEST_PAGE,
    }),
    ...notBacked(0),
  },
  {
    ...memoryRow('WriteMemory', 'more zeroes than there are addresses', {
      name,
      gpa: 0,
      zeroBytes: HIGHEST_PAGE,
    }),
    ...notBacked(0),
  },
  {
    ...memoryRow('ReadMemory', 'chunks of more than 2 MiB', {
      name,
      gpa: 0,
      sizeBytes: 1,
      chunkBytes: 2 * 1024 * 1024 + 1,
    }),
    code: 'INVALID_ARGUMENT',
    reason: 'CHUNK_BYTES_OUT_OF_RANGE',
    field: 'chunk_bytes',
  },
  {
    ...memoryRow('CollectDirtyPages', 'chunks of less than a page', { name, chunkBytes: 4095 }),
    code: 'INVALID_ARGUMENT',
    reason: 'CHUNK_BYTES_OUT_OF_RANGE',
    field: 'chunk_bytes',
  },
  {
    ...memoryRow('CollectDirtyPages', 'a VM that is not tracked', { name }),
    code: 'FAILED_PRECONDITION',
    reason: 'DIRTY_TRACKING_OFF',
    subject: name,
  },
  {
    ...memoryRow('WriteMemory', 'another name in a later message', [
      { name, gpa: 0, zeroBytes: 1 },
      { name: vmName(CHIPS), gpa: 0, zeroBytes: 1 },
    ]),
    code: 'INVALID_ARGUMENT',
    reason: 'NAME_CHANGED',
    field: 'name',
  },
  { ...memoryRow('WriteMemory', 'no message at all', []), ...fieldRequired('name') },
  { ...memoryRow('WriteMemory', 'a chunk of nothing', { name, gpa: 0 }), ...fieldRequired('content') },
];

const BATCH_ROWS: readonly Row[] = [
  {
    rpc: 'BatchGetNestedStates',
    what: 'no names of no one VM',
    request: () => ({ parent: 'vms/-' }),
    ...fieldRequired('names'),
  },
  {
    rpc: 'BatchGetNestedStates',
    what: '1025 names',
    request: () => ({ parent: 'vms/-', names: Array.from({ length: 1025 }, () => vcpuName(STILL)) }),
    code: 'INVALID_ARGUMENT',
    reason: 'TOO_MANY_NAMES',
    field: 'names',
    metadata: { names: '1025' },
  },
  {
    rpc: 'BatchGetNestedStates',
    what: 'a name that is not below the parent',
    request: () => ({ parent: vmName(STILL), names: [vcpuName(STILL), vcpuName(CHIPS)] }),
    code: 'INVALID_ARGUMENT',
    reason: 'NAME_MALFORMED',
    field: 'names[1]',
  },
];

// ---------------------------------------------------------------------------------------------------------
// States: wrong VM, wrong size, refused by a rule, refused by the kernel

const HELD = { vcpu_holds: 'former state' } as const;

const first = ({ vcpus }: VmState__Output): VcpuState__Output => vcpus[0] as VcpuState__Output;
const second = ({ vcpus }: VmState__Output): VcpuState__Output => vcpus[1] as VcpuState__Output;

/** A way to send one changed vCPU state: by SetVcpuState, and as one of SetVmState's. */
interface StateSetter {
  readonly rpc: string;
  readonly path: string;
  readonly good: (world: World) => VcpuState__Output;
  readonly wrap: (state: VcpuState__Output, world: World) => object;
}

const STATE_SETTERS: readonly StateSetter[] = [
  {
    rpc: 'SetVcpuState',
    path: 'state',
    good: ({ still }) => first(still),
    wrap: (state) => ({ name: vcpuName(STILL), state }),
  },
  {
    // The second vCPU's: the first one has been given its own by the time that the kernel refuses.
    rpc: 'SetVmState',
    path: 'state.vcpus[1]',
    good: ({ still }) => second(still),
    wrap: (state, { still }) => ({ name, state: { ...still, vcpus: [first(still), state] } }),
  },
];

type Refusal = Pick<Row, 'code' | 'reason' | 'field' | 'metadata'>;

/** One row a setter, of a change to a vCPU's state. */
function stateRows(
  what: string,
  change: (state: VcpuState__Output) => VcpuState__Output,
  refusal: (path: string) => Refusal,
): Row[] {
  return STATE_SETTERS.map(({ rpc, path, good, wrap }) => ({
    rpc,
    what,
    request: (world) => wrap(change(good(world)), world),
    ...refusal(path),
  }));
}

const sizeWrong = (part: string) => (path: string) => ({
  code: 'INVALID_ARGUMENT',
  reason: 'STATE_SIZE_WRONG',
  field: `${path}.${part}`,
  metadata: { part },
});

const kernelRefuses = (part: string, errno: string) => (path: string) => ({
  code: 'INVALID_ARGUMENT',
  reason: 'KERNEL_REFUSED_STATE',
  field: `${path}.${part}`,
  metadata: { part, errno, ...HELD },
});

const PARTS = ['cpuid', 'sregs2', 'xsave', 'xcrs', 'msrs', 'events', 'debugregs', 'regs'] as const;

const LSTAR = 0xc000_0082;
const NO_MSR = 0x1234_5678;
const NON_CANONICAL = 1n << 63n;
const CR4_RESERVED = 1n << 40n;

const writeU64 = (offset: number, value: bigint) => (copy: Buffer) =>
  void copy.writeBigUInt64LE(value, offset);

/** Nested states that no vCPU of this host can be given, and why. */
const REFUSED_NESTED: ReadonlyArray<{
  readonly what: string;
  readonly bytes: () => Uint8Array;
  readonly refusal: (path: string) => Refusal;
}> = [
  {
    what: 'no byte of nested state',
    bytes: () => Buffer.alloc(0),
    refusal: (path) => ({
      code: 'INVALID_ARGUMENT',
      reason: 'NESTED_STATE_EMPTY',
      field: `${path}:bytes`,
      metadata: { errno: 'EINVAL', source: 'vcpud' },
    }),
  },
  {
    what: 'half a header',
    bytes: () => svmHeaderOnly().subarray(0, HEADER_BYTES - 1),
    refusal: (path) => ({
      code: 'INVALID_ARGUMENT',
      reason: 'NESTED_HEADER_TRUNCATED',
      field: `${path}:bytes`,
      metadata: { errno: 'EINVAL', source: 'vcpud' },
    }),
  },
  {
    what: 'ASID 0',
    bytes: () => changed(svmGuestMode(), (copy) => void copy.writeUInt32LE(0, VMCB12_CONTROL.asid.offset)),
    refusal: (path) => ({
      code: 'INVALID_ARGUMENT',
      reason: 'SVM_ASID_ZERO',
      field: `${path}:vmcb12.control.asid`,
      metadata: { errno: 'EINVAL', field: 'vmcb12.control.asid', source: '__nested_vmcb_check_controls' },
    }),
  },
  {
    what: 'a header byte that this kernel does not know',
    bytes: () => changed(svmHeaderOnly(), (copy) => void copy.writeUInt8(1, HEADER_BYTES - 1)),
    refusal: () => ({
      code: 'DATA_LOSS',
      reason: 'NESTED_STATE_NOT_HELD',
      metadata: { fields: 'hdr', ...HELD },
    }),
  },
];

const described = (part: string, bytes: number): object => ({
  nestedState: nestedOf(svmHeaderOnly()),
  described: { format: 'NESTED_STATE_FORMAT_SVM', [part]: Buffer.alloc(bytes) },
});

/** Targets that ValidateNestedState can't make anything of. */
const VALIDATE_ROWS: readonly Row[] = [
  {
    rpc: 'ValidateNestedState',
    what: 'no state',
    request: () => ({}),
    ...fieldRequired('nested_state'),
  },
  {
    rpc: 'ValidateNestedState',
    what: 'a described target without a format',
    request: () => ({ nestedState: nestedOf(svmHeaderOnly()), described: {} }),
    ...fieldRequired('described.format'),
  },
  ...(
    [
      ['cpuid', SIZE.cpuidEntry + 1, 'a multiple of 40 bytes'],
      ['sregs', SIZE.sregs - 1, '312 or 320 bytes'],
      ['msrs', SIZE.msrEntry - 1, 'a multiple of 16 bytes'],
      ['events', SIZE.events + 1, '64 bytes'],
    ] as const
  ).map(
    ([part, bytes, expected]): Row => ({
      rpc: 'ValidateNestedState',
      what: `a described target with ${bytes} bytes of ${part}`,
      request: () => described(part, bytes),
      code: 'INVALID_ARGUMENT',
      reason: 'STATE_SIZE_WRONG',
      field: `described.${part}`,
      metadata: { part, expected },
    }),
  ),
];

const NESTED_ROWS: readonly Row[] = [
  ...VALIDATE_ROWS,
  {
    rpc: 'SetNestedState',
    what: 'only the checks, and none of them',
    request: () => ({
      name: vcpuName(STILL),
      nestedState: nestedOf(svmHeaderOnly()),
      validateOnly: true,
      kernelVerdict: true,
    }),
    code: 'INVALID_ARGUMENT',
    reason: 'FIELDS_EXCLUSIVE',
    field: 'kernel_verdict',
  },
  ...REFUSED_NESTED.flatMap(({ what, bytes, refusal }): Row[] => [
    {
      rpc: 'SetNestedState',
      what,
      request: () => ({ name: vcpuName(STILL), nestedState: nestedOf(bytes()) }),
      ...refusal('nested_state.data'),
    },
    ...stateRows(
      what,
      (state) => inGuestMode(state, bytes()),
      (path) => refusal(`${path}.nested_state.data`),
    ),
  ]),
];

const VCPU_STATE_ROWS: readonly Row[] = [
  ...PARTS.flatMap((part) => [
    ...stateRows(
      `a ${part} that is a byte too long`,
      (state) => ({ ...state, [part]: Buffer.concat([state[part], Buffer.alloc(1)]) }),
      sizeWrong(part),
    ),
    ...stateRows(`no ${part}`, (state) => ({ ...state, [part]: Buffer.alloc(0) }), sizeWrong(part)),
  ]),
  ...stateRows(
    'a LAPIC that the VM does not have',
    (state) => ({ ...state, lapic: Buffer.alloc(SIZE.lapic) }),
    sizeWrong('lapic'),
  ),
  ...stateRows(
    'sregs beside sregs2',
    (state) => ({ ...state, sregs: Buffer.alloc(SIZE.sregs) }),
    sizeWrong('sregs'),
  ),
  ...stateRows(
    'a reserved bit of CR4',
    (state) => ({ ...state, sregs2: changed(state.sregs2, writeU64(SREGS_LAYOUT.cr4, CR4_RESERVED)) }),
    kernelRefuses('sregs2', 'EINVAL'),
  ),
  ...stateRows(
    'an XCR0 without x87',
    // struct kvm_xcrs: nr_xcrs u32, flags u32, then xcr u32, reserved u32, value u64
    (state) => ({ ...state, xcrs: changed(state.xcrs, writeU64(16, 2n)) }),
    kernelRefuses('xcrs', 'EINVAL'),
  ),
  ...stateRows(
    'an xsave area of components that no CPU has',
    // XSTATE_BV is the first 8 bytes behind the 512 of FXSAVE
    (state) => ({ ...state, xsave: changed(state.xsave, writeU64(512, 1n << 62n)) }),
    kernelRefuses('xsave', 'EINVAL'),
  ),
  ...stateRows(
    'event flags that the kernel does not know',
    (state) => ({
      ...state,
      events: changed(state.events, (copy) => void copy.writeUInt32LE(1 << 30, EVENTS_LAYOUT.flags)),
    }),
    kernelRefuses('events', 'EINVAL'),
  ),
  ...stateRows(
    'an mp_state that there is not',
    (state) => ({ ...state, mpState: 99 }),
    kernelRefuses('mp_state', 'EINVAL'),
  ),
  ...stateRows(
    'a DR7 of 64 bits',
    // struct kvm_debugregs: db[4], dr6, dr7
    (state) => ({ ...state, debugregs: changed(state.debugregs, writeU64(40, 1n << 40n)) }),
    kernelRefuses('debugregs', 'EINVAL'),
  ),
  ...stateRows(
    'a non-canonical LSTAR',
    (state) => withMsr(state, LSTAR, NON_CANONICAL),
    (path) => ({
      code: 'INVALID_ARGUMENT',
      reason: 'MSR_REFUSED',
      field: `${path}.msrs`,
      metadata: { msr: '0xc0000082', value: '0x8000000000000000', held: '0x0', ...HELD },
    }),
  ),
  ...stateRows(
    'an MSR that there is not',
    (state) => withMsr(state, NO_MSR, 1n),
    (path) => ({
      code: 'INVALID_ARGUMENT',
      reason: 'MSR_REFUSED',
      field: `${path}.msrs`,
      metadata: { msr: '0x12345678', value: '0x1', held: 'unreadable', ...HELD },
    }),
  ),
  ...stateRows(
    'more MSRs than the kernel takes',
    (state) => ({
      ...state,
      msrs: Buffer.alloc(
        SIZE.msrEntry * 300,
        changed(state.msrs.subarray(0, 16), () => {}),
      ),
    }),
    kernelRefuses('msrs', 'E2BIG'),
  ),
  {
    rpc: 'SetVcpuState',
    what: 'more CPUID entries than the kernel takes',
    request: ({ still }) => {
      const { cpuid } = first(still);
      const again = Buffer.alloc(SIZE.cpuidEntry * 300, cpuid.subarray(-SIZE.cpuidEntry));
      const state = { ...first(still), cpuid: Buffer.concat([cpuid, again]) };
      return { name: vcpuName(STILL), state };
    },
    ...kernelRefuses('cpuid', 'E2BIG')('state'),
  },
  {
    rpc: 'SetVcpuState',
    what: 'no state',
    request: () => ({ name: vcpuName(STILL) }),
    ...fieldRequired('state'),
  },
  {
    rpc: 'SetNestedState',
    what: 'no nested state',
    request: () => ({ name: vcpuName(STILL) }),
    ...fieldRequired('nested_state'),
  },
];

const shapeDiffers = { code: 'FAILED_PRECONDITION', reason: 'VM_SHAPE_DIFFERS' };

/** A change to the state of CHIPS that is refused before anything is touched. */
function chipsRow(what: string, change: (state: VmState__Output) => object, refusal: Partial<Row>): Row {
  return {
    rpc: 'SetVmState',
    what,
    request: ({ chips }) => ({ name: vmName(CHIPS), state: { ...chips, ...change(chips) } }),
    code: 'INVALID_ARGUMENT',
    reason: 'STATE_SIZE_WRONG',
    ...refusal,
  };
}

const VM_STATE_ROWS: readonly Row[] = [
  { rpc: 'SetVmState', what: 'no state', request: () => ({ name }), ...fieldRequired('state') },
  {
    rpc: 'SetVmState',
    what: 'a state of one vCPU for two',
    request: ({ still }) => ({ name, state: { ...still, vcpus: still.vcpus.slice(1) } }),
    ...shapeDiffers,
    subject: name,
  },
  {
    rpc: 'SetVmState',
    what: 'a state with an irqchip for a VM without',
    request: ({ still, chips }) => ({ name, state: { ...still, irqchips: chips.irqchips } }),
    ...shapeDiffers,
    subject: name,
  },
  chipsRow('a clock of 47 bytes', ({ clock }) => ({ clock: clock.subarray(1) }), { field: 'state.clock' }),
  chipsRow(
    'an IOAPIC that is a byte too long',
    ({ irqchips }) => ({
      irqchips: irqchips.map((chip, i) => (i === 2 ? Buffer.concat([chip, Buffer.alloc(1)]) : chip)),
    }),
    { field: 'state.irqchips[2]' },
  ),
  chipsRow('a PIT of one byte', () => ({ pit: Buffer.alloc(1) }), { field: 'state.pit' }),
  chipsRow('no irqchips', () => ({ irqchips: [] }), { ...shapeDiffers, subject: vmName(CHIPS) }),
  chipsRow('two irqchips of three', ({ irqchips }) => ({ irqchips: irqchips.slice(0, 2) }), {
    ...shapeDiffers,
    subject: vmName(CHIPS),
  }),
  chipsRow('irqchips in another order', ({ irqchips }) => ({ irqchips: irqchips.toReversed() }), {
    ...shapeDiffers,
    subject: vmName(CHIPS),
  }),
  chipsRow('no PIT', () => ({ pit: Buffer.alloc(0) }), { ...shapeDiffers, subject: vmName(CHIPS) }),
  chipsRow(
    'a LAPIC that is a byte too short',
    ({ vcpus }) => ({ vcpus: vcpus.map((vcpu) => ({ ...vcpu, lapic: vcpu.lapic.subarray(1) })) }),
    { field: 'state.vcpus[0].lapic' },
  ),
];

/** What a VM in the wrong state does not do. */
const STATE_OF_VM_ROWS: readonly Row[] = [
  {
    rpc: 'RunVm',
    what: 'a VM that stopped by itself',
    request: () => ({ name: vmName(STOPPED) }),
    code: 'FAILED_PRECONDITION',
    reason: 'VM_STOPPED',
    subject: vmName(STOPPED),
    metadata: { stop_reason: 'HALTED', vcpu: '0' },
  },
  ...[
    {
      rpc: 'SetNestedState',
      request: () => ({ name: vcpuName(RUNNING), nestedState: nestedOf(svmHeaderOnly()) }),
    },
    {
      rpc: 'SetVcpuState',
      request: ({ chips }: World) => ({ name: vcpuName(RUNNING), state: first(chips) }),
    },
    { rpc: 'SetVmState', request: ({ chips }: World) => ({ name: vmName(RUNNING), state: chips }) },
  ].map(({ rpc, request }) => ({
    rpc,
    what: 'a VM that runs',
    request,
    code: 'FAILED_PRECONDITION',
    reason: 'VM_RUNNING',
    subject: vmName(RUNNING),
  })),
];

const MIGRATION_ROWS: readonly Row[] = MIGRATION_CONTRACT.map((row) => {
  const ids = { still: STILL, other: CHIPS, nobody: 'nobody', fresh: 'fresh' };
  const { rpc, what, code, reason, field, subject, metadata } = row;
  return {
    rpc,
    what,
    code,
    reason,
    request: () => row.request(ids),
    ...(field === undefined ? {} : { field }),
    ...(subject === undefined ? {} : { subject: subject(ids) }),
    ...(metadata === undefined ? {} : { metadata: metadata(ids) }),
  };
});

const ROWS: readonly Row[] = [
  ...NAME_ROWS,
  ...REQUIREMENTS_ROWS,
  ...CREATE_ROWS,
  ...LIST_ROWS,
  ...MEMORY_ROWS,
  ...BATCH_ROWS,
  ...NESTED_ROWS,
  ...VCPU_STATE_ROWS,
  ...VM_STATE_ROWS,
  ...STATE_OF_VM_ROWS,
  ...MIGRATION_ROWS,
  {
    rpc: 'WriteConsole',
    what: 'another name in a later message',
    request: () => [
      { name: vmName(SERIAL), data: Buffer.alloc(1) },
      { name: vmName(STILL), data: Buffer.alloc(1) },
    ],
    code: 'INVALID_ARGUMENT',
    reason: 'NAME_CHANGED',
    field: 'name',
  },
];

const SETS = new Set(['SetNestedState', 'SetVcpuState', 'SetVmState']);

/** Reasons in the tables of protos/ that no bad input brings about, and where they are brought about. */
const SHOWN_ELSEWHERE: Readonly<Record<string, string>> = {
  NESTED_NOT_SUPPORTED: 'without-nesting/',
  VM_DELETED: 'lifecycle.test.ts',
  COLLECT_UNDER_WAY: 'dirty.test.ts',
  DIRTY_TRACKING_STOPPED: 'dirty.test.ts',
  KERNEL_REJECTED: 'unit/errors/refusals.test.ts: no state is known that brings it about',
  GUESTS_NOT_RUN: 'conformance/, on the model driver',
  HOST_RESOURCES: 'leaks.test.ts',
  WATCHER_TOO_SLOW: 'client-gone.test.ts',
  SHUTTING_DOWN: 'serve.test.ts',
  KERNEL_ERROR: 'unit/services/status.test.ts',
  INTERNAL: 'unit/services/handlers.test.ts',
  MESSAGE_TOO_LARGE: 'below: gRPC itself answers, without details',
  VM_MIGRATING: 'unit/services/migration.test.ts',
  DESTINATION_REFUSED: 'unit/services/migration.test.ts',
  MIGRATION_IN_DOUBT: 'unit/services/migration.test.ts',
  MIGRATION_PHASE: 'unit/services/migration.test.ts',
  CHECKSUM_WRONG: 'unit/services/migration.test.ts',
  STATE_NOT_HELD: 'a guard against kernels that take a state and hold another: none is known',
};

/** The same, of one rpc: what a state is refused for is SetVmState's code. */
const SHOWN_ELSEWHERE_OF: Readonly<Record<string, string>> = Object.fromEntries(
  [
    'STATE_SIZE_WRONG',
    'KERNEL_REFUSED_STATE',
    'MSR_REFUSED',
    'VM_SHAPE_DIFFERS',
    'MEMORY_RANGE_NOT_BACKED',
    'NESTED_STATE_NOT_HELD',
  ].map((reason) => [`ReceiveVm ${reason}`, 'unit/services/migration.test.ts, and SetVmState here']),
);

// ---------------------------------------------------------------------------------------------------------

let vcpud: VcpudProcess;
let rpcs: RpcClient;
let world: World;

const vmState = async (vmId: string): Promise<VmState__Output> => {
  const { state } = await vcpud.client.vm.GetVmState({ name: vmName(vmId) });
  if (state === null) throw new Error('the answer has no state');
  return state;
};

beforeAll(async () => {
  vcpud = await startVcpud();
  rpcs = new RpcClient(vcpud.target);
  const { client } = vcpud;
  const memoryRegions = [region(0, FIRST_REGION), region(FIRST_REGION, SECOND_REGION)];
  await client.vm.CreateVm({ vmId: STILL, vm: { vcpuCount: 2, memoryRegions } });
  const fresh = await vmState(STILL);
  await client.vcpu.SetVcpuState({ name: vcpuName(STILL), state: inGuestMode(first(fresh)) });
  await client.vm.CreateVm({ vmId: CHIPS, vm: { memoryRegions: [REGION], irqchip: true, pit: true } });
  await createTiny(client, RUNNING, 'halt', { vcpuCount: 1, irqchip: true });
  await client.vm.RunVm({ name: vmName(RUNNING) });
  await createTiny(client, STOPPED, 'halt', { vcpuCount: 1, irqchip: false });
  await client.vm.RunVm({ name: vmName(STOPPED) });
  await eventually('the guest to halt', async () => {
    const { vm } = await client.vm.GetVm({ name: vmName(STOPPED) });
    return vm?.runState === 'VM_RUN_STATE_STOPPED' ? true : undefined;
  });
  const regions = [{ gpa: 0, sizeBytes: SECOND_REGION }];
  await client.vm.CreateVm({ vmId: SERIAL, vm: { memoryRegions: regions, irqchip: true, pc: true } });
  const { requirements } = await client.vm.GetVmRequirements({ name: vmName(STILL) });
  if (requirements === null) throw new Error('the answer has no requirements');
  world = { still: await vmState(STILL), chips: await vmState(CHIPS), requirements };
});

afterAll(async () => {
  rpcs.close();
  expect(await vcpud.stop()).toBe(0);
});

/** The VM that a set was tried on holds exactly what it held before the first row. */
async function expectNothingChanged(request: object): Promise<void> {
  if ('name' in request && String(request.name).startsWith(vmName(CHIPS))) {
    expect(await unlike({ client: vcpud.client, vmId: CHIPS }, world.chips)).toEqual([]);
    const { irqchips, pit } = await vmState(CHIPS);
    expect(irqchips).toEqual(world.chips.irqchips);
    expect(pit.subarray(0, PIT_STATIC_BYTES)).toEqual(world.chips.pit.subarray(0, PIT_STATIC_BYTES));
  } else {
    expect(await unlike({ client: vcpud.client, vmId: STILL }, world.still)).toEqual([]);
  }
}

/** Of struct kvm_pit_state2: the count, latches and modes of channel 0, without the time at which it was loaded. */
const PIT_STATIC_BYTES = 16;

describe('a call that is refused says why', () => {
  for (const row of ROWS) {
    const { rpc, what, code, reason, field, subject, metadata = {} } = row;
    test(`${rpc}: ${what}: ${reason}`, async () => {
      const asked = row.request(world);
      const refusal = await refusalOf(rpcs.call(rpcOf(rpc), Array.isArray(asked) ? asked : [asked]));
      expect(refusal).toMatchObject({ code, reason, domain: 'vcpud', metadata });
      expect(refusal.fieldViolations.map((violation) => violation.field)).toEqual(
        field === undefined ? [] : [field],
      );
      const preconditions = refusal.preconditionViolations.map((violation) => violation.subject);
      expect(preconditions).toEqual(subject === undefined ? [] : [subject]);
      if (SETS.has(rpc)) await expectNothingChanged(asked);
    });
  }

  test('and nothing of it was a bug of vcpud', () => {
    expect(vcpud.log()).not.toMatch(/"level":(50|60)/);
  });
});

describe('the rows are all there are', () => {
  const tables = errorTables();

  test('every rpc that can be asked for something wrong has one', () => {
    const asked = new Set(ROWS.map(({ rpc }) => rpc));
    // GetHost's request has no field.
    expect(RPCS.map(({ name: rpc }) => rpc).filter((rpc) => !asked.has(rpc))).toEqual(['GetHost']);
  });

  test('each is in the table above its rpc in protos/', () => {
    const isRule = new Set<string>(RULES.map(({ reason }) => reason));
    const undocumented = ROWS.filter(
      ({ rpc, code, reason }) =>
        !tables
          .get(rpc)
          ?.some(
            (row) => row.code === code && (row.reasons.includes(reason) || (row.rules && isRule.has(reason))),
          ),
    );
    expect(undocumented.map(({ rpc, code, reason }) => `${rpc} ${code} ${reason}`)).toEqual([]);
  });

  test('each error that protos/ promises has a row here, or a test elsewhere', () => {
    const shown = new Set(ROWS.map(({ rpc, reason }) => `${rpc} ${reason}`));
    const promised = [...tables].flatMap(([rpc, rows]) =>
      rows.flatMap(({ reasons }) => reasons.map((reason) => ({ rpc, reason }))),
    );
    const missing = promised.filter(
      ({ rpc, reason }) =>
        !shown.has(`${rpc} ${reason}`) &&
        SHOWN_ELSEWHERE[reason] === undefined &&
        SHOWN_ELSEWHERE_OF[`${rpc} ${reason}`] === undefined,
    );
    expect(missing).toEqual([]);
    expect(promised.length).toBeGreaterThan(80);
  });
});

// ---------------------------------------------------------------------------------------------------------

/** How a call ended: well, or with an error. */
async function outcome(call: Promise<unknown>): Promise<ServiceError | undefined> {
  return call.then(
    () => undefined,
    (error: ServiceError) => error,
  );
}

describe('a message that is none', () => {
  for (const rpc of RPCS) {
    test(`${rpc.name}: 5 MiB are refused with RESOURCE_EXHAUSTED`, async () => {
      // Field 15, bytes of that length: no message of the API has one, so only its size is wrong.
      const tag = Buffer.from([0x7a, 0x80, 0x80, 0xc0, 0x02]);
      const error = await outcome(rpcs.callWithBytes(rpc, Buffer.concat([tag, Buffer.alloc(TOO_LARGE)])));
      expect(error?.code).toBe(status.RESOURCE_EXHAUSTED);
    });

    test(`${rpc.name}: bytes that are not protobuf are answered, and the next call too`, async () => {
      // Field 15 of wire type 7, which there is not.
      const error = await outcome(rpcs.callWithBytes(rpc, Buffer.from([0x7f])));
      expect(error?.code).toBe(status.INTERNAL);
      const { host } = await vcpud.client.host.GetHost({});
      expect(host?.nested?.enabled).toBe(true);
    });
  }

  const data = Buffer.alloc(TOO_LARGE);
  const zeroesFirst = { name, gpa: 0, zeroBytes: 1 };
  for (const [rpc, requests] of [
    ['SetNestedState', [{ name: vcpuName(STILL), nestedState: { data } }]],
    ['SetVcpuState', [{ name: vcpuName(STILL), state: { xsave: data } }]],
    ['WriteMemory', [{ name, gpa: 0, data }]],
    ['WriteMemory', [zeroesFirst, { name, gpa: 0, data }]],
  ] as const) {
    test(`${rpc}: 5 MiB in message ${requests.length} change nothing`, async () => {
      const error = await outcome(rpcs.call(rpcOf(rpc), requests));
      expect(error?.code).toBe(status.RESOURCE_EXHAUSTED);
      await expectNothingChanged({ name });
    });
  }
});

// ---------------------------------------------------------------------------------------------------------

const KNOWN_REASONS = new Set<string>([...Object.keys(REASONS), ...RULES.map(({ reason }) => reason)]);
/** Reasons that would mean that vcpud did not foresee the input. */
const BUGS = new Set(['INTERNAL', 'KERNEL_ERROR']);
const RUNS = 100;

/** Bytes of any length, and changes to a few bytes of good ones. */
function someBytes(good: () => Uint8Array, most: number): fc.Arbitrary<Buffer> {
  const edit = fc.record({ at: fc.nat(most - 1), value: fc.nat(255) });
  const edited = fc.array(edit, { minLength: 1, maxLength: 6 }).map((edits) =>
    changed(good(), (copy) => {
      for (const { at, value } of edits) copy.writeUInt8(value, at % copy.length);
    }),
  );
  const any = fc.uint8Array({ maxLength: most, size: 'max' }).map((bytes) => Buffer.from(bytes));
  const cut = fc.nat(most).map((length) => Buffer.from(good().subarray(0, length)));
  return fc.oneof(
    { weight: 6, arbitrary: edited },
    { weight: 2, arbitrary: any },
    { weight: 1, arbitrary: cut },
  );
}

/** The call got an answer that a caller can read; gives whether it was a refusal. */
function expectReadable(error: ServiceError | undefined): boolean {
  if (error === undefined) return false;
  const info = errorInfoOf(error);
  expect(info, `${error.code} ${error.details}`).toBeDefined();
  expect(KNOWN_REASONS).toContain(info?.reason);
  expect(BUGS, error.details).not.toContain(info?.reason);
  return true;
}

describe('bytes at random', () => {
  /** A VM of its own: random states that the kernel takes stay in it. */
  const WILD = { still: 'wild', chips: 'wild-chips' };

  beforeAll(async () => {
    const memoryRegions = [region(0, FIRST_REGION)];
    await vcpud.client.vm.CreateVm({ vmId: WILD.still, vm: { memoryRegions } });
    const fresh = onlyVcpu(await vmState(WILD.still));
    await vcpud.client.vcpu.SetVcpuState({ name: vcpuName(WILD.still), state: inGuestMode(fresh) });
    await vcpud.client.vm.CreateVm({ vmId: WILD.chips, vm: { memoryRegions, irqchip: true, pit: true } });
  });

  /** A refused set leaves what there was, another leaves something that can be read. */
  async function expectSound(vmId: string, before: VmState__Output, refused: boolean): Promise<void> {
    const differences = await unlike({ client: vcpud.client, vmId }, before);
    if (refused) expect(differences).toEqual([]);
  }

  test('as a nested state are taken or refused, and leave the vCPU whole', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        someBytes(svmGuestMode, 4224),
        fc.boolean(),
        async (guest, bytes, dry) => {
          const before = await vmState(WILD.still);
          const nestedState = nestedOf(guest ? bytes : bytes.subarray(0, HEADER_BYTES));
          const call = vcpud.client.nested.SetNestedState({
            name: vcpuName(WILD.still),
            nestedState,
            validateOnly: dry,
          });
          const refused = expectReadable(await outcome(call));
          await expectSound(WILD.still, before, refused || dry);
        },
      ),
      { numRuns: RUNS },
    );
  });

  test('as a part of a vCPU state are taken or refused, and leave the vCPU whole', async () => {
    const good = onlyVcpu(await vmState(WILD.still));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...PARTS).chain((part) =>
          fc.tuple(
            fc.constant(part),
            someBytes(() => good[part], 4096),
          ),
        ),
        async ([part, bytes]) => {
          const before = await vmState(WILD.still);
          const state = { ...good, [part]: bytes };
          const call = vcpud.client.vcpu.SetVcpuState({ name: vcpuName(WILD.still), state });
          await expectSound(WILD.still, before, expectReadable(await outcome(call)));
        },
      ),
      { numRuns: 60 },
    );
  });

  test('as a part of a VM state are taken or refused, and leave the VM whole', async () => {
    const good = await vmState(WILD.chips);
    const [chip] = good.irqchips;
    if (chip === undefined) throw new Error('there is no irqchip');
    const part = fc.oneof(
      someBytes(() => good.clock, 64).map((clock) => ({ clock })),
      someBytes(() => good.pit, 128).map((pit) => ({ pit })),
      fc
        .tuple(
          fc.nat(2),
          someBytes(() => chip, 540),
        )
        .map(([i, bytes]) => ({ irqchips: good.irqchips.map((same, j) => (i === j ? bytes : same)) })),
    );
    await fc.assert(
      fc.asyncProperty(part, async (change) => {
        const before = await vmState(WILD.chips);
        const call = vcpud.client.vm.SetVmState({ name: vmName(WILD.chips), state: { ...good, ...change } });
        await expectSound(WILD.chips, before, expectReadable(await outcome(call)));
      }),
      { numRuns: RUNS / 2 },
    );
  });

  test('as any message of any rpc are answered, and vcpud goes on', async () => {
    // DeleteVm, Reset and the like are among them: on names that no VM has.
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...RPCS), fc.uint8Array({ maxLength: 200 }), async (rpc, bytes) => {
        const error = await outcome(rpcs.callWithBytes(rpc, Buffer.from(bytes)));
        if (error !== undefined && error.code !== status.INTERNAL) expectReadable(error);
      }),
      { numRuns: RUNS },
    );
    const { host } = await vcpud.client.host.GetHost({});
    expect(host?.nested?.enabled).toBe(true);
    expect(vcpud.log()).not.toMatch(/"level":(50|60)/);
  });
});
