// Original file: protos/vcpud/v1/nested_state.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { BatchGetNestedStatesRequest as _vcpud_v1_BatchGetNestedStatesRequest, BatchGetNestedStatesRequest__Output as _vcpud_v1_BatchGetNestedStatesRequest__Output } from '../../vcpud/v1/BatchGetNestedStatesRequest.js';
import type { BatchGetNestedStatesResponse as _vcpud_v1_BatchGetNestedStatesResponse, BatchGetNestedStatesResponse__Output as _vcpud_v1_BatchGetNestedStatesResponse__Output } from '../../vcpud/v1/BatchGetNestedStatesResponse.js';
import type { GetNestedStateRequest as _vcpud_v1_GetNestedStateRequest, GetNestedStateRequest__Output as _vcpud_v1_GetNestedStateRequest__Output } from '../../vcpud/v1/GetNestedStateRequest.js';
import type { GetNestedStateResponse as _vcpud_v1_GetNestedStateResponse, GetNestedStateResponse__Output as _vcpud_v1_GetNestedStateResponse__Output } from '../../vcpud/v1/GetNestedStateResponse.js';
import type { ResetRequest as _vcpud_v1_ResetRequest, ResetRequest__Output as _vcpud_v1_ResetRequest__Output } from '../../vcpud/v1/ResetRequest.js';
import type { ResetResponse as _vcpud_v1_ResetResponse, ResetResponse__Output as _vcpud_v1_ResetResponse__Output } from '../../vcpud/v1/ResetResponse.js';
import type { SetNestedStateRequest as _vcpud_v1_SetNestedStateRequest, SetNestedStateRequest__Output as _vcpud_v1_SetNestedStateRequest__Output } from '../../vcpud/v1/SetNestedStateRequest.js';
import type { SetNestedStateResponse as _vcpud_v1_SetNestedStateResponse, SetNestedStateResponse__Output as _vcpud_v1_SetNestedStateResponse__Output } from '../../vcpud/v1/SetNestedStateResponse.js';
import type { ValidateNestedStateRequest as _vcpud_v1_ValidateNestedStateRequest, ValidateNestedStateRequest__Output as _vcpud_v1_ValidateNestedStateRequest__Output } from '../../vcpud/v1/ValidateNestedStateRequest.js';
import type { ValidateNestedStateResponse as _vcpud_v1_ValidateNestedStateResponse, ValidateNestedStateResponse__Output as _vcpud_v1_ValidateNestedStateResponse__Output } from '../../vcpud/v1/ValidateNestedStateResponse.js';

/**
 * NestedStateService gets, sets and resets what KVM holds of a guest that runs guests of its own: whether a vCPU is in L2, with
 * which VMCB or VMCS, and what is pending between L1 and L2. L2's registers are ordinary vCPU state: see VcpuService.
 */
