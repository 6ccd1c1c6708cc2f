// vcpuctl save, load and file: a whole VM as a file, and back. `vm save` and `vm load` are the same commands, for those
// who look for them there.

import type { Command } from 'commander';
import { ArchiveError } from '../../lib/archive/archive-error.js';
import { createFile, FileExists, type NewFile, type OpenFile, openSource } from '../../lib/archive/file.js';
import type { Archive, Section } from '../../lib/archive/read.js';
import { describeNestedState } from '../../lib/nested/describe.js';
import { vmId, vmName } from './arguments.js';
import { fileFailure, Interrupted, VcpuctlError } from './failure.js';
import { inL2, NESTED_COLUMNS, nestedCells } from './nested-view.js';
import { details, examples, plural, size, table, time, word } from './output.js';
import { Progress } from './progress.js';
import type { Act, Session } from './session.js';
import { Stall } from './stall.js';
import { vmText } from './vm.js';

const SAVED_VM = `
A saved VM is one file (docs/state-file.md): where it is from, its shape, every vCPU,
the devices, and its memory without the zeroes, each part with its checksum. It is for
its owner alone (mode 0600): it holds all that the guest does.
`;

interface SaveOptions {
  readonly force?: true;
  readonly keepPaused?: true;
}

interface LoadOptions {
  readonly name?: string;
  readonly run?: true;
}

/** `before` is what the examples have before the command's name. */
function saveCommand(command: Command, act: Act, before: string): void {
  command
    .description('write a whole VM into a file: memory, vCPUs, devices, from one stop')
    .argument('<vm>', 'vms/{vm} or {vm}', vmName)
    .argument('<file>', 'the file; it gets its name when it is whole')
    .option('--force', 'take the place of an older file')
    .option('--keep-paused', 'leave a VM that runs paused, instead of running on')
    .addHelpText(
      'after',
      `${SAVED_VM}
A VM that runs is paused for as long as its memory is read. If anything fails, it runs
on, and no file is left.
${examples(`${before}save web web.saved --force`, `${before}save web web-off.saved --keep-paused --force`)}`,
    )
    .action(act(save));
}

function loadCommand(command: Command, act: Act, before: string): void {
  command
    .description('make a VM of a file, paused, and check that it holds what the file does')
    .argument('<file>', 'what save wrote')
    .option('--name <id>', 'the id that it is to have, instead of its own', vmId)
    .option('--run', 'let it run when it has been checked')
    .addHelpText(
      'after',
      `${SAVED_VM}
All of the file is verified, and the host is asked whether it can take the VM, before
anything is made. If anything fails after that, the VM is deleted. A guest must not run twice: of a VM and the one loaded from its file let
only one go on.
${examples(`${before}load web.saved`, `${before}load web.saved --name copy --run`)}`,
    )
    .action(act(load));
}

export function registerSave(command: Command, act: Act): void {
  saveCommand(command, act, '');
}

export function registerLoad(command: Command, act: Act): void {
  loadCommand(command, act, '');
}

export function registerInVm(group: Command, act: Act): void {
  saveCommand(group.command('save'), act, 'vm ');
  loadCommand(group.command('load'), act, 'vm ');
}

export function registerFile(group: Command, act: Act): void {
  group.addHelpText('after', examples('file info web.saved'));
  group
    .command('info')
    .description('verify a saved VM, and show what it holds; no vcpud is asked')
    .argument('<file>', 'what save wrote')
    .addHelpText(
      'after',
      SAVED_VM + examples('file info web.saved', "--json file info web.saved | jq '.vcpus[].inL2'"),
    )
    .action(act(info));
}

/** What ends a task from outside: Ctrl-C, and a stream that stands still. */
interface Watch {
  readonly signal: AbortSignal;
  readonly stall: Stall;
}

async function watched<T>({ io, timeoutMs }: Session, task: (watch: Watch) => Promise<T>): Promise<T> {
  const end = new AbortController();
  const takeBack = io.onInterrupt(() => end.abort(new Interrupted()));
  const stall = new Stall(timeoutMs, (error) => end.abort(error));
  try {
    return await task({ signal: end.signal, stall });
  } finally {
    stall.moved();
    takeBack();
  }
}

