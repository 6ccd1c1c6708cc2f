// Original file: protos/vcpud/v1/vcpu.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { GetVcpuRequest as _vcpud_v1_GetVcpuRequest, GetVcpuRequest__Output as _vcpud_v1_GetVcpuRequest__Output } from '../../vcpud/v1/GetVcpuRequest.js';
import type { GetVcpuResponse as _vcpud_v1_GetVcpuResponse, GetVcpuResponse__Output as _vcpud_v1_GetVcpuResponse__Output } from '../../vcpud/v1/GetVcpuResponse.js';
import type { GetVcpuStateRequest as _vcpud_v1_GetVcpuStateRequest, GetVcpuStateRequest__Output as _vcpud_v1_GetVcpuStateRequest__Output } from '../../vcpud/v1/GetVcpuStateRequest.js';
import type { GetVcpuStateResponse as _vcpud_v1_GetVcpuStateResponse, GetVcpuStateResponse__Output as _vcpud_v1_GetVcpuStateResponse__Output } from '../../vcpud/v1/GetVcpuStateResponse.js';
import type { ListVcpusRequest as _vcpud_v1_ListVcpusRequest, ListVcpusRequest__Output as _vcpud_v1_ListVcpusRequest__Output } from '../../vcpud/v1/ListVcpusRequest.js';
import type { ListVcpusResponse as _vcpud_v1_ListVcpusResponse, ListVcpusResponse__Output as _vcpud_v1_ListVcpusResponse__Output } from '../../vcpud/v1/ListVcpusResponse.js';
import type { SetVcpuStateRequest as _vcpud_v1_SetVcpuStateRequest, SetVcpuStateRequest__Output as _vcpud_v1_SetVcpuStateRequest__Output } from '../../vcpud/v1/SetVcpuStateRequest.js';
import type { SetVcpuStateResponse as _vcpud_v1_SetVcpuStateResponse, SetVcpuStateResponse__Output as _vcpud_v1_SetVcpuStateResponse__Output } from '../../vcpud/v1/SetVcpuStateResponse.js';

/**
 * VcpuService reads and writes everything that one vCPU holds. To move a whole VM, VmService.GetVmState takes all vCPUs from one
 * stop.
 */
