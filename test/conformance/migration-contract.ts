// What is refused of the rpcs that move a VM from one vcpud to another, and of a serial port that there is not. As
// functions of the VMs' ids: the suite has its own, the test of bad input on a real kernel others.

export interface MigrationIds {
  /** A paused VM, without PC devices, that takes part in no migration. */
  readonly still: string;
  /** Another one. */
  readonly other: string;
  /** Ids that no VM has. */
  readonly nobody: string;
  readonly fresh: string;
}

export interface MigrationWrong {
  readonly rpc: string;
  readonly what: string;
  /** The message, or the messages of a stream. */
  readonly request: (ids: MigrationIds) => object | readonly object[];
  readonly code: string;
  readonly reason: string;
  readonly field?: string;
  /** PreconditionFailure's subject. */
  readonly subject?: (ids: MigrationIds) => string;
  readonly metadata?: (ids: MigrationIds) => Readonly<Record<string, string>>;
}

const REGION = { gpa: 0, sizeBytes: 0x1000 };
const ID = 'migration-1';
/** Nobody listens there. */
const NOWHERE = 'unix:///nonexistent/vcpud.sock';
const vmName = (id: string): string => `vms/${id}`;

const invalid = (reason: string, field: string) => ({ code: 'INVALID_ARGUMENT', reason, field });
const noVm = {
  code: 'NOT_FOUND',
  reason: 'VM_NOT_FOUND',
  metadata: ({ nobody }: MigrationIds) => ({ vm: nobody }),
};

const prepare = (what: string, request: (ids: MigrationIds) => object, refusal: object): MigrationWrong =>
  ({ rpc: 'PrepareVm', what, request, ...refusal }) as MigrationWrong;
const prepareVm = (what: string, vm: object, reason: string, field: string): MigrationWrong =>
  prepare(
    what,
    ({ fresh }) => ({ vmId: fresh, migrationId: ID, vm: { memoryRegions: [REGION], ...vm } }),
    invalid(reason, field),
  );

const start = (name: string, given: object = {}) => ({
  start: { name, migrationId: ID, destination: NOWHERE, token: 'x', ...given },
});
const begin = (name: string, given: object = {}) => ({
  begin: { name, migrationId: ID, token: 'x', ...given },
});

