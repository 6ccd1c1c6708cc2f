// The program: groups of commands, each in a file of its own that is loaded when it is called, the options that
// all have, and what becomes of an error.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError, Option } from 'commander';
import { endpointText } from '../../lib/api/endpoint.js';
import { DEFAULT_ENDPOINT, endpoint, seconds } from './arguments.js';
import {
  EXIT_STATUSES,
  exitStatusOf,
  failureJson,
  failureOf,
  failureText,
  Interrupted,
  VcpuctlError,
} from './failure.js';
import { type Io, ReaderGone } from './io.js';
import { details, examples } from './output.js';
import { type Act, actWith, type GlobalOptions } from './session.js';

interface Group {
  readonly name: string;
  readonly summary: string;
  load(): Promise<{ register(group: Command, act: Act): void }>;
}

export const GROUPS: readonly Group[] = [
  { name: 'host', summary: 'what the host can do', load: () => import('./host.js') },
  {
    name: 'vm',
    summary: 'make, run, watch, move, save, load and delete VMs',
    load: async () => {
      const [vm, saved] = await Promise.all([import('./vm.js'), import('./saved-vm.js')]);
      return {
        register: (group, act) => {
          vm.register(group, act);
          saved.registerInVm(group, act);
        },
      };
    },
  },
  { name: 'memory', summary: 'read, write and track guest memory', load: () => import('./memory.js') },
  { name: 'vcpu', summary: 'vCPUs, and everything that one holds', load: () => import('./vcpu.js') },
  {
    name: 'nested',
    summary: 'nested-virtualization state: get, set, reset, list',
    load: () => import('./nested.js'),
  },
  {
    name: 'save',
    summary: 'a whole VM into a file: memory, vCPUs, devices',
    load: async () => ({ register: (await import('./saved-vm.js')).registerSave }),
  },
  {
    name: 'load',
    summary: 'a VM of such a file',
    load: async () => ({ register: (await import('./saved-vm.js')).registerLoad }),
  },
  {
    name: 'file',
    summary: 'what a saved VM holds, and whether it is as it was written',
    load: async () => ({ register: (await import('./saved-vm.js')).registerFile }),
  },
  {
    name: 'migrate',
    summary: 'a VM to another vcpud, while its guest runs',
    load: () => import('./migrate.js'),
  },
  {
    name: 'conformance',
    summary: 'ask a vcpud everything that a sound one answers in one way',
    load: () => import('./conformance.js'),
  },
];

const DEFAULT_TIMEOUT_S = 60;

/** The package's version, found without loading the API. */
function version(): string {
  for (
    let folder = dirname(fileURLToPath(import.meta.url));
    folder !== dirname(folder);
    folder = dirname(folder)
  ) {
    try {
      const manifest: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      return String((manifest as { version?: unknown }).version);
    } catch {
      // Not this folder: the one above.
    }
  }
  return 'unknown';
}

/** What migrations and checks end with: no gRPC codes. */
const OWN_MIGRATION: readonly string[] = ['INCOMPATIBLE', 'IN_DOUBT', 'STAYS'];

/** Statuses that calls end with, as far as they have one of their own. */
const GRPC_STATUSES = EXIT_STATUSES.filter(
  ({ status, codes }) => status >= 3 && status < 130 && !codes.some((code) => OWN_MIGRATION.includes(code)),
);

const HELP = `
VMs are named vms/{vm}, or {vm} for short, and vCPUs vms/{vm}/vcpus/{index}, or
{vm}/{index}. Addresses and sizes are decimal or 0x hexadecimal, with K, M, G or
T for powers of 1024.

With --json a command prints one JSON document: the answer of its rpc, as proto3
JSON (streams print one a line). An error is one JSON object on standard error:
code, reason, message, metadata, fieldViolations.

Exit status:
${details(EXIT_STATUSES.map(({ status, when }) => [`  ${status}`, when]))}
gRPC codes that have a status of their own:
${details(GRPC_STATUSES.map(({ status, codes }) => [`  ${status}`, codes.join(', ')]))}`;

