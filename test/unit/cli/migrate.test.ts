// vcpuctl migrate between two vcpuds on the model driver, over the wire: what it says, what its report says, its exit
// status, and on which side the VM then is.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { VcpudClient } from '../../../lib/api/client.js';
import { type ModelVendor, modelDriver } from '../../../lib/kvm/model/model-driver.js';
import { type RunningServer, startServer } from '../../../services/server.js';
import { type HeldLine, heldLine } from '../../harness/held-line.js';
import { type FakeStreams, type Outcome, vcpuctl } from './fake-io.js';

const NAME = 'vms/web';
const MIB = 1024 * 1024;
const REGION = { gpa: 0, sizeBytes: 4 * MIB };

interface Side {
  readonly server: RunningServer;
  readonly endpoint: string;
  readonly socketPath: string;
  readonly client: VcpudClient;
}

let folder: string;
let sides: Side[];
let lines: HeldLine[];

async function side(name: string, vendor: ModelVendor = 'amd'): Promise<Side> {
  const address = join(folder, `${name}.sock`);
  const listening = { endpoints: [{ kind: 'unix', address } as const], tls: undefined };
  const server = await startServer(modelDriver(vendor), listening, pino({ level: 'silent' }));
  const endpoint = `unix://${address}`;
  const made = { server, endpoint, socketPath: address, client: new VcpudClient(endpoint) };
  sides.push(made);
  return made;
}

async function lineTo({ socketPath }: Side): Promise<HeldLine> {
  const line = await heldLine(socketPath);
  lines.push(line);
  return line;
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vcpuctl-migrate-'));
  sides = [];
  lines = [];
});

afterEach(async () => {
  for (const line of lines) await line.close();
  for (const { client, server } of sides) {
    client.close();
    await server.stop(0);
  }
  rmSync(folder, { recursive: true });
});

/** A paused VM with something in its memory, at the first of two sides. */
async function web(to: ModelVendor = 'amd'): Promise<[from: Side, to: Side]> {
  const pair: [Side, Side] = [await side('from'), await side('to', to)];
  const [{ client }] = pair;
  await client.vm.CreateVm({ vmId: 'web', vm: { vcpuCount: 1, memoryRegions: [REGION] } });
  await client.writeMemory([{ name: NAME, gpa: 0x3000, data: Buffer.alloc(100 * 4096, 7) }]);
  return pair;
}

const migrate = (
  from: Side,
  to: Side,
  words: readonly string[] = [],
  streams: FakeStreams = {},
): Promise<Outcome> =>
  vcpuctl(['--endpoint', from.endpoint, 'migrate', 'web', '--to', to.endpoint, ...words], streams);

const names = async ({ client }: Side): Promise<string[]> =>
  (await client.vm.ListVms({})).vms.map(({ name }) => name);
const vmAt = async ({ client }: Side) => (await client.vm.GetVm({ name: NAME })).vm;
const phaseAt = async (at: Side) => (await vmAt(at))?.migration?.phase;

async function memoryOf({ client }: Side): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const { data, zeroBytes } of client.readMemory({ name: NAME, ...REGION }))
    parts.push(data ?? Buffer.alloc(Number(zeroBytes)));
  return Buffer.concat(parts);
}

