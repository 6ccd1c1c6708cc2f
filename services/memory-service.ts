// MemoryService: guest memory in and out, as streams under flow control.

import type { Logger } from 'pino';
import { u64 } from '../lib/api/vcpu-state.js';
import { VcpudError } from '../lib/errors/vcpud-error.js';
import type { Vm } from '../lib/vm/vm.js';
import type { VmRegistry } from '../lib/vm/vm-registry.js';
import type { MemoryServiceHandlers } from '../protos/gen/vcpud/v1/MemoryService.js';
import type { ReadMemoryRequest__Output } from '../protos/gen/vcpud/v1/ReadMemoryRequest.js';
import type { ReadMemoryResponse } from '../protos/gen/vcpud/v1/ReadMemoryResponse.js';
import type { WriteMemoryRequest__Output } from '../protos/gen/vcpud/v1/WriteMemoryRequest.js';
import { clientStream, serverStream } from './handlers.js';
import { parseVmName } from './names.js';

const DEFAULT_CHUNK_BYTES = 1024 * 1024;
const LARGEST_CHUNK_BYTES = 2 * 1024 * 1024;

export function memoryService(vms: VmRegistry, log: Logger): MemoryServiceHandlers {
  return {
    ReadMemory: serverStream(log, (request) => read(vms, request)),
    WriteMemory: clientStream(log, (requests) => write(vms, requests)),
  };
}

async function* read(
  vms: VmRegistry,
  request: ReadMemoryRequest__Output,
): AsyncGenerator<ReadMemoryResponse> {
  const vm = vms.get(parseVmName(request.name));
  if (request.chunkBytes > LARGEST_CHUNK_BYTES) {
    throw VcpudError.of('CHUNK_BYTES_OUT_OF_RANGE', `chunk_bytes must be at most ${LARGEST_CHUNK_BYTES}`, {
      field: 'chunk_bytes',
      metadata: { chunk_bytes: String(request.chunkBytes) },
    });
  }
  const chunkBytes = request.chunkBytes === 0 ? DEFAULT_CHUNK_BYTES : request.chunkBytes;
  for await (const piece of vm.memory.read(BigInt(request.gpa), BigInt(request.sizeBytes), chunkBytes)) {
    const gpa = u64(piece.gpa);
    yield 'data' in piece ? { gpa, data: piece.data } : { gpa, zeroBytes: piece.zeroBytes };
  }
}

async function write(
  vms: VmRegistry,
  requests: AsyncIterable<WriteMemoryRequest__Output>,
): Promise<{ writtenBytes: string }> {
  let vm: Vm | undefined;
  let name = '';
  let written = 0n;
  for await (const request of requests) {
    if (vm === undefined) {
      vm = vms.get(parseVmName(request.name));
      name = request.name;
    } else if (request.name !== '' && request.name !== name) {
      throw VcpudError.of('NAME_CHANGED', 'a later message names another VM than the first', {
        field: 'name',
      });
    }
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
  if (vm === undefined) throw VcpudError.of('FIELD_REQUIRED', 'the stream had no message', { field: 'name' });
  return { writtenBytes: written.toString() };
}
