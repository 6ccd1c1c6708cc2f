// Moves the small guest, whose L1 runs a live L2, from one vcpud to another and back while it runs, and counts that as
// one test (counts.ts). A guest that writes faster than its line then stays or moves as the limits have it. Run by
// test/main.ts in the emulated Intel host, where a test runner would take minutes to start.

import type { VcpudClient } from '../lib/api/client.js';
import { migrateLive, NotConverging } from '../lib/migration/live.js';
import { countsLine } from './counts.js';
import { eventually } from './harness/eventually.js';
import { MovingSmall } from './harness/moving-small.js';
import { createTiny, TINY_RAM_BYTES } from './harness/tiny-guest.js';
import { startVcpud, type VcpudProcess } from './harness/vcpud-process.js';

/** From the third on, code is compiled and a vCPU's thread is there: the moves before it take most of the time. */
const MOVES = 6;
const LINES_BETWEEN = 2;
/** Long: what is shown here is that it moves, where everything takes fifty times as long. */
const MAX_BLACKOUT_MS = 60_000;

async function run(): Promise<string[]> {
  const vcpuds = await Promise.all([startVcpud(), startVcpud()]);
  try {
    const [first, second] = vcpuds;
    const guest = new MovingSmall(first, second);
    await guest.create();
    await guest.boot();
    for (let move = 0; move < MOVES; move += 1) {
      const verifyMemory = move === 0;
      const { rounds, switchPages, blackoutMs, totalMs, verifiedRanges } = await guest.move({
        verifyMemory,
        maxBlackoutMs: MAX_BLACKOUT_MS,
      });
      process.stdout.write(
        `moved in ${Math.round(totalMs)} ms: ${rounds.length} rounds, ${switchPages} pages in the switch, ` +
          `blackout ${Math.round(blackoutMs)} ms, ${verifiedRanges} ranges of memory compared\n`,
      );
      if (verifyMemory !== verifiedRanges > 0) return [`${verifiedRanges} ranges of memory were compared`];
      await guest.goesOn(LINES_BETWEEN);
    }
    return [...(await guest.end()), ...(await writerStaysOrMoves(first, second))];
  } finally {
    for (const status of await Promise.all(vcpuds.map((vcpud) => vcpud.stop())))
      if (status !== 0) process.stdout.write(`a vcpud ended with ${status}\n`);
  }
}

const WRITER = 'vms/writer';
const PAGE = 4096;
/** At 1 MiB/s its MiB takes a second, in which it is written again: what is predicted is more than a second. */
const BANDWIDTH = 1 << 20;
const TOO_SHORT_MS = 900;

/** How often the guest has written the last of its pages. */
async function writes(client: VcpudClient): Promise<string> {
  const read = [];
  for await (const { data } of client.readMemory({ name: WRITER, gpa: TINY_RAM_BYTES - PAGE, sizeBytes: 2 }))
    read.push(data ?? Buffer.alloc(0));
  return Buffer.concat(read).toString('hex');
}

async function writesOn({ client }: VcpudProcess): Promise<void> {
  const before = await writes(client);
  await eventually('the guest to write', async () => ((await writes(client)) !== before ? true : undefined));
}

/** Of a guest that writes all of its memory again and again: what is not as it should be. */
async function writerStaysOrMoves(from: VcpudProcess, to: VcpudProcess): Promise<string[]> {
  const vmsAt = async ({ client }: VcpudProcess) => (await client.vm.ListVms({})).vms.length;
  const move = (maxBlackoutMs: number) =>
    migrateLive({
      source: from.client,
      destination: to.client,
      destinationEndpoint: to.endpoint,
      vmId: 'writer',
      verifyMemory: false,
      maxBlackoutMs,
      bandwidth: BANDWIDTH,
      maxRounds: 30,
      onEvent: () => undefined,
    });
  await createTiny(from.client, 'writer', 'writePages', { vcpuCount: 1, irqchip: false });
  await from.client.vm.RunVm({ name: WRITER });
  const stays = await move(TOO_SHORT_MS).then(
    () => new Error('it moved'),
    (error: Error) => error,
  );
  if (!(stays instanceof NotConverging)) return [`a blackout too short: ${stays.message}`];
  process.stdout.write(`stays: ${stays.message}\n`);
  await writesOn(from);
  if ((await vmsAt(to)) > 0) return ['something is left at the destination'];
  const { blackoutMs } = await move(MAX_BLACKOUT_MS);
  process.stdout.write(
    `moves where ${MAX_BLACKOUT_MS} ms are allowed: blackout ${Math.round(blackoutMs)} ms\n`,
  );
  await writesOn(to);
  return (await vmsAt(from)) > 0 ? ['something is left at the source'] : [];
}

const failures = await run().catch((error: Error) => [error.message]);
for (const failure of failures) process.stdout.write(`${failure}\n`);
const counts =
  failures.length === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: failures.length, failures };
process.stdout.write(countsLine(counts));
process.exitCode = failures.length === 0 ? 0 : 1;
