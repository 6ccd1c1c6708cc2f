// Reads a saved VM. All of it is verified, in one pass and in bounded memory, before anything of it is given out: what
// is wrong is known by the name of its section while nothing has been made of the file yet.

import { createHash } from 'node:crypto';
import type { GetVmStateResponse__Output } from '../../protos/gen/vcpud/v1/GetVmStateResponse.js';
import type { Host__Output } from '../../protos/gen/vcpud/v1/Host.js';
import type { VcpuState__Output } from '../../protos/gen/vcpud/v1/VcpuState.js';
import type { Vm__Output } from '../../protos/gen/vcpud/v1/Vm.js';
import type { VmRequirements__Output } from '../../protos/gen/vcpud/v1/VmRequirements.js';
import type { VmState__Output } from '../../protos/gen/vcpud/v1/VmState.js';
import { PAGE_BYTES } from '../api/zero-pages.js';
import { ArchiveError, type ArchiveReason } from './archive-error.js';
import {
  hasFileMagic,
  isSealed,
  type Run,
  readHead,
  readRuns,
  readTrailer,
  type SectionHead,
  sha256,
  type Trailer,
  versionOf,
} from './codec.js';
import type { Source } from './file.js';
import {
  MOST_MEMORY_SECTION_BYTES,
  MOST_MESSAGE_BYTES,
  PREAMBLE_BYTES,
  SECTION_BYTES,
  type SectionName,
  TRAILER_BYTES,
  VERSION,
} from './layout.js';
import { decoded, unknownFields } from './message-fields.js';

/** A section of a file that was verified. */
export interface Section extends SectionHead {
  /** Of its header in the file. */
  readonly offset: number;
}

/** A saved VM that was verified from its first byte to its last. */
export interface Archive {
  readonly version: { readonly major: number; readonly minor: number };
  /** SHA-256 that stands for the whole file. */
  readonly fingerprint: Buffer;
  readonly fileBytes: number;
  /** In order, those of unknown kinds and the index included. */
  readonly sections: readonly Section[];
  readonly host: Host__Output;
  readonly vm: Vm__Output;
  readonly requirements: VmRequirements__Output;
  /** Without its state. */
  readonly capture: GetVmStateResponse__Output;
  readonly state: VmState__Output;
  readonly memoryRuns: number;
  /** Of guest memory that is in the file; the rest is zero. */
  readonly memoryBytes: number;
  /**
   * The memory that is in the file, read from it again, and verified again. Throws ArchiveError where the file was
   * changed since.
   */
  runs(): AsyncGenerator<Run>;
}

const PIECE_BYTES = 1024 * 1024;

/** How a section is read, told of the bytes as they come. */
type OnBytes = (bytes: number) => void;

/** Verifies a file. Throws ArchiveError, which names the section at fault. */
export async function verifyArchive(source: Source, onBytes: OnBytes): Promise<Archive> {
  const version = await readPreamble(source);
  const end = await readEnd(source);
  const contents = new Contents();
  const seen: Buffer[] = [];
  let offset = PREAMBLE_BYTES;
  let before = 'preamble';
  for (;;) {
    const head = await headAt(source, offset, end, seen.length, before);
    const section: Section = { ...readHead(head), offset };
    const payload = await readPayload(source, section, onBytes);
    contents.take(section, payload);
    if (section.kind === 'index') {
      const { trailer } = requireEnd(source, seen, section, payload, end);
      return contents.archive(source, { version, fingerprint: trailer.fingerprint });
    }
    seen.push(head);
    before = section.name;
    offset += SECTION_BYTES + section.bytes;
  }
}

const fault = (reason: ArchiveReason, { name, offset }: Section, why: string): ArchiveError =>
  new ArchiveError(reason, name, offset, why);

