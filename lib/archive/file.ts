// The files of saved VMs: read at any place, and written in one go under another name, so that a file of the right
// name is always whole. They hold a guest's secrets, so new ones are for their owner alone.

import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Where a saved VM is read from. */
export interface Source {
  readonly bytes: number;
  /** Fewer bytes than asked for where it ends there. */
  read(offset: number, bytes: number): Promise<Buffer>;
}

/** Where a saved VM is written to, in order. */
export interface Sink {
  write(bytes: Buffer): Promise<void>;
}

const OWNER_ONLY = 0o600;

export interface OpenFile extends Source {
  close(): Promise<void>;
}

/** Throws as node:fs does, and TypeError where it is no regular file: it is read twice. */
export async function openSource(path: string): Promise<OpenFile> {
  const handle = await open(path, 'r');
  const there = await handle.stat();
  if (!there.isFile()) {
    await handle.close();
    throw new TypeError(`${path} is no regular file`);
  }
  return {
    bytes: there.size,
    read: (offset, bytes) => readAt(handle, offset, bytes),
    close: () => handle.close(),
  };
}

async function readAt(handle: FileHandle, offset: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(bytes);
  let done = 0;
  while (done < bytes) {
    const { bytesRead } = await handle.read(buffer, done, bytes - done, offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return buffer.subarray(0, done);
}

export interface NewFile extends Sink {
  /** All is written: it is on the disk, and then has its name. */
  publish(): Promise<void>;
  /** It will not be: nothing is left of it, and an older file of the name is as it was. */
  abandon(): Promise<void>;
}

export class FileExists extends Error {}

/** What may stand in the place of a new file. */
export type Replace = 'nothing' | 'an older file';

async function requireFree(path: string, replace: Replace): Promise<void> {
  const there = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (there === undefined) return;
  // A device or a pipe would be replaced by the file, not written.
  if (!there.isFile()) throw new FileExists(`${path} is no regular file`);
  if (replace === 'nothing') throw new FileExists(`${path} is there already`);
}

/** Begins a file beside the path. Throws FileExists, or as node:fs does. */
export async function createFile(path: string, replace: Replace): Promise<NewFile> {
  await requireFree(path, replace);
  // Of its own each time: two that are written at once don't meet before the last step.
  const partial = `${path}.${randomBytes(4).toString('hex')}.partial`;
  const handle = await open(partial, 'wx', OWNER_ONLY);
  return {
    write: (bytes) => handle.writeFile(bytes),
    publish: async () => {
      await handle.sync();
      await handle.close();
      await requireFree(path, replace);
      await rename(partial, path);
      await syncFolder(dirname(path));
    },
    abandon: async () => {
      await handle.close();
      await rm(partial, { force: true });
    },
  };
}

/** The name too must outlast a power failure. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
