// vcpuctl migrate: a VM from one vcpud to another while it runs. The reference orchestrator (lib/migration), told what
// to do and shown: this knows options, lines and exit statuses.

import type { Command } from 'commander';
import type { VcpudClient } from '../../lib/api/client.js';
import { type Endpoint, endpointText } from '../../lib/api/endpoint.js';
import type { LiveMigrationFailed, LiveOptions, NotConverging, Side } from '../../lib/migration/live.js';
import type { Limits } from '../../lib/migration/pre-copy.js';
import { byteText } from '../../lib/migration/report/quantities.js';
import type { FailureRecord, MigrationRecord, Recorder } from '../../lib/migration/report/record.js';
import { count, endpoint, vmName } from './arguments.js';
import { OtherEndpointError, VcpuctlError } from './failure.js';
import { saveFile } from './files.js';
import { preflightText, ROUND_HEADING, resultText, roundLine } from './migrate-view.js';
import { examples } from './output.js';
import type { Act, Session } from './session.js';
import { Stall } from './stall.js';

const HELP = `
The source must reach the destination: memory and states go from one to the other
directly, by the endpoint that --to names, or --as-seen-by-source where that is
another one for it. Before anything is touched the destination is asked whether it
can take the VM; a blocker refuses the migration (exit status 7).

Memory is sent in rounds while the guest runs, until the rest is so little that the
blackout is predicted to fit --max-blackout. Where it never does, and on Ctrl-C
before the switch, the guest stays at the source (9). From the switch on Ctrl-C only
says that its end is waited for. Where it can't be told on which side the guest is
(8), --resume asks both sides, and finishes or undoes what was left; it can be
repeated. With --destination-is-gone it takes your word that the destination will
never run the guest again, and has it go on at the source.

The guest's nested state, its vCPUs and its devices are always read back and compared
at the destination; --verify-memory compares all memory too, within the blackout.
`;

interface Options {
  readonly from?: Endpoint;
  readonly to: Endpoint;
  readonly asSeenBySource?: Endpoint;
  readonly maxBlackout: number;
  readonly bandwidth: number;
  readonly maxRounds: number;
  readonly verifyMemory?: true;
  readonly dryRun?: true;
  readonly resume?: true;
  readonly destinationIsGone?: true;
  readonly report?: string;
}

const DEFAULTS: Limits = { maxBlackoutMs: 300, bandwidth: 0, maxRounds: 30 };
const MIB = 1024 * 1024;

export function register(group: Command, act: Act): void {
  group
    .argument('<vm>', 'vms/{vm} or {vm}', vmName)
    .requiredOption('--to <endpoint>', 'the destination: unix:///PATH or tcp://HOST:PORT', endpoint)
    .option('--from <endpoint>', 'the source (default: --endpoint)', endpoint)
    .option('--as-seen-by-source <endpoint>', 'how the source reaches --to, where not by that', endpoint)
    .option('--max-blackout <ms>', 'the longest blackout wanted', count, DEFAULTS.maxBlackoutMs)
    .option('--bandwidth <MiB/s>', 'the most that rounds may send; 0 for no limit', count, DEFAULTS.bandwidth)
    .option('--max-rounds <n>', 'the most rounds of copying', count, DEFAULTS.maxRounds)
    .option('--verify-memory', 'compare all memory before the guest goes on')
    .option('--dry-run', 'only ask whether it could be done')
    .option('--resume', 'finish or undo what a migration left that broke off')
    .option('--destination-is-gone', 'with --resume: the destination never runs the guest again')
    .option('--report <file>', 'write a page about it, HTML; also where it fails')
    .addHelpText(
      'after',
      HELP +
        examples(
          'migrate web --to unix:///run/vcpud/other.sock --dry-run',
          'migrate web --to tcp://host-b:7443 --max-blackout 100 --report web.html',
          'migrate web --to tcp://host-b:7443 --resume',
        ),
    )
    .action(act(migrate));
}

async function migrate(session: Session, vm: string, options: Options): Promise<void> {
  const { resume, destinationIsGone, dryRun, report } = options;
  if (resume === true && (dryRun === true || report !== undefined))
    throw new VcpuctlError('USAGE', '', '--resume goes without --dry-run and --report');
  if (destinationIsGone === true && resume !== true)
    throw new VcpuctlError('USAGE', '', '--destination-is-gone goes with --resume');
  const sides: Sides = {
    source: session.at(options.from ?? session.endpoint),
    destination: session.at(options.to),
  };
  try {
    if (resume === true) await resolve(session, sides, vm, destinationIsGone === true);
    else await move(session, sides, vm, options);
  } finally {
    sides.source.close();
    sides.destination.close();
  }
}

