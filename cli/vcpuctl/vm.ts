// vcpuctl vm: VmService.

import { type Command, Option } from 'commander';
import { SIZE } from '../../lib/kvm/abi.js';
import type { GetVmRequirementsResponse__Output } from '../../protos/gen/vcpud/v1/GetVmRequirementsResponse.js';
import type { GetVmStateResponse__Output } from '../../protos/gen/vcpud/v1/GetVmStateResponse.js';
import type { Vm__Output } from '../../protos/gen/vcpud/v1/Vm.js';
import type { VmMigration__Output } from '../../protos/gen/vcpud/v1/VmMigration.js';
import type { VmState__Output } from '../../protos/gen/vcpud/v1/VmState.js';
import { count, type Region, regions, vmId, vmName } from './arguments.js';
import { Interrupted } from './failure.js';
import { readState, saveState } from './files.js';
import {
  type Detail,
  details,
  examples,
  hex,
  plural,
  roundSize,
  size,
  stopTime,
  table,
  time,
  word,
  yesNo,
} from './output.js';
import { allVms } from './pages.js';
import type { Act, Session } from './session.js';
import { Stall } from './stall.js';
import { vcpuDetails } from './vcpu-view.js';
import { WatchLines } from './watch-lines.js';

const STATE_FILE = `
A state file is the API's message vcpud.v1.VmState (protos/vcpud/v1/vm.proto) in
protobuf's binary encoding: every vCPU, the clock and the in-kernel devices.
Guest memory is not in it: see vcpuctl memory.
`;

interface CreateOptions {
  readonly memory: readonly Region[];
  readonly vcpus: number;
  readonly irqchip?: true;
  readonly pit?: true;
  readonly pc?: true;
  readonly kernel?: string;
  readonly initramfs?: string;
  readonly append?: string;
}

const RESOLVE = `
Ask both sides by vm get first. Where the destination has the VM as arrived: abandon
at the source. Where it has not: abandon at the destination, if it has the VM at
all, and then run-here at the source. A guest that runs on both sides is lost.
`;

const OUTCOMES = {
  'run-here': 'MIGRATION_OUTCOME_RUN_HERE',
  abandon: 'MIGRATION_OUTCOME_ABANDON',
} as const;

const REQUIREMENTS_FILE = `
A requirements file is the API's message vcpud.v1.VmRequirements
(protos/vcpud/v1/host.proto) in protobuf's binary encoding: vcpuctl host check
reads it at a destination.
`;

