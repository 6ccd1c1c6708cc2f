// MemoryService: guest memory in and out, as streams under flow control.

import { setTimeout } from 'node:timers/promises';
import type { handleServerStreamingCall } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { api } from '../lib/api/definitions.js';
import { varint } from '../lib/api/varint.js';
import { u64 } from '../lib/api/vcpu-state.js';
import { VcpudError } from '../lib/errors/vcpud-error.js';
import { PAGE_BYTES } from '../lib/vm/dirty-bitmap.js';
import type { DirtyRound } from '../lib/vm/dirty-log.js';
import type { GuestMemory } from '../lib/vm/guest-memory.js';
import type { Vm } from '../lib/vm/vm.js';
import type { VmRegistry } from '../lib/vm/vm-registry.js';
import type { CollectDirtyPagesRequest__Output } from '../protos/gen/vcpud/v1/CollectDirtyPagesRequest.js';
import type { MemoryServiceHandlers } from '../protos/gen/vcpud/v1/MemoryService.js';
import type { ReadMemoryRequest__Output } from '../protos/gen/vcpud/v1/ReadMemoryRequest.js';
import type { WriteMemoryRequest__Output } from '../protos/gen/vcpud/v1/WriteMemoryRequest.js';
import { clientStream, type Receiver, serverStream, unary } from './handlers.js';
import { vmMessage } from './messages.js';
import { parseVmName } from './names.js';
import { ofOneVm } from './one-vm.js';

const DEFAULT_CHUNK_BYTES = 1024 * 1024;
const LARGEST_CHUNK_BYTES = 2 * 1024 * 1024;

const { service } = api.MemoryService;

const onTheWire = (message: Buffer) => message;

/** The service as the server serves it: what the streams out yield is on-the-wire already (see dataMessage). */
export const memoryDefinition = {
  ...service,
  ReadMemory: { ...service.ReadMemory, responseSerialize: onTheWire },
  CollectDirtyPages: { ...service.CollectDirtyPages, responseSerialize: onTheWire },
};

export interface MemoryHandlers
  extends Pick<MemoryServiceHandlers, 'WriteMemory' | 'StartDirtyTracking' | 'StopDirtyTracking'> {
  readonly ReadMemory: handleServerStreamingCall<ReadMemoryRequest__Output, Buffer>;
  readonly CollectDirtyPages: handleServerStreamingCall<CollectDirtyPagesRequest__Output, Buffer>;
}

export function memoryService(vms: VmRegistry, log: Logger): MemoryHandlers {
  const named = ({ name }: { name: string }): Vm => vms.get(parseVmName(name));
  return {
    ReadMemory: serverStream(log, (request) => read(vms, request)),
    WriteMemory: clientStream(log, (requests) => write(vms, requests)),
    StartDirtyTracking: unary(log, async (request, caller) => {
      const vm = named(request);
      await vm.startDirtyTracking(caller);
      return { vm: vmMessage(vm) };
    }),
    CollectDirtyPages: serverStream(log, (request, receiver) => collect(named(request), request, receiver)),
    StopDirtyTracking: unary(log, async (request, caller) => {
      const vm = named(request);
      await vm.stopDirtyTracking(caller);
      return { vm: vmMessage(vm) };
    }),
  };
}

async function* read(vms: VmRegistry, request: ReadMemoryRequest__Output): AsyncGenerator<Buffer> {
  const vm = vms.get(parseVmName(request.name));
  const chunkBytes = chunkBytesOf(request, 1);
  const bytes = BigInt(request.sizeBytes);
  const message = Buffer.allocUnsafeSlow(HEAD_BYTES + (bytes < chunkBytes ? Number(bytes) : chunkBytes));
  for await (const piece of vm.memory.read(BigInt(request.gpa), bytes, message.subarray(HEAD_BYTES))) {
    if ('zeroBytes' in piece) {
      yield service.ReadMemory.responseSerialize({ gpa: u64(piece.gpa), zeroBytes: piece.zeroBytes });
    } else {
      yield dataMessage(message, HEAD_BYTES, piece.gpa, piece.dataBytes);
    }
  }
}