/** A session for each, whose errors can then be told apart. */
type Sides = Readonly<Record<Side, Session>>;

async function clientsOf({
  source,
  destination,
}: Sides): Promise<{ source: VcpudClient; destination: VcpudClient }> {
  return { source: await source.connect(), destination: await destination.connect() };
}

/** What a side failed with, as a failure of that endpoint. */
async function failedAt(sides: Sides, side: Side, error: unknown): Promise<OtherEndpointError> {
  const { endpoint } = sides[side];
  return new OtherEndpointError(endpointText(endpoint), await sides[side].explained(error));
}

function limitsOf({ maxBlackout, bandwidth, maxRounds, verifyMemory }: Options) {
  return {
    maxBlackoutMs: maxBlackout,
    bandwidth: bandwidth * MIB,
    maxRounds,
    verifyMemory: verifyMemory === true,
  };
}

/** For programs: the record, with what was measured beside it; the memory's size as 64-bit integers are in proto3 JSON. */
function documentOf({ result, memoryBytes, ...record }: MigrationRecord): object {
  return { ...record, memoryBytes: String(memoryBytes), ...result };
}

async function move(session: Session, sides: Sides, vm: string, options: Options): Promise<void> {
  const [{ Recorder }, { renderReport }] = await Promise.all([
    import('../../lib/migration/report/record.js'),
    import('../../lib/migration/report/page.js'),
  ]);
  const recorder = new Recorder(
    {
      vm,
      sourceEndpoint: endpointText(sides.source.endpoint),
      destinationEndpoint: endpointText(options.to),
      limits: limitsOf(options),
      dryRun: options.dryRun === true,
    },
    new Date(),
  );
  const { report } = options;
  const save = async () => {
    if (report !== undefined) await saveFile(report, Buffer.from(renderReport(recorder.record())));
  };
  // A file that can't be written is found out before anything moves, and one who is killed leaves a page that says so.
  await save();
  let failure: VcpuctlError | OtherEndpointError | undefined;
  try {
    await (options.dryRun === true
      ? dryRun(session, sides, vm, recorder)
      : moveLive(session, sides, vm, options, recorder));
  } catch (error) {
    failure = await toldOf(error, sides, recorder, resumeCommand(vm, sides));
  }
  try {
    await save();
  } catch (error) {
    // What became of the guest matters more.
    if (failure === undefined) throw error;
    session.io.err(`vcpuctl: ${(error as Error).message}\n`);
  }
  if (failure !== undefined) {
    if (session.json) await session.say(documentOf(recorder.record()), '');
    throw failure;
  }
  await session.say(documentOf(recorder.record()), resultText(recorder.record()));
}

const resumeCommand = (vm: string, { source, destination }: Sides): string =>
  `vcpuctl migrate ${vm} --from ${endpointText(source.endpoint)} --to ${endpointText(destination.endpoint)} --resume`;

async function dryRun(session: Session, sides: Sides, vm: string, recorder: Recorder): Promise<void> {
  const { checkDestination, NotCompatible, requirementsOf } = await import(
    '../../lib/migration/preflight.js'
  );
  const { LiveMigrationFailed } = await import('../../lib/migration/live.js');
  let side: Side = 'source';
  recorder.event({ kind: 'begin', phase: 'check' });
  const since = performance.now();
  try {
    const { source, destination } = await clientsOf(sides);
    const requirements = await requirementsOf(source, vm);
    side = 'destination';
    recorder.destinationIs(await hostOf(destination));
    const preflight = await checkDestination(destination, requirements);
    recorder.event({ kind: 'checked', preflight });
    if (!session.json) await session.io.out(preflightText(preflight));
    if (!preflight.compatible) throw new NotCompatible(preflight);
    recorder.event({ kind: 'phase', phase: 'check', ms: performance.now() - since });
  } catch (error) {
    if (error instanceof NotCompatible) throw error;
    throw new LiveMigrationFailed('check', side, '', error);
  }
}

async function hostOf(client: VcpudClient) {
  const { host } = await client.host.GetHost({});
  if (host === null) throw new Error('GetHost answered without a host');
  return host;
}