export function register(group: Command, act: Act): void {
  group.addHelpText(
    'after',
    examples('vm create web --memory 0:64M --vcpus 2', 'vm watch web', 'vm delete web'),
  );

  group
    .command('create')
    .description('make a VM, paused at power-on state')
    .argument('<id>', '1 to 63 of a-z, 0-9 and -, beginning with a letter', vmId)
    .requiredOption('--memory <gpa:size>', 'a region of guest memory; give it once for each', regions)
    .option('--vcpus <count>', 'how many vCPUs', count, 1)
    .option('--irqchip', "with KVM's in-kernel irqchip")
    .option('--pit', "with KVM's in-kernel PIT; needs --irqchip")
    .option('--pc', "with a PC's serial port, clock and reset line; needs --irqchip")
    .option('--kernel <path>', "boot this Linux bzImage, a file on vcpud's host; means --irqchip --pit --pc")
    .option('--initramfs <path>', "the kernel's initramfs, a file on vcpud's host")
    .option('--append <words>', "the kernel's command line", 'console=ttyS0')
    .addHelpText(
      'after',
      examples(
        'vm create web --memory 0:64M --memory 0xffff0000:64K',
        'vm create web --memory 0:1G --vcpus 4 --irqchip --pit',
        'vm create web --memory 0:512M --kernel /boot/vmlinuz --initramfs /boot/initrd.img',
      ),
    )
    .action(
      act(async (session, id: string, options: CreateOptions) => {
        const { kernel, initramfs = '', append = '' } = options;
        const linux = kernel !== undefined;
        const vm = {
          vcpuCount: options.vcpus,
          memoryRegions: options.memory.map(({ gpa, bytes }) => ({
            gpa: String(gpa),
            sizeBytes: String(bytes),
          })),
          irqchip: linux || options.irqchip === true,
          pit: linux || options.pit === true,
          pc: linux || options.pc === true,
          linuxBoot: linux ? { kernelPath: kernel, initramfsPath: initramfs, commandLine: append } : null,
        };
        const client = await session.connect();
        const answer = await client.vm.CreateVm({ vmId: id, vm });
        await session.answer('CreateVmResponse', answer, vmText);
      }),
    );

  group
    .command('get')
    .description('describe a VM')
    .argument('<vm>', 'vms/{vm} or {vm}', vmName)
    .addHelpText('after', examples('vm get web'))
    .action(
      act(async (session, name: string) => {
        const client = await session.connect();
        await session.answer('GetVmResponse', await client.vm.GetVm({ name }), vmText);
      }),
    );

  group
    .command('list')
    .description('list all VMs of this vcpud')
    .addHelpText('after', examples('vm list', "--json vm list | jq -r '.vms[].name'"))
    .action(
      act(async (session) => {
        const vms = await allVms(await session.connect());
        await session.answer('ListVmsResponse', { vms }, listText);
      }),
    );

  group
    .command('delete')
    .description('end a VM, running or not, and free all it had')
    .argument('<vm>', 'vms/{vm} or {vm}', vmName)
    .addHelpText('after', examples('vm delete web'))
    .action(
      act(async (session, name: string) => {
        const client = await session.connect();
        await session.answer(
          'DeleteVmResponse',
          await client.vm.DeleteVm({ name }),
          () => `${name} is deleted\n`,
        );
      }),
    );

  group
    .command('run')
    .description("let a paused VM's vCPUs run")
    .argument('<vm>', 'vms/{vm} or {vm}', vmName)
    .addHelpText('after', examples('vm run web'))
    .action(
      act(async (session, name: string) => {
        const client = await session.connect();
        await session.answer('RunVmResponse', await client.vm.RunVm({ name }), vmText);
      }),
    );

  group
    .command('pause')
    .description('bring every vCPU out of the guest, pending I/O completed')
    .argument('<vm>', 'vms/{vm} or {vm}', vmName)
    .addHelpText('after', examples('vm pause web'))
    .action(
      act(async (session, name: string) => {
        const client = await session.connect();
        await session.answer('PauseVmResponse', await client.vm.PauseVm({ name }), vmText);
      }),
    );

  group
    .command('watch')
    .description('show what happens to a VM until it is deleted (status 0) or Ctrl-C (status 130)')
    .argument('<vm>', 'vms/{vm} or {vm}', vmName)
    .option('--history', 'begin with what the debug console has shown so far (the last 64 KiB)')
    .addHelpText(
      'after',
      `\nLines are UTC time and what happened; with --json each event is one JSON line.\n${examples(
        'vm watch web --history',
        "--json vm watch web | jq -r 'select(.vm) | .vm.runState'",
      )}`,
    )
    .action(act(watch));

  group
    .command('console')
    .description("show a guest's serial port, and give it what is typed; ends when the VM stops or is gone")
    .argument('<vm>', 'vms/{vm} or {vm}', vmName)
    .option('--history', 'begin with what the port has shown so far (the last 64 KiB)')
    .addHelpText(
      'after',
      `\nAt a terminal Ctrl-] leaves, and every other key is the guest's, Ctrl-C too. In a\npipe all bytes are the guest's, and Ctrl-C ends it (status 130).\n${examples(
        'vm console web',
        'vm console web --history',
      )}`,
    )
    .action(
      act(async (session, name: string, options: { readonly history?: true }) => {
        const { attach } = await import('./console.js');
        await attach(session, name, options);
      }),
    );

  group
    .command('resolve-migration')
    .description('end what a migration left behind: for one who knows where the guest runs')
    .argument('<vm>', 'vms/{vm} or {vm}', vmName)
    .requiredOption('--id <id>', "the migration's id, as vm get shows it")
    .addOption(
      new Option('--outcome <outcome>', 'whether the guest goes on here, or the VM is deleted here')
        .choices(Object.keys(OUTCOMES))
        .makeOptionMandatory(),
    )
    .addHelpText(
      'after',
      RESOLVE +
        examples(
          'vm resolve-migration web --id 4f1c --outcome abandon',
          'vm resolve-migration web --id 4f1c --outcome run-here',
        ),
    )
    .action(act(resolveMigration));

  group
    .command('get-state')
    .description('take what a VM holds beside its memory: every vCPU from one stop, the clock, the devices')
    .argument('<vm>', 'vms/{vm} or {vm}', vmName)
    .option('--out <file>', 'write the state there, instead of showing what it says')
    .addHelpText('after', STATE_FILE + examples('vm get-state web --out web.state', 'vm get-state web'))
    .action(act(getState));

  group
    .command('requirements')
    .description('say what a VM asks of a host that it is to move to')
    .argument('<vm>', 'vms/{vm} or {vm}', vmName)
    .option('--out <file>', 'write it there, for host check, instead of showing what it says')
    .addHelpText(
      'after',
      REQUIREMENTS_FILE + examples('vm requirements web --out web.requirements', 'vm requirements web'),
    )
    .action(act(requirements));

  group
    .command('set-state')
    .description('give a paused VM of the same shape what another held; write its memory first')
    .argument('<vm>', 'vms/{vm} or {vm}', vmName)
    .requiredOption('--in <file>', 'a state file, or - for standard input')
    .addHelpText('after', STATE_FILE + examples('vm set-state copy --in web.state'))
    .action(
      act(async (session, name: string, options: { readonly in: string }) => {
        const state = await readState(session.io, 'VmState', options.in);
        const client = await session.connect();
        await session.answer('SetVmStateResponse', await client.vm.SetVmState({ name, state }), vmText);
      }),
    );
}

