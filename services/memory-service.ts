// MemoryService: guest memory in and out, as streams under flow control.

import type { handleServerStreamingCall } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { api } from '../lib/api/definitions.js';
import { u64 } from '../lib/api/vcpu-state.js';
import { VcpudError } from '../lib/errors/vcpud-error.js';
import type { VmRegistry } from '../lib/vm/vm-registry.js';
import type { MemoryServiceHandlers } from '../protos/gen/vcpud/v1/MemoryService.js';
import type { ReadMemoryRequest__Output } from '../protos/gen/vcpud/v1/ReadMemoryRequest.js';
import type { WriteMemoryRequest__Output } from '../protos/gen/vcpud/v1/WriteMemoryRequest.js';
import { clientStream, serverStream } from './handlers.js';
import { parseVmName } from './names.js';
import { ofOneVm } from './one-vm.js';

const DEFAULT_CHUNK_BYTES = 1024 * 1024;
const LARGEST_CHUNK_BYTES = 2 * 1024 * 1024;

const { service } = api.MemoryService;

/** The service as the server serves it: what ReadMemory yields is on-the-wire already (see dataMessage). */
export const memoryDefinition = {
  ...service,
  ReadMemory: { ...service.ReadMemory, responseSerialize: (message: Buffer) => message },
};

export interface MemoryHandlers {
  readonly ReadMemory: handleServerStreamingCall<ReadMemoryRequest__Output, Buffer>;
  readonly WriteMemory: MemoryServiceHandlers['WriteMemory'];
}

export function memoryService(vms: VmRegistry, log: Logger): MemoryHandlers {
  return {
    ReadMemory: serverStream(log, (request) => read(vms, request)),
    WriteMemory: clientStream(log, (requests) => write(vms, requests)),
  };
}

async function* read(vms: VmRegistry, request: ReadMemoryRequest__Output): AsyncGenerator<Buffer> {
  const vm = vms.get(parseVmName(request.name));
  if (request.chunkBytes > LARGEST_CHUNK_BYTES) {
    throw VcpudError.of('CHUNK_BYTES_OUT_OF_RANGE', `chunk_bytes must be at most ${LARGEST_CHUNK_BYTES}`, {
      field: 'chunk_bytes',
      metadata: { chunk_bytes: String(request.chunkBytes) },
    });
  }
  const bytes = BigInt(request.sizeBytes);
  const chunkBytes = request.chunkBytes === 0 ? DEFAULT_CHUNK_BYTES : request.chunkBytes;
  const message = Buffer.allocUnsafeSlow(HEAD_BYTES + (bytes < chunkBytes ? Number(bytes) : chunkBytes));
  for await (const piece of vm.memory.read(BigInt(request.gpa), bytes, message.subarray(HEAD_BYTES))) {
    if ('zeroBytes' in piece) {
      yield service.ReadMemory.responseSerialize({ gpa: u64(piece.gpa), zeroBytes: piece.zeroBytes });
    } else {
      yield dataMessage(message, piece.gpa, piece.dataBytes);
    }
  }
}

/** Before a chunk's data: two tags of one byte each, gpa and length as varints of at most 10 and 5. */
const HEAD_BYTES = 17;

/** Tags of ReadMemoryResponse: field number and wire type. */
const TAG = { gpa: (1 << 3) | 0, data: (2 << 3) | 2 } as const;

/**
 * ReadMemoryResponse with data, as it is on the wire, for data that stands in the message already, behind HEAD_BYTES.
 * Serialized from an object, each chunk would be copied once more into memory of its own, and what V8 then does to
 * free that takes most of the server's time (measured: see test/bench/read-memory.ts).
 */
function dataMessage(message: Buffer, gpa: bigint, dataBytes: number): Buffer {
  const head = [TAG.gpa, ...varint(gpa), TAG.data, ...varint(BigInt(dataBytes))];
  message.set(head, HEAD_BYTES - head.length);
  return message.subarray(HEAD_BYTES - head.length, HEAD_BYTES + dataBytes);
}

/** Seven bits a byte, the lowest first, bit 7 set in all but the last. */
function varint(value: bigint): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    if (rest < 0x80n) return [...bytes, Number(rest)];
    bytes.push(Number(rest & 0x7fn) | 0x80);
  }
}

async function write(
  vms: VmRegistry,
  requests: AsyncIterable<WriteMemoryRequest__Output>,
): Promise<{ writtenBytes: string }> {
  let written = 0n;
  for await (const { vm, request } of ofOneVm(vms, requests)) {
    const gpa = BigInt(request.gpa);
    if (request.content === 'data' && request.data !== undefined) {
      await vm.memory.write(gpa, request.data);
      written += BigInt(request.data.length);
    } else if (request.content === 'zeroBytes' && request.zeroBytes !== undefined) {
      await vm.memory.writeZeroes(gpa, BigInt(request.zeroBytes));
      written += BigInt(request.zeroBytes);
    } else {
      throw VcpudError.of('FIELD_REQUIRED', 'a chunk needs data or zero_bytes', { field: 'content' });
    }
  }
  return { writtenBytes: written.toString() };
}
