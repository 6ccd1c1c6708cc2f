// Several ioctls by one call of the FFI. A call costs some microseconds, of which the system call itself is a tenth: while
// a guest stands still for its state to be taken or given, that is most of the time. So a table of ioctls is given to a loop of
// some machine code, which does them one after the other and ends at the first that answers otherwise than it should.

import { callFunction, makeExecutable, mmapAnonymous, viewOf } from './libc.js';

/** One ioctl of a series. */
export interface SeriesCall {
  readonly fd: number;
  readonly request: number;
  /** A buffer is read and written in place. */
  readonly argument: Uint8Array | number;
  /** What it must answer for the next to be done; undefined for anything from 0 on. */
  readonly answer?: number;
}

/** A row of the table, by offsets. A row whose descriptor is negative is its end. */
const ROW = { fd: 0, request: 8, argument: 16, answer: 24, result: 32, bytes: 40 } as const;

/** int series(struct row *rdi), x86-64. It uses no register that a C function must keep, no stack, no address of its own. */
// biome-ignore format: a line an instruction
const CODE = Buffer.from([
  0xf3, 0x0f, 0x1e, 0xfa,       //       endbr64
  0x49, 0x89, 0xf8,             //       mov   r8, rdi
  0x41, 0x8b, 0x38,             // next: mov   edi, [r8 + ROW.fd]
  0x85, 0xff,                   //       test  edi, edi
  0x78, 0x2c,                   //       js    done            ; behind the last row
  0x49, 0x8b, 0x70, 0x08,       //       mov   rsi, [r8 + ROW.request]
  0x49, 0x8b, 0x50, 0x10,       //       mov   rdx, [r8 + ROW.argument]
  0xb8, 0x10, 0x00, 0x00, 0x00, //       mov   eax, 16         ; SYS_ioctl
  0x0f, 0x05,                   //       syscall               ; changes rax, rcx, r11
  0x49, 0x89, 0x40, 0x20,       //       mov   [r8 + ROW.result], rax
  0x48, 0x85, 0xc0,             //       test  rax, rax
  0x78, 0x14,                   //       js    done            ; -errno
  0x49, 0x8b, 0x48, 0x18,       //       mov   rcx, [r8 + ROW.answer]
  0x48, 0x85, 0xc9,             //       test  rcx, rcx
  0x78, 0x05,                   //       js    far             ; any answer will do
  0x48, 0x39, 0xc8,             //       cmp   rax, rcx
  0x75, 0x06,                   //       jne   done
  0x49, 0x83, 0xc0, 0x28,       // far:  add   r8, ROW.bytes
  0xeb, 0xcd,                   //       jmp   next
  0x31, 0xc0,                   // done: xor   eax, eax
  0xc3,                         //       ret
]);

const PAGE_BYTES = 4096;
const TABLE_BYTES = PAGE_BYTES;
/** Rows of one series, with the one that ends the table. */
const MOST_CALLS = Math.floor(TABLE_BYTES / ROW.bytes) - 1;
/** For the table and all that a vCPU holds: some 30 KiB. What is never used takes no memory. */
const ARENA_BYTES = 1 << 20;
const ALIGNMENT = 64;

/** Never open, as a negative one isn't: EBADF. */
const NO_DESCRIPTOR = 0x7fff_ffff;
/** By its upper half alone; no ioctl answers that. */
const NOT_DONE_HIGH = -0x8000_0000;

interface Arena {
  readonly code: number;
  readonly address: number;
  readonly bytes: Buffer;
  readonly table: DataView;
}

let arena: Arena | undefined;

/** Made by the first series of a thread, and kept as long as the process lives. */
function makeArena(): Arena {
  const code = mmapAnonymous(PAGE_BYTES);
  viewOf(code, PAGE_BYTES).set(CODE);
  makeExecutable(code, PAGE_BYTES);
  const address = mmapAnonymous(ARENA_BYTES);
  const bytes = viewOf(address, ARENA_BYTES);
  return { code, address, bytes, table: new DataView(bytes.buffer, bytes.byteOffset, TABLE_BYTES) };
}

const isBuffer = (argument: Uint8Array | number): argument is Uint8Array => typeof argument !== 'number';

/** Of a request's number: _IOW, the kernel reads its argument and does not write it. */
const isReadOnly = (request: number): boolean => Math.floor(request / 2 ** 30) === 1;

/** A number from 0 to 2^53, as 64 bits; by halves, which costs a tenth of a BigInt. */
function setWord(table: DataView, at: number, value: number): void {
  table.setUint32(at, value % 2 ** 32, true);
  table.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}

/**
 * Does ioctls in order, and ends with the first that answers -errno or otherwise than it should. Gives the answers of
 * all that were done, that one included. As with ioctlBuffer the kernel knows nothing of a buffer's length. Throws
 * RangeError for more than fits.
 */
export function ioctlSeries(calls: readonly SeriesCall[]): number[] {
  if (calls.length > MOST_CALLS) throw new RangeError(`a series has at most ${MOST_CALLS} ioctls`);
  arena ??= makeArena();
  const { address, bytes, table } = arena;
  const places: number[] = [];
  let free = TABLE_BYTES;
  calls.forEach(({ fd, request, argument, answer }, i) => {
    const row = i * ROW.bytes;
    table.setInt32(row + ROW.fd, fd < 0 ? NO_DESCRIPTOR : fd, true);
    setWord(table, row + ROW.request, request);
    if (answer === undefined) table.setInt32(row + ROW.answer + 4, -1, true);
    else setWord(table, row + ROW.answer, answer);
    table.setInt32(row + ROW.result + 4, NOT_DONE_HIGH, true);
    places.push(free);
    if (isBuffer(argument)) {
      if (free + argument.length > ARENA_BYTES) throw new RangeError('the buffers of a series are too large');
      bytes.set(argument, free);
      setWord(table, row + ROW.argument, address + free);
      free += Math.ceil(argument.length / ALIGNMENT) * ALIGNMENT;
    } else {
      setWord(table, row + ROW.argument, argument);
    }
  });
  table.setInt32(calls.length * ROW.bytes + ROW.fd, -1, true);
  callFunction(arena.code, address);
  const results: number[] = [];
  for (const [i, { request, argument }] of calls.entries()) {
    const row = i * ROW.bytes;
    if (table.getInt32(row + ROW.result + 4, true) === NOT_DONE_HIGH) break;
    // An int, as every ioctl's: its upper half says no more than its sign.
    results.push(table.getInt32(row + ROW.result, true));
    const from = places[i] as number;
    // A failing ioctl may have written its buffer, too: E2BIG does.
    if (isBuffer(argument) && !isReadOnly(request))
      argument.set(bytes.subarray(from, from + argument.length));
  }
  return results;
}