export function vmText({ vm }: { readonly vm: Vm__Output | null }): string {
  if (vm === null) return '';
  const rows: Detail[] = [
    ['name', vm.name],
    ['state', runState(vm)],
  ];
  if (vm.stop !== null) {
    const { reason, vcpuIndex, message } = vm.stop;
    rows.push(['stopped by', `vCPU ${vcpuIndex}, ${word(reason, 'VM_STOP_REASON')}: ${message}`]);
  }
  rows.push(['vCPUs', String(vm.vcpuCount)]);
  vm.memoryRegions.forEach(({ gpa, sizeBytes }, i) => {
    rows.push([i === 0 ? 'memory' : '', `${hex(gpa)}: ${size(sizeBytes)}`]);
  });
  rows.push(
    ['irqchip', yesNo(vm.irqchip)],
    ['PIT', yesNo(vm.pit)],
    ['PC devices', yesNo(vm.pc)],
    ...(vm.linuxBoot === null
      ? []
      : ([
          ['kernel', vm.linuxBoot.kernelPath],
          ['initramfs', vm.linuxBoot.initramfsPath || 'none'],
          ['command line', vm.linuxBoot.commandLine],
        ] satisfies Detail[])),
    ['driver', word(vm.driver, 'DRIVER').toLowerCase()],
    ...(vm.migration === null ? [] : [['migration', migrationText(vm.migration)] as const]),
    ...(vm.dirtyTracking ? [['tracking', 'written pages are kept until they are collected'] as const] : []),
    ['created', time(vm.createTime)],
    ['updated', time(vm.updateTime)],
  );
  return details(rows);
}

function migrationText({ id, phase, peer }: VmMigration__Output): string {
  const how = word(phase, 'MIGRATION_PHASE').toLowerCase().replaceAll('_', ' ');
  return `${id}: ${how}${peer === '' ? '' : `, to ${peer}`}`;
}

const runState = (vm: Vm__Output): string => word(vm.runState, 'VM_RUN_STATE').toLowerCase();

function listText({ vms }: { readonly vms: readonly Vm__Output[] }): string {
  const rows = vms.map((vm) => {
    const bytes = vm.memoryRegions.reduce((sum, { sizeBytes }) => sum + BigInt(sizeBytes), 0n);
    return [vm.name, runState(vm), String(vm.vcpuCount), roundSize(bytes), time(vm.createTime)];
  });
  return table(['NAME', 'STATE', 'VCPUS', 'MEMORY', 'CREATED'], rows);
}

async function watch(session: Session, name: string, options: { readonly history?: true }): Promise<void> {
  const client = await session.connect();
  const stream = client.watchVm({ name, consoleHistory: options.history === true });
  let ended: Error | undefined;
  const end = (error: Error) => {
    ended ??= error;
    stream.cancel();
  };
  const forget = session.io.onInterrupt(() => end(new Interrupted()));
  // The first event, what the VM is now, comes at once; the others when they do.
  const first = new Stall(session.timeoutMs, end);
  const lines = new WatchLines();
  const show = async (text: string) => {
    if (text !== '') await session.io.out(text);
  };
  try {
    first.waiting();
    for await (const event of stream) {
      first.moved();
      if (session.json) await session.jsonLine('WatchVmResponse', event);
      else await show(lines.take(event));
    }
  } finally {
    first.moved();
    forget();
    await show(lines.flush());
  }
  if (ended !== undefined) throw ended;
}

