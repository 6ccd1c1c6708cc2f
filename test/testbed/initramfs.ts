// The emulated AMD host's user space, as two cpio archives that the kernel unpacks one after the other: busybox
// and kernel modules, which cache.ts keeps, and the run's own scripts. Called by cache.ts and qemu.ts.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CpioEntry, writeCpio } from './cpio.js';
import { CONTROL, commandScript, GATEWAY, type HostSettings, quoted } from './emulator.js';
import { modulesInLoadOrder } from './kernel.js';
import { TestbedProblem } from './problem.js';

/** Modules the host needs; what they depend on comes by itself. Raise cache.ts's VERSION with a change. */
const MODULES: readonly { readonly name: string; readonly why: string }[] = [
  { name: 'virtio_pci', why: 'the bus of every device below' },
  { name: 'virtio_console', why: "the command's output and status (ports of PORTS)" },
  { name: '9pnet_virtio', why: "the machine's own / as the root file system" },
  { name: '9p', why: 'the same' },
  { name: 'overlay', why: 'makes that root writable, in memory' },
  { name: 'virtio_net', why: 'eth0' },
  { name: 'kvm_amd', why: '/dev/kvm' },
];

/** Ports of the virtio-serial device. The order is that of the sockets in qemu.ts; port 0 is the kernel's. */
export const PORTS = { control: 1, stdout: 2, stderr: 3 } as const;

/** /init: from nothing to the overlay root. */
const INIT = `#!/bin/busybox sh
busybox mount -t devtmpfs dev /dev
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
. /run.conf
for module in $(busybox cat /modules/order); do
  case $module in
    kvm_amd) busybox insmod /modules/$module.ko nested=$NESTED ;;
    *) busybox insmod /modules/$module.ko ;;
  esac
done
busybox mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro root9 /lower
busybox mount -t tmpfs -o size=75% upper /upper
busybox mkdir /upper/data /upper/work
busybox mount -t overlay -o lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work overlay /root
busybox mount -t tmpfs -o mode=755 run /root/run
busybox mkdir /root/run/testbed /root/run/lock /root/run/lower-tmp
busybox cp /bin/busybox /main /command /run.conf /root/run/testbed/
for folder in dev proc sys; do busybox mount -o move /$folder /root/$folder; done
exec busybox switch_root /root /run/testbed/busybox sh /run/testbed/main
`;

/** /run/testbed/main: PID 1 in the overlay root. Makes it a usable host, runs the command, reports to the control port. */
const MAIN = `
bb=/run/testbed/busybox
cd /run/testbed
. ./run.conf
$bb mount -o bind /tmp /run/lower-tmp
$bb mount -t tmpfs -o mode=1777 tmp /tmp
$bb printf '%s\\n' "$KEEP_TMP" | while read -r name; do
  [ -n "$name" ] || continue
  $bb mkdir "/tmp/$name" && $bb mount -o bind "/run/lower-tmp/$name" "/tmp/$name"
done
$bb umount /run/lower-tmp
$bb mkdir -p /dev/shm /dev/pts
$bb mount -t tmpfs -o mode=1777 shm /dev/shm
$bb mount -t devpts -o mode=620,ptmxmode=666 pts /dev/pts
[ -e /dev/fd ] || $bb ln -s /proc/self/fd /dev/fd
[ -e /dev/stdin ] || $bb ln -s fd/0 /dev/stdin
[ -e /dev/stdout ] || $bb ln -s fd/1 /dev/stdout
[ -e /dev/stderr ] || $bb ln -s fd/2 /dev/stderr
$bb hostname vcpud-amd
$bb printf '127.0.0.1 localhost vcpud-amd\\n::1 localhost\\n' > /etc/hosts
$bb ip link set lo up
$bb ip addr add 10.0.2.15/24 dev eth0
$bb ip link set eth0 up
$bb ip route add default via ${GATEWAY}
echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet # forwarded ports lead to 127.0.0.1
$bb mkfifo out err
$bb cat out > /dev/vport0p${PORTS.stdout} & out=$!
$bb cat err > /dev/vport0p${PORTS.stderr} & err=$!
exec 3> /dev/vport0p${PORTS.control}
echo ${CONTROL.started} >&3
/bin/sh ./command < /dev/null > out 2> err 3>&- &
wait $!
status=$?
# What the command left behind may hold its output open: end it, then let the last bytes through.
for process in /proc/[0-9]*; do
  pid=\${process#/proc/}
  case $pid in 1 | $out | $err) ;; *) kill -9 $pid 2> /dev/null ;; esac
done
wait $out $err
echo "${CONTROL.exited} $status" >&3
while :; do $bb sleep 60; done
`;

/**
 * Busybox and the modules. `packages` is where the kernel's package is unpacked, `busybox` a path, `xz` the argv of that
 * program.
 */
export async function amdInitramfs(
  packages: string,
  busybox: string,
  xz: readonly [string, ...string[]],
): Promise<Buffer> {
  const modules = await modulesInLoadOrder(
    join(packages, 'lib/modules'),
    MODULES.map((row) => row.name),
    xz,
  );
  const folders = ['bin', 'dev', 'proc', 'sys', 'modules', 'lower', 'upper', 'root'];
  return writeCpio([
    ...folders.map((path) => ({ kind: 'directory', path }) as const),
    file('bin/busybox', 0o755, await readFile(busybox)),
    ...modules.map((module) => file(`modules/${module.name}.ko`, 0o644, module.data)),
    file('modules/order', 0o644, modules.map((module) => module.name).join('\n')),
  ]);
}

/** Folders that the host has for itself. /tmp is empty too, but what must stay visible there can. */
const OWN_FOLDERS = /^\/(dev|proc|run|sys)(\/|$)/;

/** Folders of this machine that the command needs are `visible`. */
export interface RunSettings extends Pick<HostSettings, 'nested' | 'environment' | 'cwd' | 'command'> {
  readonly visible: readonly string[];
}

/** The scripts: /init, /main, their settings and the command. */
export function runInitramfs(settings: RunSettings): Buffer {
  const hidden = settings.visible.find((path) => OWN_FOLDERS.test(path));
  if (hidden !== undefined) {
    throw new TestbedProblem(
      `${hidden} is not there in the emulated host, which has /dev, /proc, /run and /sys of its own; use another folder.`,
    );
  }
  const keep = new Set(settings.visible.map((path) => /^\/tmp\/([^/]+)/.exec(path)?.[1]));
  keep.delete(undefined);
  const configuration = [
    `NESTED=${settings.nested ? 1 : 0}`,
    `KEEP_TMP=${quoted([...keep].join('\n'))}`,
    '',
  ].join('\n');
  return writeCpio([
    file('init', 0o755, INIT),
    file('main', 0o644, MAIN),
    file('run.conf', 0o644, configuration),
    file('command', 0o644, commandScript(settings)),
  ]);
}

function file(path: string, mode: number, data: string | Buffer): CpioEntry {
  return { kind: 'file', path, mode, data: Buffer.from(data) };
}
