// Original file: protos/vcpud/v1/migration.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { PrepareVmRequest as _vcpud_v1_PrepareVmRequest, PrepareVmRequest__Output as _vcpud_v1_PrepareVmRequest__Output } from '../../vcpud/v1/PrepareVmRequest.js';
import type { PrepareVmResponse as _vcpud_v1_PrepareVmResponse, PrepareVmResponse__Output as _vcpud_v1_PrepareVmResponse__Output } from '../../vcpud/v1/PrepareVmResponse.js';
import type { ReceiveVmRequest as _vcpud_v1_ReceiveVmRequest, ReceiveVmRequest__Output as _vcpud_v1_ReceiveVmRequest__Output } from '../../vcpud/v1/ReceiveVmRequest.js';
import type { ReceiveVmResponse as _vcpud_v1_ReceiveVmResponse, ReceiveVmResponse__Output as _vcpud_v1_ReceiveVmResponse__Output } from '../../vcpud/v1/ReceiveVmResponse.js';
import type { ResolveMigrationRequest as _vcpud_v1_ResolveMigrationRequest, ResolveMigrationRequest__Output as _vcpud_v1_ResolveMigrationRequest__Output } from '../../vcpud/v1/ResolveMigrationRequest.js';
import type { ResolveMigrationResponse as _vcpud_v1_ResolveMigrationResponse, ResolveMigrationResponse__Output as _vcpud_v1_ResolveMigrationResponse__Output } from '../../vcpud/v1/ResolveMigrationResponse.js';
import type { SendVmRequest as _vcpud_v1_SendVmRequest, SendVmRequest__Output as _vcpud_v1_SendVmRequest__Output } from '../../vcpud/v1/SendVmRequest.js';
import type { SendVmResponse as _vcpud_v1_SendVmResponse, SendVmResponse__Output as _vcpud_v1_SendVmResponse__Output } from '../../vcpud/v1/SendVmResponse.js';

/**
 * MigrationService moves a VM from this vcpud to another while its guest runs. Memory and state go from source to destination
 * directly. An orchestrator speaks to both: it prepares the VM at the destination, then leads the source through rounds of
 * copying, until it has it switch. At any moment the guest may run on one side at most.
 */