export interface NestedStateServiceClient extends grpc.Client {
  /**
   * BatchGetNestedStates takes the nested states of many vCPUs in one message, of one VM or of many. All of them or none: one
   * unknown name fails the call. Each state is as GetNestedState gives it; for states of one stop use VmService.GetVmState.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, FIELD_REQUIRED, TOO_MANY_NAMES | a name is malformed or not below parent, none was given, or more than 1024 were |
   * | NOT_FOUND | VM_NOT_FOUND, VCPU_NOT_FOUND | there is no such VM or vCPU |
   * | FAILED_PRECONDITION | NESTED_NOT_SUPPORTED | the host's KVM has no nested state |
   * | ABORTED | VM_DELETED | a VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | the kernel refused a get (errno in metadata), or a bug in vcpud |
   */
  BatchGetNestedStates(argument: _vcpud_v1_BatchGetNestedStatesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_BatchGetNestedStatesResponse__Output>): grpc.ClientUnaryCall;
  BatchGetNestedStates(argument: _vcpud_v1_BatchGetNestedStatesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_BatchGetNestedStatesResponse__Output>): grpc.ClientUnaryCall;
  BatchGetNestedStates(argument: _vcpud_v1_BatchGetNestedStatesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_BatchGetNestedStatesResponse__Output>): grpc.ClientUnaryCall;
  BatchGetNestedStates(argument: _vcpud_v1_BatchGetNestedStatesRequest, callback: grpc.requestCallback<_vcpud_v1_BatchGetNestedStatesResponse__Output>): grpc.ClientUnaryCall;
  /**
   * BatchGetNestedStates takes the nested states of many vCPUs in one message, of one VM or of many. All of them or none: one
   * unknown name fails the call. Each state is as GetNestedState gives it; for states of one stop use VmService.GetVmState.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, FIELD_REQUIRED, TOO_MANY_NAMES | a name is malformed or not below parent, none was given, or more than 1024 were |
   * | NOT_FOUND | VM_NOT_FOUND, VCPU_NOT_FOUND | there is no such VM or vCPU |
   * | FAILED_PRECONDITION | NESTED_NOT_SUPPORTED | the host's KVM has no nested state |
   * | ABORTED | VM_DELETED | a VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | the kernel refused a get (errno in metadata), or a bug in vcpud |
   */
  batchGetNestedStates(argument: _vcpud_v1_BatchGetNestedStatesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_BatchGetNestedStatesResponse__Output>): grpc.ClientUnaryCall;
  batchGetNestedStates(argument: _vcpud_v1_BatchGetNestedStatesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_BatchGetNestedStatesResponse__Output>): grpc.ClientUnaryCall;
  batchGetNestedStates(argument: _vcpud_v1_BatchGetNestedStatesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_BatchGetNestedStatesResponse__Output>): grpc.ClientUnaryCall;
  batchGetNestedStates(argument: _vcpud_v1_BatchGetNestedStatesRequest, callback: grpc.requestCallback<_vcpud_v1_BatchGetNestedStatesResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * GetNestedState takes the nested state of one vCPU. A running vCPU leaves the guest for the time of one ioctl and goes on at
   * once; stop_duration says how long that was. The header always comes, also where it is all there is: GIF=0 outside of L2,
   * and VMXON without a current VMCS, are states like any other.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm}/vcpus/{index} |
   * | NOT_FOUND | VM_NOT_FOUND, VCPU_NOT_FOUND | there is no such VM or vCPU |
   * | FAILED_PRECONDITION | NESTED_NOT_SUPPORTED | the host's KVM has no nested state |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | the kernel refused a get (errno in metadata), or a bug in vcpud |
   */
  GetNestedState(argument: _vcpud_v1_GetNestedStateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetNestedStateResponse__Output>): grpc.ClientUnaryCall;
  GetNestedState(argument: _vcpud_v1_GetNestedStateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_GetNestedStateResponse__Output>): grpc.ClientUnaryCall;
  GetNestedState(argument: _vcpud_v1_GetNestedStateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetNestedStateResponse__Output>): grpc.ClientUnaryCall;
  GetNestedState(argument: _vcpud_v1_GetNestedStateRequest, callback: grpc.requestCallback<_vcpud_v1_GetNestedStateResponse__Output>): grpc.ClientUnaryCall;
  /**
   * GetNestedState takes the nested state of one vCPU. A running vCPU leaves the guest for the time of one ioctl and goes on at
   * once; stop_duration says how long that was. The header always comes, also where it is all there is: GIF=0 outside of L2,
   * and VMXON without a current VMCS, are states like any other.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm}/vcpus/{index} |
   * | NOT_FOUND | VM_NOT_FOUND, VCPU_NOT_FOUND | there is no such VM or vCPU |
   * | FAILED_PRECONDITION | NESTED_NOT_SUPPORTED | the host's KVM has no nested state |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | the kernel refused a get (errno in metadata), or a bug in vcpud |
   */
  getNestedState(argument: _vcpud_v1_GetNestedStateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetNestedStateResponse__Output>): grpc.ClientUnaryCall;
  getNestedState(argument: _vcpud_v1_GetNestedStateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_GetNestedStateResponse__Output>): grpc.ClientUnaryCall;
  getNestedState(argument: _vcpud_v1_GetNestedStateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetNestedStateResponse__Output>): grpc.ClientUnaryCall;
  getNestedState(argument: _vcpud_v1_GetNestedStateRequest, callback: grpc.requestCallback<_vcpud_v1_GetNestedStateResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Reset takes a vCPU to power-on state from wherever it is, L2 included: out of guest mode, GIF set, VMXON left, then every
   * register. A running VM is paused by it; RunVm then starts the vCPU from its reset vector. Memory and devices stay as they are.
   * Works any number of times, and with a KVM that has no nested state too.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm}/vcpus/{index} |
   * | NOT_FOUND | VM_NOT_FOUND, VCPU_NOT_FOUND | there is no such VM or vCPU |
   * | FAILED_PRECONDITION | VM_MIGRATING | the VM waits for its state, or may run elsewhere (its phase in metadata) |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | an ioctl failed: what the vCPU holds is in metadata "vcpu_holds" |
   */
  Reset(argument: _vcpud_v1_ResetRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_ResetResponse__Output>): grpc.ClientUnaryCall;
  Reset(argument: _vcpud_v1_ResetRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_ResetResponse__Output>): grpc.ClientUnaryCall;
  Reset(argument: _vcpud_v1_ResetRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_ResetResponse__Output>): grpc.ClientUnaryCall;
  Reset(argument: _vcpud_v1_ResetRequest, callback: grpc.requestCallback<_vcpud_v1_ResetResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Reset takes a vCPU to power-on state from wherever it is, L2 included: out of guest mode, GIF set, VMXON left, then every
   * register. A running VM is paused by it; RunVm then starts the vCPU from its reset vector. Memory and devices stay as they are.
   * Works any number of times, and with a KVM that has no nested state too.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm}/vcpus/{index} |
   * | NOT_FOUND | VM_NOT_FOUND, VCPU_NOT_FOUND | there is no such VM or vCPU |
   * | FAILED_PRECONDITION | VM_MIGRATING | the VM waits for its state, or may run elsewhere (its phase in metadata) |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | an ioctl failed: what the vCPU holds is in metadata "vcpu_holds" |
   */
  reset(argument: _vcpud_v1_ResetRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_ResetResponse__Output>): grpc.ClientUnaryCall;
  reset(argument: _vcpud_v1_ResetRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_ResetResponse__Output>): grpc.ClientUnaryCall;
  reset(argument: _vcpud_v1_ResetRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_ResetResponse__Output>): grpc.ClientUnaryCall;
  reset(argument: _vcpud_v1_ResetRequest, callback: grpc.requestCallback<_vcpud_v1_ResetResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * SetNestedState gives a paused vCPU a nested state. The special registers must be set before, so that EFER.SVME is; on VMX the
   * guest's memory too. The rules that bytes and registers decide are checked first, each with its own reason; then the kernel
   * sets, and what it then holds is read back and compared. After any failure the vCPU is put back to what it held before, and
   * metadata "vcpu_holds" says so ("former state"), or says what else it holds where even that failed. With validate_only it stops after
   * the checks; with kernel_verdict the checks are left out, so that table and kernel can be compared from outside.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, FIELD_REQUIRED, FIELDS_EXCLUSIVE | a field is malformed or missing, or validate_only and kernel_verdict are both set |
   * | INVALID_ARGUMENT | one of the rules in docs/errors.md, such as SVM_ASID_ZERO | the state breaks a rule of the kernel's |
   * | NOT_FOUND | VM_NOT_FOUND, VCPU_NOT_FOUND | there is no such VM or vCPU |
   * | FAILED_PRECONDITION | NESTED_NOT_SUPPORTED | the host's KVM has no nested state |
   * | FAILED_PRECONDITION | VM_RUNNING | the VM isn't paused |
   * | FAILED_PRECONDITION | VM_MIGRATING | the VM waits for its state, or may run elsewhere (its phase in metadata) |
   * | INVALID_ARGUMENT | KERNEL_REJECTED | the kernel refused for a reason that no rule explains; errno or return value in metadata |
   * | DATA_LOSS | NESTED_STATE_NOT_HELD | the kernel took the state, but reads back another; fields in metadata |
   * | RESOURCE_EXHAUSTED | MESSAGE_TOO_LARGE | the message is larger than the server takes (4 MiB) |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | another ioctl failed, or a bug in vcpud |
   */
  SetNestedState(argument: _vcpud_v1_SetNestedStateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_SetNestedStateResponse__Output>): grpc.ClientUnaryCall;
  SetNestedState(argument: _vcpud_v1_SetNestedStateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_SetNestedStateResponse__Output>): grpc.ClientUnaryCall;
  SetNestedState(argument: _vcpud_v1_SetNestedStateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_SetNestedStateResponse__Output>): grpc.ClientUnaryCall;
  SetNestedState(argument: _vcpud_v1_SetNestedStateRequest, callback: grpc.requestCallback<_vcpud_v1_SetNestedStateResponse__Output>): grpc.ClientUnaryCall;
  /**
   * SetNestedState gives a paused vCPU a nested state. The special registers must be set before, so that EFER.SVME is; on VMX the
   * guest's memory too. The rules that bytes and registers decide are checked first, each with its own reason; then the kernel
   * sets, and what it then holds is read back and compared. After any failure the vCPU is put back to what it held before, and
   * metadata "vcpu_holds" says so ("former state"), or says what else it holds where even that failed. With validate_only it stops after
   * the checks; with kernel_verdict the checks are left out, so that table and kernel can be compared from outside.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, FIELD_REQUIRED, FIELDS_EXCLUSIVE | a field is malformed or missing, or validate_only and kernel_verdict are both set |
   * | INVALID_ARGUMENT | one of the rules in docs/errors.md, such as SVM_ASID_ZERO | the state breaks a rule of the kernel's |
   * | NOT_FOUND | VM_NOT_FOUND, VCPU_NOT_FOUND | there is no such VM or vCPU |
   * | FAILED_PRECONDITION | NESTED_NOT_SUPPORTED | the host's KVM has no nested state |
   * | FAILED_PRECONDITION | VM_RUNNING | the VM isn't paused |
   * | FAILED_PRECONDITION | VM_MIGRATING | the VM waits for its state, or may run elsewhere (its phase in metadata) |
   * | INVALID_ARGUMENT | KERNEL_REJECTED | the kernel refused for a reason that no rule explains; errno or return value in metadata |
   * | DATA_LOSS | NESTED_STATE_NOT_HELD | the kernel took the state, but reads back another; fields in metadata |
   * | RESOURCE_EXHAUSTED | MESSAGE_TOO_LARGE | the message is larger than the server takes (4 MiB) |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | another ioctl failed, or a bug in vcpud |
   */
  setNestedState(argument: _vcpud_v1_SetNestedStateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_SetNestedStateResponse__Output>): grpc.ClientUnaryCall;
  setNestedState(argument: _vcpud_v1_SetNestedStateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_SetNestedStateResponse__Output>): grpc.ClientUnaryCall;
  setNestedState(argument: _vcpud_v1_SetNestedStateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_SetNestedStateResponse__Output>): grpc.ClientUnaryCall;
  setNestedState(argument: _vcpud_v1_SetNestedStateRequest, callback: grpc.requestCallback<_vcpud_v1_SetNestedStateResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * ValidateNestedState runs the kernel's rules over a nested state and gives it to no vCPU: every rule that it breaks, in the
   * kernel's order, the first being where the kernel would stop. The target is a vCPU of this host, a vCPU that is only described
   * (by the GetHost of another host and by a captured VcpuState, say), or, where neither is set, a new vCPU of this host in the
   * mode that the state needs. A state that breaks no rule is answered with no violations; that is no error, and neither is one that does.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, FIELD_REQUIRED | a field is malformed or missing |
   * | INVALID_ARGUMENT | STATE_SIZE_WRONG | a part of the described target is not of its size |
   * | NOT_FOUND | VM_NOT_FOUND, VCPU_NOT_FOUND | there is no such VM or vCPU |
   * | FAILED_PRECONDITION | NESTED_NOT_SUPPORTED | the target is on this host, whose KVM has no nested state |
   * | RESOURCE_EXHAUSTED | MESSAGE_TOO_LARGE | the message is larger than the server takes (4 MiB) |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | reading the vCPU failed, or a bug in vcpud |
   */
  ValidateNestedState(argument: _vcpud_v1_ValidateNestedStateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_ValidateNestedStateResponse__Output>): grpc.ClientUnaryCall;
  ValidateNestedState(argument: _vcpud_v1_ValidateNestedStateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_ValidateNestedStateResponse__Output>): grpc.ClientUnaryCall;
  ValidateNestedState(argument: _vcpud_v1_ValidateNestedStateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_ValidateNestedStateResponse__Output>): grpc.ClientUnaryCall;
  ValidateNestedState(argument: _vcpud_v1_ValidateNestedStateRequest, callback: grpc.requestCallback<_vcpud_v1_ValidateNestedStateResponse__Output>): grpc.ClientUnaryCall;
  /**
   * ValidateNestedState runs the kernel's rules over a nested state and gives it to no vCPU: every rule that it breaks, in the
   * kernel's order, the first being where the kernel would stop. The target is a vCPU of this host, a vCPU that is only described
   * (by the GetHost of another host and by a captured VcpuState, say), or, where neither is set, a new vCPU of this host in the
   * mode that the state needs. A state that breaks no rule is answered with no violations; that is no error, and neither is one that does.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, FIELD_REQUIRED | a field is malformed or missing |
   * | INVALID_ARGUMENT | STATE_SIZE_WRONG | a part of the described target is not of its size |
   * | NOT_FOUND | VM_NOT_FOUND, VCPU_NOT_FOUND | there is no such VM or vCPU |
   * | FAILED_PRECONDITION | NESTED_NOT_SUPPORTED | the target is on this host, whose KVM has no nested state |
   * | RESOURCE_EXHAUSTED | MESSAGE_TOO_LARGE | the message is larger than the server takes (4 MiB) |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | reading the vCPU failed, or a bug in vcpud |
   */
  validateNestedState(argument: _vcpud_v1_ValidateNestedStateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_ValidateNestedStateResponse__Output>): grpc.ClientUnaryCall;
  validateNestedState(argument: _vcpud_v1_ValidateNestedStateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_ValidateNestedStateResponse__Output>): grpc.ClientUnaryCall;
  validateNestedState(argument: _vcpud_v1_ValidateNestedStateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_ValidateNestedStateResponse__Output>): grpc.ClientUnaryCall;
  validateNestedState(argument: _vcpud_v1_ValidateNestedStateRequest, callback: grpc.requestCallback<_vcpud_v1_ValidateNestedStateResponse__Output>): grpc.ClientUnaryCall;
  
}

/**
 * NestedStateService gets, sets and resets what KVM holds of a guest that runs guests of its own: whether a vCPU is in L2, with
 * which VMCB or VMCS, and what is pending between L1 and L2. L2's registers are ordinary vCPU state: see VcpuService.
 */
export interface NestedStateServiceHandlers extends grpc.UntypedServiceImplementation {
  /**
   * BatchGetNestedStates takes the nested states of many vCPUs in one message, of one VM or of many. All of them or none: one
   * unknown name fails the call. Each state is as GetNestedState gives it; for states of one stop use VmService.GetVmState.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, FIELD_REQUIRED, TOO_MANY_NAMES | a name is malformed or not below parent, none was given, or more than 1024 were |
   * | NOT_FOUND | VM_NOT_FOUND, VCPU_NOT_FOUND | there is no such VM or vCPU |
   * | FAILED_PRECONDITION | NESTED_NOT_SUPPORTED | the host's KVM has no nested state |
   * | ABORTED | VM_DELETED | a VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | the kernel refused a get (errno in metadata), or a bug in vcpud |
   */
  BatchGetNestedStates: grpc.handleUnaryCall<_vcpud_v1_BatchGetNestedStatesRequest__Output, _vcpud_v1_BatchGetNestedStatesResponse>;
  
  /**
   * GetNestedState takes the nested state of one vCPU. A running vCPU leaves the guest for the time of one ioctl and goes on at
   * once; stop_duration says how long that was. The header always comes, also where it is all there is: GIF=0 outside of L2,
   * and VMXON without a current VMCS, are states like any other.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm}/vcpus/{index} |
   * | NOT_FOUND | VM_NOT_FOUND, VCPU_NOT_FOUND | there is no such VM or vCPU |
   * | FAILED_PRECONDITION | NESTED_NOT_SUPPORTED | the host's KVM has no nested state |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | the kernel refused a get (errno in metadata), or a bug in vcpud |
   */
  GetNestedState: grpc.handleUnaryCall<_vcpud_v1_GetNestedStateRequest__Output, _vcpud_v1_GetNestedStateResponse>;
  
  /**
   * Reset takes a vCPU to power-on state from wherever it is, L2 included: out of guest mode, GIF set, VMXON left, then every
   * register. A running VM is paused by it; RunVm then starts the vCPU from its reset vector. Memory and devices stay as they are.
   * Works any number of times, and with a KVM that has no nested state too.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm}/vcpus/{index} |
   * | NOT_FOUND | VM_NOT_FOUND, VCPU_NOT_FOUND | there is no such VM or vCPU |
   * | FAILED_PRECONDITION | VM_MIGRATING | the VM waits for its state, or may run elsewhere (its phase in metadata) |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | an ioctl failed: what the vCPU holds is in metadata "vcpu_holds" |
   */
  Reset: grpc.handleUnaryCall<_vcpud_v1_ResetRequest__Output, _vcpud_v1_ResetResponse>;
  
  /**
   * SetNestedState gives a paused vCPU a nested state. The special registers must be set before, so that EFER.SVME is; on VMX the
   * guest's memory too. The rules that bytes and registers decide are checked first, each with its own reason; then the kernel
   * sets, and what it then holds is read back and compared. After any failure the vCPU is put back to what it held before, and
   * metadata "vcpu_holds" says so ("former state"), or says what else it holds where even that failed. With validate_only it stops after
   * the checks; with kernel_verdict the checks are left out, so that table and kernel can be compared from outside.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, FIELD_REQUIRED, FIELDS_EXCLUSIVE | a field is malformed or missing, or validate_only and kernel_verdict are both set |
   * | INVALID_ARGUMENT | one of the rules in docs/errors.md, such as SVM_ASID_ZERO | the state breaks a rule of the kernel's |
   * | NOT_FOUND | VM_NOT_FOUND, VCPU_NOT_FOUND | there is no such VM or vCPU |
   * | FAILED_PRECONDITION | NESTED_NOT_SUPPORTED | the host's KVM has no nested state |
   * | FAILED_PRECONDITION | VM_RUNNING | the VM isn't paused |
   * | FAILED_PRECONDITION | VM_MIGRATING | the VM waits for its state, or may run elsewhere (its phase in metadata) |
   * | INVALID_ARGUMENT | KERNEL_REJECTED | the kernel refused for a reason that no rule explains; errno or return value in metadata |
   * | DATA_LOSS | NESTED_STATE_NOT_HELD | the kernel took the state, but reads back another; fields in metadata |
   * | RESOURCE_EXHAUSTED | MESSAGE_TOO_LARGE | the message is larger than the server takes (4 MiB) |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | another ioctl failed, or a bug in vcpud |
   */
  SetNestedState: grpc.handleUnaryCall<_vcpud_v1_SetNestedStateRequest__Output, _vcpud_v1_SetNestedStateResponse>;
  
  /**
   * ValidateNestedState runs the kernel's rules over a nested state and gives it to no vCPU: every rule that it breaks, in the
   * kernel's order, the first being where the kernel would stop. The target is a vCPU of this host, a vCPU that is only described
   * (by the GetHost of another host and by a captured VcpuState, say), or, where neither is set, a new vCPU of this host in the
   * mode that the state needs. A state that breaks no rule is answered with no violations; that is no error, and neither is one that does.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, FIELD_REQUIRED | a field is malformed or missing |
   * | INVALID_ARGUMENT | STATE_SIZE_WRONG | a part of the described target is not of its size |
   * | NOT_FOUND | VM_NOT_FOUND, VCPU_NOT_FOUND | there is no such VM or vCPU |
   * | FAILED_PRECONDITION | NESTED_NOT_SUPPORTED | the target is on this host, whose KVM has no nested state |
   * | RESOURCE_EXHAUSTED | MESSAGE_TOO_LARGE | the message is larger than the server takes (4 MiB) |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | reading the vCPU failed, or a bug in vcpud |
   */
  ValidateNestedState: grpc.handleUnaryCall<_vcpud_v1_ValidateNestedStateRequest__Output, _vcpud_v1_ValidateNestedStateResponse>;
  
}

export interface NestedStateServiceDefinition extends grpc.ServiceDefinition {
  BatchGetNestedStates: MethodDefinition<_vcpud_v1_BatchGetNestedStatesRequest, _vcpud_v1_BatchGetNestedStatesResponse, _vcpud_v1_BatchGetNestedStatesRequest__Output, _vcpud_v1_BatchGetNestedStatesResponse__Output>
  GetNestedState: MethodDefinition<_vcpud_v1_GetNestedStateRequest, _vcpud_v1_GetNestedStateResponse, _vcpud_v1_GetNestedStateRequest__Output, _vcpud_v1_GetNestedStateResponse__Output>
  Reset: MethodDefinition<_vcpud_v1_ResetRequest, _vcpud_v1_ResetResponse, _vcpud_v1_ResetRequest__Output, _vcpud_v1_ResetResponse__Output>
  SetNestedState: MethodDefinition<_vcpud_v1_SetNestedStateRequest, _vcpud_v1_SetNestedStateResponse, _vcpud_v1_SetNestedStateRequest__Output, _vcpud_v1_SetNestedStateResponse__Output>
  ValidateNestedState: MethodDefinition<_vcpud_v1_ValidateNestedStateRequest, _vcpud_v1_ValidateNestedStateResponse, _vcpud_v1_ValidateNestedStateRequest__Output, _vcpud_v1_ValidateNestedStateResponse__Output>
}
