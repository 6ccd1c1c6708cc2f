// The emulated Intel host: Bochs's configuration and process. Called by run.ts.
//
// Bochs is slow, some 100 million instructions a second, and its clock runs by instructions: a host that waits skips
// through the time, so a `sleep 10` inside takes far less here.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { createServer, Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import {
  type Cache,
  cachedProgram,
  filledCache,
  filledIntelCache,
  filledKernel,
  type IntelCache,
} from './cache.js';
import { type Emulator, FORWARDED_TO, type Forward, type HostSettings } from './emulator.js';
import { cachedHost, INSTRUCTIONS_PER_SECOND, MEMORY_FD, runMemory } from './intel-host.js';
import { runTool } from './packages.js';
import { TestbedProblem } from './problem.js';
import type { Progress } from './progress.js';
import { unlinked, unlinkedFile } from './unlinked.js';
import { openUplink } from './uplink.js';

/** What Bochs says when the guest has switched itself off. */
export const BOCHS_POWERED_OFF = 'ACPI control: soft power off';

/** File descriptors that Bochs inherits. It opens them by name, /proc/self/fd/N. */
const FD = { console: 3, control: 4, memory: MEMORY_FD, network: 6, commands: 7, configuration: 8 } as const;
const inherited = (name: keyof typeof FD) => `/proc/self/fd/${FD[name]}`;

/** Bochs's configuration, in the syntax of a bochsrc line. */
export function configuration(
  intel: IntelCache,
  { memory, forwards }: Pick<HostSettings, 'memory' | 'forwards'>,
): readonly { line: string; why: string }[] {
  const megabytes = megabytesOf(memory);
  const bios = join(intel.root, 'usr/share/bochs/BIOS-bochs-latest');
  return [
    {
      line: `cpu: model=corei7_skylake_x, count=1, ips=${INSTRUCTIONS_PER_SECOND}, reset_on_triple_fault=0`,
      why: 'has VMX; a triple fault ends Bochs',
    },
    {
      line: `memory: guest=${megabytes}, host=${Math.min(megabytes, MOST_HELD_MB)}`,
      why: 'taken from this machine when touched',
    },
    { line: `romimage: file="${bios}"`, why: "Bochs's own BIOS" },
    { line: `vgaromimage: file="${intel.bootRom}"`, why: 'starts the kernel (boot-rom.ts)' },
    { line: 'pci: enabled=1, chipset=i440fx, slot1=e1000', why: 'the network card' },
    {
      line: `e1000: card=0, enabled=1, mac=52:54:00:12:34:56, ethmod=slirp, script=${inherited('network')}`,
      why: 'needs no root',
    },
    { line: 'ata0: enabled=0', why: 'no disk to probe' },
    { line: 'ata1: enabled=0', why: 'the same' },
    { line: `com1: enabled=1, mode=file, dev=${inherited('console')}`, why: 'ttyS0' },
    { line: `com2: enabled=1, mode=file, dev=${inherited('control')}`, why: 'started, exited' },
    forwards.length === 0
      ? { line: 'clock: sync=none, time0=utc', why: 'as fast as it goes' }
      : {
          line: 'clock: sync=slowdown, time0=utc',
          why: 'one that others call may not be hours ahead of them',
        },
    { line: 'config_interface: textconfig', why: 'no menu: -q' },
    { line: 'display_library: term', why: 'needs no X server and no port; nothing is shown' },
    { line: 'log: -', why: 'to stderr' },
    { line: 'info: action=ignore', why: 'hundreds of lines' },
    { line: 'error: action=ignore', why: 'two lines each tick about registers that only a real CPU has' },
    { line: 'panic: action=fatal', why: 'nobody answers a question' },
  ];
}

/** The file of slirp, Bochs's network. */
export function networkConfiguration(forwards: readonly Forward[]): string {
  const rules = forwards.map(
    ({ hostPort, guestPort }) => `hostfwd = tcp:127.0.0.1:${hostPort}-${FORWARDED_TO}:${guestPort}`,
  );
  return ['# slirp config', ...rules, ''].join('\n');
}

/** Less does not hold the host's files, more does not fit below the PCI devices. */
const LEAST_MB = 512;
const MOST_MB = 3072;
/** Bochs keeps the rest, if the guest ever touches it, in a temporary file. */
const MOST_HELD_MB = 2048;