export interface VcpuServiceClient extends grpc.Client {
  /**
   * GetVcpu describes a vCPU.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm}/vcpus/{index} |
   * | NOT_FOUND | VM_NOT_FOUND, VCPU_NOT_FOUND | there is no such VM or vCPU |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  GetVcpu(argument: _vcpud_v1_GetVcpuRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetVcpuResponse__Output>): grpc.ClientUnaryCall;
  GetVcpu(argument: _vcpud_v1_GetVcpuRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_GetVcpuResponse__Output>): grpc.ClientUnaryCall;
  GetVcpu(argument: _vcpud_v1_GetVcpuRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetVcpuResponse__Output>): grpc.ClientUnaryCall;
  GetVcpu(argument: _vcpud_v1_GetVcpuRequest, callback: grpc.requestCallback<_vcpud_v1_GetVcpuResponse__Output>): grpc.ClientUnaryCall;
  /**
   * GetVcpu describes a vCPU.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm}/vcpus/{index} |
   * | NOT_FOUND | VM_NOT_FOUND, VCPU_NOT_FOUND | there is no such VM or vCPU |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  getVcpu(argument: _vcpud_v1_GetVcpuRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetVcpuResponse__Output>): grpc.ClientUnaryCall;
  getVcpu(argument: _vcpud_v1_GetVcpuRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_GetVcpuResponse__Output>): grpc.ClientUnaryCall;
  getVcpu(argument: _vcpud_v1_GetVcpuRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetVcpuResponse__Output>): grpc.ClientUnaryCall;
  getVcpu(argument: _vcpud_v1_GetVcpuRequest, callback: grpc.requestCallback<_vcpud_v1_GetVcpuResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * GetVcpuState takes everything that a vCPU holds, nested state included, from one stop, with pending I/O completed first. A
   * running vCPU is stopped for that time and goes on.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm}/vcpus/{index} |
   * | NOT_FOUND | VM_NOT_FOUND, VCPU_NOT_FOUND | there is no such VM or vCPU |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | an ioctl failed (which, and errno, in metadata), or a bug in vcpud |
   */
  GetVcpuState(argument: _vcpud_v1_GetVcpuStateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetVcpuStateResponse__Output>): grpc.ClientUnaryCall;
  GetVcpuState(argument: _vcpud_v1_GetVcpuStateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_GetVcpuStateResponse__Output>): grpc.ClientUnaryCall;
  GetVcpuState(argument: _vcpud_v1_GetVcpuStateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetVcpuStateResponse__Output>): grpc.ClientUnaryCall;
  GetVcpuState(argument: _vcpud_v1_GetVcpuStateRequest, callback: grpc.requestCallback<_vcpud_v1_GetVcpuStateResponse__Output>): grpc.ClientUnaryCall;
  /**
   * GetVcpuState takes everything that a vCPU holds, nested state included, from one stop, with pending I/O completed first. A
   * running vCPU is stopped for that time and goes on.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm}/vcpus/{index} |
   * | NOT_FOUND | VM_NOT_FOUND, VCPU_NOT_FOUND | there is no such VM or vCPU |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | an ioctl failed (which, and errno, in metadata), or a bug in vcpud |
   */
  getVcpuState(argument: _vcpud_v1_GetVcpuStateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetVcpuStateResponse__Output>): grpc.ClientUnaryCall;
  getVcpuState(argument: _vcpud_v1_GetVcpuStateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_GetVcpuStateResponse__Output>): grpc.ClientUnaryCall;
  getVcpuState(argument: _vcpud_v1_GetVcpuStateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetVcpuStateResponse__Output>): grpc.ClientUnaryCall;
  getVcpuState(argument: _vcpud_v1_GetVcpuStateRequest, callback: grpc.requestCallback<_vcpud_v1_GetVcpuStateResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * ListVcpus lists a VM's vCPUs by index.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, PAGE_TOKEN_INVALID, PAGE_SIZE_NEGATIVE | parent isn't vms/{vm}, or the page asked for is malformed |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  ListVcpus(argument: _vcpud_v1_ListVcpusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_ListVcpusResponse__Output>): grpc.ClientUnaryCall;
  ListVcpus(argument: _vcpud_v1_ListVcpusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_ListVcpusResponse__Output>): grpc.ClientUnaryCall;
  ListVcpus(argument: _vcpud_v1_ListVcpusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_ListVcpusResponse__Output>): grpc.ClientUnaryCall;
  ListVcpus(argument: _vcpud_v1_ListVcpusRequest, callback: grpc.requestCallback<_vcpud_v1_ListVcpusResponse__Output>): grpc.ClientUnaryCall;
  /**
   * ListVcpus lists a VM's vCPUs by index.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, PAGE_TOKEN_INVALID, PAGE_SIZE_NEGATIVE | parent isn't vms/{vm}, or the page asked for is malformed |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  listVcpus(argument: _vcpud_v1_ListVcpusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_ListVcpusResponse__Output>): grpc.ClientUnaryCall;
  listVcpus(argument: _vcpud_v1_ListVcpusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_ListVcpusResponse__Output>): grpc.ClientUnaryCall;
  listVcpus(argument: _vcpud_v1_ListVcpusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_ListVcpusResponse__Output>): grpc.ClientUnaryCall;
  listVcpus(argument: _vcpud_v1_ListVcpusRequest, callback: grpc.requestCallback<_vcpud_v1_ListVcpusResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * SetVcpuState gives a paused vCPU a whole state, in the one right order. After a failure the vCPU is put back to what it held
   * before; metadata "vcpu_holds" says so.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, FIELD_REQUIRED, STATE_SIZE_WRONG | a field is malformed, missing, or not of the kernel's size |
   * | INVALID_ARGUMENT | one of the rules in docs/errors.md, such as SVM_ASID_ZERO | the nested state breaks a rule of the kernel's |
   * | INVALID_ARGUMENT | KERNEL_REFUSED_STATE, KERNEL_REJECTED, MSR_REFUSED | the kernel refused a part; which, and errno, in metadata |
   * | NOT_FOUND | VM_NOT_FOUND, VCPU_NOT_FOUND | there is no such VM or vCPU |
   * | FAILED_PRECONDITION | VM_RUNNING | the VM isn't paused |
   * | FAILED_PRECONDITION | VM_MIGRATING | the VM waits for its state, or may run elsewhere (its phase in metadata) |
   * | FAILED_PRECONDITION | NESTED_NOT_SUPPORTED | the state has a nested part, the host's KVM has none |
   * | DATA_LOSS | NESTED_STATE_NOT_HELD | the kernel took the nested state, but reads back another |
   * | RESOURCE_EXHAUSTED | MESSAGE_TOO_LARGE | the message is larger than the server takes (4 MiB) |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | an ioctl failed otherwise, or a bug in vcpud |
   */
  SetVcpuState(argument: _vcpud_v1_SetVcpuStateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_SetVcpuStateResponse__Output>): grpc.ClientUnaryCall;
  SetVcpuState(argument: _vcpud_v1_SetVcpuStateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_SetVcpuStateResponse__Output>): grpc.ClientUnaryCall;
  SetVcpuState(argument: _vcpud_v1_SetVcpuStateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_SetVcpuStateResponse__Output>): grpc.ClientUnaryCall;
  SetVcpuState(argument: _vcpud_v1_SetVcpuStateRequest, callback: grpc.requestCallback<_vcpud_v1_SetVcpuStateResponse__Output>): grpc.ClientUnaryCall;
  /**
   * SetVcpuState gives a paused vCPU a whole state, in the one right order. After a failure the vCPU is put back to what it held
   * before; metadata "vcpu_holds" says so.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, FIELD_REQUIRED, STATE_SIZE_WRONG | a field is malformed, missing, or not of the kernel's size |
   * | INVALID_ARGUMENT | one of the rules in docs/errors.md, such as SVM_ASID_ZERO | the nested state breaks a rule of the kernel's |
   * | INVALID_ARGUMENT | KERNEL_REFUSED_STATE, KERNEL_REJECTED, MSR_REFUSED | the kernel refused a part; which, and errno, in metadata |
   * | NOT_FOUND | VM_NOT_FOUND, VCPU_NOT_FOUND | there is no such VM or vCPU |
   * | FAILED_PRECONDITION | VM_RUNNING | the VM isn't paused |
   * | FAILED_PRECONDITION | VM_MIGRATING | the VM waits for its state, or may run elsewhere (its phase in metadata) |
   * | FAILED_PRECONDITION | NESTED_NOT_SUPPORTED | the state has a nested part, the host's KVM has none |
   * | DATA_LOSS | NESTED_STATE_NOT_HELD | the kernel took the nested state, but reads back another |
   * | RESOURCE_EXHAUSTED | MESSAGE_TOO_LARGE | the message is larger than the server takes (4 MiB) |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | an ioctl failed otherwise, or a bug in vcpud |
   */
  setVcpuState(argument: _vcpud_v1_SetVcpuStateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_SetVcpuStateResponse__Output>): grpc.ClientUnaryCall;
  setVcpuState(argument: _vcpud_v1_SetVcpuStateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_SetVcpuStateResponse__Output>): grpc.ClientUnaryCall;
  setVcpuState(argument: _vcpud_v1_SetVcpuStateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_SetVcpuStateResponse__Output>): grpc.ClientUnaryCall;
  setVcpuState(argument: _vcpud_v1_SetVcpuStateRequest, callback: grpc.requestCallback<_vcpud_v1_SetVcpuStateResponse__Output>): grpc.ClientUnaryCall;
  
}

/**
 * VcpuService reads and writes everything that one vCPU holds. To move a whole VM, VmService.GetVmState takes all vCPUs from one
 * stop.
 */
export interface VcpuServiceHandlers extends grpc.UntypedServiceImplementation {
  /**
   * GetVcpu describes a vCPU.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm}/vcpus/{index} |
   * | NOT_FOUND | VM_NOT_FOUND, VCPU_NOT_FOUND | there is no such VM or vCPU |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  GetVcpu: grpc.handleUnaryCall<_vcpud_v1_GetVcpuRequest__Output, _vcpud_v1_GetVcpuResponse>;
  
  /**
   * GetVcpuState takes everything that a vCPU holds, nested state included, from one stop, with pending I/O completed first. A
   * running vCPU is stopped for that time and goes on.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm}/vcpus/{index} |
   * | NOT_FOUND | VM_NOT_FOUND, VCPU_NOT_FOUND | there is no such VM or vCPU |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | an ioctl failed (which, and errno, in metadata), or a bug in vcpud |
   */
  GetVcpuState: grpc.handleUnaryCall<_vcpud_v1_GetVcpuStateRequest__Output, _vcpud_v1_GetVcpuStateResponse>;
  
