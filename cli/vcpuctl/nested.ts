// vcpuctl nested: NestedStateService, and who really uses nesting on this host.

import { type Command, Option } from 'commander';
import type { VcpudClient } from '../../lib/api/client.js';
import type { GetNestedStateResponse__Output } from '../../protos/gen/vcpud/v1/GetNestedStateResponse.js';
import type { NestedState__Output } from '../../protos/gen/vcpud/v1/NestedState.js';
import type { VcpuNestedState__Output } from '../../protos/gen/vcpud/v1/VcpuNestedState.js';
import { vcpuName, vcpuNames, vmName } from './arguments.js';
import { failureOf, VcpuctlError } from './failure.js';
import { readInput, saveFile } from './files.js';
import { ignoredText } from './ignored.js';
import { type TargetOptions, targetOf, verdictText } from './nested-target.js';
import { NESTED_COLUMNS, nestedCells, nestedDetails, nestedSummary } from './nested-view.js';
import { details, examples, stopTime, table, time } from './output.js';
import { allVms } from './pages.js';
import type { Act, Session } from './session.js';

const VCPU = 'vms/{vm}/vcpus/{index} or {vm}/{index}';

const ANY_VM = 'vms/-';

const STATE_FILE = `
A nested-state file is what KVM_GET_NESTED_STATE gives, byte for byte: struct
kvm_nested_state, a header of 128 bytes and then 0 or 4096 bytes (SVM) or 0, 4096
or 8192 (VMX) of data.
`;

const KERNEL_VERDICT = `
With --kernel-verdict the kernel judges alone, and an error names the rule that
explains its answer: for comparing the two. A vCPU that refused holds what it held.
`;

const TARGETS = `
Without --vcpu, --host and --state: for a new vCPU of this host. With --state alone
the host is this one. Every broken rule is told, in the kernel's order: the first
is where the kernel would stop. Exit status 5 where there is one.
`;

interface SetOptions {
  readonly in: string;
  readonly validateOnly?: true;
  readonly kernelVerdict?: true;
}

