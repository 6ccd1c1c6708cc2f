// docs/state-file.md, from the tables that the codec of saved VMs walks.

import { ARCHIVE_REASONS } from '../../lib/archive/archive-error.js';
import {
  type Field,
  MEMORY_SECTION_BYTES,
  MOST_MEMORY_SECTION_BYTES,
  MOST_MESSAGE_BYTES,
  PREAMBLE,
  PREAMBLE_BYTES,
  RUN,
  RUN_BYTES,
  SECTION,
  SECTION_BYTES,
  SECTION_KINDS,
  TRAILER,
  TRAILER_BYTES,
  VERSION,
} from '../../lib/archive/layout.js';
import { LOAD_STEPS } from '../../lib/archive/load.js';
import { SAVE_STEPS } from '../../lib/archive/save.js';

const structure = (fields: Readonly<Record<string, Field>>): string =>
  [
    '| offset | bytes | field | |',
    '|---|---|---|---|',
    ...Object.entries(fields).map(
      ([name, { offset, bytes, what }]) => `| ${offset} | ${bytes} | ${name} | ${what} |`,
    ),
  ].join('\n');

const kinds = Object.entries(SECTION_KINDS)
  .map(
    ([name, { number, mustUnderstand, payload, count, what }]) =>
      `| ${number} | ${name} | ${mustUnderstand ? 'yes' : 'no'} | ${count} | ${payload} | ${what} |`,
  )
  .join('\n');

const steps = (table: ReadonlyArray<readonly [string, string]>): string =>
  table.map(([name, what], i) => `| ${i + 1} | ${name} | ${what} |`).join('\n');

const reasons = Object.entries(ARCHIVE_REASONS)
  .map(([reason, when]) => `| \`${reason}\` | ${when} |`)
  .join('\n');

const mib = (bytes: number): string => `${bytes / 1024 / 1024} MiB`;

export function stateFilePage(): string {
  return `# A saved VM, as a file

\`vcpuctl save VM FILE\` writes a whole VM into one file: where it is from, its shape, every vCPU, the devices, its memory.
\`vcpuctl load FILE\` makes a VM of it, on this host or another, under its own name or another (\`--name\`), and
\`vcpuctl file info FILE\` verifies a file and shows what it holds. All of it is done by the API alone
([lib/archive](../lib/archive)), so any program in any language can write and read these files.

This page is made from the tables of \`lib/archive\` by \`npm run generate\`.

## Layout

A preamble, sections, a trailer. Numbers are little-endian; messages are those of the API
([protos/vcpud/v1](../protos/vcpud/v1)) in protobuf's binary encoding, exactly as vcpud sent them. This is version
${VERSION.major}.${VERSION.minor}.

Preamble, ${PREAMBLE_BYTES} bytes, which are the same in every version:

${structure(PREAMBLE)}

Header of a section, ${SECTION_BYTES} bytes. Its payload follows, then the next header:

${structure(SECTION)}

Trailer, ${TRAILER_BYTES} bytes, the last of the file:

${structure(TRAILER)}

CRC-32 is that of zlib and PNG.

## Sections

They stand in this order. A section of a kind that is not in the table is skipped by a reader, once its checksum is
verified, unless its bit "must understand" is set: then the file is refused.

| kind | name | must understand | how many | payload | what |
|---|---|---|---|---|---|
${kinds}

A message of at most ${mib(MOST_MESSAGE_BYTES)} is read. A field that the reader's version of the API does not know would be
lost, so it makes the file one that the reader refuses; of the host alone, which is only told of, such fields are passed over.

Memory is sparse: what no run covers is zero. A memory section is a sequence of runs, ${mib(MEMORY_SECTION_BYTES)} of them or so
(a reader takes ${mib(MOST_MEMORY_SECTION_BYTES)}), so that a file of any size is written and read in bounded memory. A run lies
in one region of the VM, and is ${RUN_BYTES} bytes and its data:

${structure(RUN)}

## Saving

| | step | what |
|---|---|---|
${steps(SAVE_STEPS)}

A VM that runs is paused for as long as its memory is read, and then runs on, unless \`--keep-paused\` is given. It runs on
after a save that failed, too, or that Ctrl-C or SIGTERM ended. The file is written beside its place under another name,
brought to the disk, and renamed when it is whole: there is no half file, and without \`--force\` an older one stays.

## Loading

The whole file is verified first, in one pass. Nothing has been made by then, so a file that is refused changes nothing;
the error names the section and where it begins (metadata \`section\`, \`offset\`):

| reason | when |
|---|---|
${reasons}

Then:

| | step | why there |
|---|---|---|
${steps(LOAD_STEPS)}

If any step fails, or Ctrl-C ends it, the VM is deleted. The checksums find accidents; they are no signature, and say nothing
of who wrote a file. A file holds all that the guest does, its secrets included: new ones are for their owner alone (0600).

A guest must not run twice. Of a VM and one that was loaded from its file, both under way, each believes that it is
the one: the same addresses, keys and leases. Save with \`--keep-paused\` and delete the first before the second runs.
`;
}