async function moveLive(
  session: Session,
  sides: Sides,
  vm: string,
  options: Options,
  recorder: Recorder,
): Promise<void> {
  const { LiveMigrationFailed, migrateLive } = await import('../../lib/migration/live.js');
  const clients = await clientsOf(sides);
  try {
    recorder.destinationIs(await hostOf(clients.destination));
  } catch (error) {
    throw new LiveMigrationFailed('check', 'destination', '', error);
  }
  const stop = new AbortController();
  const show = new Show(session, recorder);
  const stall = new Stall(session.timeoutMs, (error) => stop.abort(error));
  const takeBack = session.io.onInterrupt(() => {
    if (recorder.phase === 'switch' || recorder.phase === 'delete') show.waiting();
    else stop.abort();
  });
  const live: LiveOptions = {
    ...clients,
    ...limitsOf(options),
    destinationEndpoint: endpointText(options.asSeenBySource ?? options.to),
    vmId: vm.slice('vms/'.length),
    signal: stop.signal,
    onEvent: (event) => {
      recorder.event(event);
      show.event(event);
      // A switch is waited for, however long it takes: all memory may be compared in it.
      if (recorder.phase === 'switch') stall.moved();
      else stall.waiting();
    },
  };
  try {
    recorder.moved(await migrateLive(live));
  } catch (error) {
    if (stop.signal.aborted && error instanceof LiveMigrationFailed)
      throw new Ended(error, stop.signal.reason);
    throw error;
  } finally {
    stall.moved();
    takeBack();
    await show.end();
  }
}

/** Ended from here: by Ctrl-C, or because a side did not go on. */
class Ended extends Error {
  readonly failure: LiveMigrationFailed;
  constructor(failure: LiveMigrationFailed, reason: unknown) {
    super(reason instanceof VcpuctlError ? reason.message : 'interrupted', { cause: failure });
    this.name = 'Ended';
    this.failure = failure;
  }
}

/** The lines of a migration that is under way: a line a round on standard output, one that changes on a terminal. */
class Show {
  private readonly session: Session;
  private readonly recorder: Recorder;
  private lines: Promise<void> = Promise.resolve();
  private live = false;
  private rounds = 0;

  constructor(session: Session, recorder: Recorder) {
    this.session = session;
    this.recorder = recorder;
  }

  event(event: Parameters<Recorder['event']>[0]): void {
    if (event.kind === 'begin') this.now(event.phase);
    else if (event.kind === 'checked') this.line(preflightText(event.preflight));
    else if (event.kind === 'progress') {
      const of = event.ofPages > 0 ? ` of ${event.ofPages}` : '';
      this.now(`round ${event.round}: ${event.pages}${of} pages, ${byteText(event.sentBytes)}`);
    } else if (event.kind === 'round') {
      this.rounds += 1;
      const line = roundLine({ ...event.round, predictedMs: event.decision.predictedMs });
      this.line(this.rounds === 1 ? ROUND_HEADING + line : line);
    }
  }

  /** Ctrl-C came too late. */
  waiting(): void {
    this.clear();
    this.session.io.err(
      'vcpuctl: the switch has begun, its end is waited for; Ctrl-C again leaves it alone, --resume then ends it\n',
    );
  }

  async end(): Promise<void> {
    this.clear();
    await this.lines;
  }

  private line(text: string): void {
    if (this.session.json || text === '') return;
    this.clear();
    this.lines = this.lines.then(() => this.session.io.out(text));
    this.lines.catch(() => undefined); // told by `end`
  }

  private now(text: string): void {
    const { io } = this.session;
    if (!io.errIsTerminal) return;
    this.clear();
    io.err(`${this.recorder.record().vm} ${text}`);
    this.live = true;
  }

  private clear(): void {
    if (this.live) this.session.io.err(CLEAR_LINE);
    this.live = false;
  }
}

const CLEAR_LINE = '\r\u001b[K';