/** What became of a file, with failures that name it. */
async function ofFile<T>(verb: 'read' | 'write', path: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    if (error instanceof ArchiveError) throw archiveFailure(path, error);
    if (error instanceof FileExists) throw new VcpuctlError('CLIENT', 'FILE_EXISTS', existing(error));
    throw fileFailure(verb, path, error);
  }
}

const existing = ({ message }: FileExists): string =>
  message.endsWith('already') ? `${message}: --force takes its place` : message;

function archiveFailure(path: string, { reason, section, offset, message }: ArchiveError): VcpuctlError {
  return new VcpuctlError('INVALID_ARGUMENT', reason, `${path}: ${message}`, {
    section,
    offset: String(offset),
  });
}

async function save(session: Session, name: string, path: string, options: SaveOptions): Promise<void> {
  const { saveVm, VmChanged } = await import('../../lib/archive/save.js');
  const client = await session.connect();
  const file = guarded(
    path,
    await ofFile('write', path, () => createFile(path, options.force === true ? 'an older file' : 'nothing')),
  );
  let progress: Progress | undefined;
  try {
    const saved = await watched(session, ({ signal, stall }) =>
      saveVm({
        client,
        name,
        sink: file,
        afterwards: options.keepPaused === true ? 'stay paused' : 'run on',
        signal,
        onStep: (step) => (step === 'memory' ? stall.waiting() : stall.moved()),
        onMemory: (bytes, of) => {
          stall.waiting();
          progress ??= new Progress(session.io, 'saved', of);
          progress.add(bytes);
        },
      }),
    );
    await file.publish();
    progress?.end();
    const { vm, bytes, memoryBytes, stoppedMs } = saved;
    const fingerprint = saved.fingerprint.toString('hex');
    await session.say(
      { file: path, vm: name, bytes, memoryBytes, stoppedMs, fingerprint },
      `${path}: ${name}, ${plural(vm.vcpuCount, 'vCPU')}, ${size(memoryBytes)} of memory that is not zero\n${details(
        [
          ['size', size(bytes)],
          ['fingerprint', fingerprint],
          ['stopped for', stoppedText(vm.runState === 'VM_RUN_STATE_RUNNING', options, stoppedMs)],
        ],
      )}`,
    );
  } catch (error) {
    await file.abandon();
    if (error instanceof VmChanged) throw new VcpuctlError('CLIENT', 'VM_CHANGED', error.message);
    throw error;
  } finally {
    progress?.end();
  }
}

function stoppedText(ran: boolean, options: SaveOptions, ms: number): string {
  if (!ran) return '0 ms, it was not running';
  return options.keepPaused === true ? 'it stays paused' : `${ms.toFixed(3)} ms`;
}

const guarded = (path: string, file: NewFile): NewFile => ({
  write: (bytes) => ofFile('write', path, () => file.write(bytes)),
  publish: () => ofFile('write', path, () => file.publish()),
  abandon: () => ofFile('write', path, () => file.abandon()),
});

/** Verifies a file, and does something with it. */
async function withArchive<T>(
  session: Session,
  path: string,
  task: (archive: Archive, watch: Watch) => Promise<T>,
): Promise<T> {
  const { verifyArchive } = await import('../../lib/archive/read.js');
  const source: OpenFile = await ofFile('read', path, () => openSource(path));
  try {
    return await watched(session, async (watch) => {
      const progress = new Progress(session.io, 'verified', BigInt(source.bytes));
      const verify = () =>
        verifyArchive(source, (bytes) => {
          watch.signal.throwIfAborted();
          progress.add(BigInt(bytes));
        });
      const archive = await verify()
        .catch((error: unknown) => {
          watch.signal.throwIfAborted();
          return ofFile('read', path, () => Promise.reject(error as Error));
        })
        .finally(() => progress.end());
      return task(archive, watch);
    });
  } finally {
    await source.close();
  }
}

