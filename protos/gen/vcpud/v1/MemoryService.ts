// Original file: protos/vcpud/v1/memory.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CollectDirtyPagesRequest as _vcpud_v1_CollectDirtyPagesRequest, CollectDirtyPagesRequest__Output as _vcpud_v1_CollectDirtyPagesRequest__Output } from '../../vcpud/v1/CollectDirtyPagesRequest.js';
import type { CollectDirtyPagesResponse as _vcpud_v1_CollectDirtyPagesResponse, CollectDirtyPagesResponse__Output as _vcpud_v1_CollectDirtyPagesResponse__Output } from '../../vcpud/v1/CollectDirtyPagesResponse.js';
import type { ReadMemoryRequest as _vcpud_v1_ReadMemoryRequest, ReadMemoryRequest__Output as _vcpud_v1_ReadMemoryRequest__Output } from '../../vcpud/v1/ReadMemoryRequest.js';
import type { ReadMemoryResponse as _vcpud_v1_ReadMemoryResponse, ReadMemoryResponse__Output as _vcpud_v1_ReadMemoryResponse__Output } from '../../vcpud/v1/ReadMemoryResponse.js';
import type { StartDirtyTrackingRequest as _vcpud_v1_StartDirtyTrackingRequest, StartDirtyTrackingRequest__Output as _vcpud_v1_StartDirtyTrackingRequest__Output } from '../../vcpud/v1/StartDirtyTrackingRequest.js';
import type { StartDirtyTrackingResponse as _vcpud_v1_StartDirtyTrackingResponse, StartDirtyTrackingResponse__Output as _vcpud_v1_StartDirtyTrackingResponse__Output } from '../../vcpud/v1/StartDirtyTrackingResponse.js';
import type { StopDirtyTrackingRequest as _vcpud_v1_StopDirtyTrackingRequest, StopDirtyTrackingRequest__Output as _vcpud_v1_StopDirtyTrackingRequest__Output } from '../../vcpud/v1/StopDirtyTrackingRequest.js';
import type { StopDirtyTrackingResponse as _vcpud_v1_StopDirtyTrackingResponse, StopDirtyTrackingResponse__Output as _vcpud_v1_StopDirtyTrackingResponse__Output } from '../../vcpud/v1/StopDirtyTrackingResponse.js';
import type { WriteMemoryRequest as _vcpud_v1_WriteMemoryRequest, WriteMemoryRequest__Output as _vcpud_v1_WriteMemoryRequest__Output } from '../../vcpud/v1/WriteMemoryRequest.js';
import type { WriteMemoryResponse as _vcpud_v1_WriteMemoryResponse, WriteMemoryResponse__Output as _vcpud_v1_WriteMemoryResponse__Output } from '../../vcpud/v1/WriteMemoryResponse.js';

/**
 * MemoryService moves guest memory. Both directions are streams under flow control: neither side holds more than a few chunks,
 * however large the guest. Memory of a running VM can be read and written too; what that is worth is the caller's to know.
 */
