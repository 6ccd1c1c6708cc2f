// What MigrationService refuses, and what the other services refuse of a VM that takes part in a migration.

import { VMCB12_CONTROL, VMX_HEADER } from '../../lib/nested/layout.js';
import type { VcpuState__Output } from '../../protos/gen/vcpud/v1/VcpuState.js';
import type { VmState__Output } from '../../protos/gen/vcpud/v1/VmState.js';
import { svmGuestMode, svmHeaderOnly, vmxGuestMode } from '../vectors/nested-states.js';
import { type Begin, invalid, once, vmOf, type World, type Wrong } from './contract-entry.js';
import { type Need, onFormat, reachingItself, runningGuests, withNested, withoutNested } from './facing.js';
import { EVENTS, MSR_ENTRY } from './kvm-layout.js';
import { changed, L1_IN_LONG_MODE, withFacts, withNestedState } from './vcpu-facts.js';

/** Ids that no migration has. */
const BAD_IDS = ['', 'a b', 'ä', 'a/b', 'a\n', 'a'.repeat(65), 'a'.repeat(5000)];
const REGION = { gpa: 0, sizeBytes: 0x1000 };

const PREPARE: readonly Wrong[] = [
  {
    rpc: 'PrepareVm',
    what: 'malformed ids of a migration',
    calls: ({ fresh }) =>
      BAD_IDS.map((migrationId) => ({ vmId: fresh, vm: { memoryRegions: [REGION] }, migrationId })),
    ...invalid('MIGRATION_ID_MALFORMED', 'migration_id'),
  },
  {
    rpc: 'PrepareVm',
    what: 'memory whose pages have no number of 32 bits',
    calls: ({ fresh }) =>
      [
        { gpa: 2 ** 44, sizeBytes: 0x1000 },
        { gpa: 2 ** 44 - 0x1000, sizeBytes: 0x2000 },
      ].map((region) => ({ vmId: fresh, vm: { memoryRegions: [REGION, region] }, migrationId: 'm' })),
    ...invalid('MEMORY_REGION_INVALID', 'vm.memory_regions[1]'),
  },
];

// ---------------------------------------------------------------------------------------------------------
// The source

const start = ({ still }: World, change: object) => ({
  start: { name: vmOf(still), migrationId: 'm', destination: 'unix:///nowhere.sock', ...change },
});

const SEND: readonly Wrong[] = [
  { rpc: 'SendVm', what: 'no message at all', calls: () => [[]], ...invalid('FIELD_REQUIRED', 'start') },
  {
    rpc: 'SendVm',
    what: 'a round, a switch or nothing before the start',
    calls: () => [{ round: {} }, { switchOver: {} }, {}],
    code: 'INVALID_ARGUMENT',
    reason: 'MESSAGE_OUT_OF_PLACE',
  },
  {
    rpc: 'SendVm',
    what: 'malformed ids of a migration',
    calls: (world) => BAD_IDS.map((migrationId) => start(world, { migrationId })),
    ...invalid('MIGRATION_ID_MALFORMED', 'start.migration_id'),
  },
  {
    rpc: 'SendVm',
    what: 'no destination',
    calls: once((world) => start(world, { destination: '' })),
    ...invalid('FIELD_REQUIRED', 'start.destination'),
  },
  {
    rpc: 'SendVm',
    what: 'destinations that are no endpoint',
    calls: (world) =>
      ['host', 'host:1', 'unix:/path', 'unix://', 'tcp://host', 'tcp://host:99999', 'http://host:1'].map(
        (destination) => start(world, { destination }),
      ),
    ...invalid('ENDPOINT_MALFORMED', 'start.destination'),
  },
  {
    rpc: 'SendVm',
    what: 'a destination where nobody listens',
    calls: once((world) => start(world, {})),
    code: 'UNAVAILABLE',
    reason: 'DESTINATION_UNREACHABLE',
  },
  {
    rpc: 'SendVm',
    what: 'a destination at which the VM was not prepared',
    needs: [reachingItself],
    // Not `still`: two entries that send it at the same time are refused for that.
    calls: once(({ chips, itself }) => ({
      start: { name: vmOf(chips), migrationId: 'm', destination: itself, token: 'none' },
    })),
    code: 'FAILED_PRECONDITION',
    reason: 'DESTINATION_REFUSED',
    subject: 'destination',
    metadata: { destination_reason: 'NOT_PREPARED', vm: 'chips' },
  },
];

