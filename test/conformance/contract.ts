// What vcpud refuses, for every rpc there is: each entry is a call, or a few that are alike, and what comes of them.
// contract-rows.ts asks them; a unit test sees to it that each error that protos/ promises has one.

import { HEADER_BYTES, type NestedFormat, VMCB12_CONTROL, VMX_HEADER } from '../../lib/nested/layout.js';
import type { VcpuState__Output } from '../../protos/gen/vcpud/v1/VcpuState.js';
import type { VmRequirements__Output } from '../../protos/gen/vcpud/v1/VmRequirements.js';
import type { VmState__Output } from '../../protos/gen/vcpud/v1/VmState.js';
import { svmGuestMode, svmHeaderOnly, vmxGuestMode, vmxOff } from '../vectors/nested-states.js';
import {
  FIRST_REGION,
  invalid,
  once,
  SECOND_REGION,
  vcpuOf,
  vmOf,
  type World,
  type Wrong,
} from './contract-entry.js';
import { MIGRATION } from './contract-migration.js';
import {
  type Need,
  onFormat,
  onModel,
  runningGuests,
  withCapability,
  withNested,
  withoutNested,
} from './facing.js';
import { CPUID, EVENTS, MSR_ENTRY, SREGS } from './kvm-layout.js';
import { changed, withNestedState } from './vcpu-facts.js';

// ---------------------------------------------------------------------------------------------------------
// Names: the same for every rpc that takes one

const namesOfNoVm = (id: string): string[] => [
  '',
  'vms',
  'vms/',
  id,
  `vms/${id.toUpperCase()}`,
  `vms/${id}/`,
  `vms/${id}\n`,
  `vms/${id}/vcpus/0`,
  `vms/1${id}`,
  `vms/${id}-`,
  `vms/${id}ï`,
  `vms/${'a'.repeat(64)}`,
  `vms/${'a'.repeat(5000)}`,
];

const namesOfNoVcpu = (id: string): string[] => [
  '',
  vmOf(id),
  `vms/${id}/vcpus`,
  `vms/${id}/vcpus/`,
  `vms/${id}/vcpus/00`,
  `vms/${id}/vcpus/-1`,
  `vms/${id}/vcpus/0x0`,
  `vms/${id}/vcpus/10000`,
  `vms/${id}/vcpus/0/`,
  `vms/${id}/vcpus/٠`,
  `vms/-/vcpus/0`,
];

interface Named {
  readonly rpc: string;
  readonly field: string;
  readonly request: (name: string, world: World) => object;
  readonly needs?: readonly Need[];
}

const byName = (rpc: string): Named => ({ rpc, field: 'name', request: (name) => ({ name }) });

const VM_NAMED: readonly Named[] = [
  ...['GetVm', 'DeleteVm', 'RunVm', 'PauseVm', 'WatchVm', 'GetVmState', 'GetVmRequirements'].map(byName),
  ...['StartDirtyTracking', 'CollectDirtyPages', 'StopDirtyTracking'].map(byName),
  { rpc: 'SetVmState', field: 'name', request: (name, { stillState }) => ({ name, state: stillState }) },
  { rpc: 'ListVcpus', field: 'parent', request: (parent) => ({ parent }) },
  { rpc: 'BatchGetNestedStates', field: 'parent', request: (parent) => ({ parent }) },
  { rpc: 'ReadMemory', field: 'name', request: (name) => ({ name, gpa: 0, sizeBytes: 1 }) },
  { rpc: 'WriteMemory', field: 'name', request: (name) => ({ name, gpa: 0, data: Buffer.alloc(1) }) },
  { rpc: 'WriteConsole', field: 'name', request: (name) => ({ name, data: Buffer.alloc(1) }) },
  {
    rpc: 'SendVm',
    field: 'start.name',
    request: (name) => ({ start: { name, migrationId: 'm', destination: 'unix:///nowhere.sock' } }),
  },
  { rpc: 'ReceiveVm', field: 'begin.name', request: (name) => ({ begin: { name, migrationId: 'm' } }) },
  {
    rpc: 'ResolveMigration',
    field: 'name',
    request: (name) => ({ name, migrationId: 'm', outcome: 'MIGRATION_OUTCOME_ABANDON' }),
  },
];

const withState = (rpc: string): Named => ({
  rpc,
  field: 'name',
  request: (name, { nested }) => ({ name, nestedState: { data: Buffer.from(nested) } }),
});

const VCPU_NAMED: readonly Named[] = [
  ...['GetVcpu', 'GetVcpuState', 'GetNestedState', 'Reset'].map(byName),
  {
    rpc: 'SetVcpuState',
    field: 'name',
    request: (name, { stillState }) => ({ name, state: stillState.vcpus[1] }),
  },
  withState('SetNestedState'),
  withState('ValidateNestedState'),
  {
    rpc: 'BatchGetNestedStates',
    field: 'names[1]',
    request: (name, { still }) => ({ parent: 'vms/-', names: [vcpuOf(still), name] }),
  },
];

