// The emulated AMD host: QEMU's command line and process. Called by run.ts.
//
// Its root is this machine's / (9p, read-only) under an overlay in memory: the command finds the checkout, Node and
// everything else at their paths, and what it writes is gone afterwards. /dev, /proc, /run, /sys and /tmp are its own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Duplex } from 'node:stream';
import { type Cache, cachedProgram, cacheFolder, filledCache, filledKernel } from './cache.js';
import { type Emulator, FORWARDED_TO, type Forward, type HostSettings } from './emulator.js';
import { PORTS, runInitramfs } from './initramfs.js';
import { TestbedProblem } from './problem.js';
import type { Progress } from './progress.js';
import { unlinkedFile } from './unlinked.js';

/** File descriptors that QEMU inherits: sockets to this process, and the initramfs, already unlinked. */
const FD = { console: 3, control: 4, stdout: 5, stderr: 6, initramfs: 7 } as const;

interface Flag {
  readonly flag: readonly string[];
  readonly why: string;
}

/** QEMU's command line. */
function flags(cache: Cache, kernel: Cache, memory: string, forwards: readonly Forward[]): readonly Flag[] {
  const firmware = ['qemu', 'seabios'].flatMap((name) => ['-L', join(cache.root, 'usr/share', name)]);
  const files = 'local,id=root,path=/,security_model=none,readonly=on,multidevs=remap';
  return [
    { flag: ['-nodefaults', '-no-user-config'], why: 'no device that this table does not name' },
    { flag: ['-display', 'none'], why: 'no window' },
    { flag: ['-machine', 'q35,usb=off,smbus=off,sata=off'], why: 'PCI Express and little else to probe' },
    { flag: ['-accel', 'tcg,thread=single'], why: 'thread=multi has hung in long runs' },
    { flag: ['-smp', '1'], why: 'a second vCPU would only take turns on that one thread' },
    { flag: ['-cpu', 'max'], why: 'has SVM' },
    { flag: ['-m', memory], why: 'QEMU takes from this machine only what is touched' },
    { flag: ['-no-reboot'], why: 'a panic ends QEMU (panic=-1 makes it a reboot)' },
    { flag: firmware, why: 'the fetched one; Debian keeps SeaBIOS apart' },
    { flag: ['-kernel', kernel.vmlinux], why: 'an ELF file, entered by PVH (kernel.ts)' },
    { flag: ['-initrd', `/proc/self/fd/${FD.initramfs}`], why: 'has no name any more' },
    { flag: ['-append', KERNEL.map((row) => row.word).join(' ')], why: 'see KERNEL' },
    { flag: ['-chardev', `socket,id=console,fd=${FD.console}`], why: 'the console, to this process' },
    { flag: ['-serial', 'chardev:console'], why: 'ttyS0' },
    { flag: ['-device', 'virtio-serial-pci,max_ports=4'], why: 'the bus of the ports' },
    { flag: port('control'), why: 'started, exited' },
    { flag: port('stdout'), why: 'the command only, byte for byte' },
    { flag: port('stderr'), why: 'the same' },
    {
      flag: ['-fsdev', files],
      why: "this machine's whole tree; file systems mounted in it have inodes of their own",
    },
    { flag: ['-device', 'virtio-9p-pci,fsdev=root,mount_tag=root9'], why: 'the same' },
    { flag: ['-netdev', ['user,id=net', ...forwards.map(forwardOption)].join(',')], why: 'needs no root' },
    { flag: ['-device', 'virtio-net-pci,netdev=net,romfile='], why: 'eth0, without its boot ROM' },
  ];
}

/** Kernel command line. */
const KERNEL: readonly { readonly word: string; readonly why: string }[] = [
  { word: 'console=ttyS0', why: 'panics and soft lockups reach this process' },
  { word: 'quiet', why: 'each line costs time' },
  { word: 'panic=-1', why: 'reboot at once, which ends QEMU' },
  { word: 'nokaslr', why: 'the same addresses in every run' },
  { word: 'mitigations=off', why: 'an emulated CPU has no side channels to guard, and they cost time' },
  { word: 'cryptomgr.notests', why: 'a quarter of a second of self-tests of ciphers' },
  { word: 'tsc=reliable', why: 'no calibration, no clock watchdog that a busy machine would trip' },
];

/** Starts the AMD host. The initramfs travels as an open, unlinked file: nothing is left behind, however it ends. */
export async function startAmdHost(settings: HostSettings, progress: Progress): Promise<Emulator> {
  const cache = await filledCache(progress);
  const kernel = await filledKernel(settings.kernel, cache, progress);
  const visible = [settings.cwd, dirname(process.execPath), cacheFolder()];
  const initramfs = [await readFile(kernel.amdInitramfs), runInitramfs({ ...settings, visible })];
  const [loader, ...args] = cachedProgram(cache, 'qemu-system-x86_64');
  const options = flags(cache, kernel, settings.memory, settings.forwards).flatMap((row) => row.flag);
  const file = await unlinkedFile(Buffer.concat(initramfs));
  try {
    // setpriv: the kernel kills QEMU when this process dies, even by SIGKILL.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', loader, ...args, ...options], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe', file.fd],
      // Nothing else of this process's environment: LD_PRELOAD, say, would meet the fetched libc.
      env: { PATH: process.env['PATH'], QEMU_MODULE_DIR: join(cache.root, 'usr/lib/x86_64-linux-gnu/qemu') },
      // Ctrl-C is for this process, which then ends QEMU.
      detached: true,
    });
    await once(child, 'spawn').catch((error: Error) => {
      throw new TestbedProblem(`setpriv (package util-linux) cannot be run here: ${error.message}.`);
    });
    const pipe = (fd: number) => child.stdio[fd as 3] as Duplex;
    return {
      process: child,
      console: pipe(FD.console),
      control: pipe(FD.control),
      stdout: pipe(FD.stdout),
      stderr: pipe(FD.stderr),
      complaints: pipe(2),
    };
  } finally {
    await file.close();
  }
}

function port(name: keyof typeof PORTS): string[] {
  return [
    '-chardev',
    `socket,id=${name},fd=${FD[name]}`,
    '-device',
    `virtserialport,chardev=${name},name=${name},nr=${PORTS[name]}`,
  ];
}

function forwardOption(forward: Forward): string {
  return `hostfwd=tcp:127.0.0.1:${forward.hostPort}-${FORWARDED_TO}:${forward.guestPort}`;
}
