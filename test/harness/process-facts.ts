// What /proc says that a process has: how tests see that nothing leaks and that memory does not grow.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface ProcessFacts {
  readonly descriptors: number;
  readonly threads: number;
  readonly mappings: number;
}

/** Open descriptors, threads and memory mappings of a process. */
export function processFacts(pid: number): ProcessFacts {
  return {
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: readdirSync(`/proc/${pid}/task`).length,
    mappings: readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n').length - 1,
  };
}

/** What the descriptors of a process are open on, by their numbers: "anon_inode:kvm-vm", "/memfd:vcpud-a (deleted)". */
export function openFiles(pid: number): ReadonlyMap<number, string> {
  const folder = `/proc/${pid}/fd`;
  const files = new Map<number, string>();
  for (const fd of readdirSync(folder)) {
    try {
      files.set(Number(fd), readlinkSync(`${folder}/${fd}`));
    } catch (error) {
      // Closed meanwhile, as the one by which this process read its own folder is.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return files;
}

/** What a VM has of its vcpud: the kernel's parts of it, and its memory. */
const OF_VMS = /^anon_inode:(\[?kvm-vm|kvm-vcpu)|^\/memfd:vcpud-/;

/** What the process has open of VMs, and has mapped of their memory. */
export function partsOfVms(pid: number): string[] {
  const open = [...openFiles(pid).values()].filter((target) => OF_VMS.test(target));
  const mapped = readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .map((line) => line.split(/\s+/).slice(5).join(' '))
    .filter((target) => OF_VMS.test(target));
  return [...open, ...mapped];
}

/** How many sockets the process has: those it listens on, and its connections. */
export function socketsOf(pid: number): number {
  return [...openFiles(pid).values()].filter((target) => target.startsWith('socket:')).length;
}

const MIB = 1024;

/** The process's own memory in MiB, heap and buffers: guest memory, which is a shared file, doesn't count. */
export function ownMemoryMib(pid: number): number {
  const kib = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (kib === undefined) throw new Error(`/proc/${pid}/status has no RssAnon`);
  return Number(kib) / MIB;
}
