// docs/compose-a-migration.md: what stands in tables comes from those that vcpud and the reference orchestrator walk.

import { LIVE_PHASES } from '../../lib/migration/live.js';
import {
  FEW_PAGES,
  FIXED_MS,
  MOST_ROUNDS_WITHOUT_PROGRESS,
  PROGRESS,
  WORTH_A_ROUND_MS,
} from '../../lib/migration/pre-copy.js';
import { plan, type Seen } from '../../lib/migration/resolve.js';
import { MIGRATION_PHASES, type MigrationPhase } from '../../lib/vm/migration.js';

const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const table = (head: readonly string[], rows: ReadonlyArray<readonly string[]>): string =>
  [row(...head), row(...head.map(() => '---')), ...rows.map((cells) => row(...cells))].join('\n');

/** What a step is, in the order of the steps. */
interface Step {
  readonly name: string;
  readonly rpc: string;
  readonly at: 'source' | 'destination' | 'both';
  /** Who may run the guest once the step is done. */
  readonly mayRun: string;
  readonly failure: string;
  readonly remedy: string;
}

const steps = (rows: readonly Step[]): string =>
  table(
    ['', 'step', 'rpc', 'asked of', 'may run the guest after it', 'a failure means', 'then'],
    rows.map(({ name, rpc, at, mayRun, failure, remedy }, i) => [
      String(i + 1),
      name,
      rpc,
      at,
      mayRun,
      failure,
      remedy,
    ]),
  );

const DIRECT: readonly Step[] = [
  {
    name: 'ask',
    rpc: '`GetVmRequirements`',
    at: 'source',
    mayRun: 'source',
    failure: 'nothing was touched',
    remedy: 'nothing',
  },
  {
    name: 'check',
    rpc: '`CheckCompatibility` with its message',
    at: 'destination',
    mayRun: 'source',
    failure: 'nothing was touched; with `compatible` false the VM must not go there',
    remedy: 'another destination',
  },
  {
    name: 'prepare',
    rpc: "`PrepareVm` with the source's `Vm` (`GetVm`) and a new migration id; keep its `token`",
    at: 'destination',
    mayRun: 'source',
    failure: 'no VM was made; where the answer was lost, one was, and is deleted after a minute',
    remedy: 'nothing, or again with another id in a minute',
  },
  {
    name: 'connect',
    rpc: '`SendVm`: `start` with the token, and the destination as the source reaches it',
    at: 'source',
    mayRun: 'source',
    failure: '`DESTINATION_UNREACHABLE`, `DESTINATION_REFUSED`: the guest is at the source as before',
    remedy: '`ResolveMigration` `ABANDON` at the destination (NOT_FOUND is fine: it is gone already)',
  },
  {
    name: 'copy',
    rpc: '`SendVm`: `round`, and again',
    at: 'source',
    mayRun: 'source',
    failure: 'the same; ending or cancelling the stream gives up',
    remedy: 'the same',
  },
  {
    name: 'switch',
    rpc: '`SendVm`: `switch_over`',
    at: 'source',
    mayRun: '**destination**',
    failure:
      '`DESTINATION_UNREACHABLE`, `DESTINATION_REFUSED`: the guest runs at the source again. `MIGRATION_IN_DOUBT`, or no answer: it is stopped at the source, and may run at the destination',
    remedy: 'after a refusal the same; in doubt "[What a break leaves](#what-a-break-leaves)"',
  },
  {
    name: 'forget',
    rpc: '`ResolveMigration` `ABANDON`',
    at: 'source',
    mayRun: 'destination',
    failure: "the guest is the destination's; what was it is stopped at the source and stays so",
    remedy: 'again, any time',
  },
];

/** Beside NOTHING: a VM that is this side's as any other. */
type Side = MigrationPhase | 'PLAIN' | 'NOTHING';

