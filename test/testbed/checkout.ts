// The service's own build, as the Intel host has it: dist, the packages it depends on, protos, the guests' programs and captured states,
// at the same paths as here. Called by intel-host.ts.

import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import type { CpioEntry } from './cpio.js';
import { TestbedProblem } from './problem.js';

/** What a program needs at run time; declarations, source maps and sources of packages are most of their bytes. */
const NEEDED = /\.(js|cjs|mjs|json|node|proto|bin)$/;

const FOLDERS: readonly string[] = ['dist', 'protos', 'test/guests', 'test/vectors'];

/** The folder that holds this project, whether this file runs from dist or from the sources. */
export async function checkoutRoot(): Promise<string> {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    const names = await readdir(folder);
    if (names.includes('package-lock.json')) return folder;
    if (folder === dirname(folder)) {
      throw new TestbedProblem(
        'No package-lock.json above the testbed; run it in a checkout of this project.',
      );
    }
  }
}

/** The checkout as members of an archive, with every folder above them. */
export async function checkoutEntries(root: string): Promise<CpioEntry[]> {
  const lock = await readFile(join(root, 'package-lock.json'), 'utf8');
  const files = ['package.json'];
  for (const folder of FOLDERS) files.push(...(await filesBelow(root, folder)));
  for (const folder of runtimePackages(JSON.parse(lock))) files.push(...(await filesBelow(root, folder)));
  const entries: CpioEntry[] = [];
  for (const file of files) {
    const path = join(root, file);
    entries.push({ kind: 'file', path: relative('/', path), mode: 0o644, data: await readFile(path) });
  }
  return withFolders(entries);
}

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly devOptional?: boolean }>>;
}

/** Folders of the packages that `npm ci --omit=dev` would install. */
export function runtimePackages(lock: Lock): string[] {
  return Object.entries(lock.packages)
    .filter(([path, { dev, devOptional }]) => path !== '' && dev !== true && devOptional !== true)
    .map(([path]) => path);
}

/** Needed files of a folder; a package within a package has a row of its own in the lock. */
async function filesBelow(root: string, folder: string): Promise<string[]> {
  const found: string[] = [];
  // A package for another operating system is in the lock and not here.
  const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && entry.name !== 'node_modules') found.push(...(await filesBelow(root, path)));
    if (entry.isFile() && NEEDED.test(entry.name)) found.push(path);
  }
  return found;
}

/** The same members, each folder above them before its first member. */
export function withFolders(entries: readonly CpioEntry[]): CpioEntry[] {
  const known = new Set<string>();
  const all: CpioEntry[] = [];
  for (const entry of entries) {
    const parts = entry.path.split(sep).slice(0, entry.kind === 'directory' ? undefined : -1);
    parts.forEach((_, index) => {
      const path = parts.slice(0, index + 1).join(sep);
      if (known.has(path)) return;
      known.add(path);
      all.push({ kind: 'directory', path });
    });
    if (entry.kind !== 'directory') all.push(entry);
  }
  return all;
}
