// The Linux guest that goes back and forth. For the demo and the bench.

import type { VcpudClient } from '../../lib/api/client.js';
import { l2Line, troublesOf } from '../guests/linux/console.js';
import { commandLine, IDLE, linuxGuest, type Writer } from '../guests/linux/linux-guest.js';
import { MovingGuest, type Station } from './moving-guest.js';

const MIB = 1024 * 1024;

export interface MovingShape {
  readonly vcpus: number;
  readonly memoryMib: number;
  readonly writer: Writer | undefined;
  readonly shell: boolean;
}

export class MovingLinux extends MovingGuest {
  private readonly shape: MovingShape;

  constructor(from: Station, to: Station, shape: MovingShape) {
    super('linux', 'CONSOLE_PORT_SERIAL', from, to);
    this.shape = shape;
  }

  protected async make(client: VcpudClient): Promise<void> {
    const { kernel, initramfs } = await linuxGuest(() => undefined);
    const { vcpus, memoryMib, writer, shell } = this.shape;
    const linuxBoot = {
      kernelPath: kernel,
      initramfsPath: initramfs,
      commandLine: commandLine({ ...IDLE, writer, shell }),
    };
    const memoryRegions = [{ gpa: 0, sizeBytes: memoryMib * MIB }];
    const vm = { vcpuCount: vcpus, memoryRegions, irqchip: true, pit: true, pc: true, linuxBoot };
    await client.vm.CreateVm({ vmId: this.vmId, vm });
  }

  protected counts(line: string): boolean {
    return l2Line(line) !== undefined;
  }

  /** Resolves when L2 counts, and its shell, where it has one, reads. */
  override async boot(): Promise<void> {
    const reads = this.shape.shell ? this.console.guest.next((text) => text === 'l1 shell') : undefined;
    await super.boot();
    await reads;
  }

  protected troubles(lines: readonly string[]): string[] {
    return troublesOf(lines);
  }

  /** Has its shell do a command; gives the exit status. */
  async shell(command: string): Promise<number> {
    const status = this.console.guest.next((text) => text.startsWith('l1 status'));
    await this.from.client.writeConsole([{ name: this.name, data: Buffer.from(`${command}\n`) }]);
    return Number((await status).slice('l1 status '.length));
  }

  /** What a command that writes one line, beginning with that word and a space, has written behind it. */
  async answer(word: string, command: string): Promise<string> {
    const line = this.console.guest.next((text) => text.startsWith(`${word} `));
    await this.shell(command);
    return (await line).slice(word.length + 1);
  }

  get count(): string {
    const last = this.console.guest.lines.findLast((text) => l2Line(text) !== undefined) ?? '';
    return String(l2Line(last)?.count ?? 0n);
  }
}