const NAMES: readonly Wrong[] = [
  ...VM_NAMED.flatMap(({ rpc, field, request }): Wrong[] => [
    {
      rpc,
      what: 'malformed names of VMs',
      calls: (world) => namesOfNoVm(world.still).map((name) => request(name, world)),
      ...invalid('NAME_MALFORMED', field),
    },
    {
      rpc,
      what: 'a VM that is not there',
      calls: once((world) => request(vmOf(world.nobody), world)),
      code: 'NOT_FOUND',
      reason: 'VM_NOT_FOUND',
      metadata: { vm: 'nobody' },
    },
  ]),
  ...VCPU_NAMED.flatMap(({ rpc, field, request }): Wrong[] => [
    {
      rpc,
      what: 'malformed names of vCPUs',
      calls: (world) => namesOfNoVcpu(world.still).map((name) => request(name, world)),
      ...invalid('NAME_MALFORMED', field),
    },
    {
      rpc,
      what: 'a vCPU of a VM that is not there',
      calls: once((world) => request(vcpuOf(world.nobody), world)),
      code: 'NOT_FOUND',
      reason: 'VM_NOT_FOUND',
      metadata: { vm: 'nobody' },
    },
    {
      rpc,
      what: 'a vCPU that its VM does not have',
      calls: once((world) => request(vcpuOf(world.still, 2), world)),
      code: 'NOT_FOUND',
      reason: 'VCPU_NOT_FOUND',
      metadata: { vm: 'still', vcpu: '2' },
    },
  ]),
];

// ---------------------------------------------------------------------------------------------------------
// VMs, lists, memory

const REGION = { gpa: 0, sizeBytes: 0x1000 };
const region = (gpa: number | string, sizeBytes: number | string) => ({ gpa, sizeBytes });
const HIGHEST_PAGE = (2n ** 64n - 4096n).toString();

/** What makes a VM, and what it wants to know beside its id and shape. */
const MAKERS = [
  { rpc: 'CreateVm', more: {} },
  { rpc: 'PrepareVm', more: { migrationId: 'm' } },
] as const;

/** One entry a maker. */
const made = (
  what: string,
  request: (world: World) => object,
  refusal: Pick<Wrong, 'code' | 'reason' | 'field' | 'metadata'>,
): readonly Wrong[] =>
  MAKERS.map(({ rpc, more }) => ({
    rpc,
    what,
    calls: once((world) => ({ ...more, ...request(world) })),
    ...refusal,
  }));

const badVm = (what: string, vm: object, reason: string, field: string): readonly Wrong[] =>
  made(
    what,
    ({ fresh }) => ({ vmId: fresh, vm: { memoryRegions: [REGION], ...vm } }),
    invalid(reason, field),
  );
const badRegions = (what: string, memoryRegions: readonly object[], field: string): readonly Wrong[] =>
  badVm(what, { memoryRegions }, 'MEMORY_REGION_INVALID', field);

const CREATE: readonly Wrong[] = [
  ...MAKERS.map(({ rpc, more }) => ({
    rpc,
    what: 'malformed ids',
    calls: () =>
      ['', 'New', '1new', '-new', 'new-', 'a/b', 'nëw', 'new\n', 'a'.repeat(64)].map((vmId) => {
        return { ...more, vmId, vm: { memoryRegions: [REGION] } };
      }),
    ...invalid('VM_ID_MALFORMED', 'vm_id'),
  })),
  ...made('no vm', ({ fresh }) => ({ vmId: fresh }), invalid('FIELD_REQUIRED', 'vm')),
  ...made('an id that is taken', ({ still }) => ({ vmId: still, vm: { memoryRegions: [REGION] } }), {
    code: 'ALREADY_EXISTS',
    reason: 'VM_EXISTS',
    field: 'vm_id',
    metadata: { vm: 'still' },
  }),
  ...badVm('289 vCPUs', { vcpuCount: 289 }, 'VCPU_COUNT_OUT_OF_RANGE', 'vm.vcpu_count'),
  ...badVm('2^32-1 vCPUs', { vcpuCount: 0xffff_ffff }, 'VCPU_COUNT_OUT_OF_RANGE', 'vm.vcpu_count'),
  ...badVm('PC devices without an irqchip', { pc: true }, 'DEVICES_INVALID', 'vm.pc'),
  ...badVm('a PIT without an irqchip', { pit: true }, 'DEVICES_INVALID', 'vm.pit'),
  ...badRegions('no memory', [], 'vm.memory_regions'),
  ...badRegions(
    '33 regions',
    Array.from({ length: 33 }, (_, i) => region(i * 0x1000, 0x1000)),
    'vm.memory_regions',
  ),
  ...badRegions('a region that is not in whole pages', [region(0x800, 0x1000)], 'vm.memory_regions[0]'),
  ...badRegions('a region of half a page', [REGION, region(0x1000, 0x800)], 'vm.memory_regions[1]'),
  ...badRegions('an empty region', [region(0, 0)], 'vm.memory_regions[0]'),
  ...badRegions('a region past the last address', [region(HIGHEST_PAGE, 0x2000)], 'vm.memory_regions[0]'),
  ...badRegions('a region of 2^64 - 4096 bytes', [region(0, HIGHEST_PAGE)], 'vm.memory_regions[0]'),
  ...badRegions('regions that overlap', [region(0, 0x3000), region(0x2000, 0x2000)], 'vm.memory_regions[1]'),
  ...badRegions(
    'a region over the pages that KVM needs',
    [region(0xfeff_c000, 0x1000)],
    'vm.memory_regions[0]',
  ),
];

/** What Linux is booted in. */
const ROOM_FOR_LINUX = { memoryRegions: [region(0, 64 * 1024 * 1024)] };
/** A file of every Linux host that is no kernel, a directory, and what is not there. */
const PATH = { noKernel: '/proc/version', directory: '/proc', nothing: '/nowhere/vmlinuz' } as const;