export interface MigrationServiceClient extends grpc.Client {
  /**
   * PrepareVm, asked of the destination, makes a VM that waits for the memory and the state of another one. It can't be run before
   * they arrived. Where no source sends to it within a minute, or the source's stream breaks off before the switch, it is deleted.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | VM_ID_MALFORMED, MIGRATION_ID_MALFORMED, FIELD_REQUIRED | a field is malformed or missing |
   * | INVALID_ARGUMENT | VCPU_COUNT_OUT_OF_RANGE, MEMORY_REGION_INVALID, DEVICES_INVALID | the VM's shape is none |
   * | ALREADY_EXISTS | VM_EXISTS | there is a VM of this id |
   * | RESOURCE_EXHAUSTED | HOST_RESOURCES | the host has no more memory, threads or file descriptors for it; nothing is left of it |
   * | UNAVAILABLE | SHUTTING_DOWN | vcpud is ending |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | the kernel refused (errno in metadata), or a bug in vcpud; nothing is left of it |
   */
  PrepareVm(argument: _vcpud_v1_PrepareVmRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_PrepareVmResponse__Output>): grpc.ClientUnaryCall;
  PrepareVm(argument: _vcpud_v1_PrepareVmRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_PrepareVmResponse__Output>): grpc.ClientUnaryCall;
  PrepareVm(argument: _vcpud_v1_PrepareVmRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_PrepareVmResponse__Output>): grpc.ClientUnaryCall;
  PrepareVm(argument: _vcpud_v1_PrepareVmRequest, callback: grpc.requestCallback<_vcpud_v1_PrepareVmResponse__Output>): grpc.ClientUnaryCall;
  /**
   * PrepareVm, asked of the destination, makes a VM that waits for the memory and the state of another one. It can't be run before
   * they arrived. Where no source sends to it within a minute, or the source's stream breaks off before the switch, it is deleted.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | VM_ID_MALFORMED, MIGRATION_ID_MALFORMED, FIELD_REQUIRED | a field is malformed or missing |
   * | INVALID_ARGUMENT | VCPU_COUNT_OUT_OF_RANGE, MEMORY_REGION_INVALID, DEVICES_INVALID | the VM's shape is none |
   * | ALREADY_EXISTS | VM_EXISTS | there is a VM of this id |
   * | RESOURCE_EXHAUSTED | HOST_RESOURCES | the host has no more memory, threads or file descriptors for it; nothing is left of it |
   * | UNAVAILABLE | SHUTTING_DOWN | vcpud is ending |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | the kernel refused (errno in metadata), or a bug in vcpud; nothing is left of it |
   */
  prepareVm(argument: _vcpud_v1_PrepareVmRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_PrepareVmResponse__Output>): grpc.ClientUnaryCall;
  prepareVm(argument: _vcpud_v1_PrepareVmRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_PrepareVmResponse__Output>): grpc.ClientUnaryCall;
  prepareVm(argument: _vcpud_v1_PrepareVmRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_PrepareVmResponse__Output>): grpc.ClientUnaryCall;
  prepareVm(argument: _vcpud_v1_PrepareVmRequest, callback: grpc.requestCallback<_vcpud_v1_PrepareVmResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * ReceiveVm, asked of the destination by the source, takes a VM into one that was prepared. Until the commit the VM is deleted where
   * the stream breaks off. The commit is done whole, whether the caller is there or not: the state is checked, set, read back
   * and compared, and the guest runs; or all is deleted and the error says so.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, PAGES_MALFORMED, FIELD_REQUIRED | a message is malformed |
   * | INVALID_ARGUMENT | MESSAGE_OUT_OF_PLACE | a message comes before the one that begins, or that one comes again |
   * | INVALID_ARGUMENT | STATE_SIZE_WRONG, KERNEL_REFUSED_STATE, KERNEL_REJECTED, MSR_REFUSED | the state can't be set here |
   * | INVALID_ARGUMENT | one of the rules in docs/errors.md, such as SVM_ASID_ZERO | a nested state breaks a rule of the kernel's |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | FAILED_PRECONDITION | NOT_PREPARED | the VM was not prepared for this migration, or receives already |
   * | FAILED_PRECONDITION | VM_SHAPE_DIFFERS, NESTED_NOT_SUPPORTED | the state is of a VM of another shape, or of a host with nested state |
   * | OUT_OF_RANGE | MEMORY_RANGE_NOT_BACKED | pages that the VM has no memory for |
   * | DATA_LOSS | CHECKSUM_WRONG | memory arrived otherwise than it was sent |
   * | DATA_LOSS | STATE_NOT_HELD | the state reads back otherwise than it was sent |
   * | RESOURCE_EXHAUSTED | MESSAGE_TOO_LARGE | a message is larger than the server takes (4 MiB) |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | the kernel refused (errno in metadata), or a bug in vcpud |
   */
  ReceiveVm(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_vcpud_v1_ReceiveVmRequest, _vcpud_v1_ReceiveVmResponse__Output>;
  ReceiveVm(options?: grpc.CallOptions): grpc.ClientDuplexStream<_vcpud_v1_ReceiveVmRequest, _vcpud_v1_ReceiveVmResponse__Output>;
  /**
   * ReceiveVm, asked of the destination by the source, takes a VM into one that was prepared. Until the commit the VM is deleted where
   * the stream breaks off. The commit is done whole, whether the caller is there or not: the state is checked, set, read back
   * and compared, and the guest runs; or all is deleted and the error says so.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, PAGES_MALFORMED, FIELD_REQUIRED | a message is malformed |
   * | INVALID_ARGUMENT | MESSAGE_OUT_OF_PLACE | a message comes before the one that begins, or that one comes again |
   * | INVALID_ARGUMENT | STATE_SIZE_WRONG, KERNEL_REFUSED_STATE, KERNEL_REJECTED, MSR_REFUSED | the state can't be set here |
   * | INVALID_ARGUMENT | one of the rules in docs/errors.md, such as SVM_ASID_ZERO | a nested state breaks a rule of the kernel's |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | FAILED_PRECONDITION | NOT_PREPARED | the VM was not prepared for this migration, or receives already |
   * | FAILED_PRECONDITION | VM_SHAPE_DIFFERS, NESTED_NOT_SUPPORTED | the state is of a VM of another shape, or of a host with nested state |
   * | OUT_OF_RANGE | MEMORY_RANGE_NOT_BACKED | pages that the VM has no memory for |
   * | DATA_LOSS | CHECKSUM_WRONG | memory arrived otherwise than it was sent |
   * | DATA_LOSS | STATE_NOT_HELD | the state reads back otherwise than it was sent |
   * | RESOURCE_EXHAUSTED | MESSAGE_TOO_LARGE | a message is larger than the server takes (4 MiB) |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | the kernel refused (errno in metadata), or a bug in vcpud |
   */
  receiveVm(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_vcpud_v1_ReceiveVmRequest, _vcpud_v1_ReceiveVmResponse__Output>;
  receiveVm(options?: grpc.CallOptions): grpc.ClientDuplexStream<_vcpud_v1_ReceiveVmRequest, _vcpud_v1_ReceiveVmResponse__Output>;
  
  /**
   * ResolveMigration ends what a migration left behind: for orchestrators that come back after they, a vcpud or the network went away.
   * Ask both sides by GetVm first. Where the destination has the VM with its phase ARRIVED: ABANDON at the source. Where it has not:
   * ABANDON at the destination where it is there, then RUN_HERE at the source.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, FIELD_REQUIRED | a field is malformed or missing |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | FAILED_PRECONDITION | MIGRATION_ID_DIFFERS | the VM takes part in another migration, or in none |
   * | FAILED_PRECONDITION | MIGRATION_PHASE | not from this phase: an arrived VM is not abandoned, one that is still received does not run |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  ResolveMigration(argument: _vcpud_v1_ResolveMigrationRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_ResolveMigrationResponse__Output>): grpc.ClientUnaryCall;
  ResolveMigration(argument: _vcpud_v1_ResolveMigrationRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_ResolveMigrationResponse__Output>): grpc.ClientUnaryCall;
  ResolveMigration(argument: _vcpud_v1_ResolveMigrationRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_ResolveMigrationResponse__Output>): grpc.ClientUnaryCall;
  ResolveMigration(argument: _vcpud_v1_ResolveMigrationRequest, callback: grpc.requestCallback<_vcpud_v1_ResolveMigrationResponse__Output>): grpc.ClientUnaryCall;
  /**
   * ResolveMigration ends what a migration left behind: for orchestrators that come back after they, a vcpud or the network went away.
   * Ask both sides by GetVm first. Where the destination has the VM with its phase ARRIVED: ABANDON at the source. Where it has not:
   * ABANDON at the destination where it is there, then RUN_HERE at the source.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, FIELD_REQUIRED | a field is malformed or missing |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | FAILED_PRECONDITION | MIGRATION_ID_DIFFERS | the VM takes part in another migration, or in none |
   * | FAILED_PRECONDITION | MIGRATION_PHASE | not from this phase: an arrived VM is not abandoned, one that is still received does not run |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  resolveMigration(argument: _vcpud_v1_ResolveMigrationRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_ResolveMigrationResponse__Output>): grpc.ClientUnaryCall;
  resolveMigration(argument: _vcpud_v1_ResolveMigrationRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_ResolveMigrationResponse__Output>): grpc.ClientUnaryCall;
  resolveMigration(argument: _vcpud_v1_ResolveMigrationRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_ResolveMigrationResponse__Output>): grpc.ClientUnaryCall;
  resolveMigration(argument: _vcpud_v1_ResolveMigrationRequest, callback: grpc.requestCallback<_vcpud_v1_ResolveMigrationResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * SendVm, asked of the source, sends a VM to where it was prepared. The first message starts, each further one is a command, and
   * each is answered when it is done: a round copies what was written since the round before (the first one: all memory), the
   * switch stops the guest, sends what is left (all memory where there was no round) and every vCPU's state, and answers when the
   * guest runs at the destination. A VM that is paused is paused there too. A stream
   * that ends or is cancelled before the switch ends the sending: the guest is untouched, and what the destination had is deleted.
   * Once the switch has begun it is finished, whether the caller is there or not.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, MIGRATION_ID_MALFORMED, ENDPOINT_MALFORMED, FIELD_REQUIRED | a field is malformed or missing |
   * | INVALID_ARGUMENT | MESSAGE_OUT_OF_PLACE | a command comes before the start, or a second start |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | FAILED_PRECONDITION | VM_MIGRATING | the VM takes part in another migration |
   * | FAILED_PRECONDITION | IDENTITY_REQUIRED | the destination is on another host, and this vcpud serves without mutual TLS |
   * | FAILED_PRECONDITION | DESTINATION_REFUSED | the destination said no (its reason in metadata); the guest is here as before |
   * | UNAVAILABLE | DESTINATION_UNREACHABLE | the destination went away before the commit was sent; the guest is here as before |
   * | ABORTED | MIGRATION_IN_DOUBT | the destination went away after the commit was sent: the guest is stopped here, and may run there. ResolveMigration says what is to be |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | UNAVAILABLE | SHUTTING_DOWN | vcpud is ending |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | the kernel refused (errno in metadata), or a bug in vcpud |
   */
  SendVm(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_vcpud_v1_SendVmRequest, _vcpud_v1_SendVmResponse__Output>;
  SendVm(options?: grpc.CallOptions): grpc.ClientDuplexStream<_vcpud_v1_SendVmRequest, _vcpud_v1_SendVmResponse__Output>;
  /**
   * SendVm, asked of the source, sends a VM to where it was prepared. The first message starts, each further one is a command, and
   * each is answered when it is done: a round copies what was written since the round before (the first one: all memory), the
   * switch stops the guest, sends what is left (all memory where there was no round) and every vCPU's state, and answers when the
   * guest runs at the destination. A VM that is paused is paused there too. A stream
   * that ends or is cancelled before the switch ends the sending: the guest is untouched, and what the destination had is deleted.
   * Once the switch has begun it is finished, whether the caller is there or not.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, MIGRATION_ID_MALFORMED, ENDPOINT_MALFORMED, FIELD_REQUIRED | a field is malformed or missing |
   * | INVALID_ARGUMENT | MESSAGE_OUT_OF_PLACE | a command comes before the start, or a second start |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | FAILED_PRECONDITION | VM_MIGRATING | the VM takes part in another migration |
   * | FAILED_PRECONDITION | IDENTITY_REQUIRED | the destination is on another host, and this vcpud serves without mutual TLS |
   * | FAILED_PRECONDITION | DESTINATION_REFUSED | the destination said no (its reason in metadata); the guest is here as before |
   * | UNAVAILABLE | DESTINATION_UNREACHABLE | the destination went away before the commit was sent; the guest is here as before |
   * | ABORTED | MIGRATION_IN_DOUBT | the destination went away after the commit was sent: the guest is stopped here, and may run there. ResolveMigration says what is to be |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | UNAVAILABLE | SHUTTING_DOWN | vcpud is ending |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | the kernel refused (errno in metadata), or a bug in vcpud |
   */
  sendVm(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_vcpud_v1_SendVmRequest, _vcpud_v1_SendVmResponse__Output>;
  sendVm(options?: grpc.CallOptions): grpc.ClientDuplexStream<_vcpud_v1_SendVmRequest, _vcpud_v1_SendVmResponse__Output>;
  
}

/**
 * MigrationService moves a VM from this vcpud to another while its guest runs. Memory and state go from source to destination
 * directly. An orchestrator speaks to both: it prepares the VM at the destination, then leads the source through rounds of
 * copying, until it has it switch. At any moment the guest may run on one side at most.
 */
export interface MigrationServiceHandlers extends grpc.UntypedServiceImplementation {
  /**
   * PrepareVm, asked of the destination, makes a VM that waits for the memory and the state of another one. It can't be run before
   * they arrived. Where no source sends to it within a minute, or the source's stream breaks off before the switch, it is deleted.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | VM_ID_MALFORMED, MIGRATION_ID_MALFORMED, FIELD_REQUIRED | a field is malformed or missing |
   * | INVALID_ARGUMENT | VCPU_COUNT_OUT_OF_RANGE, MEMORY_REGION_INVALID, DEVICES_INVALID | the VM's shape is none |
   * | ALREADY_EXISTS | VM_EXISTS | there is a VM of this id |
   * | RESOURCE_EXHAUSTED | HOST_RESOURCES | the host has no more memory, threads or file descriptors for it; nothing is left of it |
   * | UNAVAILABLE | SHUTTING_DOWN | vcpud is ending |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | the kernel refused (errno in metadata), or a bug in vcpud; nothing is left of it |
   */
  PrepareVm: grpc.handleUnaryCall<_vcpud_v1_PrepareVmRequest__Output, _vcpud_v1_PrepareVmResponse>;
  
  /**
   * ReceiveVm, asked of the destination by the source, takes a VM into one that was prepared. Until the commit the VM is deleted where
   * the stream breaks off. The commit is done whole, whether the caller is there or not: the state is checked, set, read back
   * and compared, and the guest runs; or all is deleted and the error says so.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, PAGES_MALFORMED, FIELD_REQUIRED | a message is malformed |
   * | INVALID_ARGUMENT | MESSAGE_OUT_OF_PLACE | a message comes before the one that begins, or that one comes again |
   * | INVALID_ARGUMENT | STATE_SIZE_WRONG, KERNEL_REFUSED_STATE, KERNEL_REJECTED, MSR_REFUSED | the state can't be set here |
   * | INVALID_ARGUMENT | one of the rules in docs/errors.md, such as SVM_ASID_ZERO | a nested state breaks a rule of the kernel's |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | FAILED_PRECONDITION | NOT_PREPARED | the VM was not prepared for this migration, or receives already |
   * | FAILED_PRECONDITION | VM_SHAPE_DIFFERS, NESTED_NOT_SUPPORTED | the state is of a VM of another shape, or of a host with nested state |
   * | OUT_OF_RANGE | MEMORY_RANGE_NOT_BACKED | pages that the VM has no memory for |
   * | DATA_LOSS | CHECKSUM_WRONG | memory arrived otherwise than it was sent |
   * | DATA_LOSS | STATE_NOT_HELD | the state reads back otherwise than it was sent |
   * | RESOURCE_EXHAUSTED | MESSAGE_TOO_LARGE | a message is larger than the server takes (4 MiB) |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | the kernel refused (errno in metadata), or a bug in vcpud |
   */
  ReceiveVm: grpc.handleBidiStreamingCall<_vcpud_v1_ReceiveVmRequest__Output, _vcpud_v1_ReceiveVmResponse>;
  
  /**
   * ResolveMigration ends what a migration left behind: for orchestrators that come back after they, a vcpud or the network went away.
   * Ask both sides by GetVm first. Where the destination has the VM with its phase ARRIVED: ABANDON at the source. Where it has not:
   * ABANDON at the destination where it is there, then RUN_HERE at the source.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, FIELD_REQUIRED | a field is malformed or missing |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | FAILED_PRECONDITION | MIGRATION_ID_DIFFERS | the VM takes part in another migration, or in none |
   * | FAILED_PRECONDITION | MIGRATION_PHASE | not from this phase: an arrived VM is not abandoned, one that is still received does not run |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  ResolveMigration: grpc.handleUnaryCall<_vcpud_v1_ResolveMigrationRequest__Output, _vcpud_v1_ResolveMigrationResponse>;
  
  /**
   * SendVm, asked of the source, sends a VM to where it was prepared. The first message starts, each further one is a command, and
   * each is answered when it is done: a round copies what was written since the round before (the first one: all memory), the
   * switch stops the guest, sends what is left (all memory where there was no round) and every vCPU's state, and answers when the
   * guest runs at the destination. A VM that is paused is paused there too. A stream
   * that ends or is cancelled before the switch ends the sending: the guest is untouched, and what the destination had is deleted.
   * Once the switch has begun it is finished, whether the caller is there or not.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, MIGRATION_ID_MALFORMED, ENDPOINT_MALFORMED, FIELD_REQUIRED | a field is malformed or missing |
   * | INVALID_ARGUMENT | MESSAGE_OUT_OF_PLACE | a command comes before the start, or a second start |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | FAILED_PRECONDITION | VM_MIGRATING | the VM takes part in another migration |
   * | FAILED_PRECONDITION | IDENTITY_REQUIRED | the destination is on another host, and this vcpud serves without mutual TLS |
   * | FAILED_PRECONDITION | DESTINATION_REFUSED | the destination said no (its reason in metadata); the guest is here as before |
   * | UNAVAILABLE | DESTINATION_UNREACHABLE | the destination went away before the commit was sent; the guest is here as before |
   * | ABORTED | MIGRATION_IN_DOUBT | the destination went away after the commit was sent: the guest is stopped here, and may run there. ResolveMigration says what is to be |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | UNAVAILABLE | SHUTTING_DOWN | vcpud is ending |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | the kernel refused (errno in metadata), or a bug in vcpud |
   */
  SendVm: grpc.handleBidiStreamingCall<_vcpud_v1_SendVmRequest__Output, _vcpud_v1_SendVmResponse>;
  
}

export interface MigrationServiceDefinition extends grpc.ServiceDefinition {
  PrepareVm: MethodDefinition<_vcpud_v1_PrepareVmRequest, _vcpud_v1_PrepareVmResponse, _vcpud_v1_PrepareVmRequest__Output, _vcpud_v1_PrepareVmResponse__Output>
  ReceiveVm: MethodDefinition<_vcpud_v1_ReceiveVmRequest, _vcpud_v1_ReceiveVmResponse, _vcpud_v1_ReceiveVmRequest__Output, _vcpud_v1_ReceiveVmResponse__Output>
  ResolveMigration: MethodDefinition<_vcpud_v1_ResolveMigrationRequest, _vcpud_v1_ResolveMigrationResponse, _vcpud_v1_ResolveMigrationRequest__Output, _vcpud_v1_ResolveMigrationResponse__Output>
  SendVm: MethodDefinition<_vcpud_v1_SendVmRequest, _vcpud_v1_SendVmResponse, _vcpud_v1_SendVmRequest__Output, _vcpud_v1_SendVmResponse__Output>
}
