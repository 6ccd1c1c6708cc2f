// The command line of the testbed. Called by main.ts.

import { Command, InvalidArgumentError, Option } from 'commander';
import { KERNELS, type Kernel } from './kernel.js';
import { TESTBED_FAILED } from './problem.js';
import { DEFAULTS, type Forward, type Vendor } from './run.js';

export interface TestbedOptions {
  readonly cpu: Vendor;
  readonly kernel: Kernel;
  readonly nested: boolean;
  readonly memory: string;
  readonly forwards: readonly Forward[];
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutSeconds: number;
  readonly fetchOnly: boolean;
  readonly quiet: boolean;
  readonly command: readonly string[];
}

/** Reads argv (without node and script). Prints help or a complaint and exits by itself, as commander does. */
export function readOptions(argv: readonly string[]): TestbedOptions {
  const program = new Command('testbed')
    .description('Boots an emulated host with a real KVM and runs COMMAND in it on the current checkout.')
    .usage('[options] -- COMMAND [ARGUMENT...]')
    .argument('[command...]', 'what to run; its output and exit status come back')
    .addOption(new Option('--cpu <vendor>', 'whose CPU').choices(['amd', 'intel']).default(DEFAULTS.cpu))
    .addOption(
      new Option('--kernel <version>', "the host's kernel").choices(KERNELS).default(DEFAULTS.kernel),
    )
    .addOption(new Option('--nested <switch>', "kvm's parameter nested").choices(['on', 'off']).default('on'))
    .option('--memory <size>', "the host's memory, such as 3G", memory, DEFAULTS.memory)
    .option('--forward <ports>', 'HOSTPORT:GUESTPORT, from 127.0.0.1 into the host (repeatable)', forward, [])
    .option('--env <assignment>', "NAME=VALUE in COMMAND's environment (repeatable)", assignment, {})
    .option(
      '--timeout <seconds>',
      'end the host after this time, with status 124',
      seconds,
      DEFAULTS.timeoutMs / 1000,
    )
    .option('--fetch-only', 'fill the cache and stop', false)
    .option('--quiet', 'no progress lines', false)
    .passThroughOptions()
    .exitOverride((end) => process.exit(end.exitCode === 0 ? 0 : TESTBED_FAILED))
    .parse(argv, { from: 'user' });
  const options = program.opts<{
    cpu: Vendor;
    kernel: Kernel;
    nested: 'on' | 'off';
    memory: string;
    forward: Forward[];
    env: Record<string, string>;
    timeout: number;
    fetchOnly: boolean;
    quiet: boolean;
  }>();
  if (program.args.length === 0 && !options.fetchOnly) program.error('error: no COMMAND given');
  return {
    cpu: options.cpu,
    kernel: options.kernel,
    nested: options.nested === 'on',
    memory: options.memory,
    forwards: options.forward,
    env: options.env,
    timeoutSeconds: options.timeout,
    fetchOnly: options.fetchOnly,
    quiet: options.quiet,
    command: program.args,
  };
}

function memory(text: string): string {
  if (!/^[1-9]\d*[MG]$/.test(text)) throw new InvalidArgumentError('A size is a number and M or G.');
  return text;
}

function forward(text: string, previous: Forward[]): Forward[] {
  const [hostPort, guestPort] = (/^(\d+):(\d+)$/.exec(text)?.slice(1) ?? []).map(Number);
  const valid = (port: number | undefined): port is number =>
    port !== undefined && port >= 1 && port <= 65535;
  if (!valid(hostPort) || !valid(guestPort)) {
    throw new InvalidArgumentError('Two port numbers from 1 to 65535, such as 15051:50051.');
  }
  return [...previous, { hostPort, guestPort }];
}

function assignment(text: string, previous: Record<string, string>): Record<string, string> {
  const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError('NAME=VALUE is expected.');
  return { ...previous, [name]: value };
}

/** setTimeout's longest delay is 2^31 - 1 ms. */
const LONGEST_SECONDS = 2_147_483;

function seconds(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= LONGEST_SECONDS)) {
    throw new InvalidArgumentError(`A number of seconds up to ${LONGEST_SECONDS}.`);
  }
  return value;
}
