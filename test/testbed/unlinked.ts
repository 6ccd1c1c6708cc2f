// Files that an emulator inherits as open descriptors and that have no name: nothing is left behind, however a run
// ends. Called by qemu.ts and bochs.ts.

import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What `make` opens in a folder that is gone afterwards. */
export async function unlinked<T>(make: (folder: string) => Promise<T>, parent = tmpdir()): Promise<T> {
  const folder = await mkdtemp(join(parent, 'vcpud-testbed-'));
  try {
    return await make(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A file with this content and no name. */
export function unlinkedFile(content: Buffer | string): Promise<FileHandle> {
  return unlinked(async (folder) => {
    const file = await open(join(folder, 'file'), 'wx+', 0o600);
    await file.writeFile(content);
    return file;
  });
}
