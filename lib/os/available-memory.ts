// How much memory the machine has left.

import { readFileSync } from 'node:fs';

/** MemAvailable of /proc/meminfo, in bytes: what can be taken before the machine swaps. */
export function availableMemoryBytes(): bigint {
  const [, kib] = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8')) ?? [];
  if (kib === undefined) throw new Error('/proc/meminfo has no MemAvailable');
  return BigInt(kib) * 1024n;
}