function megabytesOf(memory: string): number {
  const megabytes = Number.parseInt(memory, 10) * (memory.endsWith('G') ? 1024 : 1);
  if (megabytes < LEAST_MB || megabytes > MOST_MB) {
    throw new TestbedProblem(`The Intel host takes ${LEAST_MB}M to ${MOST_MB}M of memory, not ${memory}.`);
  }
  return megabytes;
}

/** Starts the Intel host. */
export async function startIntelHost(settings: HostSettings, progress: Progress): Promise<Emulator> {
  const base = await filledCache(progress);
  const kernel = await filledKernel(settings.kernel, base, progress);
  const intel = await filledIntelCache(base, progress);
  const options = configuration(intel, settings).map((row) => `${row.line}\n`);
  const host = await cachedHost({ base, kernel, intel }, settings, progress);
  for (const { hostPort } of settings.forwards) await claimable(hostPort);
  const uplink = await openUplink();
  const lines: number[] = [];
  const line = async () => {
    const fd = await fifo(base);
    lines.push(fd);
    return fd;
  };
  const files: FileHandle[] = [];
  const opened = async (file: Promise<FileHandle>) => {
    files.push(await file);
    return files.at(-1)?.fd as number;
  };
  try {
    const console = await line();
    const control = await line();
    const memory = await opened(runMemory(intel, host, settings, uplink));
    const network = await opened(unlinkedFile(networkConfiguration(settings.forwards)));
    // The debugger, which Debian builds in, waits for commands.
    const commands = await opened(unlinkedFile(`restore "memory" "${host.state}"\nc\n`));
    const bochsrc = await opened(unlinkedFile(options.join('')));
    const [loader, ...args] = cachedProgram(intel, 'bochs-bin');
    // setpriv: the kernel kills Bochs when this process dies, even by SIGKILL.
    const child = spawn(
      'setpriv',
      [
        '--pdeathsig',
        'KILL',
        loader,
        ...args,
        '-q',
        '-f',
        inherited('configuration'),
        '-rc',
        inherited('commands'),
      ],
      {
        // Bochs ends at the end of its standard input: a pipe that stays open.
        stdio: ['pipe', 'ignore', 'pipe', console, control, memory, network, commands, bochsrc],
        // Nothing else of this process's environment: LD_PRELOAD, say, would meet the fetched libc.
        env: {
          PATH: process.env['PATH'],
          TERM: 'linux',
          BXSHARE: join(intel.root, 'usr/share/bochs'),
          LTDL_LIBRARY_PATH: join(intel.root, 'usr/lib/x86_64-linux-gnu/bochs/plugins'),
        },
        // Ctrl-C is for this process, which then ends Bochs.
        detached: true,
      },
    );
    await once(child, 'spawn').catch((error: Error) => {
      throw new TestbedProblem(`setpriv (package util-linux) cannot be run here: ${error.message}.`);
    });
    child.stdin?.on('error', () => {}); // Bochs has ended, which run.ts sees for itself
    const [consoleLine, controlLine] = lines
      .splice(0)
      .map((fd) => new Socket({ fd, readable: true, writable: false })) as [Socket, Socket];
    child.once('close', () => {
      uplink.close();
      consoleLine.destroy();
      controlLine.destroy();
    });
    return {
      process: child,
      console: consoleLine,
      control: controlLine,
      stdout: uplink.stdout,
      stderr: uplink.stderr,
      complaints: child.stderr as Readable,
    };
  } catch (error) {
    uplink.close();
    throw error;
  } finally {
    for (const file of files) await file.close();
    for (const fd of lines) closeSync(fd);
  }
}

/** An open FIFO without a name. Open for writing too, so that it does not end before Bochs has opened it. */
function fifo(base: Cache): Promise<number> {
  return unlinked(async (folder) => {
    const path = join(folder, 'fifo');
    await runTool(join(base.root, 'bin/busybox'), ['mkfifo', path]);
    return openSync(path, 'r+');
  });
}

/** Bochs goes on without a port that it cannot have. */
async function claimable(port: number): Promise<void> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening').catch(() => {
    throw new TestbedProblem(`Port ${port} of 127.0.0.1 cannot be listened on; forward another one.`);
  });
  server.close();
  await once(server, 'close');
}
