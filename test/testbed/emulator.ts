// What an emulated host looks like to run.ts, whichever emulator runs it: qemu.ts and bochs.ts make one.

import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { Kernel } from './kernel.js';

/**
 * A TCP port of this machine's 127.0.0.1 and the port of the emulated host that it leads to.
 *
 * Two hosts that run side by side talk by these: each is alone in a network of its own, where it is 10.0.2.15 and
 * GATEWAY is this machine. A service at guestPort of one host, on 127.0.0.1 or on all addresses, is GATEWAY:hostPort to
 * the other. A service that listens on 10.0.2.15 alone is not reached.
 */
export interface Forward {
  readonly hostPort: number;
  readonly guestPort: number;
}

/** What an emulated host calls this machine's 127.0.0.1. */
export const GATEWAY = '10.0.2.2';

/**
 * Where the emulators' networks send what comes to a forwarded port: vcpud listens on 127.0.0.1 alone. The hosts' kernels
 * take it from outside because route_localnet says so.
 */
export const FORWARDED_TO = '127.0.0.1';

/** Lines that the host's scripts write to the control line. */
export const CONTROL = { started: 'started', exited: 'exited' } as const;

/** A running emulator with this process's ends of its lines; they end when it does. */
export interface Emulator {
  readonly process: ChildProcess;
  /** The kernel's console. */
  readonly console: Readable;
  /** Lines of CONTROL. */
  readonly control: Readable;
  /** The command's, byte for byte. */
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** What the emulator itself says. */
  readonly complaints: Readable;
}

/** What one run asks of an emulated host. */
export interface HostSettings {
  readonly kernel: Kernel;
  readonly nested: boolean;
  /** A number and M or G. */
  readonly memory: string;
  readonly forwards: readonly Forward[];
  /** The whole environment of the command. */
  readonly environment: ReadonlyMap<string, string>;
  readonly cwd: string;
  readonly command: readonly string[];
}

/** The command as a POSIX shell script that leaves nothing of the script's own environment. */
export function commandScript(settings: Pick<HostSettings, 'environment' | 'cwd' | 'command'>): string {
  return [
    'unset $(env | sed -n "s/^\\([A-Za-z_][A-Za-z0-9_]*\\)=.*/\\1/p")',
    ...[...settings.environment].map(([name, value]) => `export ${name}=${quoted(value)}`),
    `cd ${quoted(settings.cwd)} || exit 126`,
    `exec ${settings.command.map(quoted).join(' ')}`,
    '',
  ].join('\n');
}

/** One word of a POSIX shell, whatever it holds. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