// ---------------------------------------------------------------------------------------------------------
// The destination

const PAGE_BYTES = 4096;
/** A page of ones, and its CRC-32. */
const ONES = { firstPages: [0], pageCounts: [1], data: Buffer.alloc(PAGE_BYTES, 1), crc32: 0x3ad9e426 };

type Refusal = Pick<Wrong, 'code' | 'reason' | 'field' | 'subject' | 'metadata'>;

/** What is sent to a VM of that id, which waits for it, after the message that begins. It is deleted for that. */
const sent = (
  id: string,
  what: string,
  messages: (world: World) => readonly object[],
  refusal: Refusal,
  needs: readonly Need[] = [],
): Wrong => ({
  rpc: 'ReceiveVm',
  what,
  needs,
  calls: once(async (world) => [{ begin: await world.prepare(id) }, ...messages(world)]),
  ...refusal,
});

/** A commit of the state of `chips`, which is of the same shape, with a change. */
const commit = (
  id: string,
  what: string,
  change: (state: VmState__Output) => object,
  refusal: Refusal,
  needs: readonly Need[] = [],
): Wrong =>
  sent(
    id,
    what,
    ({ chipsState }) => [{ commit: { state: { ...chipsState, ...change(chipsState) } } }],
    refusal,
    needs,
  );

const commitVcpu = (
  id: string,
  what: string,
  change: (state: VcpuState__Output) => VcpuState__Output,
  refusal: Refusal,
  needs: readonly Need[] = [],
): Wrong => commit(id, what, ({ vcpus }) => ({ vcpus: vcpus.map(change) }), refusal, needs);

const notPrepared = (id: string, what: string, begin: (waiting: Begin, world: World) => object): Wrong => ({
  rpc: 'ReceiveVm',
  what,
  calls: once(async (world) => ({ begin: begin(await world.prepare(id), world) })),
  code: 'FAILED_PRECONDITION',
  reason: 'NOT_PREPARED',
  subject: `vms/${id}`,
  metadata: { vm: id },
});

const LSTAR = 0xc000_0082;

