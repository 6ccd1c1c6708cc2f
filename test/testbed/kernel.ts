// What the testbed takes out of a Debian kernel package: the kernel in the form that boots fastest, and
// modules in load order. Called by cache.ts (once a cache), initramfs.ts and intel-host.ts.

import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { toolOutput } from './packages.js';
import { TestbedProblem } from './problem.js';

/** Kernels that a host can have: Debian 12's own, and its backports'. */
export const KERNELS = ['6.1', '6.12'] as const;
export type Kernel = (typeof KERNELS)[number];

/** Offsets in a bzImage (Documentation/x86/boot.rst, "The Real-Mode Kernel Header"); integers are little-endian. */
const SETUP_SECTS = 0x1f1; // u8: 512-byte sectors of real-mode code after the first
const PAYLOAD_OFFSET = 0x248; // u32: from the start of the protected-mode code
const PAYLOAD_LENGTH = 0x24c; // u32: bytes

/** How the kernel's build compresses, told by the first bytes. `program` does the reverse, of standard input. */
const COMPRESSIONS = [
  { magic: Buffer.from('fd377a585a00', 'hex'), program: 'xz' },
  { magic: Buffer.from('28b52ffd', 'hex'), program: 'zstd' },
] as const;

/** The build appends the unpacked size to what it compressed: u32. */
const APPENDED_SIZE = 4;

export interface Payload {
  readonly data: Buffer;
  /** The program that decompresses it. */
  readonly program: 'xz' | 'zstd';
}

/**
 * The compressed vmlinux inside a bzImage. QEMU boots an ELF vmlinux by its PVH entry point, which spares
 * the guest the decompression: under emulation that takes longer than the rest of the kernel's start.
 */
export function compressedVmlinux(bzImage: Buffer): Payload {
  const start = ((bzImage[SETUP_SECTS] ?? 0) + 1) * 512 + bzImage.readUInt32LE(PAYLOAD_OFFSET);
  const data = bzImage.subarray(start, start + bzImage.readUInt32LE(PAYLOAD_LENGTH) - APPENDED_SIZE);
  const compression = COMPRESSIONS.find(({ magic }) => data.subarray(0, magic.length).equals(magic));
  if (compression === undefined) {
    throw new TestbedProblem('The fetched kernel is compressed in a way that the testbed does not know.');
  }
  return { data, program: compression.program };
}

/** The bzImage of the kernel package, where packages are unpacked in `root`. */
export async function kernelImage(root: string): Promise<string> {
  const image = (await readdir(join(root, 'boot'))).find((file) => file.startsWith('vmlinuz-'));
  if (image === undefined) throw new TestbedProblem('The fetched kernel package holds no /boot/vmlinuz-*.');
  return join(root, 'boot', image);
}

/** A module's name as the kernel has it (`kvm_amd` for kvm-amd.ko) and its file. */
export interface KernelModule {
  readonly name: string;
  readonly data: Buffer;
}

/**
 * `wanted` modules and everything that they depend on, dependencies first, but for what is built into the kernel.
 * Debian's later kernels have them compressed, each NAME.ko.xz; `xz` is the argv of the program.
 */
export async function modulesInLoadOrder(
  modulesFolder: string,
  wanted: readonly string[],
  xz: readonly [string, ...string[]],
): Promise<KernelModule[]> {
  const { files, builtIn } = await moduleFiles(modulesFolder);
  const ordered = new Map<string, KernelModule>();
  const visit = async (name: string): Promise<void> => {
    if (ordered.has(name) || builtIn.has(name)) return;
    const file = files.get(name);
    if (file === undefined) {
      throw new TestbedProblem(
        `The fetched kernel has no module ${name}; the testbed knows Debian 12's kernels.`,
      );
    }
    const data = await moduleData(file, xz);
    for (const dependency of dependencies(data)) await visit(dependency);
    ordered.set(name, { name, data });
  };
  for (const name of wanted) await visit(name);
  return [...ordered.values()];
}

const MODULE_FILE = /([^/]+)\.ko(\.xz)?$/;

/** A module's name as the kernel has it, of its file's path. */
const moduleName = (path: string): string | undefined => MODULE_FILE.exec(path)?.[1]?.replaceAll('-', '_');

async function moduleFiles(
  folder: string,
): Promise<{ readonly files: Map<string, string>; readonly builtIn: Set<string> }> {
  const files = new Map<string, string>();
  const builtIn = new Set<string>();
  for (const file of await readdir(folder, { recursive: true })) {
    const name = moduleName(file);
    if (name !== undefined) files.set(name, join(folder, file));
    if (basename(file) !== 'modules.builtin') continue;
    for (const line of (await readFile(join(folder, file), 'utf8')).split('\n')) {
      builtIn.add(moduleName(line) ?? '');
    }
  }
  return { files, builtIn };
}

async function moduleData(file: string, [xz, ...args]: readonly [string, ...string[]]): Promise<Buffer> {
  if (!file.endsWith('.xz')) return readFile(file);
  return toolOutput(xz, [...args, '--decompress', '--stdout', file]);
}

/** `depends=a,b` in .modinfo, a section of NUL-terminated strings; Debian ships no modules.dep. */
function dependencies(module: Buffer): string[] {
  const start = module.indexOf('\0depends=');
  if (start < 0) return [];
  const value = start + '\0depends='.length;
  const list = module.toString('latin1', value, module.indexOf(0, value));
  return list === '' ? [] : list.split(',').map((name) => name.replaceAll('-', '_'));
}

/** What ends a signed module: the signature, 12 bytes that describe it, this. */
const SIGNED = Buffer.from('~Module signature appended~\n');
const SIGNATURE_LENGTH = 4; // the last of the 12 bytes: u32, big-endian

/** The module without its signature: to check one takes an emulated CPU seconds. */
export function unsigned(module: Buffer): Buffer {
  const end = module.length - SIGNED.length;
  if (!module.subarray(end).equals(SIGNED)) return module;
  return module.subarray(0, end - 12 - module.readUInt32BE(end - SIGNATURE_LENGTH));
}
