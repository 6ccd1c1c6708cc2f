// The Linux guest that goes back and forth. For the demo and the bench.

import type { VcpudClient } from '../../lib/api/client.js';
import { l2Line, troublesOf } from '../guests/linux/console.js';
import { commandLine, IDLE, linuxGuest, type Writer } from '../guests/linux/linux-guest.js';
import { MovingGuest, type Station } from './moving-guest.js';

const MIB = 1024 * 1024;

export interface MovingShape {
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
    const { memoryMib, writer, shell } = this.shape;
    const linuxBoot = {
      kernelPath: kernel,
      initramfsPath: initramfs,
      commandLine: commandLine({ ...IDLE, writer, shell }),
    };
    const memoryRegions = [{ gpa: 0, sizeBytes: memoryMib * MIB }];
    const vm = { vcpuCount: 1, memoryRegions, irqchip: true, pit: true, pc: true, linuxBoot };
    await client.vm.CreateVm({ vmId: this.vmId, vm });
  }

  protected counts(line: string): boolean {
    return l2Line(line) !== undefined;
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

  get count(): string {
    const last = this.console.guest.lines.findLast((text) => l2Line(text) !== undefined) ?? '';
    return String(l2Line(last)?.count ?? 0n);
  }
}