async function readPreamble(source: Source): Promise<Archive['version']> {
  const bytes = await source.read(0, PREAMBLE_BYTES);
  const wrong = (reason: ArchiveReason, why: string) => new ArchiveError(reason, 'preamble', 0, why);
  if (bytes.length < PREAMBLE_BYTES) throw wrong('FILE_TRUNCATED', `ends after ${bytes.length} bytes`);
  if (!hasFileMagic(bytes)) throw wrong('NOT_A_SAVED_VM', 'is not that of a saved VM');
  if (!isSealed(bytes, PREAMBLE_BYTES)) throw wrong('FILE_DAMAGED', 'is damaged: its CRC-32 differs');
  const version = versionOf(bytes);
  if (version.major > VERSION.major) {
    const why = `has format version ${version.major}.${version.minor}, newer than ${VERSION.major}, the newest that this vcpuctl reads: use a newer one`;
    throw wrong('FILE_VERSION_NEWER', why);
  }
  return version;
}

/** The index and the trailer, where both are sound: they say where everything has to be. */
interface End {
  readonly trailer: Trailer;
  /** Of every section, the index the last of them. */
  readonly heads: readonly Buffer[];
}

async function readEnd(source: Source): Promise<Partial<End>> {
  const trailer = readTrailer(await source.read(Math.max(0, source.bytes - TRAILER_BYTES), TRAILER_BYTES));
  if (trailer === undefined || trailer.fileBytes !== source.bytes) return {};
  const rest = source.bytes - TRAILER_BYTES - trailer.indexOffset;
  if (trailer.indexOffset < PREAMBLE_BYTES || rest < SECTION_BYTES) return { trailer };
  const start = await source.read(0, PREAMBLE_BYTES);
  const index = await source.read(trailer.indexOffset, rest);
  const head = index.subarray(0, SECTION_BYTES);
  const listed = index.subarray(SECTION_BYTES);
  if (!sha256(start, head, listed).equals(trailer.fingerprint)) return { trailer };
  const heads: Buffer[] = [];
  for (let at = 0; at < listed.length; at += SECTION_BYTES)
    heads.push(listed.subarray(at, at + SECTION_BYTES));
  return { trailer, heads: [...heads, head] };
}

/** The header of section `i`, which begins at `offset`: as it stands there, and as the index has it, where that is sound. */
async function headAt(
  source: Source,
  offset: number,
  { trailer, heads }: Partial<End>,
  i: number,
  before: string,
): Promise<Buffer> {
  const head = await source.read(offset, SECTION_BYTES);
  const listed = heads?.[i];
  if (listed !== undefined && isSealed(listed, SECTION_BYTES)) {
    if (!head.equals(listed)) {
      throw new ArchiveError('FILE_DAMAGED', readHead(listed).name, offset, 'has a damaged header');
    }
    return head;
  }
  const name = trailer?.indexOffset === offset ? 'index' : `after ${before}`;
  if (head.length < SECTION_BYTES) {
    const why = `is where the next section should begin, but the file ends at byte ${source.bytes}`;
    throw new ArchiveError('FILE_TRUNCATED', name, offset, why);
  }
  if (!isSealed(head, SECTION_BYTES)) {
    throw new ArchiveError('FILE_DAMAGED', name, offset, 'has a damaged header: its CRC-32 differs');
  }
  return head;
}

const mostBytes = (kind: SectionName | undefined): number =>
  kind === 'memory' ? MOST_MEMORY_SECTION_BYTES : MOST_MESSAGE_BYTES;