export const MIGRATION_CONTRACT: readonly MigrationWrong[] = [
  prepare(
    'a malformed id',
    () => ({ vmId: 'New', migrationId: ID, vm: { memoryRegions: [REGION] } }),
    invalid('VM_ID_MALFORMED', 'vm_id'),
  ),
  prepare('no vm', ({ fresh }) => ({ vmId: fresh, migrationId: ID }), invalid('FIELD_REQUIRED', 'vm')),
  prepare(
    'a malformed migration id',
    ({ fresh }) => ({ vmId: fresh, migrationId: 'a b', vm: { memoryRegions: [REGION] } }),
    invalid('MIGRATION_ID_MALFORMED', 'migration_id'),
  ),
  prepareVm('289 vCPUs', { vcpuCount: 289 }, 'VCPU_COUNT_OUT_OF_RANGE', 'vm.vcpu_count'),
  prepareVm('no memory', { memoryRegions: [] }, 'MEMORY_REGION_INVALID', 'vm.memory_regions'),
  prepareVm('PC devices without an irqchip', { pc: true }, 'DEVICES_INVALID', 'vm.pc'),
  prepare(
    'an id that is taken',
    ({ still }) => ({ vmId: still, migrationId: ID, vm: { memoryRegions: [REGION] } }),
    {
      code: 'ALREADY_EXISTS',
      reason: 'VM_EXISTS',
      field: 'vm_id',
      metadata: ({ still }: MigrationIds) => ({ vm: still }),
    },
  ),
  {
    rpc: 'SendVm',
    what: 'a command before the start',
    request: () => [{ round: {} }],
    ...invalid('FIELD_REQUIRED', 'command'),
  },
  {
    rpc: 'SendVm',
    what: 'a malformed name',
    request: () => [start('vms/Still')],
    ...invalid('NAME_MALFORMED', 'name'),
  },
  {
    rpc: 'SendVm',
    what: 'a malformed migration id',
    request: ({ still }) => [start(vmName(still), { migrationId: '' })],
    ...invalid('MIGRATION_ID_MALFORMED', 'migration_id'),
  },
  {
    rpc: 'SendVm',
    what: 'a malformed destination',
    request: ({ still }) => [start(vmName(still), { destination: 'there' })],
    ...invalid('DESTINATION_MALFORMED', 'destination'),
  },
  {
    rpc: 'SendVm',
    what: 'a VM that is not there',
    request: ({ nobody }) => [start(vmName(nobody))],
    ...noVm,
  },
  {
    rpc: 'SendVm',
    what: 'a destination where nobody listens',
    request: ({ still }) => [start(vmName(still))],
    code: 'UNAVAILABLE',
    reason: 'DESTINATION_UNREACHABLE',
  },
  {
    rpc: 'ReceiveVm',
    what: 'a malformed name',
    request: () => [begin('vms/Still')],
    ...invalid('NAME_MALFORMED', 'name'),
  },
  {
    rpc: 'ReceiveVm',
    what: 'pages before the begin',
    request: () => [{ pages: {} }],
    ...invalid('FIELD_REQUIRED', 'begin'),
  },
  {
    rpc: 'ReceiveVm',
    what: 'a VM that was not prepared',
    request: ({ still }) => [begin(vmName(still))],
    code: 'FAILED_PRECONDITION',
    reason: 'NOT_PREPARED',
    subject: ({ still }) => vmName(still),
    metadata: ({ still }) => ({ vm: still, migration_id: ID }),
  },
  {
    rpc: 'ResolveMigration',
    what: 'a malformed name',
    request: () => ({ name: 'vms/Still', migrationId: ID, outcome: 'MIGRATION_OUTCOME_ABANDON' }),
    ...invalid('NAME_MALFORMED', 'name'),
  },
  {
    rpc: 'ResolveMigration',
    what: 'no outcome',
    request: ({ still }) => ({ name: vmName(still), migrationId: ID }),
    ...invalid('FIELD_REQUIRED', 'outcome'),
  },
  {
    rpc: 'ResolveMigration',
    what: 'a VM that is not there',
    request: ({ nobody }) => ({
      name: vmName(nobody),
      migrationId: ID,
      outcome: 'MIGRATION_OUTCOME_ABANDON',
    }),
    ...noVm,
  },
  {
    rpc: 'ResolveMigration',
    what: 'a VM that takes part in no migration',
    request: ({ still }) => ({
      name: vmName(still),
      migrationId: ID,
      outcome: 'MIGRATION_OUTCOME_RUN_HERE',
    }),
    code: 'FAILED_PRECONDITION',
    reason: 'MIGRATION_ID_DIFFERS',
    subject: ({ still }) => vmName(still),
    metadata: ({ still }) => ({ vm: still, migration_id: ID }),
  },
  {
    rpc: 'WriteConsole',
    what: 'a malformed name',
    request: () => [{ name: 'vms/Still', data: Buffer.alloc(1) }],
    ...invalid('NAME_MALFORMED', 'name'),
  },
  {
    rpc: 'WriteConsole',
    what: 'a VM that is not there',
    request: ({ nobody }) => [{ name: vmName(nobody), data: Buffer.alloc(1) }],
    ...noVm,
  },
  {
    rpc: 'WriteConsole',
    what: 'no message at all',
    request: () => [],
    ...invalid('FIELD_REQUIRED', 'name'),
  },
  {
    rpc: 'WriteConsole',
    what: 'a VM without a serial port',
    request: ({ still }) => [{ name: vmName(still), data: Buffer.alloc(1) }],
    code: 'FAILED_PRECONDITION',
    reason: 'CONSOLE_NOT_PRESENT',
    subject: ({ still }) => vmName(still),
    metadata: ({ still }) => ({ vm: still }),
  },
  ...(
    [
      ['a kernel by a relative path', { kernelPath: 'vmlinuz' }, 'BOOT_FILE_UNREADABLE', 'kernel_path'],
      ['a kernel that is not there', { kernelPath: '/nonexistent' }, 'BOOT_FILE_UNREADABLE', 'kernel_path'],
      ['a kernel that is no file', { kernelPath: '/proc' }, 'BOOT_FILE_UNREADABLE', 'kernel_path'],
      ['a kernel that is none', { kernelPath: '/proc/self/exe' }, 'BOOT_IMAGE_INVALID', 'kernel_path'],
      [
        'a command line of 5000 bytes',
        { kernelPath: '/nonexistent', commandLine: 'x'.repeat(5000) },
        'BOOT_COMMAND_LINE_TOO_LONG',
        'command_line',
      ],
    ] as const
  ).map(
    ([what, linuxBoot, reason, field]): MigrationWrong => ({
      rpc: 'CreateVm',
      what,
      request: ({ fresh }) => ({
        vmId: fresh,
        vm: { memoryRegions: [{ gpa: 0, sizeBytes: 0x400_0000 }], irqchip: true, pc: true, linuxBoot },
      }),
      ...invalid(reason, `vm.linux_boot.${field}`),
    }),
  ),
];