const badBoot = (
  id: string,
  what: string,
  linuxBoot: object,
  reason: string,
  field: string,
  vm: object = {},
): Wrong => ({
  rpc: 'CreateVm',
  what,
  // A VM is there for a moment before its kernel is found wanting: each entry's has an id of its own.
  calls: once(({ fresh }) => ({ vmId: `${fresh}-${id}`, vm: { ...ROOM_FOR_LINUX, ...vm, linuxBoot } })),
  ...invalid(reason, field),
});
const KERNEL = 'vm.linux_boot.kernel_path';

const BOOT: readonly Wrong[] = [
  badBoot('pathless', 'no path to a kernel', {}, 'BOOT_FILE_UNREADABLE', KERNEL),
  badBoot(
    'relative',
    'a path that depends on where vcpud runs',
    { kernelPath: 'vmlinuz' },
    'BOOT_FILE_UNREADABLE',
    KERNEL,
  ),
  badBoot(
    'absent',
    'a kernel that is not there',
    { kernelPath: PATH.nothing },
    'BOOT_FILE_UNREADABLE',
    KERNEL,
  ),
  badBoot(
    'directory',
    'a kernel that is a directory',
    { kernelPath: PATH.directory },
    'BOOT_FILE_UNREADABLE',
    KERNEL,
  ),
  badBoot(
    'initramfs',
    'an initramfs whose path depends on where vcpud runs',
    { kernelPath: PATH.noKernel, initramfsPath: 'initrd' },
    'BOOT_FILE_UNREADABLE',
    'vm.linux_boot.initramfs_path',
  ),
  badBoot('kernel', 'a kernel that is none', { kernelPath: PATH.noKernel }, 'BOOT_IMAGE_INVALID', KERNEL),
  badBoot(
    'command',
    'a command line that no kernel takes',
    { kernelPath: PATH.noKernel, commandLine: 'a'.repeat(4096) },
    'BOOT_COMMAND_LINE_TOO_LONG',
    'vm.linux_boot.command_line',
  ),
  badBoot(
    'memory',
    'a kernel and no memory for it',
    { kernelPath: PATH.noKernel },
    'MEMORY_REGION_INVALID',
    'vm.memory_regions',
    { memoryRegions: [region(0, 64 * 1024 * 1024 - 4096)] },
  ),
  badBoot(
    'vcpus',
    'a kernel and more vCPUs than an MP table names',
    { kernelPath: PATH.noKernel },
    'VCPU_COUNT_OUT_OF_RANGE',
    'vm.vcpu_count',
    { vcpuCount: 41 },
  ),
];

/** Page tokens that no list call gave: not base64url, without the prefix, with bytes after it. */
const BAD_TOKENS = ['x', '!', 'bm9uZQ', 'djE6c3RpbGw='];

const LISTS: readonly Wrong[] = [
  { rpc: 'ListVms', parent: () => ({}) },
  { rpc: 'ListVcpus', parent: ({ still }: World) => ({ parent: vmOf(still) }) },
].flatMap(({ rpc, parent }): Wrong[] => [
  {
    rpc,
    what: 'a negative page size',
    calls: once((world) => ({ ...parent(world), pageSize: -1 })),
    ...invalid('PAGE_SIZE_NEGATIVE', 'page_size'),
  },
  {
    rpc,
    what: 'page tokens that no call gave',
    calls: (world) => BAD_TOKENS.map((pageToken) => ({ ...parent(world), pageToken })),
    ...invalid('PAGE_TOKEN_INVALID', 'page_token'),
  },
]);

/** Ranges that no one region of `still` holds. */
const UNBACKED: ReadonlyArray<readonly [what: string, gpa: number | string, bytes: number]> = [
  ['begins behind the last region', FIRST_REGION + SECOND_REGION, 1],
  ['ends behind the last region', FIRST_REGION + SECOND_REGION - 1, 2],
  ['lies in two regions', FIRST_REGION - 1, 2],
  ['begins at the last address there is', (2n ** 64n - 1n).toString(), 1],
  ['ends past the last address there is', (2n ** 64n - 1n).toString(), 4096],
];

const notBacked = (gpa: number | string) => ({
  code: 'OUT_OF_RANGE',
  reason: 'MEMORY_RANGE_NOT_BACKED',
  field: 'gpa',
  metadata: { gpa: `0x${BigInt(gpa).toString(16)}` },
});

const onStill =
  (...requests: readonly object[]): Wrong['calls'] =>
  ({ still }) => [requests.map((request) => ({ name: vmOf(still), ...request }))];