/** Reads and verifies a section's payload. Those of unknown kinds come out empty: nothing is held of them. */
async function readPayload(source: Source, section: Section, onBytes: OnBytes): Promise<Buffer> {
  const { kind, bytes, offset, mustUnderstand } = section;
  const start = offset + SECTION_BYTES;
  if (start + bytes > source.bytes) {
    const why = `is cut off: ${bytes} bytes of payload should follow its header, and ${Math.max(0, source.bytes - start)} do`;
    throw fault('FILE_TRUNCATED', section, why);
  }
  if (kind === undefined && mustUnderstand) {
    throw fault('FILE_NOT_UNDERSTOOD', section, 'is not known to this vcpuctl, and must not be skipped');
  }
  // The index alone may be longer than a message: 64 bytes a section.
  if (kind !== undefined && kind !== 'index' && bytes > mostBytes(kind)) {
    throw fault('FILE_INCONSISTENT', section, `has ${bytes} bytes, more than ${mostBytes(kind)}`);
  }
  const hash = createHash('sha256');
  const pieces: Buffer[] = [];
  for (let done = 0; done < bytes; ) {
    const piece = await source.read(start + done, Math.min(PIECE_BYTES, bytes - done));
    // The file has become shorter since it was opened.
    if (piece.length === 0) throw fault('FILE_TRUNCATED', section, 'is cut off');
    hash.update(piece);
    if (kind !== undefined) pieces.push(piece);
    done += piece.length;
    onBytes(piece.length);
  }
  if (!hash.digest().equals(section.sha256)) {
    throw fault('FILE_DAMAGED', section, 'is damaged: its SHA-256 differs');
  }
  return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
}

/** The index lists what stands before it, and the trailer follows it, with no byte after. */
function requireEnd(
  source: Source,
  seen: readonly Buffer[],
  index: Section,
  payload: Buffer,
  end: Partial<End>,
): End {
  if (!payload.equals(Buffer.concat(seen))) {
    throw fault('FILE_INCONSISTENT', index, 'lists other sections than there are');
  }
  const offset = index.offset + SECTION_BYTES + index.bytes;
  const left = source.bytes - offset;
  const wrong = (reason: ArchiveReason, why: string) => new ArchiveError(reason, 'trailer', offset, why);
  if (left < TRAILER_BYTES) throw wrong('FILE_TRUNCATED', `is cut off after ${Math.max(0, left)} bytes`);
  if (left > TRAILER_BYTES)
    throw wrong('FILE_DAMAGED', `is not the end: ${left - TRAILER_BYTES} bytes follow`);
  const { trailer, heads } = end;
  if (trailer === undefined || heads === undefined)
    throw wrong('FILE_DAMAGED', 'is damaged: a checksum differs');
  return { trailer, heads };
}

/** The messages that a file must have once each, with their types. Others than the host's decide what is made of it. */
const MESSAGES = {
  host: 'vcpud.v1.Host',
  vm: 'vcpud.v1.Vm',
  requirements: 'vcpud.v1.VmRequirements',
  capture: 'vcpud.v1.GetVmStateResponse',
  devices: 'vcpud.v1.VmState',
} as const;

const VCPU = 'vcpud.v1.VcpuState';

/** What the sections of a file hold, taken in order, and whether it makes a VM. */
class Contents {
  private readonly sections: Section[] = [];
  private readonly messages = new Map<SectionName, object>();
  private readonly vcpus: VcpuState__Output[] = [];
  private readonly memory: Section[] = [];
  private order: MemoryOrder | undefined;
  private memoryRuns = 0;
  private memoryBytes = 0;

  take(section: Section, payload: Buffer): void {
    this.sections.push(section);
    const { kind, index, name } = section;
    if (kind === undefined || kind === 'index') return;
    const expected =
      { memory: this.memory.length, vcpus: this.vcpus.length }[kind as 'memory' | 'vcpus'] ?? 0;
    if (index !== expected || this.messages.has(kind)) {
      throw fault('FILE_INCONSISTENT', section, `is not the section that should stand here`);
    }
    if (kind === 'memory') this.takeMemory(section, payload);
    else if (kind === 'vcpus') this.vcpus.push(message<VcpuState__Output>(section, VCPU, payload));
    else this.messages.set(kind, message<object>(section, MESSAGES[kind], payload));
    if (name === 'vm') this.order = new MemoryOrder(this.messages.get('vm') as Vm__Output);
  }

