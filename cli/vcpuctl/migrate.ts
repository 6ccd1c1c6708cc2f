// vcpuctl migrate: a VM from one vcpud to another while its guest runs, by the reference orchestrator.

import type { Command } from 'commander';
import { type Endpoint, endpointText } from '../../lib/api/endpoint.js';
import type { LiveEvent, LiveResult } from '../../lib/migration/live.js';
import type { Resolution } from '../../lib/migration/resolve.js';
import { count, endpoint, vmName } from './arguments.js';
import { VcpuctlError } from './failure.js';
import { details, examples, roundSize } from './output.js';
import type { Act, Session } from './session.js';

const HELP = `
The destination is checked first; a blocker refuses before anything is touched. Then
memory goes from source to destination directly, in rounds, while the guest runs,
until what is left fits into --max-blackout. A guest that writes faster than that
stays at the source. Ctrl-C before the switch leaves the guest at the source, too.

Where a switch broke off (status 8), or this command was killed, --resume asks both
sides and finishes or undoes the migration: the guest runs on one side, never on two.
With --destination-is-gone you say that the destination's host is gone for good.
`;

interface Options {
  readonly from?: Endpoint;
  readonly to: Endpoint;
  readonly maxBlackout: number;
  readonly maxRounds: number;
  readonly bandwidth: number;
  readonly verifyMemory?: true;
  readonly dryRun?: true;
  readonly resume?: true;
  readonly destinationIsGone?: true;
}

const DEFAULT_MAX_BLACKOUT_MS = 300;
const DEFAULT_MAX_ROUNDS = 30;
const MIB = 1024 * 1024;

export function register(group: Command, act: Act): void {
  group
    .argument('<vm>', 'vms/{vm} or {vm}', vmName)
    .requiredOption('--to <endpoint>', 'the destination, as this command and the source reach it', endpoint)
    .option('--from <endpoint>', 'the source (default: --endpoint)', endpoint)
    .option(
      '--max-blackout <ms>',
      'the longest that the guest may stand still',
      count,
      DEFAULT_MAX_BLACKOUT_MS,
    )
    .option('--max-rounds <n>', 'the most rounds of copying', count, DEFAULT_MAX_ROUNDS)
    .option('--bandwidth <MiB/s>', 'the most that rounds may send; 0 for no limit', Number, 0)
    .option('--verify-memory', 'compare all memory before the guest goes on; its blackout grows by that')
    .option('--dry-run', 'only check whether the destination can take the VM')
    .option('--resume', 'end what a migration that broke off has left')
    .option('--destination-is-gone', 'with --resume: the guest goes on at the source')
    .addHelpText(
      'after',
      HELP +
        examples(
          'migrate web --to unix:///run/vcpud/other.sock --dry-run',
          'migrate web --to tcp://host-b:7443 --max-blackout 100',
          'migrate web --to tcp://host-b:7443 --resume',
        ),
    )
    .action(
      act(async (session, name: string, options: Options) => {
        if (options.dryRun === true) return dryRun(session, name, options);
        const outcome = await session.elsewhere(options.from ?? session.endpoint, (source) =>
          session.elsewhere(options.to, async (destination) => {
            const sides = { source, destination, vmId: name.slice('vms/'.length) };
            try {
              return await (options.resume === true ? resume : move)(session, sides, options);
            } catch (error) {
              return { error }; // of which endpoint, it says itself
            }
          }),
        );
        if (outcome !== undefined) throw outcome.error;
      }),
    );
}

type Sides = Pick<
  Parameters<typeof import('../../lib/migration/resolve.js').resolveMigration>[0],
  'source' | 'destination' | 'vmId'
>;

async function dryRun(session: Session, name: string, { from, to }: Options): Promise<void> {
  const { checkDestination, NotCompatible, requirementsOf } = await import(
    '../../lib/migration/preflight.js'
  );
  const requirements = await session.elsewhere(from ?? session.endpoint, (source) =>
    requirementsOf(source, name),
  );
  const preflight = await session.elsewhere(to, (destination) => checkDestination(destination, requirements));
  const findings = preflight.findings.map(({ severity, reason, message }) => ({ severity, reason, message }));
  const lines = findings.map(
    ({ severity, message }) => `${severity.replace(/^.*_/, '').toLowerCase()}: ${message}\n`,
  );
  const verdict = preflight.compatible ? `${name} can be moved there; nothing was touched\n` : '';
  await session.say({ compatible: preflight.compatible, findings }, lines.join('') + verdict);
  if (!preflight.compatible) throw incompatible(new NotCompatible(preflight));
}

