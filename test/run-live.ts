// Moves the small guest, whose L1 runs a live L2, from one vcpud to another and back while it runs, and counts that as
// tests (counts.ts). Run by test/main.ts in the emulated Intel host, where a test runner would take minutes to start.

import { errorInfoOf } from '../lib/api/error-details.js';
import { migrateLive } from '../lib/migration/live.js';
import { countsLine } from './counts.js';
import { createGuest, NORMAL } from './guests/guest.js';
import { startVcpud, type VcpudProcess } from './harness/vcpud-process.js';
import { countersOf, Watcher } from './harness/watcher.js';

const VM = 'live';
const NAME = `vms/${VM}`;
const MOVES = 2;
/** Long: what is shown here is that it moves, where everything takes fifty times as long. */
const LIMITS = { maxBlackoutMs: 60_000, bandwidth: 0, maxRounds: 10 };

/** All that the guest wrote to the console at one vcpud, as its watcher had it. */
const textOf = ({ events }: Watcher): string =>
  events.map(({ console: output }) => output?.data.toString() ?? '').join('');

const counting = (watcher: Watcher): Promise<unknown> =>
  watcher.until('L2 to count', ({ lines }) =>
    lines.filter(({ text }) => countersOf(text) !== undefined).length >= 2 ? true : undefined,
  );

/** A sentence for each line of the guest that is not the next after the one before it: missing, repeated, or broken. */
function troublesOf(text: string): string[] {
  const [start, ...lines] = text.split('\n').slice(0, -1);
  const troubles = start === 'cpu=0 start' ? [] : [`the first line is ${start}`];
  lines.forEach((line, i) => {
    const counters = countersOf(line);
    if (counters?.l1 !== BigInt(NORMAL.report * (i + 1))) troubles.push(`line ${i + 2} is ${line}`);
  });
  return troubles;
}

/** Where `from` and `to` are told of the guest, and one watcher a vcpud that it was at. */
async function move(from: VcpudProcess, to: VcpudProcess, verifyMemory: boolean): Promise<Watcher> {
  let watcher: Watcher | undefined;
  const { rounds, switchPages, blackoutMs, totalMs, verifiedRanges } = await migrateLive({
    ...LIMITS,
    source: from.client,
    destination: to.client,
    destinationEndpoint: `unix://${to.socketPath}`,
    vmId: VM,
    verifyMemory,
    onEvent: (event) => {
      // From before the guest is there: its first byte is not to be missed.
      if (event.kind === 'phase' && event.phase === 'prepare') watcher = new Watcher(to.client, VM);
    },
  });
  process.stdout.write(
    `moved in ${Math.round(totalMs)} ms: ${rounds.length} rounds, ${switchPages} pages in the switch, ` +
      `blackout ${Math.round(blackoutMs)} ms, ${verifiedRanges} ranges of memory compared\n`,
  );
  if (verifyMemory !== verifiedRanges > 0) throw new Error(`${verifiedRanges} ranges were compared`);
  if (watcher === undefined) throw new Error('the destination was never watched');
  await counting(watcher);
  const { vms } = await from.client.vm.ListVms({});
  if (vms.length > 0) throw new Error(`left behind: ${vms.map(({ name }) => name).join(', ')}`);
  return watcher;
}

async function run(): Promise<string[]> {
  const vcpuds = await Promise.all([startVcpud(), startVcpud()]);
  try {
    let [from, to] = vcpuds as [VcpudProcess, VcpudProcess];
    await createGuest(from.client, VM, NORMAL, 1);
    const watchers = [new Watcher(from.client, VM)];
    await from.client.vm.RunVm({ name: NAME });
    await counting(watchers[0] as Watcher);
    for (let i = 0; i < MOVES; i += 1) {
      watchers.push(await move(from, to, i === 0));
      [from, to] = [to, from];
    }
    await from.client.vm.DeleteVm({ name: NAME });
    await Promise.all(watchers.map(({ finished }) => finished));
    return troublesOf(watchers.map(textOf).join(''));
  } finally {
    for (const status of await Promise.all(vcpuds.map((vcpud) => vcpud.stop())))
      if (status !== 0) process.stdout.write(`a vcpud ended with ${status}\n`);
  }
}

const failures = await run().catch((error: Error) => {
  const reason = errorInfoOf(error as Parameters<typeof errorInfoOf>[0])?.reason ?? '';
  return [`${error.message} ${reason}`];
});
for (const failure of failures) process.stdout.write(`${failure}\n`);
process.stdout.write(
  countsLine(
    failures.length === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: failures.length, failures },
  ),
);
process.exitCode = failures.length === 0 ? 0 : 1;