/** Where the guest is, and what to do: by exit status and in a sentence. */
async function toldOf(
  error: unknown,
  sides: Sides,
  recorder: Recorder,
  resumeWith: string,
): Promise<VcpuctlError | OtherEndpointError> {
  const [{ guestAfter }, { LiveMigrationFailed, NotConverging }, { NotCompatible }, { failureOf }] =
    await Promise.all([
      import('../../lib/migration/guest-after.js'),
      import('../../lib/migration/live.js'),
      import('../../lib/migration/preflight.js'),
      import('./failure.js'),
    ]);
  const { vm } = recorder.record();
  const told = (
    code: 'INCOMPATIBLE' | 'STAYS' | 'IN_DOUBT',
    reason: string,
    message: string,
    { guest, advice }: Pick<FailureRecord, 'guest' | 'advice'>,
  ): VcpuctlError => {
    const whole = `${WHERE[guest](vm)} ${advice}`;
    recorder.failed({ message, guest, advice: whole });
    return new VcpuctlError(code, reason, `${message}. ${whole}`);
  };
  const atSource = (advice: string) => ({ guest: 'source' as const, advice });
  if (error instanceof NotCompatible)
    return told('INCOMPATIBLE', error.reason, error.message, atSource('Nothing was touched.'));
  if (error instanceof NotConverging) {
    const { limits } = recorder.record();
    const { FIXED_MS } = await import('../../lib/migration/pre-copy.js');
    const advice = convergingAdvice(error, limits, FIXED_MS);
    return told('STAYS', 'NOT_CONVERGING', error.message, atSource(advice));
  }
  const failure = error instanceof Ended ? error.failure : error;
  if (!(failure instanceof LiveMigrationFailed)) throw error;
  const guest = guestAfter(failure);
  const other = await failedAt(sides, failure.side, failure.cause);
  const { message, reason } = await failureOf(other, other.endpoint);
  if (error instanceof Ended && guest === 'source')
    return told('STAYS', 'CANCELLED', `${failure.phase}: ${error.message}`, atSource(TRY_AGAIN));
  if (failure.phase === 'check') {
    recorder.failed({ message, ...atSource(`${WHERE.source(vm)} Nothing was touched.`) });
    return other;
  }
  if (guest === 'source')
    return told('STAYS', reason || 'GUEST_AT_SOURCE', `${failure.phase}: ${message}`, atSource(TRY_AGAIN));
  return told('IN_DOUBT', 'MIGRATION_IN_DOUBT', `${failure.phase}: ${message}`, {
    guest,
    advice: `Run: ${resumeWith}`,
  });
}

/** What would have it move, with what each option is now. */
function convergingAdvice({ predictedMs, rounds }: NotConverging, limits: Limits, fixedMs: number): string {
  const { maxBlackoutMs, bandwidth, maxRounds } = limits;
  const longer = `allow a blackout of ${Math.ceil(predictedMs)} ms or more (--max-blackout, now ${maxBlackoutMs})`;
  if (maxBlackoutMs < fixedMs) return `To move it, ${longer}.`;
  const ways = [
    longer,
    bandwidth > 0
      ? `send faster (--bandwidth, now ${bandwidth / MIB} MiB/s)`
      : 'give the hosts a faster line (--bandwidth holds nothing up)',
    ...(rounds.length >= maxRounds ? [`allow more rounds (--max-rounds, now ${maxRounds})`] : []),
  ];
  return `To move it, ${ways.join(', ')}, or have the guest write less.`;
}

const TRY_AGAIN = 'The destination has nothing of it: migrate again when you like.';

const WHERE: Readonly<Record<FailureRecord['guest'], (vm: string) => string>> = {
  source: (vm) => `${vm} is at the source as before.`,
  destination: (vm) => `${vm} goes on at the destination, and the source keeps a stopped rest of it.`,
  unknown: (vm) => `Which side has ${vm} now is not known from here.`,
};

async function resolve(
  session: Session,
  sides: Sides,
  vm: string,
  destinationIsGone: boolean,
): Promise<void> {
  const { InDoubt, resolveMigration } = await import('../../lib/migration/resolve.js');
  const clients = await clientsOf(sides);
  try {
    const resolution = await resolveMigration({
      ...clients,
      vmId: vm.slice('vms/'.length),
      destinationIsGone,
    });
    await session.say({ resolution }, `${RESOLVED[resolution](vm)}\n`);
  } catch (error) {
    if (!(error instanceof InDoubt)) throw error;
    throw new VcpuctlError(
      'IN_DOUBT',
      'MIGRATION_IN_DOUBT',
      `${error.message}. Run it again when both answer.`,
    );
  }
}

const RESOLVED: Readonly<Record<'finished' | 'undone' | 'nothing', (vm: string) => string>> = {
  finished: (vm) => `finished: ${vm} is at the destination, and the source has nothing left of it`,
  undone: (vm) => `undone: ${vm} goes on at the source, and the destination has nothing of it`,
  nothing: (vm) => `nothing to end: no migration of ${vm} was left behind`,
};
