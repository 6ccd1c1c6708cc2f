// The C library by way of ffi-rs: files in memory, their holes, mappings, and errors by errno.

import { closeSync, ftruncateSync, readFileSync, readSync, writeSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { errnoName, KernelError } from '../../../lib/os/kernel-error.js';
import {
  gettid,
  INTERRUPT_SIGNAL,
  ioctlBuffer,
  ioctlErrno,
  ioctlNumber,
  memfdCreate,
  mmapShared,
  munmap,
  seekData,
  seekHole,
  tgkill,
  viewOf,
} from '../../../lib/os/libc.js';
import { openFiles } from '../../harness/process-facts.js';

const PAGE = 4096;
const SIZE = 16 * PAGE;
const fds: number[] = [];

afterEach(() => {
  for (const fd of fds.splice(0)) closeSync(fd);
});

function memfd(): number {
  const fd = memfdCreate('libc-test');
  fds.push(fd);
  ftruncateSync(fd, SIZE);
  return fd;
}

describe('a file in memory', () => {
  test('has the name it was given, and is closed in a program that is started', () => {
    const fd = memfd();
    expect(openFiles(process.pid).get(fd)).toBe('/memfd:libc-test (deleted)');
    const flags = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
    expect(Number.parseInt(flags ?? '0', 8) & 0o2000000).toBe(0o2000000); // O_CLOEXEC
  });

  test('says where its data and its holes are', () => {
    const fd = memfd();
    expect(seekData(fd, 0, SIZE)).toBe(SIZE); // nothing but a hole
    expect(seekHole(fd, 0, SIZE)).toBe(0);
    writeSync(fd, 'x', 3 * PAGE + 5);
    expect(seekData(fd, 0, SIZE)).toBe(3 * PAGE);
    expect(seekData(fd, 3 * PAGE + 7, SIZE)).toBe(3 * PAGE + 7); // within the page
    expect(seekHole(fd, 3 * PAGE, SIZE)).toBe(4 * PAGE);
    expect(seekData(fd, 4 * PAGE, SIZE)).toBe(SIZE);
    expect(seekData(fd, 0, 2 * PAGE)).toBe(2 * PAGE); // not past where it is asked for
    expect(seekHole(fd, 3 * PAGE, 3 * PAGE + 9)).toBe(3 * PAGE + 9);
  });

  test('is seen through its mappings, and they through it', () => {
    const fd = memfd();
    const address = mmapShared(fd, 2 * PAGE, PAGE);
    try {
      const view = viewOf(address, 2 * PAGE);
      view.write('from the mapping', 10);
      const read = Buffer.alloc(16);
      readSync(fd, read, 0, 16, PAGE + 10);
      expect(read.toString()).toBe('from the mapping');
      writeSync(fd, 'from the file', 2 * PAGE);
      expect(view.subarray(PAGE, PAGE + 13).toString()).toBe('from the file');
      expect(viewOf(address, 16).buffer).not.toBe(view.buffer);
    } finally {
      munmap(address, 2 * PAGE);
    }
  });
});

describe('what fails', () => {
  test.each([
    ['ioctlBuffer', () => ioctlBuffer(-1, 0, Buffer.alloc(8)), 'ioctl', 'EBADF'],
    ['ioctlNumber', () => ioctlNumber(-1, 0, 0), 'ioctl', 'EBADF'],
    ['mmapShared', () => mmapShared(-1, PAGE), 'mmap', 'EBADF'],
    ['munmap', () => munmap(1, PAGE), 'munmap', 'EINVAL'],
    ['memfdCreate', () => memfdCreate('x'.repeat(300)), 'memfd_create', 'EINVAL'],
    ['seekData', () => seekData(-1, 0, 1), 'lseek', 'EBADF'],
    ['seekHole', () => seekHole(-1, 0, 1), 'lseek', 'EBADF'],
    ['tgkill', () => tgkill(0, 0), 'syscall', 'EINVAL'],
  ])('%s throws the errno', (_, task, call, code) => {
    expect(task).toThrow(expect.objectContaining({ name: 'KernelError', call, code }));
  });

  test('ioctlErrno gives the errno, negative, and throws nothing', () => {
    expect(ioctlErrno(-1, 0)).toBe(-9);
  });

  test('an ioctl is given nothing but bytes', () => {
    expect(() => ioctlBuffer(-1, 0, new DataView(new ArrayBuffer(8)) as unknown as Uint8Array)).toThrow(
      TypeError,
    );
  });

  test('a kernel error says the call and the errno’s name', () => {
    expect(new KernelError('KVM_RUN', 22)).toMatchObject({
      message: 'KVM_RUN: EINVAL',
      errno: 22,
      code: 'EINVAL',
    });
    expect(errnoName(999)).toBe('errno 999');
  });
});

describe('the signal that interrupts', () => {
  test('does not end the process that gets it', () => {
    expect(gettid()).toBe(process.pid); // of the main thread
    for (let i = 0; i < 10; i += 1) tgkill(gettid(), INTERRUPT_SIGNAL);
    const caught = /^SigCgt:\s+([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
    expect((BigInt(`0x${caught}`) >> BigInt(INTERRUPT_SIGNAL - 1)) & 1n).toBe(1n);
  });
});
