// Original file: protos/vcpud/v1/memory.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ReadMemoryRequest as _vcpud_v1_ReadMemoryRequest, ReadMemoryRequest__Output as _vcpud_v1_ReadMemoryRequest__Output } from '../../vcpud/v1/ReadMemoryRequest.js';
import type { ReadMemoryResponse as _vcpud_v1_ReadMemoryResponse, ReadMemoryResponse__Output as _vcpud_v1_ReadMemoryResponse__Output } from '../../vcpud/v1/ReadMemoryResponse.js';
import type { WriteMemoryRequest as _vcpud_v1_WriteMemoryRequest, WriteMemoryRequest__Output as _vcpud_v1_WriteMemoryRequest__Output } from '../../vcpud/v1/WriteMemoryRequest.js';
import type { WriteMemoryResponse as _vcpud_v1_WriteMemoryResponse, WriteMemoryResponse__Output as _vcpud_v1_WriteMemoryResponse__Output } from '../../vcpud/v1/WriteMemoryResponse.js';

/**
 * MemoryService moves guest memory. Both directions are streams under flow control: neither side holds more than a few chunks,
 * however large the guest. Memory of a running VM can be read and written too; what that is worth is the caller's to know.
 */
export interface MemoryServiceClient extends grpc.Client {
  /**
   * ReadMemory streams a range of guest-physical memory, in order, each byte once. Runs of memory that were never written come
   * as zero_bytes.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, CHUNK_BYTES_OUT_OF_RANGE | name isn't vms/{vm}, or chunk_bytes is more than 2 MiB |
   * | OUT_OF_RANGE | MEMORY_RANGE_NOT_BACKED | a part of the range has no memory behind it |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  ReadMemory(argument: _vcpud_v1_ReadMemoryRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_vcpud_v1_ReadMemoryResponse__Output>;
  ReadMemory(argument: _vcpud_v1_ReadMemoryRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_vcpud_v1_ReadMemoryResponse__Output>;
  /**
   * ReadMemory streams a range of guest-physical memory, in order, each byte once. Runs of memory that were never written come
   * as zero_bytes.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, CHUNK_BYTES_OUT_OF_RANGE | name isn't vms/{vm}, or chunk_bytes is more than 2 MiB |
   * | OUT_OF_RANGE | MEMORY_RANGE_NOT_BACKED | a part of the range has no memory behind it |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  readMemory(argument: _vcpud_v1_ReadMemoryRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_vcpud_v1_ReadMemoryResponse__Output>;
  readMemory(argument: _vcpud_v1_ReadMemoryRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_vcpud_v1_ReadMemoryResponse__Output>;
  
  /**
   * WriteMemory writes chunks into guest-physical memory, in the order they come. What was written before an error or a
   * cancellation stays written.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, FIELD_REQUIRED, NAME_CHANGED | the first message has no good name, or a later one has another |
   * | OUT_OF_RANGE | MEMORY_RANGE_NOT_BACKED | a part of a chunk has no memory behind it; nothing of that chunk is written |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | RESOURCE_EXHAUSTED | MESSAGE_TOO_LARGE | one message is larger than the server takes (4 MiB) |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  WriteMemory(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_WriteMemoryResponse__Output>): grpc.ClientWritableStream<_vcpud_v1_WriteMemoryRequest>;
  WriteMemory(metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_WriteMemoryResponse__Output>): grpc.ClientWritableStream<_vcpud_v1_WriteMemoryRequest>;
  WriteMemory(options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_WriteMemoryResponse__Output>): grpc.ClientWritableStream<_vcpud_v1_WriteMemoryRequest>;
  WriteMemory(callback: grpc.requestCallback<_vcpud_v1_WriteMemoryResponse__Output>): grpc.ClientWritableStream<_vcpud_v1_WriteMemoryRequest>;
  /**
   * WriteMemory writes chunks into guest-physical memory, in the order they come. What was written before an error or a
   * cancellation stays written.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, FIELD_REQUIRED, NAME_CHANGED | the first message has no good name, or a later one has another |
   * | OUT_OF_RANGE | MEMORY_RANGE_NOT_BACKED | a part of a chunk has no memory behind it; nothing of that chunk is written |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | RESOURCE_EXHAUSTED | MESSAGE_TOO_LARGE | one message is larger than the server takes (4 MiB) |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  writeMemory(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_WriteMemoryResponse__Output>): grpc.ClientWritableStream<_vcpud_v1_WriteMemoryRequest>;
  writeMemory(metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_WriteMemoryResponse__Output>): grpc.ClientWritableStream<_vcpud_v1_WriteMemoryRequest>;
  writeMemory(options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_WriteMemoryResponse__Output>): grpc.ClientWritableStream<_vcpud_v1_WriteMemoryRequest>;
  writeMemory(callback: grpc.requestCallback<_vcpud_v1_WriteMemoryResponse__Output>): grpc.ClientWritableStream<_vcpud_v1_WriteMemoryRequest>;
  
}

/**
 * MemoryService moves guest memory. Both directions are streams under flow control: neither side holds more than a few chunks,
 * however large the guest. Memory of a running VM can be read and written too; what that is worth is the caller's to know.
 */
export interface MemoryServiceHandlers extends grpc.UntypedServiceImplementation {
  /**
   * ReadMemory streams a range of guest-physical memory, in order, each byte once. Runs of memory that were never written come
   * as zero_bytes.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, CHUNK_BYTES_OUT_OF_RANGE | name isn't vms/{vm}, or chunk_bytes is more than 2 MiB |
   * | OUT_OF_RANGE | MEMORY_RANGE_NOT_BACKED | a part of the range has no memory behind it |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  ReadMemory: grpc.handleServerStreamingCall<_vcpud_v1_ReadMemoryRequest__Output, _vcpud_v1_ReadMemoryResponse>;
  
  /**
   * WriteMemory writes chunks into guest-physical memory, in the order they come. What was written before an error or a
   * cancellation stays written.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, FIELD_REQUIRED, NAME_CHANGED | the first message has no good name, or a later one has another |
   * | OUT_OF_RANGE | MEMORY_RANGE_NOT_BACKED | a part of a chunk has no memory behind it; nothing of that chunk is written |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | RESOURCE_EXHAUSTED | MESSAGE_TOO_LARGE | one message is larger than the server takes (4 MiB) |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  WriteMemory: grpc.handleClientStreamingCall<_vcpud_v1_WriteMemoryRequest__Output, _vcpud_v1_WriteMemoryResponse>;
  
}

export interface MemoryServiceDefinition extends grpc.ServiceDefinition {
  ReadMemory: MethodDefinition<_vcpud_v1_ReadMemoryRequest, _vcpud_v1_ReadMemoryResponse, _vcpud_v1_ReadMemoryRequest__Output, _vcpud_v1_ReadMemoryResponse__Output>
  WriteMemory: MethodDefinition<_vcpud_v1_WriteMemoryRequest, _vcpud_v1_WriteMemoryResponse, _vcpud_v1_WriteMemoryRequest__Output, _vcpud_v1_WriteMemoryResponse__Output>
}
