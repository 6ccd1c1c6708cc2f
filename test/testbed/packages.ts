// Fetches Debian packages with all that they depend on and unpacks them into a folder, by apt-get and
// dpkg-deb, installing nothing. Called by cache.ts.
//
// apt gets a state folder of its own with an empty dpkg status, so it resolves the whole closure, libc
// included, as if nothing were installed; keys and proxies are the machine's own, and so are the sources, or the
// mirror that they name where packages of another suite are asked for.

import { spawn } from 'node:child_process';
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TestbedProblem } from './problem.js';
import { type Progress, whileReporting } from './progress.js';

/** Debian packages, each with the reason for it. */
export type Packages = readonly { readonly name: string; readonly why: string }[];

/** What the AMD host is made of; the Intel one takes its kernel and busybox from here. */
export const AMD_PACKAGES: Packages = [
  { name: 'linux-image-amd64', why: 'the kernel; its cloud variant has no 9p' },
  { name: 'qemu-system-x86', why: 'the emulator, its firmware and its libraries' },
  { name: 'busybox-static', why: 'the user space of the initramfs' },
  { name: 'binutils', why: 'as, ld and objcopy for the guests that the tests assemble' },
  { name: 'xz-utils', why: "decompresses the kernel, which busybox's xz can't" },
];

/** What the Intel host needs beside those. */
export const INTEL_PACKAGES: Packages = [
  { name: 'bochs', why: 'the emulator, whose CPU has VMX, and its BIOS' },
  { name: 'bochs-term', why: 'a screen that needs no X server; Bochs has no "none"' },
];

/** What a client in Python needs: an interpreter, gRPC, and what makes stubs of the protos. */
export const PYTHON_PACKAGES: Packages = [
  { name: 'python3', why: 'the interpreter; packages of Debian fit no other' },
  { name: 'python3-grpcio', why: 'gRPC' },
  { name: 'python3-protobuf', why: 'messages' },
  { name: 'protobuf-compiler', why: 'protoc, which makes stubs' },
  { name: 'protobuf-compiler-grpc', why: 'its plugin for services, grpc_python_plugin' },
  { name: 'libprotobuf-dev', why: "the protos of Google's own types, which protoc looks for" },
];

/** The browser that opens the pages the project writes. */
export const BROWSER_PACKAGES: Packages = [
  { name: 'chromium', why: 'the browser; it runs without a screen' },
  { name: 'fonts-dejavu-core', why: 'letters: without a font a page is blank' },
];

/** The suite of the machine's Debian, and the one that has what a later release has, built for it. */
const SUITE = 'bookworm';
const BACKPORTS = 'bookworm-backports';

/** What a host with a later kernel needs beside AMD_PACKAGES; all of it is taken from BACKPORTS where that has it. */
export const BACKPORTED_KERNEL_PACKAGES: Packages = [
  { name: 'linux-image-amd64', why: 'the kernel' },
  { name: 'zstd', why: 'decompresses it' },
];

/** Downloads packages of the machine's sources and their closure and unpacks them into `root`. `scratch` is emptied. */
export async function fetchPackages(
  packages: Packages,
  root: string,
  scratch: string,
  progress: Progress,
): Promise<void> {
  await fetchFrom(aptConfiguration(scratch), [], packages, root, scratch, progress);
}

/** The same, of Debian's backports, whether the machine's sources name those or not. */
export async function fetchBackports(
  packages: Packages,
  root: string,
  scratch: string,
  progress: Progress,
): Promise<void> {
  const format = ['--format', '$(REPO_URI)', 'Created-By: Packages', `Codename: ${SUITE}`, 'Origin: Debian'];
  const [mirror] = (await runTool('apt-get', ['indextargets', ...format])).stdout.split('\n');
  if (mirror === undefined || mirror === '') {
    throw new TestbedProblem(
      `This machine's apt sources name no mirror of Debian's ${SUITE}, or 'apt-get update' was never run.`,
    );
  }
  await mkdir(scratch, { recursive: true });
  const sources = join(scratch, 'sources.list');
  await writeFile(sources, [SUITE, BACKPORTS].map((suite) => `deb ${mirror} ${suite} main\n`).join(''));
  const configuration = [
    aptConfiguration(scratch),
    `Dir::Etc::sourcelist "${sources}";`,
    'Dir::Etc::sourceparts "-";',
    'Dir::Etc::preferences "-";',
    'Dir::Etc::preferencesparts "-";',
    '',
  ].join('\n');
  await fetchFrom(configuration, ['--target-release', BACKPORTS], packages, root, scratch, progress);
}

