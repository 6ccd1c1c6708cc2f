// The cache folder: fetched and unpacked packages, and what is made of them once. Each part is filled when a run
// first needs it, under a lock, by a rename; later runs need no network.
//
//   $VCPUD_CACHE, else $XDG_CACHE_HOME/vcpud, else ~/.cache/vcpud
//     testbed-1/          for every host; 0.7 GB
//       root/             AMD_PACKAGES, unpacked
//       vmlinux           the kernel, decompressed
//       amd.cpio          busybox and modules (initramfs.ts)
//     kernel-6.12-1/      for an AMD host with that kernel; 0.4 GB. The same, of BACKPORTED_KERNEL_PACKAGES
//     intel-1/            for the Intel host; 0.4 GB
//       root/             INTEL_PACKAGES, unpacked
//       boot.rom          what starts the kernel there (boot-rom.ts)
//       host-*/           the host, ready to boot (intel-host.ts)
//     python-1/           for clients in Python (python.ts); 0.1 GB
//       root/             PYTHON_PACKAGES, unpacked
//     browser-1/          for tests of pages; 0.9 GB
//       root/             BROWSER_PACKAGES, unpacked
//     linux-guest-*/      the Linux guest's initramfs (test/guests/linux/linux-guest.ts); 6 MB

import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildBootRom } from './boot-rom.js';
import { amdInitramfs } from './initramfs.js';
import { compressedVmlinux, type Kernel, kernelImage } from './kernel.js';
import {
  AMD_PACKAGES,
  BACKPORTED_KERNEL_PACKAGES,
  BROWSER_PACKAGES,
  fetchBackports,
  fetchPackages,
  INTEL_PACKAGES,
  PYTHON_PACKAGES,
  toolOutput,
} from './packages.js';
import { TestbedProblem } from './problem.js';
import { type Progress, secondsSince } from './progress.js';

/**
 * Raise a part's version when its packages, its modules or what is made of them changes; older folders can be
 * deleted by hand.
 */
const VERSIONS = { testbed: 1, 'kernel-6.12': 1, intel: 2, python: 1, browser: 1 } as const;

/** Where things are in a filled part that holds a kernel: that which every host needs, or a later kernel's. */
export interface Cache {
  readonly root: string;
  readonly vmlinux: string;
  readonly amdInitramfs: string;
}

/** Where things are in the filled part of the Intel host. */
export interface IntelCache {
  readonly folder: string;
  readonly root: string;
  readonly bootRom: string;
}

/** The folder that holds everything the project caches. */
export function cacheFolder(): string {
  const own = process.env['VCPUD_CACHE'];
  if (own !== undefined && own !== '') return own;
  const xdg = process.env['XDG_CACHE_HOME'];
  return join(xdg !== undefined && xdg !== '' ? xdg : join(homedir(), '.cache'), 'vcpud');
}

/** What every host needs, filled first if this is the first run. */
export async function filledCache(progress: Progress): Promise<Cache> {
  return places(await filled('testbed', progress, fill));
}

/** Where the host's kernel is: in `base`, which every host needs, or in a part of its own. */
export async function filledKernel(kernel: Kernel, base: Cache, progress: Progress): Promise<Cache> {
  if (kernel === '6.1') return base;
  return places(await filled(`kernel-${kernel}`, progress, (draft) => fillKernel(base, draft, progress)));
}

/** What the Intel host needs beside it. */
export async function filledIntelCache(base: Cache, progress: Progress): Promise<IntelCache> {
  return intelPlaces(await filled('intel', progress, (draft) => fillIntel(base, draft, progress)));
}

/** The folder that holds what clients in Python need: nothing of the other parts is fetched for it. */
export async function filledPython(progress: Progress): Promise<{ readonly root: string }> {
  const fill = async (draft: string) => {
    const root = join(draft, 'root');
    await mkdir(root);
    await fetchPackages(PYTHON_PACKAGES, root, join(draft, 'apt'), progress);
  };
  return { root: join(await filled('python', progress, fill), 'root') };
}

/** The root folder of the browser's packages, filled first if this is the first run. */
export async function filledBrowser(progress: Progress): Promise<string> {
  const folder = await filled('browser', progress, async (draft) => {
    const root = join(draft, 'root');
    await mkdir(root);
    await fetchPackages(BROWSER_PACKAGES, root, join(draft, 'apt'), progress);
  });
  return join(folder, 'root');
}

/** A fetched program with its own loader and libraries, such as 'as' or 'objcopy': argv without arguments. */
export function cachedProgram({ root }: { readonly root: string }, name: string): [string, ...string[]] {
  const libraries = [join(root, 'lib/x86_64-linux-gnu'), join(root, 'usr/lib/x86_64-linux-gnu')];
  return [
    join(root, 'lib/x86_64-linux-gnu/ld-linux-x86-64.so.2'),
    '--library-path',
    libraries.join(':'),
    join(root, 'usr/bin', name),
  ];
}

