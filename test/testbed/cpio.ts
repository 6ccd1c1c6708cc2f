// The "newc" cpio format that Linux unpacks as an initramfs
// (Documentation/driver-api/early-userspace/buffer-format.rst). Called by initramfs.ts.

/** One member of an archive; paths are relative, parents come before children. */
export type CpioEntry =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly data: Uint8Array }
  | { readonly kind: 'link'; readonly path: string; readonly target: string };

const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;
const MAGIC = '070701';
const TRAILER = 'TRAILER!!!';

/** The kernel reads archives one after the other; each must start on a multiple of 4 bytes. */
const ALIGNMENT = 4;

/** A complete archive, trailer included, its length a multiple of 4 bytes so that another may follow. */
export function writeCpio(entries: readonly CpioEntry[]): Buffer {
  const parts: Uint8Array[] = [];
  let inode = 1;
  for (const entry of entries) {
    const data = content(entry);
    const mode = modeOf(entry);
    parts.push(header(entry.path, inode, mode, data.length), data, padding(data.length));
    inode += 1;
  }
  parts.push(header(TRAILER, 0, 0, 0));
  return Buffer.concat(parts);
}

function content(entry: CpioEntry): Uint8Array {
  if (entry.kind === 'file') return entry.data;
  return entry.kind === 'link' ? Buffer.from(entry.target) : new Uint8Array();
}

function modeOf(entry: CpioEntry): number {
  if (entry.kind === 'file') return S_IFREG | entry.mode;
  return entry.kind === 'link' ? S_IFLNK | 0o777 : S_IFDIR | 0o755;
}

/** Fixed fields of 8 hexadecimal digits, then the name with its NUL, padded to a multiple of 4 bytes. */
function header(path: string, inode: number, mode: number, size: number): Buffer {
  const name = Buffer.from(`${path}\0`);
  const fields = [
    inode,
    mode,
    0, // uid
    0, // gid
    1, // nlink
    0, // mtime
    size,
    0, // major of the device that holds the file
    0, // minor
    0, // major of a device node
    0, // minor
    name.length,
    0, // checksum, unused in 070701
  ];
  const text = MAGIC + fields.map((field) => field.toString(16).padStart(8, '0')).join('');
  const fixed = Buffer.from(text, 'latin1');
  return Buffer.concat([fixed, name, padding(fixed.length + name.length)]);
}

function padding(length: number): Uint8Array {
  return new Uint8Array((ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT);
}
