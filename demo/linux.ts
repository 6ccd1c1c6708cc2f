// The Linux demo: a Linux L1 whose KVM runs a live L2 goes back and forth between two vcpuds while it runs. What it
// writes to its console tells whether anything was lost: L2's lines are numbered, and its kernel would complain.

import { parseArgs } from 'node:util';
import { type LiveResult, migrateLive } from '../lib/migration/live.js';
import { GuestConsole, l2Line, troublesOf } from '../test/guests/linux/console.js';
import { commandLine, linuxGuest } from '../test/guests/linux/linux-guest.js';
import { startVcpud, type VcpudProcess } from '../test/harness/vcpud-process.js';
import { Phases } from './phases.js';

const VM = 'linux';
const NAME = `vms/${VM}`;
const RAM_BYTES = 256 * 1024 * 1024;
/** L2 lines between two migrations: the guest is seen to go on before it moves again. */
const LINES_BETWEEN = 2;
/** A guest that is silent for so long is lost, ms. */
const SILENCE_MS = 300_000;

export interface LinuxDemoResult {
  readonly vendor: 'amd' | 'intel';
  readonly kernel: string;
  readonly guest: 'linux';
  readonly migrations: number;
  readonly l2_lines: number;
  readonly l2: { readonly before: string; readonly after: string };
  readonly blackout_ms: { readonly median: number; readonly max: number };
  readonly total_ms: { readonly median: number };
  readonly phases: ReadonlyArray<{ readonly name: string; readonly ms: number }>;
  readonly troubles: readonly string[];
  readonly verified: boolean;
}

const round = (ms: number): number => Math.round(ms * 10) / 10;
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** One console through all moves: what a VM wrote at one vcpud comes before what it wrote at the next. */
class MovingConsole {
  readonly guest = new GuestConsole();
  private before: Promise<void> = Promise.resolve();
  private failure: Error | undefined;
  private failed: (error: Error) => void = () => undefined;

  /** Follows the VM at a vcpud, from the first byte, until it is deleted there. */
  follow({ client }: VcpudProcess): void {
    const events = client.watchVm({ name: NAME, consoleHistory: true });
    const { before } = this;
    this.before = (async () => {
      const chunks = events[Symbol.asyncIterator]();
      // Asked for at once, so that nothing is missed; looked at when the one before has ended.
      let next = chunks.next();
      next.catch(() => undefined);
      await before;
      for (;;) {
        const { done, value } = await next;
        if (done === true) return;
        if (value.console?.port === 'CONSOLE_PORT_SERIAL') this.guest.push(value.console.data);
        next = chunks.next();
      }
    })();
    this.before.catch((error: Error) => {
      this.failure = error;
      this.failed(error);
    });
  }

