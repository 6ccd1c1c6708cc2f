// One QEMU that runs the Linux guest: its process, its monitor (QMP) and its serial line. What the bench compares our
// migration with, and what shows that the guest itself is sound.

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { commandLine, type LinuxGuest, type LinuxGuestOptions } from '../guests/linux/linux-guest.js';
import { type Cache, cachedProgram } from '../testbed/cache.js';

/** File descriptors that QEMU inherits. */
const FD = { serial: 3, monitor: 4 } as const;

/** What runs the guest: this host's KVM, or QEMU alone, which has SVM and is slow. */
const PROCESSORS = {
  kvm: ['-accel', 'kvm', '-cpu', 'host'],
  emulated: ['-accel', 'tcg,thread=single', '-cpu', 'max'],
} as const;

export interface MachineShape {
  readonly processor: keyof typeof PROCESSORS;
  readonly cache: Cache;
  readonly guest: LinuxGuest;
  readonly options: LinuxGuestOptions;
  readonly memoryMib: number;
}

/** QEMU's command line, up to whether it boots or waits for a guest. */
function flags({ processor, cache, guest, options, memoryMib }: MachineShape): string[] {
  const firmware = ['qemu', 'seabios'].flatMap((name) => ['-L', join(cache.root, 'usr/share', name)]);
  return [
    ...['-nodefaults', '-no-user-config', '-no-reboot'],
    ...['-display', 'none'],
    ...['-machine', 'pc,usb=off'],
    ...PROCESSORS[processor],
    ...['-smp', '1'],
    ...['-m', `${memoryMib}`],
    ...firmware,
    ...['-kernel', guest.kernel],
    ...['-initrd', guest.initramfs],
    ...['-append', commandLine(options)],
    ...['-chardev', `socket,id=serial,fd=${FD.serial}`],
    ...['-serial', 'chardev:serial'],
    ...['-chardev', `socket,id=monitor,fd=${FD.monitor}`],
    ...['-mon', 'chardev=monitor,mode=control'],
  ];
}

interface QmpEvent {
  readonly event: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** Anything that QMP says: a greeting, an event, or the answer to a command. */
interface QmpMessage extends Partial<QmpEvent> {
  readonly id?: number;
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class QemuMachine {
  readonly serial: Duplex;
  /** When its process has ended and all its output has been read. */
  readonly closed: Promise<void>;
  private readonly child: ChildProcess;
  private readonly monitor: Duplex;
  private readonly pending = new Map<number, Pending>();
  private readonly events: QmpEvent[] = [];
  private waiters: Array<Pending & { readonly fits: (event: QmpEvent) => boolean }> = [];
  private complaints = '';
  private lastId = 0;
  private ended: Error | undefined;

  private constructor(shape: MachineShape, further: readonly string[]) {
    const [loader, ...args] = cachedProgram(shape.cache, 'qemu-system-x86_64');
    // setpriv: the kernel kills QEMU when this process dies, even by SIGKILL.
    const argv = ['--pdeathsig', 'KILL', loader, ...args, ...flags(shape), ...further];
    this.child = spawn('setpriv', argv, {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        QEMU_MODULE_DIR: join(shape.cache.root, 'usr/lib/x86_64-linux-gnu/qemu'),
      },
    });
    this.serial = this.child.stdio[FD.serial] as Duplex;
    this.monitor = this.child.stdio[FD.monitor] as Duplex;
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.complaints += chunk.toString();
    });
    const ends = () => {}; // 'close' tells of it
    // An error of what it reads is the interface's too, and nobody's where that has no listener.
    createInterface({ input: this.monitor })
      .on('line', (line) => this.take(JSON.parse(line) as QmpMessage))
      .on('error', ends);
    this.monitor.on('error', ends);
    this.closed = new Promise((resolve) => this.child.once('close', () => resolve()));
    void this.closed.then(() => {
      this.ended = new Error(`QEMU ended: ${this.complaints.trim() || 'it said nothing'}`);
      for (const { reject } of [...this.pending.values(), ...this.waiters]) reject(this.ended);
    });
  }

  /** Boots the guest. */
  static boot(shape: MachineShape): Promise<QemuMachine> {
    return QemuMachine.start(shape, []);
  }

  /** Waits for a guest to come by a socket. */
  static incoming(shape: MachineShape, socketPath: string): Promise<QemuMachine> {
    return QemuMachine.start(shape, ['-incoming', `unix:${socketPath}`]);
  }

  private static async start(shape: MachineShape, further: readonly string[]): Promise<QemuMachine> {
    const machine = new QemuMachine(shape, further);
    await machine.execute('qmp_capabilities', {});
    return machine;
  }

  private take(message: QmpMessage): void {
    if (message.event !== undefined) {
      const event = message as QmpEvent;
      this.events.push(event);
      const due = this.waiters.filter(({ fits }) => fits(event));
      this.waiters = this.waiters.filter((waiter) => !due.includes(waiter));
      for (const { resolve } of due) resolve(event);
      return;
    }
    const pending = this.pending.get(message.id ?? 0);
    if (pending === undefined) return; // the greeting
    this.pending.delete(message.id ?? 0);
    if (message.error === undefined) pending.resolve(message.return);
    else pending.reject(new Error(message.error.desc));
  }

  execute(command: string, args: Readonly<Record<string, unknown>>): Promise<unknown> {
    if (this.ended !== undefined) return Promise.reject(this.ended);
    this.lastId += 1;
    const id = this.lastId;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      this.monitor.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    });
  }

  /** The first event that fits, be it past or to come. */
  event(fits: (event: QmpEvent) => boolean): Promise<QmpEvent> {
    const past = this.events.find(fits);
    if (past !== undefined) return Promise.resolve(past);
    if (this.ended !== undefined) return Promise.reject(this.ended);
    return new Promise((resolve, reject) =>
      this.waiters.push({ fits, resolve: resolve as (event: unknown) => void, reject }),
    );
  }

  /** Ends it at once. */
  async end(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.closed;
  }
}
