// vcpuctl host: what the host can do. HostService.

import type { Command } from 'commander';
import type { Host__Output } from '../../protos/gen/vcpud/v1/Host.js';
import { type Detail, details, examples, hex, size, table, word } from './output.js';
import type { Act } from './session.js';

export function register(group: Command, act: Act): void {
  group.addHelpText('after', examples('host', '--json host get'));
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
}

function hostText(host: Host__Output): string {
  const { nested } = host;
  const rows: Detail[] = [
    ['vcpud', host.vcpudVersion],
    ['kernel', host.kernelRelease],
    ['KVM API', String(host.kvmApiVersion)],
    ['CPU', `${host.cpuModel} (${word(host.cpuVendor, 'CPU_VENDOR')})`],
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