const SIDE_WORDS: Readonly<Record<'PLAIN' | 'NOTHING', string>> = {
  PLAIN: 'a VM without `migration`',
  NOTHING: 'no VM',
};
const sideWords = (side: Side): string =>
  side === 'PLAIN' || side === 'NOTHING' ? SIDE_WORDS[side] : `\`${side}\``;

/** By what each side itself holds: that both may is what must never be. */
function mayRun(source: Side, destination: Side): string {
  const may = (side: Side) => side === 'PLAIN' || (side !== 'NOTHING' && MIGRATION_PHASES[side].ours);
  if (may(source) && may(destination))
    throw new Error(`${source} and ${destination}: both may run the guest`);
  if (may(source)) return 'source';
  return may(destination) ? '**destination**' : '**nobody**';
}

/** What the two sides go through, by phase of the reference orchestrator. */
const COURSE: Readonly<Record<string, ReadonlyArray<readonly [source: Side, destination: Side]>>> = {
  check: [['PLAIN', 'NOTHING']],
  prepare: [['PLAIN', 'PREPARED']],
  connect: [
    ['SENDING', 'PREPARED'],
    ['SENDING', 'RECEIVING'],
  ],
  'pre-copy': [['SENDING', 'RECEIVING']],
  switch: [
    ['HANDED_OVER', 'RECEIVING'],
    ['HANDED_OVER', 'ARRIVED'],
    ['MOVED', 'ARRIVED'],
  ],
  delete: [['NOTHING', 'ARRIVED']],
};

const course = (): string =>
  table(
    ['phase', 'what', '`migration.phase` at the source', 'at the destination', 'may run the guest'],
    LIVE_PHASES.flatMap(([phase, what]) => {
      const pairs = COURSE[phase];
      if (pairs === undefined) throw new Error(`what the sides go through in ${phase} is not said`);
      return pairs.map(([source, destination], i) => [
        i === 0 ? phase : '',
        i === 0 ? what : '',
        sideWords(source),
        sideWords(destination),
        mayRun(source, destination),
      ]);
    }),
  );

const yes = (value: boolean): string => (value ? 'yes' : 'no');

const phases = (): string =>
  table(
    ['`migration.phase`', 'the guest may run here, and be changed', '`RUN_HERE`', '`ABANDON`', 'because'],
    Object.entries(MIGRATION_PHASES).map(([phase, { ours, mayRunHere, mayAbandon, why }]) => [
      `\`${phase}\``,
      yes(ours),
      yes(mayRunHere),
      yes(mayAbandon),
      why,
    ]),
  );

const ID = 'this';
const seen = (phase: MigrationPhase): Seen => ({ kind: 'vm', id: ID, phase: `MIGRATION_PHASE_${phase}` });
const UNREACHABLE: readonly [string, Seen] = ['does not answer', { kind: 'unreachable' }];
const NONE: readonly [string, Seen] = ['no VM', { kind: 'none' }];
const PLAIN: readonly [string, Seen] = ['a VM without `migration`', { kind: 'vm', id: '', phase: undefined }];
const named = (phase: MigrationPhase): readonly [string, Seen] => [`\`${phase}\``, seen(phase)];

const AT_SOURCE = [named('HANDED_OVER'), named('MOVED'), named('SENDING'), PLAIN, NONE, UNREACHABLE];
const AT_DESTINATION = [named('ARRIVED'), named('RECEIVING'), named('PREPARED'), NONE, UNREACHABLE];

function decision(here: Seen, there: Seen): string {
  const planned = plan(here, there, false);
  if (planned.kind === 'wait') {
    const gone = plan(here, there, true);
    return gone.kind === 'do' && gone.source === 'RUN_HERE' ? 'wait ¹' : 'wait';
  }
  const both = [
    planned.destination === undefined ? undefined : `\`${planned.destination}\` there`,
    planned.source === undefined ? undefined : `\`${planned.source}\` here`,
  ].filter((part) => part !== undefined);
  return both.length === 0 ? 'nothing' : both.join(', then ');
}

