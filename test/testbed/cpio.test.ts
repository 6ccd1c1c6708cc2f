// What the kernel's initramfs unpacker relies on, checked on a small archive.

import { expect, test } from 'vitest';
import { writeCpio } from './cpio.js';

const archive = writeCpio([
  { kind: 'directory', path: 'bin' },
  { kind: 'file', path: 'bin/odd', mode: 0o755, data: Buffer.from('12345') },
  { kind: 'file', path: 'empty', mode: 0o644, data: Buffer.alloc(0) },
]);

test('an archive has the fixed fields of newc in order', () => {
  const header = archive.toString('latin1', 0, 110);
  expect(header).toBe(
    [
      '070701',
      '00000001', // inode
      '000041ed', // directory, 0755
      '0000000000000000', // uid, gid
      '00000001', // links
      '00000000', // mtime
      '00000000', // size
      '00000000000000000000000000000000', // device numbers
      '00000004', // "bin" and its NUL
      '00000000', // checksum
    ].join(''),
  );
});

test('every header and every content starts on a multiple of 4 bytes', () => {
  for (const word of ['070701', '12345']) {
    for (let at = archive.indexOf(word); at >= 0; at = archive.indexOf(word, at + 1)) {
      expect(at % 4).toBe(0);
    }
  }
  expect(archive.length % 4).toBe(0);
});

test('the last member is the trailer', () => {
  expect(archive.toString('latin1').lastIndexOf('070701')).toBe(archive.indexOf('TRAILER!!!') - 110);
});
