// The emulated Intel host's user space and memory: what all runs share, which the cache keeps, and what one run
// alone has. Called by bochs.ts.
//
// It has busybox, Node and the service's build (checkout.ts), all in memory, and no disk.

import { createHash } from 'node:crypto';
import { copyFile, type FileHandle, open, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { type Cache, cachedProgram, type IntelCache, keepRecent, madeOnce } from './cache.js';
import { checkoutEntries, checkoutRoot, withFolders } from './checkout.js';
import { type CpioEntry, writeCpio } from './cpio.js';
import { CONTROL, commandScript, GATEWAY, type HostSettings } from './emulator.js';
import { kernelImage, modulesInLoadOrder, unsigned } from './kernel.js';
import { runTool } from './packages.js';
import { TestbedProblem } from './problem.js';
import type { Progress } from './progress.js';
import { memoryPieces, memoryState, RAM, writeAt, writeMemory } from './ram.js';
import { unlinked } from './unlinked.js';
import type { Uplink } from './uplink.js';

/** Modules the host needs; what they depend on comes by itself. */
const MODULES: readonly { readonly name: string; readonly why: string }[] = [
  { name: 'e1000', why: 'eth0' },
  { name: 'kvm_intel', why: '/dev/kvm' },
];

/** Time that Bochs gives the emulated CPU, in instructions a second; its clocks run by it. */
export const INSTRUCTIONS_PER_SECOND = 50_000_000;

/** Kernel command line. */
const KERNEL: readonly { readonly word: string; readonly why: string }[] = [
  { word: 'console=ttyS0', why: 'panics and soft lockups reach this process' },
  { word: 'quiet', why: 'each line costs time' },
  { word: 'panic=-1', why: 'reboot at once' },
  { word: 'reboot=t', why: 'by a triple fault, which ends Bochs' },
  { word: 'nosmp', why: 'there is one CPU' },
  { word: 'nokaslr', why: 'the same addresses in every run' },
  { word: 'mitigations=off', why: 'an emulated CPU has no side channels to guard, and they cost time' },
  { word: 'cryptomgr.notests', why: 'half a billion instructions of self-tests of ciphers' },
  { word: 'tsc=reliable', why: 'no clock watchdog' },
  {
    word: `tsc_early_khz=${INSTRUCTIONS_PER_SECOND / 1000}`,
    why: "CPUID names the real CPU's clock, by which a millisecond's delay would be 3.5 million instructions",
  },
  { word: `memmap=${RAM.runBytes}$${RAM.run}`, why: "the run's part of memory, read through /dev/mem" },
];

export const KERNEL_COMMAND_LINE = KERNEL.map((row) => row.word).join(' ');

/** Of util-linux, which every Debian has: tests limit a process by it, and busybox has none. */
const PRLIMIT = '/usr/bin/prlimit';

const UNIT = 65_536;

/** /init: PID 1. Makes a usable host, takes what the run brings, runs the command and reports on the control line. */
function initScript(nested: boolean): string {
  return `#!/bin/busybox sh
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mkdir -p /dev/shm /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t devpts -o mode=620,ptmxmode=666 pts /dev/pts
ln -s /proc/self/fd /dev/fd
ln -s fd/0 /dev/stdin
ln -s fd/1 /dev/stdout
ln -s fd/2 /dev/stderr
for module in $(cat /modules/order); do
  case $module in
    kvm_intel) insmod /modules/$module.ko nested=${nested ? 1 : 0} ;;
    *) insmod /modules/$module.ko ;;
  esac
done
hostname vcpud-intel
ip link set lo up
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up
ip route add default via ${GATEWAY}
echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet # forwarded ports lead to 127.0.0.1
stty -F /dev/ttyS1 raw 115200
exec 3> /dev/ttyS1
cd /
dd if=/dev/mem bs=${UNIT} skip=${RAM.run / UNIT} count=${RAM.runBytes / UNIT} 2> /dev/null | cpio -i -d -u
cd /run/testbed
. ./run.conf
date -s @$NOW > /dev/null
mkfifo out err
nc ${GATEWAY} $PORT < out & out=$!
nc ${GATEWAY} $PORT < err & err=$!
exec 4> out 5> err
echo $TOKEN stdout >&4
echo $TOKEN stderr >&5
echo ${CONTROL.started} >&3
/bin/sh ./command < /dev/null >&4 2>&5 3>&- 4>&- 5>&- &
exec 4>&- 5>&-
wait $!
status=$?
# What the command left behind may hold its output open: end it, then let the last bytes through.
for process in /proc/[0-9]*; do
  pid=\${process#/proc/}
  case $pid in 1 | $out | $err) ;; *) kill -9 $pid 2> /dev/null ;; esac
done
wait $out $err
echo "${CONTROL.exited} $status" >&3
while :; do sleep 60; done
`;
}

/** Where a cached host is. */
export interface IntelHost {
  /** Memory before a run; offsets are physical addresses. */
  readonly memory: string;
  /** A Bochs state folder whose memory.ram is the descriptor MEMORY_FD of the process that reads it. */
  readonly state: string;
}

export const MEMORY_FD = 5;

/** Of what a host is made. */
interface IntelParts {
  readonly base: Cache;
  /** Holds the kernel that was asked for. */
  readonly kernel: Cache;
  readonly intel: IntelCache;
}

/** How many hosts the cache keeps: other checkouts, both kernels, and nesting on and off. */
const KEPT = 4;

/** The host, made first if its inputs have changed since the last run. */
export async function cachedHost(
  parts: IntelParts,
  { kernel, nested }: Pick<HostSettings, 'kernel' | 'nested'>,
  progress: Progress,
): Promise<IntelHost> {
  const init = initScript(nested);
  const node = await stat(process.execPath);
  const key = createHash('sha256')
    .update(
      JSON.stringify([init, kernel, KERNEL_COMMAND_LINE, PRLIMIT, process.execPath, node.size, node.mtimeMs]),
    )
    .digest('hex')
    .slice(0, 16);
  const folder = join(parts.intel.folder, `host-${key}`);
  await madeOnce(folder, progress, async (draft) => {
    progress("building the Intel host's memory");
    const initramfs = writeCpio(await hostEntries(parts, init));
    const pieces = memoryPieces(
      await readFile(parts.kernel.vmlinux),
      await readFile(await kernelImage(parts.kernel.root)),
      initramfs,
      KERNEL_COMMAND_LINE,
    );
    const file = await open(join(draft, 'image.ram'), 'wx');
    await writeMemory(file, pieces);
    await writeFile(join(draft, 'memory'), memoryState((await file.stat()).size));
    await file.close();
    await symlink(`/proc/self/fd/${MEMORY_FD}`, join(draft, 'memory.ram'));
  });
  await keepRecent(folder, KEPT);
  return { memory: join(folder, 'image.ram'), state: folder };
}

/** What all runs share. */
async function hostEntries({ base, kernel }: IntelParts, init: string): Promise<CpioEntry[]> {
  const modules = await modulesInLoadOrder(
    join(kernel.root, 'lib/modules'),
    MODULES.map((row) => row.name),
    cachedProgram(base, 'xz'),
  );
  const busybox = join(base.root, 'bin/busybox');
  const applets = (await runTool(busybox, ['--list'])).stdout.trim().split('\n');
  const folders = ['dev', 'proc', 'sys', 'run/testbed', 'run/lock', 'tmp', 'var/tmp', 'etc'];
  return withFolders([
    ...folders.map((path) => ({ kind: 'directory', path }) as const),
    file('init', 0o755, init),
    file('bin/busybox', 0o755, await readFile(busybox)),
    ...applets
      .filter((name) => name !== 'busybox')
      .map((name) => ({ kind: 'link', path: `bin/${name}`, target: 'busybox' }) as const),
    { kind: 'link', path: 'usr/bin/env', target: '/bin/busybox' },
    file('etc/hosts', 0o644, '127.0.0.1 localhost vcpud-intel\n::1 localhost\n'),
    file('etc/passwd', 0o644, 'root:x:0:0:root:/root:/bin/sh\n'),
    file('etc/group', 0o644, 'root:x:0:\n'),
    ...modules.map((module) => file(`modules/${module.name}.ko`, 0o644, unsigned(module.data))),
    file('modules/order', 0o644, modules.map((module) => module.name).join('\n')),
    file(relative('/', process.execPath), 0o755, await readFile(process.execPath)),
    ...(await Promise.all(
      (await libraries()).map(async (path) => file(relative('/', path), 0o755, await readFile(path))),
    )),
    file('bin/prlimit', 0o755, await readFile(PRLIMIT)),
  ]);
}

/** What programs of this machine link to, by the paths at which their loader finds them; librt is ffi-rs's. */
async function libraries(): Promise<string[]> {
  const paths = new Set<string>();
  for (const program of [process.execPath, PRLIMIT]) {
    const { stdout } = await runTool('ldd', [program]);
    for (const [, path] of stdout.matchAll(/(?:=> |^\s*)(\/\S+) \(/gm)) paths.add(path as string);
  }
  const libc = [...paths].find((path) => path.endsWith('/libc.so.6'));
  if (libc === undefined) throw new TestbedProblem(`${process.execPath} is not linked to a libc.so.6.`);
  return [...paths, join(dirname(libc), 'librt.so.1')];
}

/** The memory of one run: the host's, and the command with the checkout in the run's part. An unlinked file. */
export async function runMemory(
  intel: IntelCache,
  host: IntelHost,
  settings: HostSettings,
  uplink: Uplink,
): Promise<FileHandle> {
  const root = await checkoutRoot();
  if (settings.cwd !== root && !settings.cwd.startsWith(`${root}/`)) {
    throw new TestbedProblem(
      `${settings.cwd} is not there in the emulated Intel host, which has ${root} alone; run from there.`,
    );
  }
  const configuration = [
    `NOW=${Math.floor(Date.now() / 1000)}`,
    `TOKEN=${uplink.token}`,
    `PORT=${uplink.port}`,
    '',
  ].join('\n');
  const archive = writeCpio([
    ...withFolders([
      { kind: 'directory', path: relative('/', homedir()) },
      { kind: 'directory', path: relative('/', settings.cwd) },
      file('run/testbed/run.conf', 0o644, configuration),
      file('run/testbed/command', 0o644, commandScript(settings)),
      ...(await checkoutEntries(root)),
    ]),
  ]);
  if (archive.length > RAM.runBytes) {
    throw new TestbedProblem(
      `The build and its packages are ${Math.ceil(archive.length / 1e6)} MB; the Intel host takes ${Math.floor(RAM.runBytes / 1e6)} MB.`,
    );
  }
  return unlinked(async (folder) => {
    const path = join(folder, 'memory.ram');
    await copyFile(host.memory, path);
    const memory = await open(path, 'r+');
    await writeAt(memory, archive, RAM.run);
    return memory;
  }, intel.folder);
}

function file(path: string, mode: number, data: string | Buffer): CpioEntry {
  return { kind: 'file', path, mode, data: Buffer.from(data) };
}