const resolution = (): string =>
  table(
    ['at the source (here) \\ at the destination (there)', ...AT_DESTINATION.map(([words]) => words)],
    AT_SOURCE.map(([words, here]) => [words, ...AT_DESTINATION.map(([, there]) => decision(here, there))]),
  );

const UNDO = '`DeleteVm` at the destination, `StopDirtyTracking` at the source';

const RELAYED: readonly Step[] = [
  {
    name: 'ask, check',
    rpc: '`GetVmRequirements`, `CheckCompatibility`',
    at: 'both',
    mayRun: 'source',
    failure: 'nothing was touched',
    remedy: 'another destination',
  },
  {
    name: 'create',
    rpc: "`CreateVm` with the source's `Vm` (`GetVm`), without its `linux_boot`",
    at: 'destination',
    mayRun: 'source',
    failure: 'no VM was made; where the answer was lost, one may be there',
    remedy: '`DeleteVm` at the destination',
  },
  {
    name: 'track',
    rpc: '`StartDirtyTracking`: before the first page is read',
    at: 'source',
    mayRun: 'source',
    failure: 'the guest is at the source as before',
    remedy: UNDO,
  },
  {
    name: 'copy',
    rpc: '`ReadMemory` of each region into `WriteMemory`',
    at: 'both',
    mayRun: 'source',
    failure: 'the same',
    remedy: UNDO,
  },
  {
    name: 'collect',
    rpc: '`CollectDirtyPages` into `WriteMemory`, and again; its head says how many pages there are before any comes',
    at: 'both',
    mayRun: 'source',
    failure:
      'the same; pages of a stream that broke off come again, with `resend` those of one that vcpud had sent whole too',
    remedy: `the collect again, or ${UNDO}`,
  },
  {
    name: 'stop',
    rpc: '`PauseVm`',
    at: 'source',
    mayRun: '**nobody**',
    failure: 'the guest is at the source, and may be stopped',
    remedy: `${UNDO}, then \`RunVm\` at the source`,
  },
  {
    name: 'take',
    rpc: '`GetVmState`, then the last `CollectDirtyPages` into `WriteMemory`: KVM may write memory as the state is taken',
    at: 'both',
    mayRun: 'nobody',
    failure: 'the guest is at the source, stopped',
    remedy: 'the same',
  },
  {
    name: 'set',
    rpc: '`SetVmState`, after all memory: a VMX shadow VMCS is read from there',
    at: 'destination',
    mayRun: 'nobody',
    failure: 'the reason says which rule; the VM there is as it was',
    remedy: 'the same',
  },
  {
    name: 'run',
    rpc: '`RunVm`, once',
    at: 'destination',
    mayRun: '**destination**',
    failure: 'an error of vcpud: it does not run there. No answer: nobody knows',
    remedy:
      'after an error the same; else `GetVm` at the destination until it answers: it runs, or `DeleteVm` there, then `RunVm` at the source',
  },
  {
    name: 'forget',
    rpc: '`DeleteVm`',
    at: 'source',
    mayRun: 'destination',
    failure: "the guest is the destination's; what was it is paused at the source",
    remedy: 'again; never `RunVm` there',
  },
];

/** Parts of a blackout, as SwitchPart names them (lib/transfer/sender.ts, lib/vm/vm.ts), in order. */
const BLACKOUT: ReadonlyArray<readonly [part: string, what: string, grows: string]> = [
  ['stop', 'every vCPU is brought out of the guest, pending I/O completed', 'the slowest vCPU'],
  ['capture', 'what every vCPU holds', 'vCPUs'],
  ['devices', 'what the VM holds beside, from the same stop: clock, irqchip, PIT, serial port', ''],
  ['memory', 'what is dirty still: of pages that were sent before, what differs', 'dirty pages, the line'],
  ['hash', 'only with `verify_memory`: SHA-256 of all memory, on both sides', 'memory'],
  ['serialize', 'the commit: states and the last of the memory in one message', 'vCPUs, dirty pages'],
  [
    'answer',
    'the commit there on a stream that is open and warm, the parts below, and the word back',
    'the line; the parts below',
  ],
  ['destination: memory', 'the last of the memory is written', 'dirty pages'],
  ['destination: devices', 'the same is set', ''],
  ['destination: restore', 'the state is checked against the rules and set, in order', 'vCPUs'],
  ['destination: check', 'it is read back and compared', 'vCPUs'],
  ['destination: run', 'the vCPUs go', 'vCPUs'],
];

