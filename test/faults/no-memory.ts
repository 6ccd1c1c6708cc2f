// A process for which there is no more memory. Used by stage.ts.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where a hierarchy of memory cgroups is, version 2 or 1; mounts one where the host has none. */
function memoryCgroups(): { folder: string; limit: string } {
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
  const v1 = mounts.find(
    ([, , type, options]) => type === 'cgroup' && options?.split(',').includes('memory'),
  );
  if (v1?.[1] !== undefined) return { folder: v1[1], limit: 'memory.limit_in_bytes' };
  let v2 = mounts.find(([, , type]) => type === 'cgroup2')?.[1];
  if (v2 === undefined) {
    v2 = mkdtempSync(join(tmpdir(), 'vcpud-cgroup-'));
    execFileSync('mount', ['-t', 'cgroup2', 'none', v2]);
  }
  writeFileSync(join(v2, 'cgroup.subtree_control'), '+memory');
  return { folder: v2, limit: 'memory.max' };
}

/** What the process takes from here on is limited to so many bytes: with more the kernel kills it. */
export function limitMemory(pid: number, bytes: number): void {
  const { folder, limit } = memoryCgroups();
  const group = join(folder, `vcpud-${pid}`);
  mkdirSync(group);
  writeFileSync(join(group, limit), String(bytes));
  writeFileSync(join(group, 'cgroup.procs'), String(pid));
}

/** What the process maps from here on finds room for so many bytes more; gives the way back. */
export function noRoomFor(pid: number, bytes: number): () => Promise<void> {
  const limit = (most: string) => execFileSync('prlimit', ['--pid', String(pid), `--as=${most}:`]);
  const mapped =
    Number(/^VmSize:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
  limit(String(mapped + bytes));
  return async () => void limit('unlimited');
}