const MEMORY: readonly Wrong[] = [
  ...UNBACKED.flatMap(([what, gpa, bytes]): Wrong[] => [
    {
      rpc: 'ReadMemory',
      what: `a range that ${what}`,
      calls: onStill({ gpa, sizeBytes: bytes }),
      ...notBacked(gpa),
    },
    {
      rpc: 'WriteMemory',
      what: `data that ${what}`,
      calls: onStill({ gpa, data: Buffer.alloc(bytes) }),
      ...notBacked(gpa),
    },
    {
      rpc: 'WriteMemory',
      what: `zeroes that ${what}`,
      calls: onStill({ gpa, zeroBytes: bytes }),
      ...notBacked(gpa),
    },
  ]),
  {
    rpc: 'ReadMemory',
    what: 'more bytes than there are addresses',
    calls: onStill({ gpa: 0, sizeBytes: HIGHEST_PAGE }),
    ...notBacked(0),
  },
  {
    rpc: 'WriteMemory',
    what: 'more zeroes than there are addresses',
    calls: onStill({ gpa: 0, zeroBytes: HIGHEST_PAGE }),
    ...notBacked(0),
  },
  {
    rpc: 'ReadMemory',
    what: 'chunks of more than 2 MiB',
    calls: onStill({ gpa: 0, sizeBytes: 1, chunkBytes: 2 * 1024 * 1024 + 1 }),
    ...invalid('CHUNK_BYTES_OUT_OF_RANGE', 'chunk_bytes'),
  },
  {
    rpc: 'CollectDirtyPages',
    what: 'chunks of less than a page, and of more than 2 MiB',
    calls: ({ still }) =>
      [1, 4095, 2 * 1024 * 1024 + 1].map((chunkBytes) => ({ name: vmOf(still), chunkBytes })),
    ...invalid('CHUNK_BYTES_OUT_OF_RANGE', 'chunk_bytes'),
  },
  {
    rpc: 'CollectDirtyPages',
    what: 'a VM that is not tracked',
    calls: onStill({}),
    code: 'FAILED_PRECONDITION',
    reason: 'DIRTY_TRACKING_OFF',
    subject: 'vms/still',
    metadata: { vm: 'still' },
  },
  {
    rpc: 'WriteMemory',
    what: 'another name in a later message',
    calls: once(({ still, chips }) => [
      { name: vmOf(still), gpa: 0, zeroBytes: 1 },
      { name: vmOf(chips), gpa: 0, zeroBytes: 1 },
    ]),
    ...invalid('NAME_CHANGED', 'name'),
  },
  {
    rpc: 'WriteMemory',
    what: 'no message at all',
    calls: () => [[]],
    ...invalid('FIELD_REQUIRED', 'name'),
  },
  {
    rpc: 'WriteMemory',
    what: 'a chunk of nothing',
    calls: onStill({ gpa: 0 }),
    ...invalid('FIELD_REQUIRED', 'content'),
  },
];

const CONSOLE: readonly Wrong[] = [
  {
    rpc: 'WriteConsole',
    what: 'a VM without a serial port',
    calls: once(({ still }) => ({ name: vmOf(still), data: Buffer.alloc(1) })),
    code: 'FAILED_PRECONDITION',
    reason: 'CONSOLE_NOT_PRESENT',
    subject: 'vms/still',
    metadata: { vm: 'still' },
  },
  {
    rpc: 'WriteConsole',
    what: 'another name in a later message',
    calls: once(({ still, chips }) => [{ name: vmOf(chips) }, { name: vmOf(still) }]),
    ...invalid('NAME_CHANGED', 'name'),
  },
  {
    rpc: 'WriteConsole',
    what: 'no message at all',
    calls: () => [[]],
    ...invalid('FIELD_REQUIRED', 'name'),
  },
];

// ---------------------------------------------------------------------------------------------------------
// What a VM asks of a host

const badRequirements = (
  what: string,
  change: (requirements: VmRequirements__Output) => object,
  reason: string,
  field: string,
): Wrong => ({
  rpc: 'CheckCompatibility',
  what,
  calls: once(({ requirements }) => ({ requirements: { ...requirements, ...change(requirements) } })),
  ...invalid(reason, `requirements.${field}`),
});

const REQUIREMENTS: readonly Wrong[] = [
  {
    rpc: 'CheckCompatibility',
    what: 'no requirements',
    calls: () => [{}],
    ...invalid('FIELD_REQUIRED', 'requirements'),
  },
  {
    rpc: 'CheckCompatibility',
    what: 'malformed names of VMs',
    calls: ({ still, requirements }) =>
      namesOfNoVm(still).map((name) => ({ requirements: { ...requirements, name } })),
    ...invalid('NAME_MALFORMED', 'requirements.name'),
  },
  badRequirements('no host', () => ({ host: null }), 'FIELD_REQUIRED', 'host'),
  badRequirements(
    'a host of which nothing is said about nesting',
    ({ host }) => ({ host: { ...host, nested: null } }),
    'FIELD_REQUIRED',
    'host.nested',
  ),
  badRequirements(
    'a host without CPUID',
    ({ host }) => ({ host: { ...host, supportedCpuid: Buffer.alloc(0) } }),
    'FIELD_REQUIRED',
    'host.supported_cpuid',
  ),
  badRequirements('vCPUs without CPUID', () => ({ cpuids: [] }), 'FIELD_REQUIRED', 'cpuids'),
  badRequirements(
    'a vCPU whose CPUID is empty',
    ({ cpuids }) => ({ cpuids: [...cpuids, Buffer.alloc(0)] }),
    'FIELD_REQUIRED',
    'cpuids[1]',
  ),
  badRequirements(
    'half an entry of CPUID',
    ({ cpuids }) => ({ cpuids: cpuids.map((entries) => entries.subarray(0, 20)) }),
    'STATE_SIZE_WRONG',
    'cpuids[0]',
  ),
  badRequirements(
    'a CPUID of 257 entries',
    () => ({ cpuids: [Buffer.alloc(257 * 40)] }),
    'STATE_SIZE_WRONG',
    'cpuids[0]',
  ),
  badRequirements(
    'more CPUID tables than a VM has vCPUs',
    ({ cpuids }) => ({ cpuids: Array.from({ length: 289 }, () => cpuids[0]) }),
    'STATE_SIZE_WRONG',
    'cpuids',
  ),
  badRequirements(
    '33 regions',
    () => ({ memoryRegions: Array.from({ length: 33 }, (_, i) => region(i * 0x1000, 0x1000)) }),
    'STATE_SIZE_WRONG',
    'memory_regions',
  ),
];