  /** Resolves when L2 has written that many lines more; rejects where its console can't be followed, or none comes. */
  async moreL2Lines(count: number): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    let timer: NodeJS.Timeout | undefined;
    const trouble = new Promise<never>((_resolve, reject) => {
      this.failed = reject;
      timer = setTimeout(() => {
        const last = this.guest.lines.slice(-5).join(' | ');
        reject(new Error(`L2 wrote no line within ${SILENCE_MS / 1000} s; the last on the console: ${last}`));
      }, SILENCE_MS);
    });
    try {
      await Promise.race([this.guest.moreL2Lines(count), trouble]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Resolves when the VM is gone everywhere. */
  ended(): Promise<void> {
    return this.before;
  }
}

async function demo(migrations: number, say: (line: string) => void): Promise<LinuxDemoResult> {
  const phases = new Phases(say);
  const vcpuds: VcpudProcess[] = [];
  try {
    await phases.timed('serve', 'two vcpud processes listen on their sockets', async () => {
      vcpuds.push(...(await Promise.all([startVcpud(), startVcpud()])));
    });
    let [from, to] = vcpuds as [VcpudProcess, VcpudProcess];
    const host = (await from.client.host.GetHost({})).host;
    const line = new MovingConsole();
    const { guest } = line;
    await phases.timed('create', 'a VM at the first, with a Linux kernel in it', async () => {
      const files = await linuxGuest(() => undefined);
      await from.client.vm.CreateVm({
        vmId: VM,
        vm: {
          vcpuCount: 1,
          memoryRegions: [{ gpa: 0, sizeBytes: RAM_BYTES }],
          irqchip: true,
          pit: true,
          pc: true,
          linuxBoot: {
            kernelPath: files.kernel,
            initramfsPath: files.initramfs,
            commandLine: commandLine({ intervalMs: 1000, writer: undefined, shell: true }),
          },
        },
      });
      line.follow(from);
    });
    await phases.timed('boot', 'Linux is up, has loaded KVM, and its L2 counts', async () => {
      const counting = line.moreL2Lines(1);
      await from.client.vm.RunVm({ name: NAME });
      await counting;
    });
    const before = lastCount(guest);
    const results: LiveResult[] = [];
    for (let i = 1; i <= migrations; i += 1) {
      const result = await migrateLive({
        source: from.client,
        destination: to.client,
        destinationEndpoint: to.target,
        vmId: VM,
        maxBlackoutMs: 300,
        bandwidth: 0,
        maxRounds: 30,
        verifyMemory: i === 1,
        onEvent: (event) => {
          if (event.kind === 'phase' && event.phase === 'prepare') line.follow(to);
        },
      });
      results.push(result);
      [from, to] = [to, from];
      const { rounds, switchPages, blackoutMs, totalMs, verifiedRanges } = result;
      const checked = verifiedRanges > 0 ? `, all memory compared (${verifiedRanges} ranges)` : '';
      const what = `${rounds.length} rounds, ${switchPages} pages in the switch, blackout ${round(blackoutMs)} ms${checked}`;
      phases.add(`move ${i}`, totalMs, what);
      await line.moreL2Lines(LINES_BETWEEN);
    }
    await phases.timed('dmesg', 'what its kernel says of itself, by its shell', async () => {
      const status = guest.next((text) => text.startsWith('l1 status'));
      const command = "dmesg | grep -E 'WARNING:|BUG:|Call Trace|stall|Oops|lockup|unstable'\n";
      await from.client.writeConsole([{ name: NAME, data: Buffer.from(command) }]);
      // grep found nothing: 1.
      if ((await status) !== 'l1 status 1') say('the kernel complains');
    });
    await from.client.vm.DeleteVm({ name: NAME });
    await line.ended();
    const troubles = troublesOf(guest.lines);
    const status = guest.lines.findLast((text) => text.startsWith('l1 status'));
    if (status !== 'l1 status 1') troubles.push(`dmesg is not clean: ${status}`);
    const left = await Promise.all(
      vcpuds.map(async ({ client }) => (await client.vm.ListVms({})).vms.length),
    );
    if (left.some((count) => count > 0)) troubles.push('a VM was left behind');
    const blackouts = results.map(({ blackoutMs }) => blackoutMs);
    return {
      vendor: host?.cpuVendor === 'CPU_VENDOR_INTEL' ? 'intel' : 'amd',
      kernel: host?.kernelRelease ?? '',
      guest: 'linux',
      migrations: results.length,
      l2_lines: guest.lines.filter((text) => l2Line(text) !== undefined).length,
      l2: { before, after: lastCount(guest) },
      blackout_ms: { median: round(median(blackouts)), max: round(Math.max(...blackouts)) },
      total_ms: { median: round(median(results.map(({ totalMs }) => totalMs))) },
      phases: phases.all,
      troubles,
      verified: troubles.length === 0 && results.length === migrations,
    };
  } finally {
    await Promise.all(vcpuds.map((vcpud) => vcpud.stop()));
  }
}

function lastCount({ lines }: GuestConsole): string {
  const last = lines.findLast((text) => l2Line(text) !== undefined) ?? '';
  return String(l2Line(last)?.count ?? 0n);
}

function summary(result: LinuxDemoResult): string[] {
  return [
    '',
    `moved          ${result.migrations} times, blackout ${result.blackout_ms.median} ms (median), ${result.blackout_ms.max} ms at most`,
    `L2             ${result.l2_lines} lines, none missing or repeated; counted from ${result.l2.before} to ${result.l2.after}`,
    ...result.troubles.map((trouble) => `trouble        ${trouble}`),
    `verified       ${result.verified ? 'yes: no line lost, no kernel warning, nothing left behind' : 'NO'}`,
  ];
}

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, migrations: { type: 'string', default: '20' } },
});
const say = (text: string) => void (values.json ? process.stderr : process.stdout).write(`${text}\n`);
const result = await demo(Number(values.migrations), say);
if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
else for (const text of summary(result)) say(text);
process.exitCode = result.verified ? 0 : 1;