async function fetchFrom(
  configurationText: string,
  options: readonly string[],
  packages: Packages,
  root: string,
  scratch: string,
  progress: Progress,
): Promise<void> {
  const archives = join(scratch, 'cache/archives');
  await mkdir(join(scratch, 'state/lists/partial'), { recursive: true });
  await mkdir(join(archives, 'partial'), { recursive: true });
  await writeFile(join(scratch, 'status'), '');
  const configuration = join(scratch, 'apt.conf');
  await writeFile(configuration, configurationText);
  const apt = (...args: string[]) => runTool('apt-get', ['-c', configuration, '-qq', ...args]);
  const names = packages.map((row) => row.name);
  const install = ['install', '--yes', '--no-install-recommends', '--download-only', ...options];

  progress("reading apt's package lists");
  const update = await apt('update');
  const plan = await apt(...install, '--print-uris', ...names).catch((error: unknown) => {
    if (!(error instanceof TestbedProblem)) throw error;
    throw new TestbedProblem(
      `${error.message}; a first run needs the network and Debian 12 (bookworm) in this machine's apt sources.`,
      `${update.stderr}${error.detail}`,
    );
  });
  const total = downloadSize(plan.stdout);
  progress(`fetching ${megabytes(total)} MB of Debian packages`);
  const alive = { line: 'still fetching' };
  const measure = setInterval(async () => {
    alive.line = `fetched ${megabytes(await folderSize(archives))} of ${megabytes(total)} MB`;
  }, 1_000);
  try {
    await whileReporting(progress, () => alive.line, apt(...install, ...names));
  } finally {
    clearInterval(measure);
  }

  const debs = (await readdir(archives)).filter((file) => file.endsWith('.deb'));
  progress(`unpacking ${debs.length} packages`);
  let unpacked = 0;
  const unpackAll = async () => {
    for (const deb of debs) {
      await runTool('dpkg-deb', ['-x', join(archives, deb), root]);
      unpacked += 1;
    }
  };
  await whileReporting(progress, () => `unpacked ${unpacked} of ${debs.length} packages`, unpackAll());
  await rm(scratch, { recursive: true });
}

/** Read after the machine's configuration, hence the #clear lines: its hooks would write outside `scratch`. */
function aptConfiguration(scratch: string): string {
  return [
    `Dir::State "${scratch}/state";`,
    `Dir::State::lists "${scratch}/state/lists";`,
    `Dir::State::status "${scratch}/status";`,
    `Dir::State::extended_states "${scratch}/extended_states";`,
    `Dir::Cache "${scratch}/cache";`,
    `Dir::Cache::archives "${scratch}/cache/archives";`,
    `Dir::Log "${scratch}";`,
    'APT::Architecture "amd64";',
    '#clear APT::Architectures;',
    'APT::Architectures { "amd64"; };',
    'APT::Sandbox::User "root";', // the usual one, _apt, may not write into a home folder
    'Acquire::Languages "none";',
    'Acquire::Retries "3";',
    'Acquire::http::Timeout "30";',
    '#clear APT::Update::Pre-Invoke;',
    '#clear APT::Update::Post-Invoke;',
    '#clear APT::Update::Post-Invoke-Success;',
    '#clear DPkg::Pre-Invoke;',
    '#clear DPkg::Post-Invoke;',
    '#clear DPkg::Pre-Install-Pkgs;',
    '',
  ].join('\n');
}

/** Bytes in the lines of --print-uris: 'URI' file size checksum. */
function downloadSize(uris: string): number {
  return [...uris.matchAll(/^'[^']*' \S+ (\d+)/gm)].reduce((sum, match) => sum + Number(match[1]), 0);
}

function megabytes(bytes: number): string {
  return Math.ceil(bytes / 1e6).toString();
}

async function folderSize(folder: string): Promise<number> {
  const files = await readdir(folder, { recursive: true });
  // A file may be renamed out of partial/ between the listing and the look at it.
  const sizes = await Promise.all(
    files.map((file) =>
      stat(join(folder, file)).then(
        (s) => s.size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Runs a program to its end and returns what it said; says in a sentence why it could not. */
export async function runTool(
  program: string,
  args: readonly string[],
): Promise<{ stdout: string; stderr: string }> {
  const { stdout, stderr } = await ended(program, args);
  return { stdout: stdout.toString(), stderr };
}

/** The same for a program whose output is no text. */
export async function toolOutput(program: string, args: readonly string[]): Promise<Buffer> {
  return (await ended(program, args)).stdout;
}

function ended(program: string, args: readonly string[]): Promise<{ stdout: Buffer; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('error', (error) =>
      reject(
        new TestbedProblem(
          `${program} cannot be run here (${error.message}); the testbed needs a Debian system with apt-get and dpkg-deb.`,
        ),
      ),
    );
    child.on('close', (code, signal) => {
      const said = Buffer.concat(stderr).toString();
      if (code === 0) return resolve({ stdout: Buffer.concat(stdout), stderr: said });
      const first = said.trim().split('\n')[0] || 'it said nothing';
      reject(new TestbedProblem(`${program} failed (${signal ?? `status ${code}`}): ${first}`, said));
    });
  });
}