// ---------------------------------------------------------------------------------------------------------
// Whole states, one part of which is changed

/** A way to send one changed vCPU state: by SetVcpuState, and as one of SetVmState's. */
const STATE_SETTERS: ReadonlyArray<{
  readonly rpc: string;
  readonly path: string;
  readonly vcpu: number;
  readonly wrap: (state: VcpuState__Output, world: World) => object;
}> = [
  {
    rpc: 'SetVcpuState',
    path: 'state',
    vcpu: 0,
    wrap: (state, { still }) => ({ name: vcpuOf(still), state }),
  },
  {
    // The second vCPU's: the first one has been given its own by the time that the kernel refuses.
    rpc: 'SetVmState',
    path: 'state.vcpus[1]',
    vcpu: 1,
    wrap: (state, { still, stillState }) => {
      const [first] = stillState.vcpus;
      return { name: vmOf(still), state: { ...stillState, vcpus: [first, state] } };
    },
  },
];

type Refusal = Pick<Wrong, 'code' | 'reason' | 'field' | 'subject' | 'metadata'>;

/** One entry a setter, of a change to a vCPU's state. */
function stateWrongs(
  what: string,
  needs: readonly Need[],
  change: (state: VcpuState__Output) => VcpuState__Output,
  refusal: (path: string) => Refusal,
): Wrong[] {
  return STATE_SETTERS.map(({ rpc, path, vcpu, wrap }) => ({
    rpc,
    what,
    needs,
    calls: once((world) => wrap(change(world.stillState.vcpus[vcpu] as VcpuState__Output), world)),
    ...refusal(path),
  }));
}

// ---------------------------------------------------------------------------------------------------------
// Nested states

const PLAIN = {
  SVM: { inL2: svmGuestMode, out: svmHeaderOnly },
  VMX: { inL2: vmxGuestMode, out: vmxOff },
} as const;

const HELD = { vcpu_holds: 'former state' } as const;

interface RefusedNested {
  readonly what: string;
  readonly format: NestedFormat;
  readonly bytes: () => Uint8Array;
  readonly refusal: (path: string) => Pick<Wrong, 'code' | 'reason' | 'field' | 'metadata'>;
}

const refusedByVcpud = (reason: string, metadata: Wrong['metadata'] = { source: 'vcpud' }) => {
  return (path: string) => ({
    ...invalid(reason, `${path}:bytes`),
    metadata: { errno: 'EINVAL', ...metadata },
  });
};

/** Nested states that no vCPU of the host can be given, and why. */
const REFUSED_NESTED: readonly RefusedNested[] = [
  ...(['SVM', 'VMX'] as const).flatMap((format): RefusedNested[] => [
    {
      what: 'no byte of nested state',
      format,
      bytes: () => Buffer.alloc(0),
      refusal: refusedByVcpud('NESTED_STATE_EMPTY'),
    },
    {
      what: 'half a header',
      format,
      bytes: () => PLAIN[format].out().subarray(0, HEADER_BYTES - 1),
      refusal: refusedByVcpud('NESTED_HEADER_TRUNCATED'),
    },
    {
      what: 'a header byte that this kernel does not know',
      format,
      bytes: () => changed(PLAIN[format].out(), (copy) => void copy.writeUInt8(1, HEADER_BYTES - 1)),
      refusal: () => ({
        code: 'DATA_LOSS',
        reason: 'NESTED_STATE_NOT_HELD',
        metadata: { fields: 'hdr', ...HELD },
      }),
    },
  ]),
  {
    what: 'ASID 0',
    format: 'SVM',
    bytes: () => changed(svmGuestMode(), (copy) => void copy.writeUInt32LE(0, VMCB12_CONTROL.asid.offset)),
    refusal: (path) => ({
      ...invalid('SVM_ASID_ZERO', `${path}:vmcb12.control.asid`),
      metadata: { errno: 'EINVAL', field: 'vmcb12.control.asid', source: '__nested_vmcb_check_controls' },
    }),
  },
  {
    what: 'vmxon_pa 1',
    format: 'VMX',
    bytes: () =>
      changed(vmxGuestMode(), (copy) => void copy.writeBigUInt64LE(1n, VMX_HEADER.vmxon_pa.offset)),
    refusal: (path) => ({
      ...invalid('VMX_VMXON_PA_UNALIGNED', `${path}:hdr.vmx.vmxon_pa`),
      metadata: { errno: 'EINVAL', field: 'hdr.vmx.vmxon_pa', source: 'vmx_set_nested_state' },
    }),
  },
];