/**
 * `folder`, made by `make` in a draft folder if it is not there. Others that want it at the same time wait for
 * the one that makes it.
 */
export async function madeOnce(
  folder: string,
  progress: Progress,
  make: (draft: string) => Promise<void>,
): Promise<void> {
  if (await exists(folder)) return;
  await underLock(`${folder}.lock`, progress, async () => {
    if (await exists(folder)) return;
    const draft = `${folder}.draft`;
    await rm(draft, { recursive: true, force: true });
    await mkdir(draft, { recursive: true });
    await make(draft);
    await rename(draft, folder);
  });
}

/**
 * Marks a folder that is named PREFIX-KEY, KEY being a hash of what it was made of, as used now, and deletes those of
 * the same prefix beside it but for the `kept` that were used last.
 */
export async function keepRecent(folder: string, kept: number): Promise<void> {
  await utimes(folder, new Date(), new Date());
  const parent = dirname(folder);
  const prefix = basename(folder).replace(/-[0-9a-f]+$/, '-');
  const names = (await readdir(parent)).filter(
    (name) => name.startsWith(prefix) && /^[0-9a-f]+$/.test(name.slice(prefix.length)),
  );
  const used = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(join(parent, name))).mtimeMs })),
  );
  for (const { name } of used.sort((a, b) => b.at - a.at).slice(kept)) {
    await rm(join(parent, name), { recursive: true, force: true });
  }
}

async function filled(
  part: keyof typeof VERSIONS,
  progress: Progress,
  fill: (draft: string, progress: Progress) => Promise<void>,
): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new TestbedProblem(
      `The testbed needs Linux on x86-64; this is ${process.platform} on ${process.arch}.`,
    );
  }
  const folder = join(cacheFolder(), `${part}-${VERSIONS[part]}`);
  try {
    await mkdir(cacheFolder(), { recursive: true });
    await madeOnce(folder, progress, async (draft) => {
      const start = performance.now();
      await fill(draft, progress);
      progress(`cache filled in ${secondsSince(start)}: ${folder}`);
    });
  } catch (error) {
    if (error instanceof TestbedProblem || !(error instanceof Error)) throw error;
    throw new TestbedProblem(
      `The cache ${cacheFolder()} cannot be filled (${error.message}); set VCPUD_CACHE to a writable folder with 1 GB to spare.`,
    );
  }
  return folder;
}

function places(folder: string): Cache {
  return {
    root: join(folder, 'root'),
    vmlinux: join(folder, 'vmlinux'),
    amdInitramfs: join(folder, 'amd.cpio'),
  };
}

function intelPlaces(folder: string): IntelCache {
  return { folder, root: join(folder, 'root'), bootRom: join(folder, 'boot.rom') };
}

async function fill(draft: string, progress: Progress): Promise<void> {
  const cache = places(draft);
  await mkdir(cache.root);
  await fetchPackages(AMD_PACKAGES, cache.root, join(draft, 'apt'), progress);
  await prepareKernel(cache, cache, progress);
}

async function fillKernel(base: Cache, draft: string, progress: Progress): Promise<void> {
  const cache = places(draft);
  await mkdir(cache.root);
  await fetchBackports(BACKPORTED_KERNEL_PACKAGES, cache.root, join(draft, 'apt'), progress);
  await prepareKernel(base, cache, progress);
}

/** Makes what a host boots of the kernel in `cache`, with busybox and xz of `base`. */
async function prepareKernel(base: Cache, cache: Cache, progress: Progress): Promise<void> {
  progress('decompressing the kernel');
  const { data, program } = compressedVmlinux(await readFile(await kernelImage(cache.root)));
  const payload = `${cache.vmlinux}.${program}`;
  await writeFile(payload, data);
  const [loader, ...args] = cachedProgram(cache, program);
  await writeFile(cache.vmlinux, await toolOutput(loader, [...args, '--decompress', '--stdout', payload]));
  await rm(payload);

  progress('building the initramfs');
  const busybox = join(base.root, 'bin/busybox');
  await writeFile(cache.amdInitramfs, await amdInitramfs(cache.root, busybox, cachedProgram(base, 'xz')));
}

async function fillIntel(base: Cache, draft: string, progress: Progress): Promise<void> {
  const cache = intelPlaces(draft);
  await mkdir(cache.root);
  await fetchPackages(INTEL_PACKAGES, cache.root, join(draft, 'apt'), progress);
  const tool = (name: string) => cachedProgram(base, name);
  await writeFile(cache.bootRom, await buildBootRom(tool, draft));
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
