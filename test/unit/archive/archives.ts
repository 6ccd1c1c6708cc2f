// Saved VMs in memory: made of what they are to hold, read as files are, and cut into their parts.

import { packageDefinition } from '../../../lib/api/definitions.js';
import {
  headOf,
  preamble,
  readHead,
  runHead,
  sectionHead,
  sha256,
  trailer,
} from '../../../lib/archive/codec.js';
import type { Sink, Source } from '../../../lib/archive/file.js';
import {
  PREAMBLE_BYTES,
  SECTION_BYTES,
  type SectionName,
  TRAILER_BYTES,
} from '../../../lib/archive/layout.js';
import { type Archive, verifyArchive } from '../../../lib/archive/read.js';
import { ArchiveWriter } from '../../../lib/archive/write.js';
import type { Host } from '../../../protos/gen/vcpud/v1/Host.js';
import type { VcpuState } from '../../../protos/gen/vcpud/v1/VcpuState.js';
import type { Vm } from '../../../protos/gen/vcpud/v1/Vm.js';
import type { VmState } from '../../../protos/gen/vcpud/v1/VmState.js';
import { svmHeaderOnly } from '../../vectors/nested-states.js';

export interface Run {
  readonly gpa: number;
  readonly data: Buffer;
}

export interface SavedVm {
  readonly host: Host;
  readonly vm: Vm;
  readonly devices: VmState;
  readonly vcpus: readonly VcpuState[];
  readonly runs: readonly Run[];
}

const PAGE = 4096;

/** A small one: every kind of section, two of those that there can be many of. */
export const SMALL: SavedVm = {
  host: { kernelRelease: '6.1.0-41-amd64', cpuVendor: 'CPU_VENDOR_AMD' },
  vm: {
    name: 'vms/web',
    vcpuCount: 2,
    memoryRegions: [
      { gpa: 0, sizeBytes: 4 * PAGE },
      { gpa: 0xffff0000, sizeBytes: 2 * PAGE },
    ],
  },
  devices: { clock: Buffer.alloc(48, 1), irqchips: [Buffer.from('pic')] },
  vcpus: [
    { regs: Buffer.alloc(144, 2), nestedState: { data: Buffer.from(svmHeaderOnly()) } },
    { mpState: 1 },
  ],
  runs: [],
};

export function encoded(type: string, message: object): Buffer {
  const definition = packageDefinition[`vcpud.v1.${type}`] as unknown as {
    serialize(message: object): Buffer;
  };
  return definition.serialize(message);
}

export const sourceOf = (bytes: Buffer): Source => ({
  bytes: bytes.length,
  read: async (offset, length) => Buffer.from(bytes.subarray(offset, offset + length)),
});

export const verified = (bytes: Buffer): Promise<Archive> => verifyArchive(sourceOf(bytes), () => undefined);

/** The file that ArchiveWriter makes. */
export async function written(saved: SavedVm): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const sink: Sink = { write: async (bytes) => void pieces.push(Buffer.from(bytes)) };
  const writer = await ArchiveWriter.begin(sink);
  await writer.section('host', 0, encoded('Host', saved.host));
  await writer.section('vm', 0, encoded('Vm', saved.vm));
  await writer.section('requirements', 0, encoded('VmRequirements', { name: saved.vm.name }));
  await writer.section(
    'capture',
    0,
    encoded('GetVmStateResponse', { captureTime: { seconds: 5, nanos: 0 } }),
  );
  await writer.section('devices', 0, encoded('VmState', saved.devices));
  for (const [i, vcpu] of saved.vcpus.entries()) await writer.section('vcpus', i, encoded('VcpuState', vcpu));
  for (const { gpa, data } of saved.runs) await writer.memory(BigInt(gpa), data);
  await writer.end();
  return Buffer.concat(pieces);
}

/** A stretch of a file that has a name. */
export interface Part {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** The preamble, every section, the trailer. */
export function partsOf(file: Buffer): Part[] {
  const parts: Part[] = [{ name: 'preamble', start: 0, end: PREAMBLE_BYTES }];
  for (let start = PREAMBLE_BYTES; start < file.length - TRAILER_BYTES; ) {
    const { name, bytes } = readHead(file.subarray(start, start + SECTION_BYTES));
    const end = start + SECTION_BYTES + bytes;
    parts.push({ name, start, end });
    start = end;
  }
  return [...parts, { name: 'trailer', start: file.length - TRAILER_BYTES, end: file.length }];
}

/** A section as it stands in a file, header and payload. */
export const section = (name: SectionName, index: number, payload: Buffer): Buffer =>
  Buffer.concat([headOf(name, index, [payload]), payload]);

/** One of a kind that no version has yet. */
export const strangeSection = (flags: number): Buffer => {
  const payload = Buffer.from('from the future');
  return Buffer.concat([sectionHead(77, flags, 0, payload.length, sha256(payload)), payload]);
};

export const memorySection = (index: number, ...runs: readonly Run[]): Buffer =>
  section(
    'memory',
    index,
    Buffer.concat(runs.flatMap(({ gpa, data }) => [runHead(BigInt(gpa), data.length), data])),
  );

/** The sections of a file, the index left out. */
export const sectionsOf = (file: Buffer): Buffer[] =>
  partsOf(file)
    .slice(1, -2)
    .map(({ start, end }) => file.subarray(start, end));

/** A file of these sections, with the checksums of one that was written so. */
export function assembled(sections: readonly Buffer[], version = { major: 1, minor: 0 }): Buffer {
  const start = preamble(version);
  const index = Buffer.concat(sections.map((bytes) => bytes.subarray(0, SECTION_BYTES)));
  const head = headOf('index', 0, [index]);
  const before = Buffer.concat([start, ...sections]);
  const fileBytes = before.length + head.length + index.length + TRAILER_BYTES;
  const fingerprint = sha256(start, head, index);
  return Buffer.concat([
    before,
    head,
    index,
    trailer({ indexOffset: before.length, fileBytes, fingerprint }),
  ]);
}
