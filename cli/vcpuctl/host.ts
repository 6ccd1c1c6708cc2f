// vcpuctl host: what the host can do, and whether a VM of another can move to it. HostService.

import type { Command } from 'commander';
import type { Endpoint } from '../../lib/api/endpoint.js';
import type { CheckCompatibilityResponse__Output } from '../../protos/gen/vcpud/v1/CheckCompatibilityResponse.js';
import type { Host__Output } from '../../protos/gen/vcpud/v1/Host.js';
import type { VmRequirements } from '../../protos/gen/vcpud/v1/VmRequirements.js';
import { endpoint, vmName } from './arguments.js';
import { VcpuctlError } from './failure.js';
import { readState } from './files.js';
import { type Detail, details, examples, hex, size, table, word } from './output.js';
import type { Act, Session } from './session.js';

const CHECK = `
--endpoint is the destination. What the VM asks for comes from the vcpud that has it
(--vm and --from), or from a file that vcpuctl vm requirements --out wrote there
(--in). Every difference that matters is told, blockers first; with a blocker the
exit status is 7, and the VM must not be moved.
`;

interface CheckOptions {
  readonly vm?: string;
  readonly from?: Endpoint;
  readonly in?: string;
}

export function register(group: Command, act: Act): void {
  group.addHelpText('after', examples('host', '--json host get', 'host check --in web.requirements'));
  group
    .command('get', { isDefault: true })
    .description('kernel, CPU, nested capability, capabilities, VMX capability MSRs, enforced rules')
    .addHelpText('after', examples('host get', '--json host get | jq .host.nested'))
    .action(
      act(async (session) => {
        const client = await session.connect();
        const answer = await client.host.GetHost({});
        await session.answer('GetHostResponse', answer, ({ host }) => (host === null ? '' : hostText(host)));
      }),
    );
  group
    .command('check')
    .description('say whether a VM of another host can move to this one, before anything is touched')
    .option('--vm <vm>', 'the VM: vms/{vm} or {vm}', vmName)
    .option('--from <endpoint>', 'the vcpud that has it: unix:///PATH or tcp://HOST:PORT', endpoint)
    .option('--in <file>', 'a requirements file, or - for standard input')
    .addHelpText(
      'after',
      CHECK +
        examples(
          'host check --vm web --from unix:///run/vcpud/source.sock',
          'host check --in web.requirements',
          "--json host check --in web.requirements | jq -r '.findings[].reason'",
        ),
    )
    .action(act(check));
}

async function check(session: Session, options: CheckOptions): Promise<void> {
  const { name, requirements } = await requirementsOf(session, options);
  const client = await session.connect();
  const answer = await client.host.CheckCompatibility({ requirements });
  await session.answer('CheckCompatibilityResponse', answer, (verdict) => verdictText(name, verdict));
  if (answer.compatible) return;
  const blocker = answer.findings.find(({ severity }) => severity === 'COMPATIBILITY_SEVERITY_BLOCKER');
  throw new VcpuctlError('INCOMPATIBLE', blocker?.reason ?? '', blocker?.message ?? 'there is a blocker');
}

async function requirementsOf(
  session: Session,
  { vm, from, in: file }: CheckOptions,
): Promise<{ readonly name: string; readonly requirements: VmRequirements | null }> {
  if (file !== undefined && vm === undefined && from === undefined) {
    const requirements = await readState(session.io, 'VmRequirements', file);
    return { name: requirements.name, requirements };
  }
  if (file !== undefined || vm === undefined || from === undefined) {
    throw new VcpuctlError('USAGE', '', 'name the VM and where it is (--vm, --from), or a file (--in)');
  }
  const { requirements } = await session.elsewhere(from, (source) =>
    source.vm.GetVmRequirements({ name: vm }),
  );
  return { name: vm, requirements };
}

/** The verdict, then a row a finding. */
function verdictText(name: string, { findings, compatible }: CheckCompatibilityResponse__Output): string {
  const verdict = compatible ? `${name} can move here\n` : `${name} must not move here\n`;
  if (findings.length === 0) return verdict;
  const rows = findings.map(({ severity, reason, subject, sourceValue, destinationValue }) => [
    word(severity, 'COMPATIBILITY_SEVERITY').toLowerCase(),
    reason,
    subject,
    sourceValue,
    destinationValue,
  ]);
  const sentences = findings.map(({ message }) => `  ${message}\n`);
  return `${verdict}\n${table(['SEVERITY', 'REASON', 'SUBJECT', 'SOURCE', 'HERE'], rows)}\n${sentences.join('')}`;
}

function hostText(host: Host__Output): string {
  const { nested } = host;
  const rows: Detail[] = [
    ['vcpud', host.vcpudVersion],
    ['kernel', host.kernelRelease],
    ['KVM API', String(host.kvmApiVersion)],
    ['CPU', `${host.cpuModel} (${word(host.cpuVendor, 'CPU_VENDOR')})`],
    ['TSC', `${host.tscKhz} kHz`],
    ['memory left', size(host.memoryAvailableBytes)],
    ['XCR0', hex(host.xcr0Supported)],
    ['drivers', host.drivers.map((driver) => word(driver, 'DRIVER').toLowerCase()).join(', ')],
  ];
  if (nested?.enabled === true) {
    const format = word(nested.format, 'NESTED_STATE_FORMAT');
    rows.push(['nested state', `${format}, at most ${size(nested.maxSizeBytes)}`]);
  } else {
    rows.push(['nested state', `none: ${nested?.disabledReason ?? ''}`]);
  }
  const rules =
    host.enforcedRules.length === 0 ? ['none of those that differ between kernels'] : host.enforcedRules;
  rules.forEach((rule, i) => {
    rows.push([i === 0 ? 'enforced rules' : '', rule]);
  });
  const capabilities = host.capabilities.map(({ name, number, value }) => [
    name,
    String(number),
    String(value),
  ]);
  const msrs = host.vmxCapabilityMsrs.map(({ index, value }) => [hex(index), hex(value)]);
  return [
    details(rows),
    table(['CAPABILITY', 'NUMBER', 'VALUE'], capabilities),
    ...(msrs.length === 0 ? [] : [table(['VMX MSR', 'VALUE'], msrs)]),
  ].join('\n');
}
