// Why a saved VM is not taken. An error names the section at fault and where in the file that begins; nothing has been
// made or changed by then.

/** Every reason, with when it is given. docs/state-file.md shows them. */
export const ARCHIVE_REASONS = {
  NOT_A_SAVED_VM: 'the file does not begin as one does',
  FILE_VERSION_NEWER: 'the file has a newer major version than this reader',
  FILE_TRUNCATED: 'the file ends within the section, or before it',
  FILE_DAMAGED: 'the bytes of the section are not those that were written: a checksum differs',
  FILE_NOT_UNDERSTOOD:
    'the section is of a kind, or its message has a field, that this reader does not know and must not skip',
  FILE_INCONSISTENT: 'the section is as it was written, and contradicts another, or what this page says',
} as const;

export type ArchiveReason = keyof typeof ARCHIVE_REASONS;

export class ArchiveError extends Error {
  readonly reason: ArchiveReason;
  /** "vm", "vcpus/0", "preamble"; "after vcpus/0" where the file ends before it says what comes there. */
  readonly section: string;
  /** Of the section's first byte in the file. */
  readonly offset: number;

  constructor(reason: ArchiveReason, section: string, offset: number, why: string) {
    super(`${section} (at byte ${offset}) ${why}`);
    this.name = 'ArchiveError';
    this.reason = reason;
    this.section = section;
    this.offset = offset;
  }
}