const NESTED: readonly Wrong[] = [
  {
    rpc: 'SetNestedState',
    what: 'no nested state',
    calls: once(({ still }) => ({ name: vcpuOf(still) })),
    ...invalid('FIELD_REQUIRED', 'nested_state'),
  },
  {
    rpc: 'ValidateNestedState',
    what: 'no nested state',
    calls: () => [{}],
    ...invalid('FIELD_REQUIRED', 'nested_state'),
  },
  {
    rpc: 'ValidateNestedState',
    what: 'a described target without a format',
    calls: once(({ nested }) => ({ nestedState: { data: Buffer.from(nested) }, described: {} })),
    ...invalid('FIELD_REQUIRED', 'described.format'),
  },
  ...(
    [
      ['cpuid', 41, 'a multiple of 40 bytes'],
      ['sregs', 311, '312 or 320 bytes'],
      ['msrs', 15, 'a multiple of 16 bytes'],
      ['events', 65, '64 bytes'],
    ] as const
  ).map(
    ([part, bytes, expected]): Wrong => ({
      rpc: 'ValidateNestedState',
      what: `a described target with ${bytes} bytes of ${part}`,
      calls: once(({ nested }) => ({
        nestedState: { data: Buffer.from(nested) },
        described: { format: 'NESTED_STATE_FORMAT_SVM', [part]: Buffer.alloc(bytes) },
      })),
      ...invalid('STATE_SIZE_WRONG', `described.${part}`),
      metadata: { part, expected },
    }),
  ),
  {
    rpc: 'SetNestedState',
    what: 'only the checks, and none of them',
    needs: [withNested],
    calls: once(({ still, nested }) => {
      const nestedState = { data: Buffer.from(nested) };
      return { name: vcpuOf(still), nestedState, validateOnly: true, kernelVerdict: true };
    }),
    ...invalid('FIELDS_EXCLUSIVE', 'kernel_verdict'),
  },
  {
    rpc: 'BatchGetNestedStates',
    what: 'no names of no one VM',
    calls: () => [{ parent: 'vms/-' }],
    ...invalid('FIELD_REQUIRED', 'names'),
  },
  {
    rpc: 'BatchGetNestedStates',
    what: '1025 names',
    calls: once(({ still }) => ({
      parent: 'vms/-',
      names: Array.from({ length: 1025 }, () => vcpuOf(still)),
    })),
    ...invalid('TOO_MANY_NAMES', 'names'),
    metadata: { names: '1025' },
  },
  {
    rpc: 'BatchGetNestedStates',
    what: 'a name that is not below the parent',
    calls: once(({ still, chips }) => ({ parent: vmOf(still), names: [vcpuOf(still), vcpuOf(chips)] })),
    ...invalid('NAME_MALFORMED', 'names[1]'),
  },
  ...REFUSED_NESTED.flatMap(({ what, format, bytes, refusal }): Wrong[] => [
    {
      rpc: 'SetNestedState',
      what,
      needs: [onFormat(format)],
      calls: once(({ still }) => ({ name: vcpuOf(still), nestedState: { data: Buffer.from(bytes()) } })),
      ...refusal('nested_state.data'),
    },
    ...stateWrongs(
      what,
      [onFormat(format)],
      (state) => withNestedState(state, bytes()),
      (path) => refusal(`${path}.nested_state.data`),
    ),
  ]),
];

/** Rpcs that a host without nested state can't serve. */
const WITHOUT_NESTED: readonly Wrong[] = [
  ...['GetNestedState', 'SetNestedState', 'ValidateNestedState'].map(
    (rpc): Wrong => ({
      rpc,
      what: 'a host without nested state',
      needs: [withoutNested],
      calls: once(({ still, nested }) => ({
        name: vcpuOf(still),
        ...(rpc === 'GetNestedState' ? {} : { nestedState: { data: Buffer.from(nested) } }),
      })),
      code: 'FAILED_PRECONDITION',
      reason: 'NESTED_NOT_SUPPORTED',
      subject: 'host',
    }),
  ),
  {
    rpc: 'BatchGetNestedStates',
    what: 'a host without nested state',
    needs: [withoutNested],
    calls: once(({ still }) => ({ parent: vmOf(still) })),
    code: 'FAILED_PRECONDITION',
    reason: 'NESTED_NOT_SUPPORTED',
    subject: 'host',
  },
  ...stateWrongs(
    'a nested state on a host without',
    [withoutNested],
    (state) => withNestedState(state, svmHeaderOnly()),
    () => ({
      code: 'FAILED_PRECONDITION',
      reason: 'NESTED_NOT_SUPPORTED',
      subject: 'host',
    }),
  ),
];

// ---------------------------------------------------------------------------------------------------------
// Parts of the wrong size, and parts that the kernel refuses

const sizeWrong = (part: string) => (path: string) => ({
  ...invalid('STATE_SIZE_WRONG', `${path}.${part}`),
  metadata: { part },
});

const kernelRefuses = (part: string, errno: string) => (path: string) => ({
  ...invalid('KERNEL_REFUSED_STATE', `${path}.${part}`),
  metadata: { part, errno, ...HELD },
});

const msrRefused = (msr: string, value: string) => (path: string) => ({
  ...invalid('MSR_REFUSED', `${path}.msrs`),
  metadata: { msr, value, ...HELD },
});

/** Parts that not every host's vCPUs have. */
const SREGS2: readonly Need[] = [withCapability('SREGS2')];
const XCRS: readonly Need[] = [withCapability('XCRS')];
const PART_NEEDS: Readonly<Record<string, readonly Need[]>> = { sregs2: SREGS2, xcrs: XCRS };

const PARTS = ['cpuid', 'sregs2', 'xsave', 'xcrs', 'msrs', 'events', 'debugregs', 'regs'] as const;

const LSTAR = 0xc000_0082;
const NO_MSR = 0x1234_5678;

const writeU64 = (offset: number, value: bigint) => (copy: Buffer) =>
  void copy.writeBigUInt64LE(value, offset);