  /**
   * ListVcpus lists a VM's vCPUs by index.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, PAGE_TOKEN_INVALID, PAGE_SIZE_NEGATIVE | parent isn't vms/{vm}, or the page asked for is malformed |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  ListVcpus: grpc.handleUnaryCall<_vcpud_v1_ListVcpusRequest__Output, _vcpud_v1_ListVcpusResponse>;
  
  /**
   * SetVcpuState gives a paused vCPU a whole state, in the one right order. After a failure the vCPU is put back to what it held
   * before; metadata "vcpu_holds" says so.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, FIELD_REQUIRED, STATE_SIZE_WRONG | a field is malformed, missing, or not of the kernel's size |
   * | INVALID_ARGUMENT | one of the rules in docs/errors.md, such as SVM_ASID_ZERO | the nested state breaks a rule of the kernel's |
   * | INVALID_ARGUMENT | KERNEL_REFUSED_STATE, KERNEL_REJECTED, MSR_REFUSED | the kernel refused a part; which, and errno, in metadata |
   * | NOT_FOUND | VM_NOT_FOUND, VCPU_NOT_FOUND | there is no such VM or vCPU |
   * | FAILED_PRECONDITION | VM_RUNNING | the VM isn't paused |
   * | FAILED_PRECONDITION | VM_MIGRATING | the VM waits for its state, or may run elsewhere (its phase in metadata) |
   * | FAILED_PRECONDITION | NESTED_NOT_SUPPORTED | the state has a nested part, the host's KVM has none |
   * | DATA_LOSS | NESTED_STATE_NOT_HELD | the kernel took the nested state, but reads back another |
   * | RESOURCE_EXHAUSTED | MESSAGE_TOO_LARGE | the message is larger than the server takes (4 MiB) |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | an ioctl failed otherwise, or a bug in vcpud |
   */
  SetVcpuState: grpc.handleUnaryCall<_vcpud_v1_SetVcpuStateRequest__Output, _vcpud_v1_SetVcpuStateResponse>;
  
}

export interface VcpuServiceDefinition extends grpc.ServiceDefinition {
  GetVcpu: MethodDefinition<_vcpud_v1_GetVcpuRequest, _vcpud_v1_GetVcpuResponse, _vcpud_v1_GetVcpuRequest__Output, _vcpud_v1_GetVcpuResponse__Output>
  GetVcpuState: MethodDefinition<_vcpud_v1_GetVcpuStateRequest, _vcpud_v1_GetVcpuStateResponse, _vcpud_v1_GetVcpuStateRequest__Output, _vcpud_v1_GetVcpuStateResponse__Output>
  ListVcpus: MethodDefinition<_vcpud_v1_ListVcpusRequest, _vcpud_v1_ListVcpusResponse, _vcpud_v1_ListVcpusRequest__Output, _vcpud_v1_ListVcpusResponse__Output>
  SetVcpuState: MethodDefinition<_vcpud_v1_SetVcpuStateRequest, _vcpud_v1_SetVcpuStateResponse, _vcpud_v1_SetVcpuStateRequest__Output, _vcpud_v1_SetVcpuStateResponse__Output>
}