async function load(session: Session, path: string, options: LoadOptions): Promise<void> {
  const { loadVm, NotCompatible, NotHeld, savedId } = await import('../../lib/archive/load.js');
  await withArchive(session, path, async (archive, { signal, stall }) => {
    const id = options.name ?? savedId(archive);
    const client = await session.connect();
    const memory = archive.vm.memoryRegions.reduce((sum, { sizeBytes }) => sum + BigInt(sizeBytes), 0n);
    let progress = new Progress(session.io, 'loaded', BigInt(archive.memoryBytes));
    try {
      await loadVm({
        client,
        archive,
        vmId: id,
        afterwards: options.run === true ? 'run' : 'stay paused',
        signal,
        onStep: (step) => {
          if (step === 'memory' || step === 'check') stall.waiting();
          else stall.moved();
          progress.end();
          if (step === 'check') progress = new Progress(session.io, 'checked', memory);
        },
        onMemory: (bytes) => {
          stall.waiting();
          progress.add(bytes);
        },
      });
    } catch (error) {
      if (error instanceof ArchiveError) throw archiveFailure(path, error);
      if (error instanceof NotCompatible) {
        throw new VcpuctlError('INCOMPATIBLE', error.reason, error.message);
      }
      if (error instanceof NotHeld) throw new VcpuctlError('CLIENT', 'STATE_NOT_HELD', error.message);
      throw error;
    } finally {
      progress.end();
      stall.moved();
    }
    const name = `vms/${id}`;
    await session.answer('GetVmResponse', await client.vm.GetVm({ name }), (answer) => {
      const what = options.run === true ? 'runs' : 'is paused';
      return `${name} holds what ${path} does, checked, and ${what}\n${vmText(answer)}`;
    });
  });
}

async function info(session: Session, path: string): Promise<void> {
  await withArchive(session, path, async (archive) => {
    if (session.json) await session.say(await infoJson(path, archive), '');
    else await session.io.out(infoText(path, archive));
  });
}

const versionText = ({ version }: Archive): string => `${version.major}.${version.minor}`;

function infoText(path: string, archive: Archive): string {
  const { host, vm, capture, state, fileBytes, memoryBytes, memoryRuns, fingerprint } = archive;
  const head = details([
    ['file', `${path}, ${size(fileBytes)}, format ${versionText(archive)}: verified`],
    ['fingerprint', fingerprint.toString('hex')],
    ['saved', time(capture.captureTime)],
    [
      'host',
      `${host.kernelRelease}, ${host.cpuModel} (${word(host.cpuVendor, 'CPU_VENDOR')}), vcpud ${host.vcpudVersion}`,
    ],
    ['in the file', `${size(memoryBytes)} of memory in ${plural(memoryRuns, 'run')}; the rest is zero`],
  ]);
  const vcpus = state.vcpus.map(({ nestedState }, i) => [
    String(i),
    ...(nestedState === null ? NESTED_COLUMNS.map(() => '-') : nestedCells(nestedState.data)),
  ]);
  return [
    head,
    vmText({ vm }),
    table(['VCPU', ...NESTED_COLUMNS], vcpus),
    table(['SECTION', 'OFFSET', 'BYTES', 'SHA-256'], sectionRows(archive.sections)),
  ].join('\n');
}

/** A row each; memory, which may have thousands, is one. */
function sectionRows(sections: readonly Section[]): string[][] {
  const memory = sections.filter(({ kind }) => kind === 'memory');
  const bytes = memory.reduce((sum, section) => sum + section.bytes, 0);
  return sections.flatMap((section) => {
    const { name, kind, offset, sha256 } = section;
    if (kind !== 'memory') return [[name, String(offset), String(section.bytes), sha256.toString('hex')]];
    if (section !== memory[0]) return [];
    return [['memory', String(offset), String(bytes), `in ${plural(memory.length, 'section')}`]];
  });
}

async function infoJson(path: string, archive: Archive): Promise<object> {
  const { toJson } = await import('./json.js');
  const { host, vm, capture, state, sections } = archive;
  return {
    file: path,
    bytes: archive.fileBytes,
    version: versionText(archive),
    fingerprint: archive.fingerprint.toString('hex'),
    host: toJson('vcpud.v1.Host', host),
    vm: toJson('vcpud.v1.Vm', vm),
    capture: toJson('vcpud.v1.GetVmStateResponse', capture),
    memory: { bytes: archive.memoryBytes, runs: archive.memoryRuns },
    vcpus: state.vcpus.map(({ nestedState }, index) => {
      if (nestedState === null) return { index, inL2: false };
      const view = describeNestedState(nestedState.data);
      return { index, inL2: inL2(view), format: view.format, flags: view.flags, size: view.size };
    }),
    sections: sections.map(({ name, offset, bytes, sha256 }) => ({
      name,
      offset,
      bytes,
      sha256: sha256.toString('hex'),
    })),
  };
}
