// All of a VM's memory as SHA-256 of each 16 MiB: for comparing two sides without moving it once more.

import { createHash } from 'node:crypto';
import type { GuestMemory } from '../vm/guest-memory.js';

const RANGE_BYTES = 16 * 1024 * 1024;
const STEP_BYTES = 1024 * 1024;

/** One hash for each 16 MiB of each region, in order; gives way to others between steps of 1 MiB. */
export async function hashMemory(memory: GuestMemory): Promise<Buffer[]> {
  const buffer = Buffer.allocUnsafe(STEP_BYTES);
  const hashes: Buffer[] = [];
  for (const { gpa, bytes } of memory.regions) {
    for (let start = 0; start < Number(bytes); start += RANGE_BYTES) {
      const end = Math.min(start + RANGE_BYTES, Number(bytes));
      const hash = createHash('sha256');
      for (let at = start; at < end; at += STEP_BYTES) {
        const length = Math.min(STEP_BYTES, end - at);
        memory.readInto(gpa + BigInt(at), length, buffer, 0);
        hash.update(buffer.subarray(0, length));
        await new Promise(setImmediate);
      }
      hashes.push(hash.digest());
    }
  }
  return hashes;
}
