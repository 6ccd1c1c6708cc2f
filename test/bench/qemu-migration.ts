// The peer of our live migration: QEMU's own, of the same Linux guest with its live L2, on the same host, from one QEMU
// to another over a unix socket and on to a third. Used by qemu-peer.ts.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GuestConsole, troublesOf } from '../guests/linux/console.js';
import { IDLE, linuxGuest, type Writer } from '../guests/linux/linux-guest.js';
import { type MachineShape, QemuMachine } from '../harness/qemu-machine.js';
import { filledCache } from '../testbed/cache.js';
import type { Progress } from '../testbed/progress.js';
import type { Measurement } from './row.js';
import { median } from './statistics.js';

export interface QemuMigrationSettings {
  readonly memoryMib: number;
  readonly writer: Writer | undefined;
  readonly runs: number;
}

/** One migration, as QEMU's query-migrate tells it. */
export interface QemuMigration {
  readonly downtimeMs: number;
  readonly totalMs: number;
  /** Of RAM, on the wire. */
  readonly transferredBytes: number;
  /** How often the dirty log was read. */
  readonly rounds: number;
}

export interface QemuMigrationResult extends QemuMigrationSettings {
  readonly migrations: readonly QemuMigration[];
  readonly median: QemuMigration;
  /** Lines that L2 wrote, all of them in order. */
  readonly l2Lines: number;
}

/** As much as QEMU takes. */
const UNLIMITED = Number.MAX_SAFE_INTEGER;
/** QEMU's default: it stops the guest when it expects the rest to take less. */
const DOWNTIME_LIMIT_MS = 300;
/** For one migration. A guest that writes faster than QEMU sends is never sent. */
const MIGRATION_LIMIT_MS = 180_000;
/** What shows, after a migration and before the next, that L2 goes on. */
const LINES_BETWEEN = 3;

/** What query-migrate answers once a migration is complete. */
interface QueryMigrate {
  readonly downtime: number;
  readonly 'total-time': number;
  readonly ram: { readonly transferred: number; readonly 'dirty-sync-count': number };
}

/**
 * Boots the guest and migrates it `runs` times. Rejects where QEMU fails, and where the guest's lines show that a
 * migration lost something.
 */
export async function measureQemuMigration(
  settings: QemuMigrationSettings,
  progress: Progress,
): Promise<QemuMigrationResult> {
  const shape: MachineShape = {
    processor: 'kvm',
    cache: await filledCache(progress),
    guest: await linuxGuest(progress),
    options: { ...IDLE, writer: settings.writer },
    memoryMib: settings.memoryMib,
  };
  const folder = await mkdtemp(join(tmpdir(), 'qemu-peer-'));
  const socketPath = join(folder, 'migration');
  const console = new GuestConsole();
  const migrations: QemuMigration[] = [];
  progress('booting the Linux guest in QEMU');
  let source = await QemuMachine.boot(shape);
  source.serial.on('data', (chunk: Buffer) => console.push(chunk));
  try {
    await orEnd(source, console.moreL2Lines(LINES_BETWEEN));
    for (let run = 1; run <= settings.runs; run += 1) {
      const destination = await QemuMachine.incoming(shape, socketPath);
      const migration = await migrate(source, destination, socketPath).catch(async (error: unknown) => {
        await destination.end();
        throw error;
      });
      migrations.push(migration);
      progress(`migration ${run} of ${settings.runs}: ${JSON.stringify(migration)}`);
      // A line may begin at the source and end at the destination.
      await source.end();
      source = destination;
      source.serial.on('data', (chunk: Buffer) => console.push(chunk));
      await orEnd(source, console.moreL2Lines(LINES_BETWEEN));
    }
  } finally {
    await source.end();
    await rm(folder, { recursive: true });
  }
  const troubles = troublesOf(console.lines);
  if (troubles.length > 0) throw new Error(`the guest is not as it was: ${troubles.join('; ')}`);
  return {
    ...settings,
    migrations,
    median: {
      downtimeMs: median(migrations.map(({ downtimeMs }) => downtimeMs)),
      totalMs: median(migrations.map(({ totalMs }) => totalMs)),
      transferredBytes: median(migrations.map(({ transferredBytes }) => transferredBytes)),
      rounds: median(migrations.map(({ rounds }) => rounds)),
    },
    l2Lines: console.lines.filter((line) => line.startsWith('l2 ')).length,
  };
}

/** Moves the guest; both have ended what they do when it resolves. */
async function migrate(
  source: QemuMachine,
  destination: QemuMachine,
  socketPath: string,
): Promise<QemuMigration> {
  const events = { capability: 'events', state: true };
  await source.execute('migrate-set-capabilities', { capabilities: [events] });
  await source.execute('migrate-set-parameters', {
    'max-bandwidth': UNLIMITED,
    'downtime-limit': DOWNTIME_LIMIT_MS,
  });
  await source.execute('migrate', { uri: `unix:${socketPath}` });
  const ended = source.event(
    ({ event, data }) => event === 'MIGRATION' && ENDS.has(String(data?.['status'])),
  );
  const { data } = await within(MIGRATION_LIMIT_MS, ended);
  if (data?.['status'] !== 'completed') throw new Error(`QEMU's migration has ${data?.['status']}`);
  await destination.event(({ event }) => event === 'RESUME');
  // Only then does the source sum up: right after the event its totals can still be 0.
  while (((await source.execute('query-status', {})) as { status: string }).status !== 'postmigrate');
  const told = (await source.execute('query-migrate', {})) as QueryMigrate;
  return {
    downtimeMs: told.downtime,
    totalMs: told['total-time'],
    transferredBytes: told.ram.transferred,
    rounds: told.ram['dirty-sync-count'],
  };
}

const ENDS = new Set(['completed', 'failed', 'cancelled']);

/** What is waited for, or QEMU's end where that comes first. */
function orEnd<T>(machine: QemuMachine, work: Promise<T>): Promise<T> {
  const ended = machine.closed.then(() => {
    throw new Error('QEMU has ended, and with it the guest');
  });
  return Promise.race([work, ended]);
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`QEMU's migration is not done after ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What the guest does beside its L2. */
export const loadText = (writer: Writer | undefined): string =>
  writer === undefined ? 'idle' : `${writer.mib} MiB written at ${writer.pagesPerSecond} pages/s`;

/** The result as rows of the bench's table. */
export function qemuRows(result: QemuMigrationResult): Measurement[] {
  const { memoryMib, writer, migrations } = result;
  const load = loadText(writer);
  const row = (name: string, key: 'downtimeMs' | 'totalMs'): Measurement => ({
    name: `qemu-${name}-${memoryMib}${writer === undefined ? '' : '-writer'}`,
    what: `QEMU's live migration, ${memoryMib} MiB, ${load}: ${name}`,
    unit: 'ms',
    measured: result.median[key],
    details: {
      runs: migrations.length,
      least: Math.min(...migrations.map((migration) => migration[key])),
      most: Math.max(...migrations.map((migration) => migration[key])),
      megabytes: result.median.transferredBytes / 1e6,
      rounds: result.median.rounds,
    },
  });
  return [row('downtime', 'downtimeMs'), row('total time', 'totalMs')];
}