function chunkBytesOf({ chunkBytes }: { readonly chunkBytes: number }, least: number): number {
  if (chunkBytes === 0) return DEFAULT_CHUNK_BYTES;
  if (chunkBytes >= least && chunkBytes <= LARGEST_CHUNK_BYTES) return chunkBytes;
  const message = `chunk_bytes must be ${least} to ${LARGEST_CHUNK_BYTES}`;
  throw VcpudError.of('CHUNK_BYTES_OUT_OF_RANGE', message, {
    field: 'chunk_bytes',
    metadata: { chunk_bytes: String(chunkBytes) },
  });
}

/** For how long a collect waits for the one under way: its client may have cancelled it before it sent this one. */
const PATIENCE_MS = 2000;

/** Resolves when the promise does, and after PATIENCE_MS at the latest. */
async function patiently(promise: Promise<void>): Promise<void> {
  const enough = new AbortController();
  const { signal } = enough;
  await Promise.race([promise, setTimeout(PATIENCE_MS, undefined, { signal }).catch(() => undefined)]);
  enough.abort();
}

async function* collect(
  { dirty, memory }: Vm,
  request: CollectDirtyPagesRequest__Output,
  receiver: Receiver,
): AsyncGenerator<Buffer> {
  const chunkBytes = chunkBytesOf(request, PAGE_BYTES);
  await patiently(dirty.idle());
  if (request.resend) dirty.giveBack();
  const round = dirty.begin(receiver);
  try {
    const { responseSerialize } = service.CollectDirtyPages;
    yield responseSerialize({ head: { round: round.round, pageCount: round.pages } });
    if (request.rangesOnly) {
      for (const { gpa, bytes } of round.runs) yield responseSerialize({ gpa: u64(gpa), rangeBytes: bytes });
    } else {
      yield* contents(memory, round, chunkBytes);
    }
    await receiver.taken();
    if (!receiver.gone()) round.delivered();
  } finally {
    round.giveBack(); // unless they were delivered
  }
}

async function* contents(
  memory: GuestMemory,
  { pages, runs }: DirtyRound,
  chunkBytes: number,
): AsyncGenerator<Buffer> {
  const { responseSerialize } = service.CollectDirtyPages;
  const message = Buffer.allocUnsafeSlow(HEAD_BYTES + Math.min(chunkBytes, pages * PAGE_BYTES));
  const buffer = message.subarray(HEAD_BYTES);
  for (const { gpa, bytes } of runs) {
    for await (const piece of memory.readPages(gpa, bytes, buffer)) {
      if ('zeroBytes' in piece) {
        yield responseSerialize({ gpa: u64(piece.gpa), zeroBytes: piece.zeroBytes });
      } else {
        yield dataMessage(message, HEAD_BYTES + piece.start, piece.gpa, piece.dataBytes);
      }
    }
  }
}

/** Before a chunk's data: two tags of one byte each, gpa and length as varints of at most 10 and 5. */
const HEAD_BYTES = 17;

/** Tags of ReadMemoryResponse and of CollectDirtyPagesResponse: field number and wire type. */
const TAG = { gpa: (1 << 3) | 0, data: (2 << 3) | 2 } as const;

/**
 * A response with data, as it is on the wire, for data that stands in the message already, from `start` on; the
 * HEAD_BYTES before it are overwritten. Serialized from an object, each chunk would be copied once more into memory of
 * its own, and what V8 then does to free that takes most of the server's time (measured: see test/bench/read-memory.ts).
 */
function dataMessage(message: Buffer, start: number, gpa: bigint, dataBytes: number): Buffer {
  const head = [TAG.gpa, ...varint(Number(gpa)), TAG.data, ...varint(dataBytes)];
  message.set(head, start - head.length);
  return message.subarray(start - head.length, start + dataBytes);
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
