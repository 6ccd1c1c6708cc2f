// vcpuctl vcpu: VcpuService.

import type { Command } from 'commander';
import type { GetVcpuStateResponse__Output } from '../../protos/gen/vcpud/v1/GetVcpuStateResponse.js';
import type { Vcpu__Output } from '../../protos/gen/vcpud/v1/Vcpu.js';
import { vcpuName, vmName } from './arguments.js';
import { readState, saveState } from './files.js';
import { ignoredText } from './ignored.js';
import { details, examples, size, stopTime, table, time, word } from './output.js';
import { allVcpus } from './pages.js';
import type { Act, Session } from './session.js';
import { vcpuDetails } from './vcpu-view.js';

const VCPU = 'vms/{vm}/vcpus/{index} or {vm}/{index}';

const STATE_FILE = `
A state file is the API's message vcpud.v1.VcpuState (protos/vcpud/v1/vcpu.proto)
in protobuf's binary encoding: the kernel's structures, byte for byte. To move a
VM use vcpuctl vm get-state, which takes all vCPUs from one stop.
`;

export function register(group: Command, act: Act): void {
  group.addHelpText('after', examples('vcpu list web', 'vcpu get-state web/0'));

  group
    .command('get')
    .description('describe a vCPU')
    .argument('<vcpu>', VCPU, vcpuName)
    .addHelpText('after', examples('vcpu get web/0'))
    .action(
      act(async (session, name: string) => {
        const client = await session.connect();
        await session.answer('GetVcpuResponse', await client.vcpu.GetVcpu({ name }), vcpuText);
      }),
    );

  group
    .command('list')
    .description("list a VM's vCPUs")
    .argument('<vm>', 'vms/{vm} or {vm}', vmName)
    .addHelpText('after', examples('vcpu list web'))
    .action(
      act(async (session, name: string) => {
        const vcpus = await allVcpus(await session.connect(), name);
        await session.answer('ListVcpusResponse', { vcpus }, listText);
      }),
    );

  group
    .command('get-state')
    .description('take everything that a vCPU holds, nested state included')
    .argument('<vcpu>', VCPU, vcpuName)
    .option('--out <file>', 'write the state there, instead of showing what it says')
    .addHelpText(
      'after',
      STATE_FILE + examples('vcpu get-state web/0', 'vcpu get-state web/0 --out web-0.state'),
    )
    .action(act(getState));

  group
    .command('set-state')
    .description('give a vCPU of a paused VM a whole state')
    .argument('<vcpu>', VCPU, vcpuName)
    .requiredOption('--in <file>', 'a state file, or - for standard input')
    .addHelpText('after', STATE_FILE + examples('vcpu set-state copy/0 --in web-0.state'))
    .action(
      act(async (session, name: string, options: { readonly in: string }) => {
        const state = await readState(session.io, 'VcpuState', options.in);
        const client = await session.connect();
        const answer = await client.vcpu.SetVcpuState({ name, state });
        await session.answer(
          'SetVcpuStateResponse',
          answer,
          (held) => vcpuText(held) + ignoredText(held.ignored),
        );
      }),
    );
}

const runState = (vcpu: Vcpu__Output): string => word(vcpu.runState, 'VCPU_RUN_STATE').toLowerCase();

function vcpuText({ vcpu }: { readonly vcpu: Vcpu__Output | null }): string {
  if (vcpu === null) return '';
  return details([
    ['name', vcpu.name],
    ['state', runState(vcpu)],
    ['last exit', vcpu.lastExit === '' ? 'none' : vcpu.lastExit],
    ['entries', vcpu.entries],
  ]);
}

function listText({ vcpus }: { readonly vcpus: readonly Vcpu__Output[] }): string {
  const rows = vcpus.map((vcpu) => [
    vcpu.name,
    runState(vcpu),
    vcpu.lastExit === '' ? '-' : vcpu.lastExit,
    vcpu.entries,
  ]);
  return table(['NAME', 'STATE', 'LAST EXIT', 'ENTRIES'], rows);
}

async function getState(session: Session, name: string, options: { readonly out?: string }): Promise<void> {
  const client = await session.connect();
  const answer = await client.vcpu.GetVcpuState({ name });
  const { state, stopDuration } = answer;
  if (options.out === undefined || state === null) {
    await session.answer('GetVcpuStateResponse', answer, (taken) => stateText(name, taken));
    return;
  }
  const bytes = await saveState('VcpuState', options.out, state);
  const text = `${options.out}: ${name}, ${size(bytes)}; stopped for ${stopTime(stopDuration)}\n`;
  await session.answer('GetVcpuStateResponse', { ...answer, state: null }, () => text);
}

function stateText(name: string, { state, stopDuration, captureTime }: GetVcpuStateResponse__Output): string {
  return details([
    ['name', name],
    ['captured', time(captureTime)],
    ['stopped for', stopTime(stopDuration)],
    ...(state === null ? [] : vcpuDetails(state)),
  ]);
}
