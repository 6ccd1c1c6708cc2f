// The command line of the demo: what can be asked for, and what goes together. Called by main.ts.

import { parseArgs } from 'node:util';
import type { CpuKind } from '../test/harness/host-kind.js';
import { KERNELS, type Kernel } from '../test/testbed/kernel.js';

export const GUESTS = ['small', 'linux'] as const;
export type GuestName = (typeof GUESTS)[number];

export const HELP = `npm run demo [-- --guest small|linux] [--migrations N] [--cpu amd|intel] [--hosts 1|2]
             [--kernels A,B] [--driver native|model] [--json]

Moves a VM whose guest runs a guest of its own (L2) from one vcpud to another and shows that L2 counts on.
Uses this machine's /dev/kvm where that has nested state, else boots an emulated host: AMD in seconds, Intel in
a minute or two (the first time it fetches Debian packages into a cache folder).

  --guest GUEST    small: an L1 hypervisor of a few hundred instructions (default). linux: a Linux that runs its own
                   KVM guest
  --migrations N   how often the guest moves, back and forth, while it runs. Without it the small guest moves once,
                   stopped; Linux, and any guest between two hosts, 20 times
  --cpu CPU        amd or intel: whose nested virtualization (default: this machine's own, else amd)
  --hosts 2        between two emulated hosts, each with a kernel of its own, over the network with mutual TLS
  --kernels A,B    theirs, each ${KERNELS.join(' or ')} (default: ${KERNELS.join(',')})
  --driver DRIVER  native: a real KVM (default). model: no kernel; a live L2's captured state is checked, moved,
                   set and reset, and no guest runs
  --json           one JSON object as the last line of standard output; progress goes to standard error
  --help           this text

Exit status: 0 verified, 1 not verified or failed, 2 wrong usage, 125 the emulated host could not be had.
`;

/** What is to be shown. */
export type Scenario =
  /** A model of a kernel. */
  | { readonly kind: 'model' }
  /** The small guest, once, stopped. */
  | { readonly kind: 'stopped' }
  /** Between two vcpuds of one host. */
  | { readonly kind: 'live'; readonly guest: GuestName; readonly migrations: number }
  /** Between two hosts. */
  | {
      readonly kind: 'two hosts';
      readonly guest: GuestName;
      readonly migrations: number;
      readonly cpu: CpuKind;
      readonly kernels: readonly [Kernel, Kernel];
    };

export interface DemoOptions {
  readonly scenario: Scenario;
  readonly cpu: CpuKind | undefined;
  readonly json: boolean;
}

export class UsageError extends Error {}

const DEFAULT_MIGRATIONS = 20;

function oneOf<const T extends string>(option: string, value: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  throw new UsageError(`${option} is one of ${choices.join(', ')}, not ${value}`);
}

function migrationsOf(text: string): number {
  const migrations = Number(text);
  if (Number.isInteger(migrations) && migrations >= 1) return migrations;
  throw new UsageError(`--migrations is a whole number from 1 on, not ${text}`);
}

function kernelsOf(text: string): readonly [Kernel, Kernel] {
  const [first, second, ...more] = text.split(',').map((kernel) => oneOf('a kernel', kernel, KERNELS));
  if (first === undefined || second === undefined || more.length > 0)
    throw new UsageError(`--kernels are two, such as ${KERNELS.join(',')}, not ${text}`);
  return [first, second];
}

/** Undefined where only the help was asked for. Throws UsageError. */
export function readOptions(args: readonly string[]): DemoOptions | undefined {
  const values = valuesOf(args);
  if (values.help === true) return undefined;
  const cpu = values.cpu === undefined ? undefined : oneOf('--cpu', values.cpu, ['amd', 'intel']);
  const driver = oneOf('--driver', values.driver ?? 'native', ['native', 'model']);
  const guest = oneOf('--guest', values.guest ?? 'small', GUESTS);
  const hosts = oneOf('--hosts', values.hosts ?? '1', ['1', '2']);
  const migrations = values.migrations === undefined ? undefined : migrationsOf(values.migrations);
  const shared = { cpu, json: values.json === true };
  if (hosts === '1' && values.kernels !== undefined) throw new UsageError('--kernels goes with --hosts 2');
  if (driver === 'model') {
    if (guest === 'linux' || migrations !== undefined || hosts === '2')
      throw new UsageError('the model driver runs no guest: it has one scenario alone');
    return { ...shared, scenario: { kind: 'model' } };
  }
  if (hosts === '2') {
    const kernels = kernelsOf(values.kernels ?? KERNELS.join(','));
    const scenario = {
      kind: 'two hosts',
      cpu: cpu ?? 'amd',
      guest,
      migrations: migrations ?? DEFAULT_MIGRATIONS,
      kernels,
    } as const;
    return { ...shared, scenario };
  }
  if (guest === 'small' && migrations === undefined) return { ...shared, scenario: { kind: 'stopped' } };
  return { ...shared, scenario: { kind: 'live', guest, migrations: migrations ?? DEFAULT_MIGRATIONS } };
}

/** Throws UsageError. */
function valuesOf(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        cpu: { type: 'string' },
        driver: { type: 'string' },
        guest: { type: 'string' },
        migrations: { type: 'string' },
        hosts: { type: 'string' },
        kernels: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

const MINUTE_MS = 60_000;
/** For an emulated host's boot, the guest's, and what is not counted in moves. */
const BASE_LIMIT_MS = 30 * MINUTE_MS;
/** Several times what a move takes in an emulated host, ms. */
const MOVE_LIMIT_MS: Readonly<Record<CpuKind, number>> = { amd: 10_000, intel: 60_000 };

/** How long an emulated host may take for so many moves, ms: a guard against what hangs. */
export const timeLimitMs = (cpu: CpuKind, migrations: number): number =>
  BASE_LIMIT_MS + migrations * MOVE_LIMIT_MS[cpu];