const incompatible = ({ reason, message }: { reason: string; message: string }) =>
  new VcpuctlError('INCOMPATIBLE', reason, message);

const RESOLVED: Readonly<Record<Resolution, string>> = {
  finished: 'finished: the guest is at the destination, and the source has no trace of it',
  undone: 'undone: the guest is at the source, and the destination has nothing of it',
  nothing: 'there was nothing to end',
};

async function resume(session: Session, sides: Sides, options: Options): Promise<undefined> {
  const { InDoubt, resolveMigration } = await import('../../lib/migration/resolve.js');
  const destinationIsGone = options.destinationIsGone === true;
  try {
    const resolution = await resolveMigration({ ...sides, destinationIsGone });
    await session.say({ resolution }, `${RESOLVED[resolution]}\n`);
  } catch (error) {
    if (error instanceof InDoubt) throw new VcpuctlError('IN_DOUBT', 'MIGRATION_IN_DOUBT', error.message);
    throw error;
  }
}

async function move(session: Session, sides: Sides, options: Options): Promise<undefined> {
  const { LiveMigrationFailed, migrateLive, NotConverging } = await import('../../lib/migration/live.js');
  const { NotCompatible } = await import('../../lib/migration/preflight.js');
  const { guestAfter } = await import('../../lib/migration/guest-after.js');
  const stop = new AbortController();
  const forget = session.io.onInterrupt(() => stop.abort());
  try {
    const result = await migrateLive({
      ...sides,
      destinationEndpoint: endpointText(options.to),
      maxBlackoutMs: options.maxBlackout,
      maxRounds: options.maxRounds,
      bandwidth: options.bandwidth * MIB,
      verifyMemory: options.verifyMemory === true,
      signal: stop.signal,
      onEvent: (event) => {
        const text = eventText(event);
        if (text !== '' && !session.json) session.io.err(`${text}\n`);
      },
    });
    await session.say(document(result), resultText(result));
  } catch (error) {
    if (error instanceof NotCompatible) throw incompatible(error);
    const known = error instanceof NotConverging || error instanceof LiveMigrationFailed;
    if (!known) throw error;
    const where = guestAfter(error);
    if (where === 'source') {
      throw new VcpuctlError(
        'STAYS',
        'GUEST_AT_SOURCE',
        `${error.message}; the guest is at the source, as before`,
      );
    }
    const what =
      where === 'destination'
        ? 'the guest is at the destination, and a rest of it at the source'
        : 'the guest may be on either side';
    throw new VcpuctlError(
      'IN_DOUBT',
      'MIGRATION_IN_DOUBT',
      `${error.message}; ${what}: migrate --resume ends it`,
    );
  } finally {
    forget();
  }
}

const round = (ms: number): number => Math.round(ms * 10) / 10;

function eventText(event: LiveEvent): string {
  switch (event.kind) {
    case 'checked':
      return event.preflight.findings
        .filter(({ severity }) => severity === 'COMPATIBILITY_SEVERITY_WARNING')
        .map(({ message }) => `warning: ${message}`)
        .join('\n');
    case 'phase':
      return `${event.phase.padEnd(9)} ${round(event.ms).toFixed(1).padStart(9)} ms`;
    case 'round': {
      const { round: number, pages, sentBytes, ms, dirtyPages } = event.round;
      const rate = roundSize(BigInt(Math.round((sentBytes / Math.max(ms, 1)) * 1000)));
      const dirtied = Math.round((dirtyPages / Math.max(ms, 1)) * 1000);
      return `round ${number}: ${pages} pages, ${roundSize(BigInt(sentBytes))}, ${rate}/s; ${dirtied} pages/s written, ${dirtyPages} left: a blackout of ${round(event.decision.predictedMs)} ms`;
    }
    default:
      return '';
  }
}

const document = (result: LiveResult) => ({ ...result, memoryBytes: String(result.memoryBytes) });

function resultText(result: LiveResult): string {
  const { blackoutMs, parts, rounds, switchPages, totalMs, verifiedRanges } = result;
  return details([
    ['moved in', `${round(totalMs)} ms, ${rounds.length} rounds`],
    ['blackout', `${round(blackoutMs)} ms, ${switchPages} pages in it`],
    ...parts.map(({ name, ms }) => ['', `${round(ms)} ms ${name}`] as const),
    [
      'checked',
      verifiedRanges > 0
        ? `states, and all memory (${verifiedRanges} ranges)`
        : 'states, and a checksum of each message of memory',
    ],
  ]);
}
