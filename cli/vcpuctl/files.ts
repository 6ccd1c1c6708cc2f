// The files that commands read and write: guest memory, nested states (the kernel's bytes), states of vCPUs and VMs,
// and what a VM asks of a host (the API's messages, as protobuf). All of them hold a guest's secrets, so new ones
// are for their owner alone.

import { createReadStream, type Stats } from 'node:fs';
import { type FileHandle, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import type { MessageTypeDefinition } from '@grpc/proto-loader';
import type { VcpuState, VcpuState__Output } from '../../protos/gen/vcpud/v1/VcpuState.js';
import type { VmRequirements, VmRequirements__Output } from '../../protos/gen/vcpud/v1/VmRequirements.js';
import type { VmState, VmState__Output } from '../../protos/gen/vcpud/v1/VmState.js';
import { fileFailure, VcpuctlError } from './failure.js';
import type { Io } from './io.js';

/** For options that take a file: standard input or output instead of one. */
export const STANDARD_STREAM = '-';

const OWNER_ONLY = 0o600;
const CHUNK_BYTES = 1024 * 1024;

/** A whole file, or standard input to its end. */
export async function readInput(io: Io, path: string): Promise<Buffer> {
  try {
    if (path !== STANDARD_STREAM) return await readFile(path);
    const chunks: Buffer[] = [];
    for await (const chunk of io.stdin()) chunks.push(chunk);
    return Buffer.concat(chunks);
  } catch (error) {
    throw fileFailure('read', path, error);
  }
}

export async function saveFile(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFile(path, bytes, { mode: OWNER_ONLY });
  } catch (error) {
    throw fileFailure('write', path, error);
  }
}

/** A file's bytes piece by piece, or standard input's, and how many there are where that can be known. */
export async function inputStream(
  io: Io,
  path: string,
): Promise<{ readonly pieces: AsyncIterable<Buffer>; readonly total: bigint | undefined }> {
  if (path === STANDARD_STREAM) return { pieces: io.stdin(), total: undefined };
  try {
    const file = await stat(path);
    return { pieces: filePieces(path), total: file.isFile() ? BigInt(file.size) : undefined };
  } catch (error) {
    throw fileFailure('read', path, error);
  }
}

async function* filePieces(path: string): AsyncGenerator<Buffer> {
  try {
    for await (const piece of createReadStream(path, { highWaterMark: CHUNK_BYTES })) yield piece as Buffer;
  } catch (error) {
    throw fileFailure('read', path, error);
  }
}

/** Where guest memory goes that is read in order. */
export interface MemorySink {
  data(bytes: Buffer): Promise<void>;
  zeroes(count: bigint): Promise<void>;
  /** All has come. */
  finish(): Promise<void>;
  /** It has not: nothing is left of it. */
  abandon(): Promise<void>;
}

const ZEROES = Buffer.alloc(CHUNK_BYTES);

/** Takes everything in order, zeroes written out. */
function plainSink(write: (bytes: Buffer) => Promise<unknown>): MemorySink {
  return {
    data: async (bytes) => void (await write(bytes)),
    zeroes: async (count) => {
      for (let left = count; left > 0n; left -= BigInt(CHUNK_BYTES)) {
        await write(left < BigInt(CHUNK_BYTES) ? ZEROES.subarray(0, Number(left)) : ZEROES);
      }
    },
    finish: async () => undefined,
    abandon: async () => undefined,
  };
}

export const rawOutput = (io: Io): MemorySink => plainSink((bytes) => io.out(bytes));

/**
 * A file with holes for zeroes. It gets its name when it is whole; what is no regular file (a pipe, a disk) is
 * written as it comes.
 */
export async function memoryFile(path: string): Promise<MemorySink> {
  const there = await stat(path).catch((): Stats | undefined => undefined);
  if (there !== undefined && !there.isFile()) {
    const handle = await openForWriting(path, path, 'w');
    const sink = plainSink((bytes) => handle.writeFile(bytes));
    return guarded(path, { ...sink, finish: () => handle.close(), abandon: () => handle.close() });
  }
  const partial = `${path}.partial`;
  const handle = await openForWriting(path, partial, 'w');
  let end = 0;
  return guarded(path, {
    data: async (bytes) => {
      for (let done = 0; done < bytes.length; ) {
        done += (await handle.write(bytes, done, bytes.length - done, end + done)).bytesWritten;
      }
      end += bytes.length;
    },
    zeroes: async (count) => {
      end += Number(count);
    },
    finish: async () => {
      await handle.truncate(end); // the last bytes may be a hole
      await handle.close();
      await rename(partial, path);
    },
    abandon: async () => {
      await handle.close();
      await rm(partial, { force: true });
    },
  });
}

async function openForWriting(path: string, opened: string, flags: string): Promise<FileHandle> {
  try {
    return await open(opened, flags, OWNER_ONLY);
  } catch (error) {
    throw fileFailure('write', path, error);
  }
}

/** The sink, with failures that name the file. */
function guarded(path: string, sink: MemorySink): MemorySink {
  const guard = async (task: () => Promise<void>): Promise<void> => {
    try {
      await task();
    } catch (error) {
      throw fileFailure('write', path, error);
    }
  };
  return {
    data: (bytes) => guard(() => sink.data(bytes)),
    zeroes: (count) => guard(() => sink.zeroes(count)),
    finish: () => guard(() => sink.finish()),
    abandon: () => guard(() => sink.abandon()),
  };
}

interface StateMessages {
  readonly VcpuState: { readonly written: VcpuState; readonly read: VcpuState__Output };
  readonly VmState: { readonly written: VmState; readonly read: VmState__Output };
  readonly VmRequirements: { readonly written: VmRequirements; readonly read: VmRequirements__Output };
}

async function stateType<Name extends keyof StateMessages>(
  name: Name,
): Promise<MessageTypeDefinition<StateMessages[Name]['written'], StateMessages[Name]['read']>> {
  const { packageDefinition } = await import('../../lib/api/definitions.js');
  return packageDefinition[`vcpud.v1.${name}`] as unknown as MessageTypeDefinition<
    StateMessages[Name]['written'],
    StateMessages[Name]['read']
  >;
}

/** Writes a state file; gives its size in bytes. */
export async function saveState<Name extends keyof StateMessages>(
  name: Name,
  path: string,
  state: StateMessages[Name]['written'],
): Promise<number> {
  const bytes = (await stateType(name)).serialize(state);
  await saveFile(path, bytes);
  return bytes.length;
}

/** Reads a state file. What it holds is vcpud's to judge; that it is a message of that type is checked here. */
export async function readState<Name extends keyof StateMessages>(
  io: Io,
  name: Name,
  path: string,
): Promise<StateMessages[Name]['read']> {
  const bytes = await readInput(io, path);
  const type = await stateType(name);
  try {
    return type.deserialize(bytes);
  } catch (error) {
    const message = `${path} is not a state file (a vcpud.v1.${name} message): ${(error as Error).message}`;
    throw new VcpuctlError('INVALID_ARGUMENT', 'STATE_FILE_MALFORMED', message);
  }
}