const RECEIVE: readonly Wrong[] = [
  { rpc: 'ReceiveVm', what: 'no message at all', calls: () => [[]], ...invalid('FIELD_REQUIRED', 'begin') },
  {
    rpc: 'ReceiveVm',
    what: 'memory, the end of a round, a commit or nothing before the beginning',
    calls: () => [{ pages: ONES }, { roundEnd: {} }, { commit: {} }, {}],
    code: 'INVALID_ARGUMENT',
    reason: 'MESSAGE_OUT_OF_PLACE',
  },
  {
    rpc: 'ReceiveVm',
    what: 'a second beginning',
    calls: once(async ({ prepare }) => {
      const begin = await prepare('twice');
      return [{ begin }, { begin }];
    }),
    code: 'INVALID_ARGUMENT',
    reason: 'MESSAGE_OUT_OF_PLACE',
  },
  notPrepared('other-token', 'another token', (begin, { nobody }) => ({ ...begin, token: nobody })),
  notPrepared('no-token', 'no token', (begin) => ({ ...begin, token: '' })),
  notPrepared('other-id', 'the id of another migration', (begin) => ({ ...begin, migrationId: 'n' })),
  {
    rpc: 'ReceiveVm',
    what: 'a VM that was not prepared',
    calls: once(({ still }) => ({ begin: { name: vmOf(still), migrationId: 'm' } })),
    code: 'FAILED_PRECONDITION',
    reason: 'NOT_PREPARED',
    subject: 'vms/still',
    metadata: { vm: 'still' },
  },
  sent('empty', 'a message of nothing', () => [{}], invalid('FIELD_REQUIRED', 'message')),
  sent('stateless', 'a commit without a state', () => [{ commit: {} }], invalid('FIELD_REQUIRED', 'state')),
  sent(
    'uncounted',
    'a run of pages without a count',
    () => [{ pages: { ...ONES, firstPages: [0, 1] } }],
    invalid('PAGES_MALFORMED', 'pages.data'),
  ),
  sent(
    'half',
    'half a page',
    () => [{ pages: { ...ONES, data: ONES.data.subarray(1) } }],
    invalid('PAGES_MALFORMED', 'pages.data'),
  ),
  sent(
    'uncounted-zeroes',
    'a run of zero pages without a count',
    () => [{ pages: { zeroFirstPages: [0] } }],
    invalid('PAGES_MALFORMED', 'pages.zero_page_counts'),
  ),
  sent('altered', 'pages whose CRC-32 is another', () => [{ pages: { ...ONES, crc32: 1 } }], {
    code: 'DATA_LOSS',
    reason: 'CHECKSUM_WRONG',
    metadata: { sent: '1', arrived: String(ONES.crc32) },
  }),
  sent(
    'unlike',
    'memory whose SHA-256 is another',
    ({ chipsState }) => [{ commit: { state: chipsState, memoryHashes: [Buffer.alloc(32)] } }],
    { code: 'DATA_LOSS', reason: 'CHECKSUM_WRONG', metadata: { ranges: '0', compared: '1' } },
  ),
  sent('behind', 'pages behind the last region', () => [{ pages: { ...ONES, firstPages: [1] } }], {
    code: 'OUT_OF_RANGE',
    reason: 'MEMORY_RANGE_NOT_BACKED',
    field: 'gpa',
    metadata: { gpa: '0x1000' },
  }),
  sent(
    'behind-zeroes',
    'zero pages behind the last address there is',
    () => [{ pages: { zeroFirstPages: [0xffff_ffff], zeroPageCounts: [0xffff_ffff] } }],
    {
      code: 'OUT_OF_RANGE',
      reason: 'MEMORY_RANGE_NOT_BACKED',
      field: 'gpa',
      metadata: { gpa: '0xffffffff000' },
    },
  ),
  commit(
    'clockless',
    'a clock of 47 bytes',
    ({ clock }) => ({ clock: clock.subarray(1) }),
    invalid('STATE_SIZE_WRONG', 'state.clock'),
  ),
  commit('pcless', 'no PC devices', () => ({ pc: null }), {
    code: 'FAILED_PRECONDITION',
    reason: 'VM_SHAPE_DIFFERS',
    subject: 'vms/pcless',
  }),
  commitVcpu(
    'eventful',
    'event flags that the kernel does not know',
    (state) => ({
      ...state,
      events: changed(state.events, (copy) => void copy.writeUInt32LE(1 << 30, EVENTS.flags)),
    }),
    { ...invalid('KERNEL_REFUSED_STATE', 'state.vcpus[0].events'), metadata: { errno: 'EINVAL' } },
  ),
  commitVcpu(
    'star',
    'a non-canonical LSTAR',
    (state) => {
      const row = Buffer.alloc(MSR_ENTRY.bytes);
      row.writeUInt32LE(LSTAR, MSR_ENTRY.index);
      row.writeBigUInt64LE(1n << 63n, MSR_ENTRY.value);
      return { ...state, msrs: Buffer.concat([state.msrs, row]) };
    },
    { ...invalid('MSR_REFUSED', 'state.vcpus[0].msrs'), metadata: { msr: '0xc0000082' } },
  ),
  commitVcpu(
    'sipi',
    'a SIPI vector, which KVM takes no notice of',
    (state) => ({
      ...state,
      events: changed(state.events, (copy) => void copy.writeUInt32LE(1, EVENTS.sipiVector)),
    }),
    { code: 'DATA_LOSS', reason: 'STATE_NOT_HELD', metadata: { parts: 'vcpus[0].events' } },
  ),
  commitVcpu(
    'asid',
    'ASID 0',
    (state) =>
      withNestedState(
        withFacts(state, L1_IN_LONG_MODE.SVM),
        changed(svmGuestMode(), (copy) => void copy.writeUInt32LE(0, VMCB12_CONTROL.asid.offset)),
      ),
    {
      ...invalid('SVM_ASID_ZERO', 'state.vcpus[0].nested_state.data:vmcb12.control.asid'),
      metadata: { errno: 'EINVAL' },
    },
    [onFormat('SVM')],
  ),
  commitVcpu(
    'vmxon',
    'vmxon_pa 1',
    (state) =>
      withNestedState(
        withFacts(state, L1_IN_LONG_MODE.VMX),
        changed(vmxGuestMode(), (copy) => void copy.writeBigUInt64LE(1n, VMX_HEADER.vmxon_pa.offset)),
      ),
    {
      ...invalid('VMX_VMXON_PA_UNALIGNED', 'state.vcpus[0].nested_state.data:hdr.vmx.vmxon_pa'),
      metadata: { errno: 'EINVAL' },
    },
    [onFormat('VMX')],
  ),
  commitVcpu(
    'nested',
    'a nested state on a host without',
    (state) => withNestedState(state, svmHeaderOnly()),
    { code: 'FAILED_PRECONDITION', reason: 'NESTED_NOT_SUPPORTED', subject: 'host' },
    [withoutNested],
  ),
];

