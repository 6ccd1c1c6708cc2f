// A saved VM as a file: its structures and sections as tables. The codec walks them, and docs/state-file.md is made
// from them. All numbers are little-endian.

/** u16, u32 and u64 are numbers (a u64 here counts bytes of one file); `bytes` is a stretch. */
type FieldType = 'u16' | 'u32' | 'u64' | 'bytes';

export interface Field {
  readonly type: FieldType;
  /** Bytes from the start of the structure. */
  readonly offset: number;
  readonly bytes: number;
  /** For the page. */
  readonly what: string;
}

const number = (type: Exclude<FieldType, 'bytes'>, offset: number, what: string): Field => ({
  type,
  offset,
  bytes: { u16: 2, u32: 4, u64: 8 }[type],
  what,
});

const stretch = (offset: number, bytes: number, what: string): Field => ({
  type: 'bytes',
  offset,
  bytes,
  what,
});

/** Like PNG's: a byte that is no text, then what a transfer as text would change. */
export const FILE_MAGIC = Buffer.from('\x89vcpuVM\n', 'latin1');
export const TRAILER_MAGIC = Buffer.from('\x89vcpuEND', 'latin1');

/** A newer major version is refused; a newer minor one adds only what may be skipped. */
export const VERSION = { major: 1, minor: 0 } as const;

export const PREAMBLE_BYTES = 16;
export const PREAMBLE = {
  magic: stretch(0, 8, 'the bytes 89 76 63 70 75 56 4d 0a'),
  major: number('u16', 8, 'major version of the format, 1: a reader refuses a newer one'),
  minor: number('u16', 10, 'minor version, 0: a newer one adds sections that may be skipped'),
  crc: number('u32', 12, 'CRC-32 of the bytes before'),
} as const satisfies Readonly<Record<string, Field>>;

export const SECTION_BYTES = 64;
export const SECTION = {
  kind: number('u32', 0, 'what the section holds, see below'),
  flags: number(
    'u32',
    4,
    'bit 0: a reader that does not know the kind must refuse the file, not skip the section',
  ),
  index: number('u32', 8, 'which of its kind, from 0'),
  reserved: number('u32', 12, '0'),
  bytes: number('u64', 16, 'bytes of the payload, which follows at once'),
  sha256: stretch(24, 32, 'SHA-256 of the payload'),
  unused: number('u32', 56, '0'),
  crc: number('u32', 60, 'CRC-32 of the bytes before'),
} as const satisfies Readonly<Record<string, Field>>;

/** Of the flags of a section. */
export const MUST_UNDERSTAND = 1;

export const TRAILER_BYTES = 64;
export const TRAILER = {
  magic: stretch(0, 8, 'the bytes 89 76 63 70 75 45 4e 44'),
  indexOffset: number('u64', 8, "offset of the index section's header in the file"),
  fileBytes: number('u64', 16, 'bytes of the whole file, this trailer included'),
  reserved: number('u32', 24, '0'),
  fingerprint: stretch(
    28,
    32,
    'SHA-256 of the preamble, the header of the index and its payload, and by their digests of all there is',
  ),
  crc: number('u32', 60, 'CRC-32 of the bytes before'),
} as const satisfies Readonly<Record<string, Field>>;

/** Before the bytes of each run in a memory section. */
export const RUN_BYTES = 16;
export const RUN = {
  gpa: number('u64', 0, 'guest-physical address of the first byte, a multiple of 4096'),
  bytes: number('u64', 8, 'bytes of the run, a multiple of 4096, which follow at once'),
} as const satisfies Readonly<Record<string, Field>>;

export interface SectionKind {
  readonly number: number;
  readonly mustUnderstand: boolean;
  /** For the page. */
  readonly payload: string;
  readonly count: string;
  readonly what: string;
}

/** Every kind of version 1, in the order in which they stand in a file. */
export const SECTION_KINDS = {
  host: {
    number: 1,
    mustUnderstand: false,
    payload: '`vcpud.v1.Host`',
    count: 'one',
    what: 'the host that the VM was saved on: kernel, CPU, capabilities, version of its vcpud',
  },
  vm: {
    number: 2,
    mustUnderstand: true,
    payload: '`vcpud.v1.Vm`',
    count: 'one',
    what: 'the VM: its shape, its name, what it was doing',
  },
  requirements: {
    number: 3,
    mustUnderstand: false,
    payload: '`vcpud.v1.VmRequirements`',
    count: 'one',
    what: 'what the VM asks of a host: for CheckCompatibility where it is to be loaded',
  },
  capture: {
    number: 4,
    mustUnderstand: false,
    payload: '`vcpud.v1.GetVmStateResponse` without `state`',
    count: 'one',
    what: 'when the state was taken: the time of the one stop that all of the file is from',
  },
  devices: {
    number: 5,
    mustUnderstand: true,
    payload: '`vcpud.v1.VmState` without `vcpus`',
    count: 'one',
    what: 'all that the VM holds beside vCPUs and memory: the clock, the in-kernel devices',
  },
  vcpus: {
    number: 6,
    mustUnderstand: true,
    payload: '`vcpud.v1.VcpuState`',
    count: 'one a vCPU, by index',
    what: 'everything that one vCPU holds, its nested state included',
  },
  memory: {
    number: 7,
    mustUnderstand: true,
    payload: 'runs, see below',
    count: 'any number',
    what: "guest memory that is not zero, in the order of the VM's regions and of addresses",
  },
  index: {
    number: 8,
    mustUnderstand: true,
    payload: 'the headers of all sections before, 64 bytes each',
    count: 'one, the last',
    what: 'which sections there are, so that a damaged header is known by its name',
  },
} as const satisfies Readonly<Record<string, SectionKind>>;

export type SectionName = keyof typeof SECTION_KINDS;

/** Kinds of which there is one have no number in their names. */
const NUMBERED: ReadonlySet<string> = new Set<SectionName>(['vcpus', 'memory']);

const NAMES = new Map<number, SectionName>(
  Object.entries(SECTION_KINDS).map(([name, { number }]) => [number, name as SectionName]),
);

export const kindName = (kind: number): SectionName | undefined => NAMES.get(kind);

/** "vm", "vcpus/0", "memory/12"; "kind 9/0" of one that this version has no name for. */
export function sectionName(kind: number, index: number): string {
  const name = kindName(kind);
  if (name === undefined) return `kind ${kind}/${index}`;
  return NUMBERED.has(name) ? `${name}/${index}` : name;
}

/** A writer ends a memory section before it has more than this; one run of this size is a section too. */
export const MEMORY_SECTION_BYTES = 1024 * 1024;
/** The most that a reader takes of one memory section, and of one message. */
export const MOST_MEMORY_SECTION_BYTES = 4 * 1024 * 1024;
export const MOST_MESSAGE_BYTES = 64 * 1024 * 1024;
