// The cache folder: fetched and unpacked packages, the kernel, and the part of the initramfs that is the
// same in every run; 0.7 GB. Filled once, under a lock, by a rename; later runs need no network.
//
//   $VCPUD_CACHE, else $XDG_CACHE_HOME/vcpud, else ~/.cache/vcpud
//     testbed-1/
//       root/             the packages, unpacked
//       vmlinux           the kernel, decompressed
//       amd.cpio          busybox and modules (initramfs.ts)

import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { amdInitramfs } from './initramfs.js';
import { compressedVmlinux } from './kernel.js';
import { fetchPackages, runTool } from './packages.js';
import { TestbedProblem } from './problem.js';
import { type Progress, secondsSince } from './progress.js';

/** Raise it when PACKAGES, MODULES or what is made of them changes; older folders can be deleted by hand. */
const VERSION = 1;

/** Where things are in a filled cache. */
export interface Cache {
  readonly root: string;
  readonly vmlinux: string;
  readonly amdInitramfs: string;
}

/** The folder that holds everything the project caches. */
export function cacheFolder(): string {
  const own = process.env['VCPUD_CACHE'];
  if (own !== undefined && own !== '') return own;
  const xdg = process.env['XDG_CACHE_HOME'];
  return join(xdg !== undefined && xdg !== '' ? xdg : join(homedir(), '.cache'), 'vcpud');
}

/** The cache, filled first if this is the first run. */
export async function filledCache(progress: Progress): Promise<Cache> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new TestbedProblem(
      `The testbed needs Linux on x86-64; this is ${process.platform} on ${process.arch}.`,
    );
  }
  const folder = join(cacheFolder(), `testbed-${VERSION}`);
  if (await exists(folder)) return places(folder);
  try {
    await mkdir(cacheFolder(), { recursive: true });
    await underLock(`${folder}.lock`, progress, async () => {
      if (!(await exists(folder))) await fill(folder, progress);
    });
  } catch (error) {
    if (error instanceof TestbedProblem || !(error instanceof Error)) throw error;
    throw new TestbedProblem(
      `The cache ${cacheFolder()} cannot be filled (${error.message}); set VCPUD_CACHE to a writable folder with 1 GB to spare.`,
    );
  }
  return places(folder);
}

/** A fetched program with its own loader and libraries, such as 'as' or 'objcopy': argv without arguments. */
export function cachedProgram(cache: Cache, name: string): [string, ...string[]] {
  const libraries = [join(cache.root, 'lib/x86_64-linux-gnu'), join(cache.root, 'usr/lib/x86_64-linux-gnu')];
  return [
    join(cache.root, 'lib/x86_64-linux-gnu/ld-linux-x86-64.so.2'),
    '--library-path',
    libraries.join(':'),
    join(cache.root, 'usr/bin', name),
  ];
}

function places(folder: string): Cache {
  return {
    root: join(folder, 'root'),
    vmlinux: join(folder, 'vmlinux'),
    amdInitramfs: join(folder, 'amd.cpio'),
  };
}

async function fill(folder: string, progress: Progress): Promise<void> {
  const start = performance.now();
  const draft = `${folder}.draft`;
  await rm(draft, { recursive: true, force: true });
  const cache = places(draft);
  await mkdir(cache.root, { recursive: true });
  await fetchPackages(cache.root, join(draft, 'apt'), progress);

  progress('decompressing the kernel');
  const image = (await readdir(join(cache.root, 'boot'))).find((file) => file.startsWith('vmlinuz-'));
  if (image === undefined) throw new TestbedProblem('The fetched kernel package holds no /boot/vmlinuz-*.');
  const payload = `${cache.vmlinux}.xz`;
  await writeFile(payload, compressedVmlinux(await readFile(join(cache.root, 'boot', image))));
  // --single-stream: the kernel's build appends the unpacked size, which xz would take for a broken stream.
  const [loader, ...args] = cachedProgram(cache, 'xz');
  await runTool(loader, [...args, '--decompress', '--single-stream', payload]);

  progress('building the initramfs');
  await writeFile(cache.amdInitramfs, await amdInitramfs(cache.root));
  await rename(draft, folder);
  progress(`cache filled in ${secondsSince(start)}: ${folder}`);
}

const LOCK_BEAT_MS = 2_000;
const LOCK_DEAD_MS = 10_000;

/** A lock folder whose holder touches it all the time; one not touched for 10 s belongs to the dead. */
async function underLock(lock: string, progress: Progress, work: () => Promise<void>): Promise<void> {
  let told = false;
  for (;;) {
    try {
      await mkdir(lock);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const touched = await stat(lock).then(
      (s) => s.mtimeMs,
      () => undefined,
    );
    if (touched !== undefined && Date.now() - touched > LOCK_DEAD_MS) {
      await rm(lock, { recursive: true, force: true });
      continue;
    }
    if (!told) progress(`waiting for another run that fills the cache (${lock})`);
    told = true;
    await sleep(500);
  }
  const beat = setInterval(() => void utimes(lock, new Date(), new Date()).catch(() => {}), LOCK_BEAT_MS);
  try {
    await work();
  } finally {
    clearInterval(beat);
    await rm(lock, { recursive: true, force: true });
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