/** The state with another value of an MSR, or with an MSR that it did not have. */
function withMsr(state: VcpuState__Output, index: number, value: bigint): VcpuState__Output {
  const row = Buffer.alloc(MSR_ENTRY.bytes);
  row.writeUInt32LE(index, MSR_ENTRY.index);
  row.writeBigUInt64LE(value, MSR_ENTRY.value);
  // KVM takes them in order: what comes last is what is held.
  return { ...state, msrs: Buffer.concat([state.msrs, row]) };
}

/** A part of a vCPU's state with another value: the part, the change, and how KVM refuses it. */
const REFUSED_PARTS: ReadonlyArray<
  readonly [
    what: string,
    change: (state: VcpuState__Output) => VcpuState__Output,
    refusal: (path: string) => Refusal,
    needs?: readonly Need[],
  ]
> = [
  [
    'a reserved bit of CR4',
    (state) => ({ ...state, sregs2: changed(state.sregs2, writeU64(SREGS.cr4, 1n << 40n)) }),
    kernelRefuses('sregs2', 'EINVAL'),
    SREGS2,
  ],
  [
    'an XCR0 without x87',
    // struct kvm_xcrs: nr_xcrs u32, flags u32, then xcr u32, reserved u32, value u64
    (state) => ({ ...state, xcrs: changed(state.xcrs, writeU64(16, 2n)) }),
    kernelRefuses('xcrs', 'EINVAL'),
    XCRS,
  ],
  [
    'an xsave area of components that no CPU has',
    // XSTATE_BV is the first 8 bytes behind the 512 of FXSAVE
    (state) => ({ ...state, xsave: changed(state.xsave, writeU64(512, 1n << 62n)) }),
    kernelRefuses('xsave', 'EINVAL'),
  ],
  [
    'event flags that the kernel does not know',
    (state) => ({
      ...state,
      events: changed(state.events, (copy) => void copy.writeUInt32LE(1 << 30, EVENTS.flags)),
    }),
    kernelRefuses('events', 'EINVAL'),
  ],
  [
    'an mp_state that there is not',
    (state) => ({ ...state, mpState: 99 }),
    kernelRefuses('mp_state', 'EINVAL'),
  ],
  [
    'a DR7 of 64 bits',
    // struct kvm_debugregs: db[4], dr6, dr7
    (state) => ({ ...state, debugregs: changed(state.debugregs, writeU64(40, 1n << 40n)) }),
    kernelRefuses('debugregs', 'EINVAL'),
  ],
  [
    'a non-canonical LSTAR',
    (state) => withMsr(state, LSTAR, 1n << 63n),
    msrRefused('0xc0000082', '0x8000000000000000'),
  ],
  ['an MSR that there is not', (state) => withMsr(state, NO_MSR, 1n), msrRefused('0x12345678', '0x1')],
  [
    'more MSRs than the kernel takes',
    (state) => ({
      ...state,
      msrs: Buffer.alloc(MSR_ENTRY.bytes * 300, state.msrs.subarray(0, MSR_ENTRY.bytes)),
    }),
    kernelRefuses('msrs', 'E2BIG'),
  ],
];

const VCPU_STATES: readonly Wrong[] = [
  ...PARTS.flatMap((part) => [
    ...stateWrongs(
      `a ${part} that is a byte too long`,
      PART_NEEDS[part] ?? [],
      (state) => ({ ...state, [part]: Buffer.concat([state[part], Buffer.alloc(1)]) }),
      sizeWrong(part),
    ),
    ...stateWrongs(
      `no ${part}`,
      PART_NEEDS[part] ?? [],
      (state) => ({ ...state, [part]: Buffer.alloc(0) }),
      sizeWrong(part),
    ),
  ]),
  ...stateWrongs(
    'a LAPIC that the VM does not have',
    [],
    (state) => ({ ...state, lapic: Buffer.alloc(1024) }),
    sizeWrong('lapic'),
  ),
  ...stateWrongs(
    'sregs beside sregs2',
    SREGS2,
    (state) => ({ ...state, sregs: Buffer.alloc(312) }),
    sizeWrong('sregs'),
  ),
  ...REFUSED_PARTS.flatMap(([what, change, refusal, needs = []]) =>
    stateWrongs(what, needs, change, refusal),
  ),
  {
    rpc: 'SetVcpuState',
    what: 'more CPUID entries than the kernel takes',
    calls: once(({ still, stillState }) => {
      const state = stillState.vcpus[0] as VcpuState__Output;
      const again = Buffer.alloc(CPUID.bytes * 300, state.cpuid.subarray(-CPUID.bytes));
      return { name: vcpuOf(still), state: { ...state, cpuid: Buffer.concat([state.cpuid, again]) } };
    }),
    ...kernelRefuses('cpuid', 'E2BIG')('state'),
  },
  {
    rpc: 'SetVcpuState',
    what: 'no state',
    calls: once(({ still }) => ({ name: vcpuOf(still) })),
    ...invalid('FIELD_REQUIRED', 'state'),
  },
];

const shapeDiffers = (subject: string) => ({
  code: 'FAILED_PRECONDITION',
  reason: 'VM_SHAPE_DIFFERS',
  subject,
});

/** A change to the state of `chips` that is refused before anything is touched. */
function chipsWrong(
  what: string,
  change: (state: VmState__Output) => object,
  refusal: Pick<Wrong, 'code' | 'reason' | 'field' | 'subject'>,
): Wrong {
  return {
    rpc: 'SetVmState',
    what,
    calls: once(({ chips, chipsState }) => ({
      name: vmOf(chips),
      state: { ...chipsState, ...change(chipsState) },
    })),
    ...refusal,
  };
}