// ---------------------------------------------------------------------------------------------------------
// What was left behind, and what is not done to a VM that waits

const RESOLVE: readonly Wrong[] = [
  {
    rpc: 'ResolveMigration',
    what: 'no outcome',
    calls: once(({ still }) => ({ name: vmOf(still), migrationId: 'm' })),
    ...invalid('FIELD_REQUIRED', 'outcome'),
  },
  {
    rpc: 'ResolveMigration',
    what: 'a VM that takes part in none',
    calls: ({ still }) =>
      ['', 'm'].flatMap((migrationId) =>
        ['RUN_HERE', 'ABANDON'].map((outcome) => {
          return { name: vmOf(still), migrationId, outcome: `MIGRATION_OUTCOME_${outcome}` };
        }),
      ),
    code: 'FAILED_PRECONDITION',
    reason: 'MIGRATION_ID_DIFFERS',
    subject: 'vms/still',
    metadata: { vm: 'still' },
  },
  {
    rpc: 'ResolveMigration',
    what: 'a VM that waits is to run here',
    calls: once(async ({ prepare }) => {
      const { name, migrationId } = await prepare('waiting');
      return { name, migrationId, outcome: 'MIGRATION_OUTCOME_RUN_HERE' };
    }),
    code: 'FAILED_PRECONDITION',
    reason: 'MIGRATION_PHASE',
    subject: 'vms/waiting',
    metadata: { vm: 'waiting', migration_id: 'm', phase: 'PREPARED', outcome: 'RUN_HERE' },
  },
];

interface Held {
  readonly rpc: string;
  readonly id: string;
  readonly request: (name: string, world: World) => object;
  readonly needs: readonly Need[];
}

const NOT_OURS: readonly Held[] = [
  { rpc: 'RunVm', id: 'unrun', request: (name) => ({ name }), needs: [runningGuests] },
  { rpc: 'Reset', id: 'unreset', request: (name) => ({ name: `${name}/vcpus/0` }), needs: [] },
  {
    rpc: 'SetVmState',
    id: 'unset',
    request: (name, { chipsState }) => ({ name, state: chipsState }),
    needs: [],
  },
  {
    rpc: 'SetVcpuState',
    id: 'vcpu-unset',
    request: (name, { chipsState }) => ({ name: `${name}/vcpus/0`, state: chipsState.vcpus[0] }),
    needs: [],
  },
  {
    rpc: 'SetNestedState',
    id: 'nested-unset',
    request: (name, { nested }) => ({
      name: `${name}/vcpus/0`,
      nestedState: { data: Buffer.from(nested) },
    }),
    needs: [withNested],
  },
  {
    rpc: 'SendVm',
    id: 'unsent',
    request: (name) => ({ start: { name, migrationId: 'm', destination: 'unix:///nowhere.sock' } }),
    needs: [],
  },
];

const MIGRATING: readonly Wrong[] = NOT_OURS.map(({ rpc, id, request, needs }) => ({
  rpc,
  what: 'a VM that waits for another one’s state',
  needs,
  calls: once(async (world) => request((await world.prepare(id)).name, world)),
  code: 'FAILED_PRECONDITION',
  reason: 'VM_MIGRATING',
  subject: `vms/${id}`,
  metadata: { vm: id, migration_id: 'm', phase: 'PREPARED' },
}));

export const MIGRATION: readonly Wrong[] = [...PREPARE, ...SEND, ...RECEIVE, ...RESOLVE, ...MIGRATING];