export interface MemoryServiceClient extends grpc.Client {
  /**
   * CollectDirtyPages streams the pages that were written since they were last handed out, and what they hold: first a head that
   * says how many there are, then each of them once. A page that is written again after it was read comes with the next collect.
   * Pages come from a piece of the log at a time, which is cleared right before: one stream takes no longer than its pages need,
   * but is of no one moment while the guest runs. Of a paused guest it is exact.
   * 
   * Pages of a stream that did not end with OK come again with the next one, all of them. Where the client saw its stream break off
   * though vcpud had sent all of it, only the client knows: it says so with resend. One collect at a time: another one waits two
   * seconds for it to end, as it does where its client has gone, and is refused then. Where nobody knows whose it is, as after a
   * link was cut, StopDirtyTracking ends it.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, CHUNK_BYTES_OUT_OF_RANGE | name isn't vms/{vm}, or chunk_bytes is below 4096 or more than 2 MiB |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | FAILED_PRECONDITION | DIRTY_TRACKING_OFF | tracking was not started |
   * | ABORTED | COLLECT_UNDER_WAY | another collect is under way, and did not end within two seconds |
   * | ABORTED | DIRTY_TRACKING_STOPPED, VM_DELETED | tracking was stopped, or the VM deleted, meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | an ioctl failed (which, and errno, in metadata), or a bug in vcpud |
   */
  CollectDirtyPages(argument: _vcpud_v1_CollectDirtyPagesRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_vcpud_v1_CollectDirtyPagesResponse__Output>;
  CollectDirtyPages(argument: _vcpud_v1_CollectDirtyPagesRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_vcpud_v1_CollectDirtyPagesResponse__Output>;
  /**
   * CollectDirtyPages streams the pages that were written since they were last handed out, and what they hold: first a head that
   * says how many there are, then each of them once. A page that is written again after it was read comes with the next collect.
   * Pages come from a piece of the log at a time, which is cleared right before: one stream takes no longer than its pages need,
   * but is of no one moment while the guest runs. Of a paused guest it is exact.
   * 
   * Pages of a stream that did not end with OK come again with the next one, all of them. Where the client saw its stream break off
   * though vcpud had sent all of it, only the client knows: it says so with resend. One collect at a time: another one waits two
   * seconds for it to end, as it does where its client has gone, and is refused then. Where nobody knows whose it is, as after a
   * link was cut, StopDirtyTracking ends it.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, CHUNK_BYTES_OUT_OF_RANGE | name isn't vms/{vm}, or chunk_bytes is below 4096 or more than 2 MiB |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | FAILED_PRECONDITION | DIRTY_TRACKING_OFF | tracking was not started |
   * | ABORTED | COLLECT_UNDER_WAY | another collect is under way, and did not end within two seconds |
   * | ABORTED | DIRTY_TRACKING_STOPPED, VM_DELETED | tracking was stopped, or the VM deleted, meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | an ioctl failed (which, and errno, in metadata), or a bug in vcpud |
   */
  collectDirtyPages(argument: _vcpud_v1_CollectDirtyPagesRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_vcpud_v1_CollectDirtyPagesResponse__Output>;
  collectDirtyPages(argument: _vcpud_v1_CollectDirtyPagesRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_vcpud_v1_CollectDirtyPagesResponse__Output>;
  
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
   * StartDirtyTracking has vcpud keep, from now on, which pages of a VM's memory are written, until CollectDirtyPages hands them out.
   * The VM may be running; it runs slower while it is tracked. A move with pre-copy starts here, copies all memory by ReadMemory,
   * collects while the guest runs until little is left, pauses it, takes its state, and collects once more. Where tracking is on
   * already this changes nothing, so that it may be called again after a lost answer, and nobody's pages are forgotten.
   * 
   * What is kept: what the guest writes, and what KVM writes for it; that includes every write of an L2, which KVM logs as the page
   * of L1's memory that it is, with nested paging or without; and what WriteMemory writes. What is not: what vCPUs hold outside of
   * memory, such as the vmcs12 or vmcb12 of an L2 that runs, which travels as nested state; the pages at 0xFEFFC000 that KVM keeps
   * for Intel's real mode, which belong to no region; writes past KVM into the memory by other processes or by devices passed
   * through, of which an owned VM has none. KVM may write memory while a vCPU's state is taken (steal time): so collect last.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm} |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | RESOURCE_EXHAUSTED | HOST_RESOURCES | the host has no memory for the log, 5 bits a page; tracking is off |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | the kernel refused (errno in metadata), or a bug in vcpud |
   */
  StartDirtyTracking(argument: _vcpud_v1_StartDirtyTrackingRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_StartDirtyTrackingResponse__Output>): grpc.ClientUnaryCall;
  StartDirtyTracking(argument: _vcpud_v1_StartDirtyTrackingRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_StartDirtyTrackingResponse__Output>): grpc.ClientUnaryCall;
  StartDirtyTracking(argument: _vcpud_v1_StartDirtyTrackingRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_StartDirtyTrackingResponse__Output>): grpc.ClientUnaryCall;
  StartDirtyTracking(argument: _vcpud_v1_StartDirtyTrackingRequest, callback: grpc.requestCallback<_vcpud_v1_StartDirtyTrackingResponse__Output>): grpc.ClientUnaryCall;
  /**
   * StartDirtyTracking has vcpud keep, from now on, which pages of a VM's memory are written, until CollectDirtyPages hands them out.
   * The VM may be running; it runs slower while it is tracked. A move with pre-copy starts here, copies all memory by ReadMemory,
   * collects while the guest runs until little is left, pauses it, takes its state, and collects once more. Where tracking is on
   * already this changes nothing, so that it may be called again after a lost answer, and nobody's pages are forgotten.
   * 
   * What is kept: what the guest writes, and what KVM writes for it; that includes every write of an L2, which KVM logs as the page
   * of L1's memory that it is, with nested paging or without; and what WriteMemory writes. What is not: what vCPUs hold outside of
   * memory, such as the vmcs12 or vmcb12 of an L2 that runs, which travels as nested state; the pages at 0xFEFFC000 that KVM keeps
   * for Intel's real mode, which belong to no region; writes past KVM into the memory by other processes or by devices passed
   * through, of which an owned VM has none. KVM may write memory while a vCPU's state is taken (steal time): so collect last.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm} |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | RESOURCE_EXHAUSTED | HOST_RESOURCES | the host has no memory for the log, 5 bits a page; tracking is off |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | the kernel refused (errno in metadata), or a bug in vcpud |
   */
  startDirtyTracking(argument: _vcpud_v1_StartDirtyTrackingRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_StartDirtyTrackingResponse__Output>): grpc.ClientUnaryCall;
  startDirtyTracking(argument: _vcpud_v1_StartDirtyTrackingRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_StartDirtyTrackingResponse__Output>): grpc.ClientUnaryCall;
  startDirtyTracking(argument: _vcpud_v1_StartDirtyTrackingRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_StartDirtyTrackingResponse__Output>): grpc.ClientUnaryCall;
  startDirtyTracking(argument: _vcpud_v1_StartDirtyTrackingRequest, callback: grpc.requestCallback<_vcpud_v1_StartDirtyTrackingResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * StopDirtyTracking ends tracking, and forgets the pages that were not collected. Where it is off already this changes nothing.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm} |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | the kernel refused (errno in metadata), or a bug in vcpud |
   */
  StopDirtyTracking(argument: _vcpud_v1_StopDirtyTrackingRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_StopDirtyTrackingResponse__Output>): grpc.ClientUnaryCall;
  StopDirtyTracking(argument: _vcpud_v1_StopDirtyTrackingRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_StopDirtyTrackingResponse__Output>): grpc.ClientUnaryCall;
  StopDirtyTracking(argument: _vcpud_v1_StopDirtyTrackingRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_StopDirtyTrackingResponse__Output>): grpc.ClientUnaryCall;
  StopDirtyTracking(argument: _vcpud_v1_StopDirtyTrackingRequest, callback: grpc.requestCallback<_vcpud_v1_StopDirtyTrackingResponse__Output>): grpc.ClientUnaryCall;
  /**
   * StopDirtyTracking ends tracking, and forgets the pages that were not collected. Where it is off already this changes nothing.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm} |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | the kernel refused (errno in metadata), or a bug in vcpud |
   */
  stopDirtyTracking(argument: _vcpud_v1_StopDirtyTrackingRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_StopDirtyTrackingResponse__Output>): grpc.ClientUnaryCall;
  stopDirtyTracking(argument: _vcpud_v1_StopDirtyTrackingRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_StopDirtyTrackingResponse__Output>): grpc.ClientUnaryCall;
  stopDirtyTracking(argument: _vcpud_v1_StopDirtyTrackingRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_StopDirtyTrackingResponse__Output>): grpc.ClientUnaryCall;
  stopDirtyTracking(argument: _vcpud_v1_StopDirtyTrackingRequest, callback: grpc.requestCallback<_vcpud_v1_StopDirtyTrackingResponse__Output>): grpc.ClientUnaryCall;
  
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
   * CollectDirtyPages streams the pages that were written since they were last handed out, and what they hold: first a head that
   * says how many there are, then each of them once. A page that is written again after it was read comes with the next collect.
   * Pages come from a piece of the log at a time, which is cleared right before: one stream takes no longer than its pages need,
   * but is of no one moment while the guest runs. Of a paused guest it is exact.
   * 
   * Pages of a stream that did not end with OK come again with the next one, all of them. Where the client saw its stream break off
   * though vcpud had sent all of it, only the client knows: it says so with resend. One collect at a time: another one waits two
   * seconds for it to end, as it does where its client has gone, and is refused then. Where nobody knows whose it is, as after a
   * link was cut, StopDirtyTracking ends it.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, CHUNK_BYTES_OUT_OF_RANGE | name isn't vms/{vm}, or chunk_bytes is below 4096 or more than 2 MiB |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | FAILED_PRECONDITION | DIRTY_TRACKING_OFF | tracking was not started |
   * | ABORTED | COLLECT_UNDER_WAY | another collect is under way, and did not end within two seconds |
   * | ABORTED | DIRTY_TRACKING_STOPPED, VM_DELETED | tracking was stopped, or the VM deleted, meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | an ioctl failed (which, and errno, in metadata), or a bug in vcpud |
   */
  CollectDirtyPages: grpc.handleServerStreamingCall<_vcpud_v1_CollectDirtyPagesRequest__Output, _vcpud_v1_CollectDirtyPagesResponse>;
  
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
   * StartDirtyTracking has vcpud keep, from now on, which pages of a VM's memory are written, until CollectDirtyPages hands them out.
   * The VM may be running; it runs slower while it is tracked. A move with pre-copy starts here, copies all memory by ReadMemory,
   * collects while the guest runs until little is left, pauses it, takes its state, and collects once more. Where tracking is on
   * already this changes nothing, so that it may be called again after a lost answer, and nobody's pages are forgotten.
   * 
   * What is kept: what the guest writes, and what KVM writes for it; that includes every write of an L2, which KVM logs as the page
   * of L1's memory that it is, with nested paging or without; and what WriteMemory writes. What is not: what vCPUs hold outside of
   * memory, such as the vmcs12 or vmcb12 of an L2 that runs, which travels as nested state; the pages at 0xFEFFC000 that KVM keeps
   * for Intel's real mode, which belong to no region; writes past KVM into the memory by other processes or by devices passed
   * through, of which an owned VM has none. KVM may write memory while a vCPU's state is taken (steal time): so collect last.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm} |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | RESOURCE_EXHAUSTED | HOST_RESOURCES | the host has no memory for the log, 5 bits a page; tracking is off |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | the kernel refused (errno in metadata), or a bug in vcpud |
   */
  StartDirtyTracking: grpc.handleUnaryCall<_vcpud_v1_StartDirtyTrackingRequest__Output, _vcpud_v1_StartDirtyTrackingResponse>;
  
  /**
   * StopDirtyTracking ends tracking, and forgets the pages that were not collected. Where it is off already this changes nothing.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm} |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | the kernel refused (errno in metadata), or a bug in vcpud |
   */
  StopDirtyTracking: grpc.handleUnaryCall<_vcpud_v1_StopDirtyTrackingRequest__Output, _vcpud_v1_StopDirtyTrackingResponse>;
  
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
  CollectDirtyPages: MethodDefinition<_vcpud_v1_CollectDirtyPagesRequest, _vcpud_v1_CollectDirtyPagesResponse, _vcpud_v1_CollectDirtyPagesRequest__Output, _vcpud_v1_CollectDirtyPagesResponse__Output>
  ReadMemory: MethodDefinition<_vcpud_v1_ReadMemoryRequest, _vcpud_v1_ReadMemoryResponse, _vcpud_v1_ReadMemoryRequest__Output, _vcpud_v1_ReadMemoryResponse__Output>
  StartDirtyTracking: MethodDefinition<_vcpud_v1_StartDirtyTrackingRequest, _vcpud_v1_StartDirtyTrackingResponse, _vcpud_v1_StartDirtyTrackingRequest__Output, _vcpud_v1_StartDirtyTrackingResponse__Output>
  StopDirtyTracking: MethodDefinition<_vcpud_v1_StopDirtyTrackingRequest, _vcpud_v1_StopDirtyTrackingResponse, _vcpud_v1_StopDirtyTrackingRequest__Output, _vcpud_v1_StopDirtyTrackingResponse__Output>
  WriteMemory: MethodDefinition<_vcpud_v1_WriteMemoryRequest, _vcpud_v1_WriteMemoryResponse, _vcpud_v1_WriteMemoryRequest__Output, _vcpud_v1_WriteMemoryResponse__Output>
}