export function register(group: Command, act: Act): void {
  group.addHelpText(
    'after',
    examples('nested list', 'nested get web/0', 'nested get web/0 --out web-0.nested'),
  );

  group
    .command('get')
    .description('take the nested state of a vCPU, running or not, and show what it says')
    .argument('<vcpu>', VCPU, vcpuName)
    .option('--out <file>', "write the kernel's bytes there as well")
    .addHelpText('after', STATE_FILE + examples('nested get web/0', 'nested get web/0 --out web-0.nested'))
    .action(
      act(async (session, name: string, options: { readonly out?: string }) => {
        const client = await session.connect();
        const answer = await client.nested.GetNestedState({ name });
        const bytes = answer.nestedState?.data;
        if (options.out !== undefined && bytes !== undefined) await saveFile(options.out, bytes);
        await session.answer('GetNestedStateResponse', answer, (taken) => getText(name, taken));
      }),
    );

  group
    .command('set')
    .description('give a vCPU of a paused VM a nested state, checked before the kernel sees it')
    .argument('<vcpu>', VCPU, vcpuName)
    .requiredOption('--in <file>', "the kernel's bytes, or - for standard input")
    .option('--validate-only', 'only check, change nothing')
    .option('--kernel-verdict', 'leave the checks out: give the bytes to the kernel as they are')
    .addHelpText(
      'after',
      STATE_FILE +
        KERNEL_VERDICT +
        examples(
          'nested set web/0 --in web-0.nested --validate-only',
          'nested set web/0 --in web-0.nested',
          'nested set web/0 --in web-0.nested --kernel-verdict',
        ),
    )
    .action(
      act(async (session, name: string, options: SetOptions) => {
        const data = await readInput(session.io, options.in);
        const validateOnly = options.validateOnly === true;
        const kernelVerdict = options.kernelVerdict === true;
        const client = await session.connect();
        const answer = await client.nested.SetNestedState({
          name,
          nestedState: { data },
          validateOnly,
          kernelVerdict,
        });
        await session.answer('SetNestedStateResponse', answer, ({ nestedState, ignored }) => {
          const verdict = validateOnly ? `no rule refuses it for ${name}` : heldText(name, nestedState);
          return `${verdict}\n${ignoredText(ignored)}`;
        });
      }),
    );

  group
    .command('validate')
    .description('say which rules of the kernel a nested state breaks, and give it to no vCPU')
    .requiredOption('--in <file>', "the kernel's bytes, or - for standard input")
    .addOption(
      new Option('--vcpu <vcpu>', `for that vCPU as it is now: ${VCPU}`)
        .argParser(vcpuName)
        .conflicts(['host', 'state']),
    )
    .option('--host <file>', 'for a vCPU of that host: what vcpuctl --json host get prints there')
    .option('--state <file>', 'for a vCPU with these registers and this CPUID: a state file')
    .addHelpText(
      'after',
      TARGETS +
        STATE_FILE +
        examples(
          'nested validate --in web-0.nested',
          'nested validate --in web-0.nested --vcpu web/0',
          'nested validate --in web-0.nested --host other-host.json --state web-0.state',
          '--json nested validate --in web-0.nested',
        ),
    )
    .action(
      act(async (session, options: TargetOptions & { readonly in: string }) => {
        const data = await readInput(session.io, options.in);
        const client = await session.connect();
        const { target, called } = await targetOf(session.io, options, client);
        const answer = await client.nested.ValidateNestedState({ nestedState: { data }, ...target });
        await session.answer('ValidateNestedStateResponse', answer, (verdict) =>
          verdictText(called, verdict),
        );
        const [first] = answer.violations;
        if (first !== undefined) throw new VcpuctlError('INVALID_ARGUMENT', first.reason, first.message);
      }),
    );

  group
    .command('reset')
    .description('take a vCPU to power-on state, out of L2 and of VMX operation; pauses its VM')
    .argument('<vcpu>', VCPU, vcpuName)
    .addHelpText('after', examples('nested reset web/0'))
    .action(
      act(async (session, name: string) => {
        const client = await session.connect();
        const answer = await client.nested.Reset({ name });
        await session.answer(
          'ResetResponse',
          answer,
          ({ nestedState }) => `${heldText(name, nestedState)}\n`,
        );
      }),
    );

  group
    .command('batch')
    .description('take the nested states of many vCPUs at once, all or none')
    .argument('[vcpus...]', `each ${VCPU}`, vcpuNames)
    .option('--vm <vm>', 'every vCPU of this VM; with names, all of them must be its', vmName)
    .addHelpText(
      'after',
      examples('nested batch web/0 db/0 db/1', 'nested batch --vm web', '--json nested batch --vm web'),
    )
    .action(
      act(async (session, given: readonly string[] | undefined, options: { readonly vm?: string }) => {
        const names = [...(given ?? [])];
        if (names.length === 0 && options.vm === undefined) {
          throw new VcpuctlError('USAGE', '', 'name vCPUs, or a VM with --vm');
        }
        const client = await session.connect();
        const answer = await client.nested.BatchGetNestedStates({ parent: options.vm ?? ANY_VM, names });
        await session.answer('BatchGetNestedStatesResponse', answer, statesText);
      }),
    );

  group
    .command('list')
    .description('all vCPUs of all VMs: who is in L2 now, and with what')
    .addHelpText(
      'after',
      `
L2: whether the vCPU is in L2 at this moment; one that is not may be in the next.
GIF (SVM): clear where L1 keeps interrupts away, as around VMRUN.
VMCB12/VMCS12: what L2 runs from; VMXOFF or VMXON where there is no current VMCS.
${examples('nested list', "--json nested list | jq -r '.nestedStates[].name'")}`,
    )
    .action(act(list));
}

function getText(
  name: string,
  { nestedState, stopDuration, captureTime }: GetNestedStateResponse__Output,
): string {
  return details([
    ['name', name],
    ['captured', time(captureTime)],
    ['stopped for', stopTime(stopDuration)],
    ...(nestedState === null ? [] : nestedDetails(nestedState.data)),
  ]);
}

function heldText(name: string, state: NestedState__Output | null): string {
  if (state === null) return `${name} is reset; KVM of this host has no nested state`;
  return `${name} holds ${nestedSummary(state.data)}`;
}

function statesText({ nestedStates }: { readonly nestedStates: readonly VcpuNestedState__Output[] }): string {
  const rows = nestedStates.map(({ name, nestedState }) => [
    name,
    ...(nestedState === null ? [] : nestedCells(nestedState.data)),
  ]);
  return table(['NAME', ...NESTED_COLUMNS], rows);
}

async function list(session: Session): Promise<void> {
  const client = await session.connect();
  const nestedStates: VcpuNestedState__Output[] = [];
  for (const { name } of await allVms(client)) nestedStates.push(...(await statesOf(client, name)));
  await session.answer('BatchGetNestedStatesResponse', { nestedStates }, statesText);
}

/** A VM that is deleted between the listing and its own turn has no vCPUs. */
async function statesOf(client: VcpudClient, parent: string): Promise<readonly VcpuNestedState__Output[]> {
  try {
    return (await client.nested.BatchGetNestedStates({ parent, names: [] })).nestedStates;
  } catch (error) {
    const { code } = await failureOf(error, '');
    if (code === 'NOT_FOUND' || code === 'ABORTED') return [];
    throw error;
  }
}