const VM_STATES: readonly Wrong[] = [
  {
    rpc: 'SetVmState',
    what: 'no state',
    calls: once(({ still }) => ({ name: vmOf(still) })),
    ...invalid('FIELD_REQUIRED', 'state'),
  },
  {
    rpc: 'SetVmState',
    what: 'a state of one vCPU for two',
    calls: once(({ still, stillState }) => {
      return { name: vmOf(still), state: { ...stillState, vcpus: stillState.vcpus.slice(1) } };
    }),
    ...shapeDiffers('vms/still'),
  },
  {
    rpc: 'SetVmState',
    what: 'a state with an irqchip for a VM without',
    calls: once(({ still, stillState, chipsState }) => {
      return { name: vmOf(still), state: { ...stillState, irqchips: chipsState.irqchips } };
    }),
    ...shapeDiffers('vms/still'),
  },
  chipsWrong(
    'a clock of 47 bytes',
    ({ clock }) => ({ clock: clock.subarray(1) }),
    invalid('STATE_SIZE_WRONG', 'state.clock'),
  ),
  chipsWrong(
    'an IOAPIC that is a byte too long',
    ({ irqchips }) => ({
      irqchips: irqchips.map((chip, i) => (i === 2 ? Buffer.concat([chip, Buffer.alloc(1)]) : chip)),
    }),
    invalid('STATE_SIZE_WRONG', 'state.irqchips[2]'),
  ),
  chipsWrong('a PIT of one byte', () => ({ pit: Buffer.alloc(1) }), invalid('STATE_SIZE_WRONG', 'state.pit')),
  chipsWrong('PC devices without their serial port', () => ({ pc: { cmosIndex: 0 } }), {
    ...invalid('FIELD_REQUIRED', 'state.pc.serial'),
  }),
  chipsWrong(
    'a serial port that has received more than it holds',
    ({ pc }) => ({ pc: { ...pc, serial: { ...pc?.serial, received: Buffer.alloc(1025) } } }),
    invalid('STATE_SIZE_WRONG', 'state.pc.serial.received'),
  ),
  chipsWrong('no PC devices', () => ({ pc: null }), shapeDiffers('vms/chips')),
  chipsWrong('no irqchips', () => ({ irqchips: [] }), shapeDiffers('vms/chips')),
  chipsWrong(
    'two irqchips of three',
    ({ irqchips }) => ({ irqchips: irqchips.slice(0, 2) }),
    shapeDiffers('vms/chips'),
  ),
  chipsWrong(
    'irqchips in another order',
    ({ irqchips }) => ({ irqchips: irqchips.toReversed() }),
    shapeDiffers('vms/chips'),
  ),
  chipsWrong('no PIT', () => ({ pit: Buffer.alloc(0) }), shapeDiffers('vms/chips')),
  chipsWrong(
    'a LAPIC that is a byte too short',
    ({ vcpus }) => ({ vcpus: vcpus.map((vcpu) => ({ ...vcpu, lapic: vcpu.lapic.subarray(1) })) }),
    invalid('STATE_SIZE_WRONG', 'state.vcpus[0].lapic'),
  ),
];

// ---------------------------------------------------------------------------------------------------------
// What a VM in the wrong state does not do

const RUN_STATES: readonly Wrong[] = [
  {
    rpc: 'RunVm',
    what: 'a VM that stopped by itself',
    needs: [runningGuests],
    calls: once(({ stopped }) => ({ name: vmOf(stopped) })),
    code: 'FAILED_PRECONDITION',
    reason: 'VM_STOPPED',
    subject: 'vms/stopped',
    metadata: { stop_reason: 'HALTED', vcpu: '0' },
  },
  ...[
    {
      rpc: 'SetNestedState',
      request: ({ running, nested }: World) => {
        return { name: vcpuOf(running), nestedState: { data: Buffer.from(nested) } };
      },
      needs: [runningGuests, withNested],
    },
    {
      rpc: 'SetVcpuState',
      request: ({ running, chipsState }: World) => {
        return { name: vcpuOf(running), state: chipsState.vcpus[0] };
      },
      needs: [runningGuests],
    },
    {
      rpc: 'SetVmState',
      request: ({ running, chipsState }: World) => ({ name: vmOf(running), state: chipsState }),
      needs: [runningGuests],
    },
  ].map(
    ({ rpc, request, needs }): Wrong => ({
      rpc,
      what: 'a VM that runs',
      needs,
      calls: once(request),
      code: 'FAILED_PRECONDITION',
      reason: 'VM_RUNNING',
      subject: 'vms/running',
    }),
  ),
  {
    rpc: 'RunVm',
    what: 'a model, which runs no guest',
    needs: [onModel],
    calls: once(({ still }) => ({ name: vmOf(still) })),
    code: 'UNIMPLEMENTED',
    reason: 'GUESTS_NOT_RUN',
  },
];

export const CONTRACT: readonly Wrong[] = [
  ...NAMES,
  ...CREATE,
  ...BOOT,
  ...LISTS,
  ...MEMORY,
  ...CONSOLE,
  ...REQUIREMENTS,
  ...NESTED,
  ...WITHOUT_NESTED,
  ...VCPU_STATES,
  ...VM_STATES,
  ...RUN_STATES,
  ...MIGRATION,
];