  private takeMemory(section: Section, payload: Buffer): void {
    const { order } = this;
    if (order === undefined) throw fault('FILE_INCONSISTENT', section, 'stands before the VM that it is of');
    const runs = readRuns(payload);
    if (runs === undefined) throw fault('FILE_INCONSISTENT', section, 'is not made of whole runs');
    for (const run of runs) {
      const why = order.objection(run);
      if (why !== undefined) throw fault('FILE_INCONSISTENT', section, why);
      this.memoryBytes += run.data.length;
    }
    this.memoryRuns += runs.length;
    this.memory.push(section);
  }

  archive(source: Source, file: Pick<Archive, 'version' | 'fingerprint'>): Archive {
    const index = this.sections.at(-1) as Section;
    const one = <T>(name: keyof typeof MESSAGES): T => {
      const found = this.messages.get(name);
      if (found === undefined) throw fault('FILE_INCONSISTENT', index, `lists no section ${name}`);
      return found as T;
    };
    const vm = one<Vm__Output>('vm');
    if (this.vcpus.length !== vm.vcpuCount) {
      const why = `lists ${this.vcpus.length} vCPUs of the ${vm.vcpuCount} that the VM has`;
      throw fault('FILE_INCONSISTENT', index, why);
    }
    return {
      ...file,
      fileBytes: source.bytes,
      sections: this.sections,
      host: one<Host__Output>('host'),
      vm,
      requirements: one<VmRequirements__Output>('requirements'),
      capture: one<GetVmStateResponse__Output>('capture'),
      state: { ...one<VmState__Output>('devices'), vcpus: this.vcpus },
      memoryRuns: this.memoryRuns,
      memoryBytes: this.memoryBytes,
      runs: () => runsOf(source, this.memory),
    };
  }
}

async function* runsOf(source: Source, memory: readonly Section[]): AsyncGenerator<Run> {
  for (const section of memory) {
    const payload = await readPayload(source, section, () => undefined);
    yield* readRuns(payload) ?? [];
  }
}

function message<T extends object>(section: Section, type: string, payload: Buffer): T {
  try {
    // A host is told of, and made into nothing: what is new in it may be passed over.
    const unknown = section.kind === 'host' ? [] : unknownFields(type, payload);
    if (unknown.length > 0) {
      const why = `has what this vcpuctl does not know, and would lose: ${unknown.join(', ')}. Use a newer one`;
      throw fault('FILE_NOT_UNDERSTOOD', section, why);
    }
    return decoded<T>(type, payload);
  } catch (error) {
    if (error instanceof ArchiveError) throw error;
    throw fault('FILE_INCONSISTENT', section, `is no ${type}: ${(error as Error).message}`);
  }
}

/** Memory stands in the order of the VM's regions and of addresses, in whole pages, nothing twice. */
class MemoryOrder {
  private readonly regions: ReadonlyArray<{ readonly start: bigint; readonly end: bigint }>;
  private region = 0;
  private at = 0n;

  constructor({ memoryRegions }: Vm__Output) {
    this.regions = memoryRegions.map(({ gpa, sizeBytes }) => ({
      start: BigInt(gpa),
      end: BigInt(gpa) + BigInt(sizeBytes),
    }));
  }

  /** Takes the next run; gives what is wrong with it. */
  objection({ gpa, data }: Run): string | undefined {
    const end = gpa + BigInt(data.length);
    const run = `has a run of ${data.length} bytes at 0x${gpa.toString(16)}`;
    if (gpa % BigInt(PAGE_BYTES) !== 0n || data.length % PAGE_BYTES !== 0)
      return `${run}, not of whole pages`;
    const found = this.regions.findIndex((region) => gpa >= region.start && end <= region.end);
    if (found < 0) return `${run}, in no region of the VM`;
    if (found < this.region || (found === this.region && gpa < this.at)) return `${run}, out of order`;
    this.region = found;
    this.at = end;
    return undefined;
  }
}
