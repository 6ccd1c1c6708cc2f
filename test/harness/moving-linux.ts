// A Linux guest that goes back and forth between two vcpuds while it runs, and its console through all of it. For the
// demo and the bench.

import { type LiveOptions, type LiveResult, migrateLive } from '../../lib/migration/live.js';
import { GuestConsole, l2Line, troublesOf } from '../guests/linux/console.js';
import { commandLine, IDLE, linuxGuest, type Writer } from '../guests/linux/linux-guest.js';
import type { VcpudProcess } from './vcpud-process.js';

const VM = 'linux';
const NAME = `vms/${VM}`;
const MIB = 1024 * 1024;
/** A guest that is silent for so long is lost, ms. */
const SILENCE_MS = 300_000;

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

export interface MovingShape {
  readonly vcpus: number;
  readonly memoryMib: number;
  readonly writer: Writer | undefined;
  readonly shell: boolean;
}

export class MovingLinux {
  readonly console = new MovingConsole();
  private from: VcpudProcess;
  private to: VcpudProcess;
  private hasShell = false;

  constructor(from: VcpudProcess, to: VcpudProcess) {
    this.from = from;
    this.to = to;
  }

  /** Makes the VM at the first vcpud, with the kernel in it. */
  async create({ vcpus, memoryMib, writer, shell }: MovingShape): Promise<void> {
    const { kernel, initramfs } = await linuxGuest(() => undefined);
    const linuxBoot = {
      kernelPath: kernel,
      initramfsPath: initramfs,
      commandLine: commandLine({ ...IDLE, writer, shell }),
    };
    const memoryRegions = [{ gpa: 0, sizeBytes: memoryMib * MIB }];
    const vm = { vcpuCount: vcpus, memoryRegions, irqchip: true, pit: true, pc: true, linuxBoot };
    this.hasShell = shell;
    await this.from.client.vm.CreateVm({ vmId: VM, vm });
    this.console.follow(this.from);
  }

  /** Resolves when L2 counts, and its shell, where it has one, reads. */
  async boot(): Promise<void> {
    const { guest } = this.console;
    const reads = this.hasShell ? guest.next((text) => text === 'l1 shell') : undefined;
    const counting = this.console.moreL2Lines(1);
    await this.from.client.vm.RunVm({ name: NAME });
    await counting;
    await reads;
  }

  /** To the other vcpud. */
  async move(options: Pick<LiveOptions, 'verifyMemory' | 'maxBlackoutMs'>): Promise<LiveResult> {
    const { from, to } = this;
    const result = await migrateLive({
      ...options,
      source: from.client,
      destination: to.client,
      destinationEndpoint: `unix://${to.socketPath}`,
      vmId: VM,
      bandwidth: 0,
      maxRounds: 30,
      onEvent: (event) => {
        if (event.kind === 'phase' && event.phase === 'prepare') this.console.follow(to);
      },
    });
    this.from = to;
    this.to = from;
    return result;
  }

  /** Has its shell do a command; gives the exit status. */
  async shell(command: string): Promise<number> {
    const status = this.console.guest.next((text) => text.startsWith('l1 status'));
    await this.from.client.writeConsole([{ name: NAME, data: Buffer.from(`${command}\n`) }]);
    return Number((await status).slice('l1 status '.length));
  }

  /** What a command that writes one line, beginning with that word and a space, has written behind it. */
  async answer(word: string, command: string): Promise<string> {
    const line = this.console.guest.next((text) => text.startsWith(`${word} `));
    await this.shell(command);
    return (await line).slice(word.length + 1);
  }

  /** L2's last count. */
  get count(): string {
    const last = this.console.guest.lines.findLast((text) => l2Line(text) !== undefined) ?? '';
    return String(l2Line(last)?.count ?? 0n);
  }

  /** How many lines L2 wrote. */
  get l2Lines(): number {
    return this.console.guest.lines.filter((text) => l2Line(text) !== undefined).length;
  }

  /** Deletes the VM; gives a sentence for each thing that was wrong, from its start to its end. */
  async end(): Promise<string[]> {
    await this.from.client.vm.DeleteVm({ name: NAME });
    await this.console.ended();
    const troubles = troublesOf(this.console.guest.lines);
    for (const { client } of [this.from, this.to]) {
      const { vms } = await client.vm.ListVms({});
      if (vms.length > 0) troubles.push(`left behind: ${vms.map(({ name }) => name).join(', ')}`);
    }
    return troubles;
  }
}
