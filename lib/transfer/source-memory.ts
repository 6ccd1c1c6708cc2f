// The memory of a source on the same host, as a destination reads it: by way of /proc, from one file in memory to
// another, without a process in between. A token proves that who names a file may write it: else a destination could
// be had to read the memory of somebody else's guest.

import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readlinkSync } from 'node:fs';
import { type GuestMemory, MEMORY_FILE, type MemoryPlace } from '../vm/guest-memory.js';

/** What a source signs its memory with. */
const signatureOf = (token: string): Buffer => createHash('sha256').update(token).digest();

/** Makes a source's memory one that the token's destination will read; gives where that is. */
export function showMemory(memory: GuestMemory, token: string): MemoryPlace {
  memory.sign(signatureOf(token));
  return memory.place;
}

export class SourceMemory {
  private readonly file: number;

  private constructor(file: number) {
    this.file = file;
  }

  /**
   * Opens what a source has shown. Undefined where it can't be had: the source is on another host, in another PID
   * namespace or another user's, or is not the one that has the token.
   */
  static open({ pid, fd }: MemoryPlace, token: string, own: GuestMemory): SourceMemory | undefined {
    const path = `/proc/${pid}/fd/${fd}`;
    let file: number | undefined;
    try {
      // Anything else is not even opened: a device may take that for a word.
      if (!readlinkSync(path).startsWith(`/memfd:${MEMORY_FILE}`)) return undefined;
      file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      if (fstatSync(file).isFile() && own.copySignatureFrom(file).equals(signatureOf(token))) {
        const memory = new SourceMemory(file);
        file = undefined;
        return memory;
      }
    } catch {
      // No such process here, or none that may be looked into; or a kernel that can't copy from file to file.
    } finally {
      if (file !== undefined) closeSync(file);
    }
    return undefined;
  }

  /** Copies a range of it, at once. Throws MEMORY_RANGE_NOT_BACKED, VM_DELETED, KernelError. */
  copyTo(memory: GuestMemory, gpa: bigint, bytes: number): void {
    memory.copyFrom(this.file, gpa, bytes);
  }

  close(): void {
    closeSync(this.file);
  }
}