const report = (): string => join(folder, 'report.html');
/** The report's text, one space between words. */
const reportText = (): string =>
  readFileSync(report(), 'utf8')
    .replace(/<style>[\s\S]*?<\/style>/, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');

/** Does it once, as soon as the line on the terminal says that this phase begins. */
function at(phase: string, act: () => void): FakeStreams {
  let done = false;
  return {
    errIsTerminal: true,
    onError: (text) => {
      if (done || text !== `${NAME} ${phase}`) return;
      done = true;
      act();
    },
  };
}

/** Ctrl-C as soon as this phase begins. */
function interruptedAt(phase: string): FakeStreams {
  let interrupt: () => void = () => undefined;
  return {
    ...at(phase, () => interrupt()),
    onListening: (handler) => {
      interrupt = handler;
    },
  };
}

describe('a migration', () => {
  test('moves a paused VM, with a line a round, the parts of its blackout, and a report', async () => {
    const [from, to] = await web();
    const before = await memoryOf(from);
    const { status, out, err } = await migrate(from, to, ['--verify-memory', '--report', report()]);
    expect([status, err]).toEqual([0, '']);
    expect(out).toMatch(/^ROUND +PAGES +ZERO +SENT +RATE +DIRTY +DIRTY RATE +BLACKOUT$/m);
    expect(out).toMatch(/^ +1 +\d+ +\d+ +[\d.]+ KiB +[\d.]+ [KM]iB\/s +0 +0 bytes\/s +20\.0 ms$/m);
    expect(out).toMatch(new RegExp(`^${NAME} is at ${to.endpoint}$`, 'm'));
    expect(out).toMatch(/^blackout +[\d.]+ m?s, (within|longer than) the 300 ms allowed$/m);
    for (const part of ['  stop', '  memory', '  destination: restore', 'total'])
      expect(out).toMatch(new RegExp(`^${part} +[\\d.]+ m?s$`, 'm'));
    expect(out).toMatch(/^compared +the state, read back, and all memory \(SHA-256 of 1 ranges\)$/m);
    expect([await names(from), await names(to)]).toEqual([[], [NAME]]);
    expect((await memoryOf(to)).equals(before)).toBe(true);
    expect((await vmAt(to))?.runState).toBe('VM_RUN_STATE_PAUSED');
    expect(reportText()).toContain(`Moved: ${NAME} is at ${to.endpoint}`);
    expect(reportText()).toContain('round 1');
  });

  test('is one JSON document with --json', async () => {
    const [from, to] = await web();
    const { out } = await migrate(from, to, ['--json']);
    const { phases, rounds, parts, memoryBytes, source } = JSON.parse(out);
    expect(phases.map(({ phase, ending }: Record<string, string>) => [phase, ending])).toEqual(
      ['check', 'prepare', 'connect', 'pre-copy', 'switch', 'delete'].map((phase) => [phase, 'done']),
    );
    expect(rounds).toHaveLength(1);
    expect(parts.map(({ name }: Record<string, string>) => name)).toContain('answer');
    expect([memoryBytes, source.endpoint]).toEqual([String(4 * MIB), from.endpoint]);
  });

  test('goes by another endpoint where the source is told one', async () => {
    const [from, to] = await web();
    const { endpoint } = await lineTo(to);
    let peer: string | undefined;
    const watching = (async () => {
      for await (const { vm } of from.client.watchVm({ name: NAME })) peer = vm?.migration?.peer ?? peer;
    })();
    expect((await migrate(from, to, ['--as-seen-by-source', endpoint])).status).toBe(0);
    await watching;
    expect(peer).toBe(endpoint);
  });
});

describe('a dry run', () => {
  test('says what would be done, and changes nothing', async () => {
    const [from, to] = await web();
    const before = await vmAt(from);
    const words = ['--dry-run', '--bandwidth', '2', '--report', report()];
    const { status, out, err } = await migrate(from, to, words);
    expect([status, err]).toEqual([0, '']);
    expect(out).toMatch(/^vms\/web can move; nothing was touched$/m);
    expect(out).toMatch(/^memory to move +at most 4\.0 MiB; pages that hold zeroes cost nothing$/m);
    expect(out).toMatch(/^first round +at most 2\.00 s at 2\.0 MiB\/s$/m);
    expect([await vmAt(from), await names(to)]).toEqual([before, []]);
    expect(reportText()).toContain(`${NAME} can move to ${to.endpoint} Nothing was touched.`);
  });
});

describe('a migration that comes to nothing', () => {
  test.each([[['--dry-run']], [[]]])(
    'to a host of the other vendor is refused before anything is touched %j',
    async (words) => {
      const [from, to] = await web('intel');
      const before = await vmAt(from);
      const { status, out, err } = await migrate(from, to, [...words, '--report', report()]);
      expect([status, err]).toEqual([7, expect.stringContaining('[INCOMPATIBLE VENDOR_DIFFERS]')]);
      expect(out).toMatch(/^blocker VENDOR_DIFFERS/m);
      expect([await vmAt(from), await names(to)]).toEqual([before, []]);
      expect(reportText()).toContain('Failed:');
      expect(reportText()).toMatch(/check failed .* blocker VENDOR_DIFFERS/);
    },
  );

  test('because the source does not reach the destination leaves the guest there, and says so', async () => {
    const [from, to] = await web();
    const words = ['--as-seen-by-source', `unix://${join(folder, 'none.sock')}`, '--report', report()];
    const { status, err } = await migrate(from, to, words);
    expect([status, err]).toEqual([9, expect.stringContaining('[STAYS DESTINATION_UNREACHABLE]')]);
    expect(err).toContain(`${NAME} is at the source as before.`);
    expect([await phaseAt(from), await names(to)]).toEqual([undefined, []]);
    expect(reportText()).toMatch(/connect failed/);
    expect(reportText()).toContain(`${NAME} is at the source as before.`);
  });

  test('because one of the two does not answer names it', async () => {
    const [from, to] = await web();
    const nobody = { ...to, endpoint: `unix://${join(folder, 'none.sock')}` };
    const [asked, back] = [await migrate(from, nobody), await migrate(nobody, to)];
    for (const { status, err } of [asked, back])
      expect([status, err]).toEqual([3, expect.stringContaining(`no answer from ${nobody.endpoint}`)]);
    expect((await migrate(to, from)).status).toBe(4);
    expect([await names(from), await names(to)]).toEqual([[NAME], []]);
  });

  test.each(['check', 'prepare', 'connect', 'pre-copy'])(
    'by Ctrl-C in its phase %s leaves the guest at the source',
    async (phase) => {
      const [from, to] = await web();
      const { status, err } = await migrate(from, to, ['--report', report()], interruptedAt(phase));
      expect([status, err]).toEqual([9, expect.stringContaining('interrupted')]);
      expect(err).toContain('[STAYS CANCELLED]');
      await expect.poll(() => phaseAt(from)).toBeUndefined();
      expect(await names(to)).toEqual([]);
      expect(reportText()).toContain('Failed:');
    },
  );

  test('because the longest blackout allowed is one that none is predicted to be says what to change', async () => {
    const [from, to] = await web();
    const { status, out, err } = await migrate(from, to, ['--max-blackout', '10', '--report', report()]);
    expect([status, out.match(/^ +\d+ /gm)?.length]).toEqual([9, 1]);
    expect(err).toMatch(/^vcpuctl: no switch is reckoned shorter than 20 ms, .* \[STAYS NOT_CONVERGING\]$/m);
    const advice =
      'vms/web is at the source as before. To move it, allow a blackout of 20 ms or more (--max-blackout, now 10).';
    expect(err).toContain(advice);
    expect(reportText()).toContain(advice);
    await expect.poll(() => phaseAt(from)).toBeUndefined();
    expect(await names(to)).toEqual([]);
  });

  test('because its report could not be written moves nothing', async () => {
    const [from, to] = await web();
    const { status, err } = await migrate(from, to, ['--report', join(folder, 'none', 'report.html')]);
    expect([status, err]).toEqual([1, expect.stringContaining('ENOENT')]);
    expect([await names(from), await names(to)]).toEqual([[NAME], []]);
  });

  test.each([
    [['--resume', '--dry-run']],
    [['--resume', '--report', 'report.html']],
    [['--destination-is-gone']],
    [['--bandwidth', 'much']],
    [['--max-blackout', '-1']],
  ])('because of wrong usage calls nobody: %j', async (words) => {
    const words_ = ['migrate', 'web', '--to', `unix://${join(folder, 'none.sock')}`, ...words];
    const { status, err } = await vcpuctl(words_);
    expect([status, err]).toEqual([2, expect.stringContaining('[USAGE]')]);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('the switch', () => {
  test('is waited for at Ctrl-C, and the VM moves', async () => {
    const [from, to] = await web();
    const { status, err } = await migrate(from, to, [], interruptedAt('switch'));
    expect([status, err]).toEqual([0, expect.stringContaining('its end is waited for')]);
    expect([await names(from), await names(to)]).toEqual([[], [NAME]]);
  });

  test('whose answer is lost leaves doubt, which --resume ends: finished', async () => {
    const [from, to] = await web();
    const line = await lineTo(to);
    const moving = migrate(
      from,
      to,
      ['--as-seen-by-source', line.endpoint, '--report', report()],
      at('switch', () => line.hold('back')),
    );
    await expect.poll(() => names(to)).toEqual([NAME]);
    await expect.poll(() => phaseAt(to)).toBe('MIGRATION_PHASE_ARRIVED');
    line.cut();
    const { status, err } = await moving;
    expect([status, err]).toEqual([8, expect.stringContaining('[IN_DOUBT MIGRATION_IN_DOUBT]')]);
    expect(err).toContain(
      `Run: vcpuctl migrate ${NAME} --from ${from.endpoint} --to ${to.endpoint} --resume`,
    );
    expect(reportText()).toMatch(/switch failed/);
    expect(reportText()).toContain('--resume');
    const resumed = await migrate(from, to, ['--resume']);
    expect([resumed.status, resumed.out]).toEqual([0, expect.stringMatching(/^finished: /)]);
    expect([await names(from), await names(to)]).toEqual([[], [NAME]]);
    const again = await migrate(from, to, ['--resume']);
    expect([again.status, again.out]).toEqual([0, expect.stringMatching(/^nothing to end: /)]);
  });

  test('whose destination went away stays in doubt, until somebody says that it is gone: undone', async () => {
    const [from, to] = await web();
    const line = await lineTo(to);
    const moving = migrate(
      from,
      to,
      ['--as-seen-by-source', line.endpoint],
      at('switch', () => line.hold('back')),
    );
    await expect.poll(() => phaseAt(from)).toBe('MIGRATION_PHASE_HANDED_OVER');
    await to.server.stop(0);
    line.cut();
    expect((await moving).status).toBe(8);
    const inDoubt = await migrate(from, to, ['--resume']);
    expect([inDoubt.status, inDoubt.err]).toEqual([8, expect.stringContaining('the destination')]);
    expect(await phaseAt(from)).toBe('MIGRATION_PHASE_HANDED_OVER');
    const undone = await migrate(from, to, ['--resume', '--destination-is-gone']);
    expect([undone.status, undone.out]).toEqual([0, expect.stringMatching(/^undone: /)]);
    expect(await phaseAt(from)).toBeUndefined();
  });
});
