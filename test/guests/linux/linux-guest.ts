// A Linux L1 that runs a live L2: Debian's kernel of the testbed, an initramfs made here, a command line. What boots it
// is the caller's: vcpud, or QEMU beside it. The demo, the tests and the bench move this guest.
//
// On its console, ttyS0, it writes, after what the kernel warns of:
//
//   l1 ready RELEASE   once, before what follows
//   l2 LINE COUNT      every interval (l2-counter.S)
//   writer PAGES       about every second, where there is a writer (writer.S)
//   l1 shell           where there is a shell: from now on each line of input is run as a command of busybox's sh, and
//   l1 status NUMBER   follows its output
//
// Lines end in CR LF, as a terminal has them. What the kernel says can come in the middle of another line (console.ts).

import { createHash } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Cache,
  cachedProgram,
  cacheFolder,
  filledCache,
  keepRecent,
  madeOnce,
} from '../../testbed/cache.js';
import { checkoutRoot } from '../../testbed/checkout.js';
import { type CpioEntry, writeCpio } from '../../testbed/cpio.js';
import { kernelImage, modulesInLoadOrder, unsigned } from '../../testbed/kernel.js';
import { runTool } from '../../testbed/packages.js';
import type { Progress } from '../../testbed/progress.js';

export interface LinuxGuest {
  /** Path of the bzImage. */
  readonly kernel: string;
  /** Path of a cpio archive that is not compressed, of some 6 MB. */
  readonly initramfs: string;
}

export interface LinuxGuestOptions {
  /** Between two of L2's lines. */
  readonly intervalMs: number;
  readonly writer: Writer | undefined;
  readonly shell: boolean;
}

/** A load that writes into pages of L1's memory, round and round. */
export interface Writer {
  readonly mib: number;
  /** At most; 0 for as many as it can. */
  readonly pagesPerSecond: number;
}

/** L2 alone, one line a second. */
export const IDLE: LinuxGuestOptions = { intervalMs: 1000, writer: undefined, shell: false };

/** Words of the kernel. */
const KERNEL_WORDS: readonly { readonly word: string; readonly why: string }[] = [
  { word: 'console=ttyS0', why: 'the one device that it needs' },
  { word: 'loglevel=5', why: 'warnings are shown, and nothing less' },
  { word: 'panic=-1', why: 'a panic reboots, which whoever runs it sees' },
  { word: 'mitigations=off', why: 'there is nobody to guard against, and they cost time' },
  {
    word: 'noxsave',
    why: "an XSETBV of L1 doesn't reach KVM where QEMU's TCG is the CPU; XCR0 is then not what L1 set, and it warns",
  },
  {
    word: 'tsc=reliable',
    why: 'the watchdog of clocks takes an emulated host that is slow to answer for a clock that is wrong',
  },
  {
    word: 'watchdog_thresh=60',
    why: 'the same of the watchdog of CPUs, where several vCPUs share one emulated CPU: it speaks after two minutes, not after 20 s',
  },
  { word: 'rcupdate.rcu_cpu_stall_timeout=300', why: 'and of that of grace periods: seconds' },
  { word: 'cryptomgr.notests', why: 'self-tests of ciphers that nothing here uses' },
];

/** The kernel's command line. */
export function commandLine(options: LinuxGuestOptions): string {
  const { intervalMs, writer, shell } = options;
  return [
    ...KERNEL_WORDS.map(({ word }) => word),
    `vcpud.interval_ms=${intervalMs}`,
    ...(writer === undefined ? [] : [`vcpud.writer=${writer.mib}:${writer.pagesPerSecond}`]),
    ...(shell ? ['vcpud.shell'] : []),
  ].join(' ');
}

/** What the kernel says when something is wrong with it, on its console. */
export const KERNEL_TROUBLE =
  /\bWARNING:|\bBUG:|Call Trace|detected stall|\bOops|\blockup|clocksource.*unstable/;

/** Modules for /dev/kvm, of which the CPU's vendor's is loaded; what they depend on comes by itself. */
const MODULES = ['kvm_amd', 'kvm_intel'] as const;

/** L1's own programs, built from NAME.S. */
const PROGRAMS = ['l2-counter', 'writer'] as const;

/** /init: PID 1, which never ends. */
const INIT = `#!/bin/sh
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
for word in $(cat /proc/cmdline); do
  case $word in
    vcpud.interval_ms=*) interval=\${word#*=} ;;
    vcpud.writer=*) writer=\${word#*=} ;;
    vcpud.shell) shell=yes ;;
  esac
done
grep -qw vmx /proc/cpuinfo && other=kvm_amd || other=kvm_intel
for module in $(cat /modules/order); do
  [ $module = $other ] || insmod /modules/$module.ko
done
echo l1 ready $(uname -r)
[ -z "$writer" ] || writer \${writer%:*} \${writer#*:} &
l2-counter \${interval:-1000} &
if [ -n "$shell" ]; then
  stty -echo # an echo would come in between two halves of a line
  echo l1 shell
  while read -r line; do
    sh -c "$line"
    echo l1 status $?
  done
fi
while :; do sleep 3600; done
`;

/** How many initramfs the cache keeps: other checkouts' may be in use. */
const KEPT = 4;

/** The guest's files, made first if what they are made of has changed. An emulated host finds them in the cache. */
export async function linuxGuest(progress: Progress): Promise<LinuxGuest> {
  const cache = await filledCache(progress);
  const { root } = cache;
  const kernel = await kernelImage(root);
  const folder = join(await checkoutRoot(), 'test/guests/linux');
  const programs = await Promise.all(
    PROGRAMS.map(async (name) => file(`bin/${name}`, 0o755, await readFile(join(folder, `${name}.bin`)))),
  );
  const { size, mtimeMs } = await stat(kernel);
  const key = createHash('sha256')
    .update(JSON.stringify([kernel, size, mtimeMs, MODULES, INIT]))
    .update(writeCpio(programs))
    .digest('hex')
    .slice(0, 16);
  const made = join(cacheFolder(), `linux-guest-${key}`);
  await madeOnce(made, progress, async (draft) => {
    progress("building the Linux guest's initramfs");
    const entries = [...(await debianEntries(cache)), ...programs];
    await writeFile(join(draft, 'initramfs.cpio'), writeCpio(entries));
  });
  await keepRecent(made, KEPT);
  return { kernel, initramfs: join(made, 'initramfs.cpio') };
}

/** What comes from Debian's packages, and /init. */
async function debianEntries(cache: Cache): Promise<CpioEntry[]> {
  const busybox = join(cache.root, 'bin/busybox');
  const applets = (await runTool(busybox, ['--list'])).stdout.trim().split('\n');
  const modules = await modulesInLoadOrder(
    join(cache.root, 'lib/modules'),
    MODULES,
    cachedProgram(cache, 'xz'),
  );
  return [
    ...['bin', 'dev', 'proc', 'sys', 'modules'].map((path) => ({ kind: 'directory', path }) as const),
    file('init', 0o755, INIT),
    file('bin/busybox', 0o755, await readFile(busybox)),
    ...applets
      .filter((name) => name !== 'busybox')
      .map((name) => ({ kind: 'link', path: `bin/${name}`, target: 'busybox' }) as const),
    ...modules.map(({ name, data }) => file(`modules/${name}.ko`, 0o644, unsigned(data))),
    file('modules/order', 0o644, modules.map(({ name }) => name).join('\n')),
  ];
}

function file(path: string, mode: number, data: string | Buffer): CpioEntry {
  return { kind: 'file', path, mode, data: Buffer.from(data) };
}