function buildProgram(io: Io, write: { out(text: string): void; err(text: string): void }): Command {
  const program = new Command('vcpuctl')
    .description('The command line of vcpud: VMs of this host, their vCPUs and nested-virtualization state.')
    .usage('[options] <group> <command>')
    .version(version())
    .addOption(
      new Option('--endpoint <endpoint>', 'unix:///PATH or tcp://HOST:PORT')
        .env('VCPUD_ENDPOINT')
        .argParser(endpoint)
        .default(endpoint(DEFAULT_ENDPOINT), DEFAULT_ENDPOINT),
    )
    .addOption(new Option('--tls-ca <file>', 'for TCP: the CA of the vcpud, PEM').env('VCPUD_TLS_CA'))
    .addOption(new Option('--tls-cert <file>', 'the certificate to show to it, PEM').env('VCPUD_TLS_CERT'))
    .addOption(new Option('--tls-key <file>', 'the key of that, PEM').env('VCPUD_TLS_KEY'))
    .addOption(
      new Option(
        '--tls-server-name <name>',
        "the name in the vcpud's certificate, where it is not the host",
      ).env('VCPUD_TLS_SERVER_NAME'),
    )
    .option('--json', 'for programs: JSON instead of text')
    .option(
      '--timeout <seconds>',
      'how long a call may take, or a stream stand still',
      seconds,
      DEFAULT_TIMEOUT_S,
    )
    .helpCommand(false)
    .addHelpText('after', HELP + examples('host', 'vm list', 'nested get web/0', 'help nested get'))
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    // Messages of commander's own are written by `run`, with all the others.
    .configureOutput({ writeOut: write.out, writeErr: write.err, outputError: () => undefined });
  const act = actWith(io);
  const load = async (command: Command) => {
    const group = GROUPS.find(({ name }) => name === command.name());
    if (group !== undefined) (await group.load()).register(command, act);
  };
  for (const { name, summary } of GROUPS) program.command(name).description(summary).helpCommand(false);
  program
    .command('help')
    .description('what --help shows, of a command')
    .argument('[words...]', 'a group, or a group and a command')
    .action((words: readonly string[]) => showHelp(program, load, words));
  program.hook('preSubcommand', (_program, command) => load(command));
  return program;
}

/** Ends with a CommanderError, as --help does. */
async function showHelp(
  program: Command,
  load: (group: Command) => Promise<void>,
  words: readonly string[],
): Promise<void> {
  let command = program;
  for (const word of words) {
    const next = command.commands.find((each) => each.name() === word);
    if (next === undefined) return command.error(`error: unknown command '${word}'`);
    if (command === program) await load(next);
    command = next;
  }
  command.help();
}

/** Runs one command line, and gives the exit status. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  let shown = '';
  const program = buildProgram(io, {
    out: (text) => {
      shown += text;
    },
    err: io.err,
  });
  try {
    try {
      await program.parseAsync([...args], { from: 'user' });
    } finally {
      if (shown !== '') await io.out(shown);
    }
    return exitStatusOf('OK');
  } catch (error) {
    return report(error, endpointText(program.opts<GlobalOptions>().endpoint), args.includes('--json'), io);
  }
}

/** Says what went wrong; gives the exit status. */
async function report(error: unknown, endpointText: string, json: boolean, io: Io): Promise<number> {
  if (error instanceof ReaderGone) return exitStatusOf('OK');
  if (error instanceof Interrupted) return exitStatusOf('INTERRUPTED');
  if (error instanceof CommanderError && error.exitCode === 0) return exitStatusOf('OK');
  // A group without a command: its help has been shown, on standard error.
  if (error instanceof CommanderError && error.code === 'commander.help') return exitStatusOf('USAGE');
  const failure = await failureOf(error instanceof CommanderError ? usage(error) : error, endpointText);
  io.err(json ? failureJson(failure) : failureText(failure));
  return exitStatusOf(failure.code);
}

function usage(error: CommanderError): VcpuctlError {
  return new VcpuctlError('USAGE', '', error.message.replace(/^error: /, ''));
}
