// The one module that talks to ffi-rs. It holds the C library calls that Node has no API for, each with a
// fixed signature: a wrong type here aborts the process (a Rust panic across the FFI), so no caller ever
// names a type. Import it on the main thread before any worker starts: ffi-rs crashes when it was first
// loaded in a worker that ends, and its symbol table is filled without a lock.

import { createExternalBuffer, DataType, load, open } from 'ffi-rs';
import { KernelError } from './kernel-error.js';

// '' is the program itself: libc's symbols are in it already, on glibc and on musl.
const LIBC = 'libc';
open({ library: LIBC, path: '' });

interface Call {
  readonly name: string;
  readonly args: unknown[];
  readonly run: () => { value: number | bigint; errnoCode: number };
}

/** Prepares a call once: only its argument values change afterwards, so that a call allocates little. */
function prepare(name: string, retType: DataType, paramsType: DataType[]): Call {
  const args: unknown[] = paramsType.map(() => 0);
  const request = {
    library: LIBC,
    funcName: name,
    retType,
    paramsType,
    paramsValue: args,
    errno: true as const,
  };
  // ffi-rs types the result by retType in ways that don't fit prepared calls; its shape is {value, errnoCode}.
  const run = load as unknown as (r: typeof request) => { value: number | bigint; errnoCode: number };
  return { name, args, run: () => run(request) };
}

const { I32, I64, U64, BigInt: INT64, U8Array, External } = DataType;

const ioctlWithBuffer = prepare('ioctl', I32, [I32, U64, U8Array]);
const ioctlWithNumber = prepare('ioctl', I32, [I32, U64, U64]);
const mmapCall = prepare('mmap', INT64, [I64, U64, I32, I32, I32, I64]);
const mprotectCall = prepare('mprotect', I32, [I64, U64, I32]);
const bsearchCall = prepare('bsearch', I64, [I64, I64, U64, U64, I64]);
const munmapCall = prepare('munmap', I32, [I64, U64]);
const memfdCreateCall = prepare('memfd_create', I32, [U8Array, I32]);
const lseekCall = prepare('lseek', I64, [I32, I64, I32]);
const copyFileRangeCall = prepare('copy_file_range', I64, [I32, U8Array, I32, U8Array, U64, I32]);
const gettidCall = prepare('gettid', I32, []);
const tgkillCall = prepare('syscall', I64, [I64, I32, I32, I32]);
const dlsymCall = prepare('dlsym', INT64, [I64, U8Array]);
const signalCall = prepare('signal', INT64, [I32, INT64]);

function check(call: Call, failed: number | bigint = -1): number | bigint {
  const { value, errnoCode } = call.run();
  if (value === failed) throw new KernelError(call.name, errnoCode);
  return value;
}

/**
 * ioctl(fd, request, pointer). The kernel reads and writes the buffer in place and knows nothing of its
 * length: the caller sees to it that it is as large as the request needs.
 * Throws KernelError where the kernel answers -1; any other return value is given back, positive ones too.
 */
export function ioctlBuffer(fd: number, request: number, buffer: Uint8Array): number {
  // Anything but a Uint8Array (a DataView, say) would abort the process inside ffi-rs.
  if (!(buffer instanceof Uint8Array)) throw new TypeError('ioctl needs a Uint8Array');
  ioctlWithBuffer.args[0] = fd;
  ioctlWithBuffer.args[1] = request;
  ioctlWithBuffer.args[2] = buffer;
  const { value, errnoCode } = ioctlWithBuffer.run();
  ioctlWithBuffer.args[2] = 0;
  if (value === -1) throw new KernelError('ioctl', errnoCode);
  return Number(value);
}

/** ioctl(fd, request, number): for requests whose argument is a value and not a pointer. */
export function ioctlNumber(fd: number, request: number, argument: number): number {
  ioctlWithNumber.args[0] = fd;
  ioctlWithNumber.args[1] = request;
  ioctlWithNumber.args[2] = argument;
  return Number(check(ioctlWithNumber));
}

/**
 * ioctl(fd, KVM_RUN, 0) and the like, where failing is ordinary: gives 0 or more, or -errno. Nothing is thrown,
 * so that the run loop allocates nothing on its way round.
 */
export function ioctlErrno(fd: number, request: number): number {
  ioctlWithNumber.args[0] = fd;
  ioctlWithNumber.args[1] = request;
  ioctlWithNumber.args[2] = 0;
  const { value, errnoCode } = ioctlWithNumber.run();
  return value === -1 ? -errnoCode : Number(value);
}

const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;

/** Maps length bytes of a file from offset, shared, readable and writable. Gives the address (below 2^47). */
export function mmapShared(fd: number, length: number, offset = 0): number {
  mmapCall.args.splice(0, 6, 0, length, PROT_READ_WRITE, MAP_SHARED, fd, offset);
  return Number(check(mmapCall, -1n));
}

const MAP_PRIVATE_ANONYMOUS = 0x22;