export function composePage(): string {
  return `# Compose a migration

How an orchestrator, in any language, moves a VM from one vcpud to another while its guest runs. It calls two vcpuds and
needs nothing else: [migrate.py](../examples/python/migrate.py) is all of it in 200 lines of Python, both ways;
\`lib/migration/live.ts\` is the reference. The messages, and every error of every rpc, stand in
[protos/vcpud/v1](../protos/vcpud/v1); reasons in [errors.md](errors.md).

| | host to host | relayed |
|---|---|---|
| memory and states | from source to destination directly | through the orchestrator |
| who guards that one side runs at most | the two vcpuds, by phases | the orchestrator |
| what a crash of the orchestrator leaves | what both vcpuds say of themselves, to be resolved by a table | a VM on each side, and only the orchestrator's own notes |
| the blackout has | one message there and back | six calls, one after the other |
| needs | a way from host to host, over TCP with mutual TLS: [deploy.md](deploy.md) | a way from the orchestrator to both |

Take the first wherever the hosts reach each other.

This page is made from \`lib/vm/migration.ts\`, \`lib/migration\` and \`test/checks/compose-page.ts\` by \`npm run generate\`.

## Host to host

\`\`\`mermaid
sequenceDiagram
    participant S as vcpud at the source
    participant O as orchestrator
    participant D as vcpud at the destination
    O->>S: GetVmRequirements
    O->>D: CheckCompatibility
    O->>S: GetVm
    O->>D: PrepareVm (shape, migration id)
    D-->>O: token
    O->>S: SendVm: start (destination, token)
    S->>D: ReceiveVm: begin
    loop until the predicted blackout fits
    O->>S: SendVm: round
    S-->>D: pages
    S-->>O: round_done (pages, time, dirty pages)
    end
    O->>S: SendVm: switch_over
    rect rgba(128, 128, 128, 0.15)
    Note over S: the guest stops
    S-->>D: last pages, commit (all states)
    Note over D: set, read back, compared: the guest goes on
    D-->>S: arrived
    end
    S-->>O: switched (blackout and its parts)
    O->>S: ResolveMigration ABANDON
\`\`\`

${steps(DIRECT)}

"No answer" is UNAVAILABLE, DEADLINE_EXCEEDED or a broken connection: an error with a reason of vcpud's is an answer. Give
streams no deadline, and unary calls one. A switch that has begun is finished, whether the caller listens or not.

A network that falls silent ends no connection: have gRPC's keepalive ask on your channels. A source asks the destination
every 10 s, and takes one that says nothing for 20 s to have gone away.

### Who may run the guest

What each phase allows is held by each vcpud for itself: \`RunVm\` and whatever changes a VM are refused with
\`VM_MIGRATING\` where the guest is not that side's.

${phases()}

So no guest runs twice, whatever the orchestrator does, short of a \`RUN_HERE\` by one who is wrong:

${course()}

### When to switch

After each round the source says how many pages are dirty again. The rule of \`lib/migration/pre-copy.ts\`:

- rate: the fastest round's bytes by its time, of rounds with more than ${FEW_PAGES} pages where there are such;
- predicted blackout: ${FIXED_MS} ms and the time that the dirty pages take at that rate;
- **switch** where that is within the limit, but not where it is more than ${WORTH_A_ROUND_MS} ms after a round that was the
  first, or left less than half of what it found: one more is short, and makes the switch shorter;
- **give up** after ${MOST_ROUNDS_WITHOUT_PROGRESS} rounds in a row that did not leave ${Math.round((1 - PROGRESS) * 100)} % less than the best before them, or after as many rounds
  as were allowed: the guest writes as fast as its memory is sent. Also where the limit is under ${FIXED_MS} ms, which nothing
  is predicted to be;
- else **another round**.

\`bandwidth_bytes_per_second\` of the start slows rounds down, and so raises what they leave. It does not hold up the switch.

### Two vcpuds on one host

Where the start names the destination by \`unix:///PATH\`, the source shows it where its memory is, and a destination that can
look there reads the pages itself: one copy by the kernel, where messages cost several and two processes' time. \`started\` says
whether it does (\`reads_source\`). Nothing else differs: rounds, phases, what a break means. A destination in another PID
namespace, or of another user, can't look there, and is sent memory as one on another host is; so is one that is named by
\`tcp://\`. It reads only what the holder of its own token may write: [deploy.md](deploy.md#memory-of-another-vcpud).

### What a break leaves

Whoever comes back, such as the orchestrator after a crash, asks both sides by \`GetVm\`, the destination first, and does what
stands here by \`ResolveMigration\`, the destination's part first (\`lib/migration/resolve.ts\`). Where a call fails, ask and
look again: doing it twice is safe.

${resolution()}

¹ The guest may run at the destination, so it stays stopped at the source. Whoever knows that the destination's host is gone
for good, its guests with it, says \`RUN_HERE\`.

\`ARRIVED\` counts if its migration id is the source's, or the source has no id; a VM at the destination that is part of
another migration, or of none, is nobody's to abandon.

## Relayed

\`\`\`mermaid
sequenceDiagram
    participant S as vcpud at the source
    participant O as orchestrator
    participant D as vcpud at the destination
    O->>D: CreateVm (the same shape)
    O->>S: StartDirtyTracking
    S-->>O: ReadMemory
    O-->>D: WriteMemory
    loop until the predicted blackout fits
    S-->>O: CollectDirtyPages
    O-->>D: WriteMemory
    end
    rect rgba(128, 128, 128, 0.15)
    O->>S: PauseVm
    O->>S: GetVmState
    S-->>O: CollectDirtyPages, the last
    O-->>D: WriteMemory
    O->>D: SetVmState
    O->>D: RunVm
    end
    O->>S: DeleteVm
\`\`\`

${steps(RELAYED)}

No phase guards these VMs: between the pause and the end the orchestrator alone knows that the source's must not run. Write
down, before \`RunVm\` at the destination is called, that it may have been.

New memory is zero, so of the first copy only data has to travel; of a collect zero pages too (\`zero_bytes\`), for they
were something else. A \`WriteMemory\` without a message is refused: leave out what has no pages. Let one stream feed the
other, message by message: each side waits for the other then, and the orchestrator holds no more than a few chunks.

## What the blackout is made of

\`SendVmSwitched.parts\` has them with their times, in this order; "answer" holds the destination's:

${table(['part', 'what', 'grows with'], BLACKOUT)}

What of a switch can be done before it, the two vcpuds do before it, while the guest runs. The destination rehearses: it is
given a new vCPU's state, sets it, reads it back, and examines a nested state of the guest's, each as often as V8 needs to
compile it well, after every round but within a second of having done so with memory in it. Both collect their heaps after a
round that moved much in messages, so that V8 does not begin to in the switch. And for the switch itself their main threads
go before all others (see [deploy.md](deploy.md)). An orchestrator has nothing to do for that; waiting long between the last
round and the switch undoes some of it.

With \`verify_memory\` the destination has a "hash" too, before its restore. \`blackout\` is from the stop of the first vCPU to
the destination's word at the source, so the guest stood still for no longer. Relayed, it is from \`PauseVm\` to the answer of
\`RunVm\`: the same work, and a round trip for each of its calls.
`;
}