async function resolveMigration(
  session: Session,
  name: string,
  options: { readonly id: string; readonly outcome: keyof typeof OUTCOMES },
): Promise<void> {
  const client = await session.connect();
  const answer = await client.migration.ResolveMigration({
    name,
    migrationId: options.id,
    outcome: OUTCOMES[options.outcome],
  });
  await session.answer('ResolveMigrationResponse', answer, ({ vm }) =>
    vm === null ? `${name} is deleted here\n` : vmText({ vm }),
  );
}

async function getState(session: Session, name: string, options: { readonly out?: string }): Promise<void> {
  const client = await session.connect();
  const answer = await client.vm.GetVmState({ name });
  const { state, stopDuration } = answer;
  if (options.out === undefined || state === null) {
    await session.answer('GetVmStateResponse', answer, stateText);
    return;
  }
  const bytes = await saveState('VmState', options.out, state);
  const { length } = state.vcpus;
  const text = `${options.out}: ${plural(length, 'vCPU')} of ${name}, ${size(bytes)}; stopped for ${stopTime(stopDuration)}\n`;
  await session.answer('GetVmStateResponse', { ...answer, state: null }, () => text);
}

function stateText({ state, stopDuration, captureTime }: GetVmStateResponse__Output): string {
  const head = details([
    ['captured', time(captureTime)],
    ['stopped for', stopTime(stopDuration)],
    ...(state === null ? [] : deviceRows(state)),
  ]);
  const vcpus = (state?.vcpus ?? []).map((vcpu, i) => `vCPU ${i}\n${details(vcpuDetails(vcpu))}`);
  return [head, ...vcpus].join('\n');
}

function deviceRows({ clock, irqchips, pit }: VmState__Output): Detail[] {
  return [
    ['kvmclock', `${clock.readBigUInt64LE(0)} ns`],
    ['irqchip', irqchips.length === 0 ? 'none' : 'two PICs and an IOAPIC'],
    ['PIT', pit.length === 0 ? 'none' : 'yes'],
  ];
}

async function requirements(
  session: Session,
  name: string,
  options: { readonly out?: string },
): Promise<void> {
  const client = await session.connect();
  const answer = await client.vm.GetVmRequirements({ name });
  if (options.out === undefined || answer.requirements === null) {
    await session.answer('GetVmRequirementsResponse', answer, requirementsText);
    return;
  }
  const bytes = await saveState('VmRequirements', options.out, answer.requirements);
  const { out } = options;
  await session.say({ name, file: out, bytes }, `${name}: ${size(bytes)} written to ${out}\n`);
}

function requirementsText({ requirements: needs, stopDuration }: GetVmRequirementsResponse__Output): string {
  if (needs === null) return '';
  const { host } = needs;
  const rows: Detail[] = [
    ['name', needs.name],
    ['stopped for', stopTime(stopDuration)],
    ['CPU', `${host?.cpuModel ?? ''} (${word(host?.cpuVendor ?? '', 'CPU_VENDOR')})`],
    ['kernel', host?.kernelRelease ?? ''],
    ['nested state', word(needs.nestedFormat, 'NESTED_STATE_FORMAT')],
    ['vCPUs', String(needs.vcpuCount)],
    ['memory', size(needs.memoryBytes)],
    ['irqchip', yesNo(needs.irqchip)],
    ['PIT', yesNo(needs.pit)],
    ['CPUID', needs.cpuids.map((entries) => `${entries.length / SIZE.cpuidEntry} entries`).join(', ')],
    ['XCR0', hex(needs.xcr0)],
    ['XSAVE area', size(needs.xsaveBytes)],
    ['TSC', `${needs.tscKhz} kHz`],
  ];
  const msrs = needs.vmxCapabilityMsrs.map(({ index, value }) => [hex(index), hex(value)]);
  return [details(rows), ...(msrs.length === 0 ? [] : [table(['VMX MSR', 'VALUE'], msrs)])].join('\n');
}