/** Memory of this process alone, readable and writable, of 0 bytes as yet. Gives the address (below 2^47). */
export function mmapAnonymous(length: number): number {
  mmapCall.args.splice(0, 6, 0, length, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
  return Number(check(mmapCall, -1n));
}

const PROT_READ_EXEC = 5;

/** Makes a mapping one that can be run, and no longer be written. */
export function makeExecutable(address: number, length: number): void {
  mprotectCall.args.splice(0, 3, address, length, PROT_READ_EXEC);
  check(mprotectCall);
}

/**
 * Calls the function at an address: int f(void *argument). Of the C library's functions that take one, bsearch calls it
 * exactly once in a table of one row.
 */
export function callFunction(address: number, argument: number): void {
  bsearchCall.args.splice(0, 5, argument, argument, 1, 1, address);
  bsearchCall.run();
}

/** Takes a mapping away. Every view of it must be dropped before: touching one afterwards ends the process. */
export function munmap(address: number, length: number): void {
  munmapCall.args.splice(0, 2, address, length);
  check(munmapCall);
}

const identityCall = prepare('memmove', External, [I64, I64, I64]);

/** A view of mapped memory, without a copy. It keeps nothing alive: see munmap. */
export function viewOf(address: number, length: number): Buffer {
  // memmove of 0 bytes gives its first argument back: an address made an External, which leaks nothing.
  identityCall.args.splice(0, 3, address, 0, 0);
  const external = identityCall.run().value as unknown as Parameters<typeof createExternalBuffer>[0];
  return createExternalBuffer(external, length);
}

const MFD_CLOEXEC = 1;

/** An anonymous file in memory, of 0 bytes; name is seen in /proc/self/fd only. */
export function memfdCreate(name: string): number {
  memfdCreateCall.args.splice(0, 2, cString(name), MFD_CLOEXEC);
  return Number(check(memfdCreateCall));
}

const SEEK_DATA = 3;
const SEEK_HOLE = 4;
export const EIO = 5;
const ENXIO = 6;

/** The first offset at or after `offset` that has data behind it, or `end` where there is none before that. */
export function seekData(fd: number, offset: number, end: number): number {
  lseekCall.args.splice(0, 3, fd, offset, SEEK_DATA);
  const { value, errnoCode } = lseekCall.run();
  if (Number(value) === -1) {
    if (errnoCode === ENXIO) return end;
    throw new KernelError('lseek', errnoCode);
  }
  return Math.min(Number(value), end);
}

/** The first offset at or after `offset` that begins a hole, or `end` where there is none before that. */
export function seekHole(fd: number, offset: number, end: number): number {
  lseekCall.args.splice(0, 3, fd, offset, SEEK_HOLE);
  return Math.min(Number(check(lseekCall)), end);
}

/**
 * copy_file_range: copies a range of a file to the same place in another one, in the kernel; both must hold it. Of two
 * memfds: one copy, and nothing is mapped. Throws KernelError, such as ENOSPC.
 */
export function copyFileRange(from: number, to: number, offset: number, length: number): void {
  const places = [Buffer.alloc(8), Buffer.alloc(8)] as const;
  for (let left = length; left > 0; ) {
    for (const place of places) place.writeBigInt64LE(BigInt(offset + length - left));
    copyFileRangeCall.args.splice(0, 6, from, places[0], to, places[1], left, 0);
    const copied = Number(check(copyFileRangeCall));
    if (copied === 0) throw new KernelError(copyFileRangeCall.name, EIO);
    left -= copied;
  }
}

/** The calling thread's id. */
export function gettid(): number {
  return Number(check(gettidCall));
}

const SYS_TGKILL = 234; // x86-64

/** Sends a signal to one thread of this process. */
export function tgkill(tid: number, signal: number): void {
  tgkillCall.args.splice(0, 4, SYS_TGKILL, process.pid, tid, signal);
  check(tgkillCall);
}

/**
 * Makes a signal do nothing but interrupt the system call of the thread that gets it. The handler is libc's
 * abs(): it takes an int, touches nothing, and runs in the signalled thread. A handler in JavaScript would
 * wake the main thread at each kick instead.
 */
export function installInterruptSignal(signal: number): void {
  dlsymCall.args.splice(0, 2, 0, cString('abs'));
  const { value: handler } = dlsymCall.run();
  if (typeof handler !== 'bigint' || handler === 0n) throw new KernelError('dlsym', ENXIO);
  signalCall.args.splice(0, 2, signal, handler);
  check(signalCall, -1n);
}

function cString(text: string): Buffer {
  return Buffer.from(`${text}\0`, 'latin1');
}

/** Resolves every symbol once, on the thread that imports this first: no worker then fills ffi-rs's table. */
function warmUp(): void {
  const failing = Buffer.alloc(8);
  for (const attempt of [
    () => ioctlBuffer(-1, 0, failing),
    () => ioctlNumber(-1, 0, 0),
    () => ioctlErrno(-1, 0),
    () => mmapShared(-1, 4096),
    () => mmapAnonymous(0),
    () => makeExecutable(1, 4096),
    () => munmap(1, 4096),
    () => tgkill(-1, 0),
    () => seekData(-1, 0, 0),
    () => gettid(),
    () => memfdCreate('x'.repeat(300)), // longer than a name may be
    () => viewOf(4096, 0),
    () => installInterruptSignal(INTERRUPT_SIGNAL),
  ]) {
    try {
      attempt();
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
    }
  }
}

/** A real-time signal that neither Node, libuv nor the C libraries use. */
export const INTERRUPT_SIGNAL = 40;

warmUp();
