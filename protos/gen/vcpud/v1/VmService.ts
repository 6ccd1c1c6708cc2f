// Original file: protos/vcpud/v1/vm.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CreateVmRequest as _vcpud_v1_CreateVmRequest, CreateVmRequest__Output as _vcpud_v1_CreateVmRequest__Output } from '../../vcpud/v1/CreateVmRequest.js';
import type { CreateVmResponse as _vcpud_v1_CreateVmResponse, CreateVmResponse__Output as _vcpud_v1_CreateVmResponse__Output } from '../../vcpud/v1/CreateVmResponse.js';
import type { DeleteVmRequest as _vcpud_v1_DeleteVmRequest, DeleteVmRequest__Output as _vcpud_v1_DeleteVmRequest__Output } from '../../vcpud/v1/DeleteVmRequest.js';
import type { DeleteVmResponse as _vcpud_v1_DeleteVmResponse, DeleteVmResponse__Output as _vcpud_v1_DeleteVmResponse__Output } from '../../vcpud/v1/DeleteVmResponse.js';
import type { GetVmRequest as _vcpud_v1_GetVmRequest, GetVmRequest__Output as _vcpud_v1_GetVmRequest__Output } from '../../vcpud/v1/GetVmRequest.js';
import type { GetVmRequirementsRequest as _vcpud_v1_GetVmRequirementsRequest, GetVmRequirementsRequest__Output as _vcpud_v1_GetVmRequirementsRequest__Output } from '../../vcpud/v1/GetVmRequirementsRequest.js';
import type { GetVmRequirementsResponse as _vcpud_v1_GetVmRequirementsResponse, GetVmRequirementsResponse__Output as _vcpud_v1_GetVmRequirementsResponse__Output } from '../../vcpud/v1/GetVmRequirementsResponse.js';
import type { GetVmResponse as _vcpud_v1_GetVmResponse, GetVmResponse__Output as _vcpud_v1_GetVmResponse__Output } from '../../vcpud/v1/GetVmResponse.js';
import type { GetVmStateRequest as _vcpud_v1_GetVmStateRequest, GetVmStateRequest__Output as _vcpud_v1_GetVmStateRequest__Output } from '../../vcpud/v1/GetVmStateRequest.js';
import type { GetVmStateResponse as _vcpud_v1_GetVmStateResponse, GetVmStateResponse__Output as _vcpud_v1_GetVmStateResponse__Output } from '../../vcpud/v1/GetVmStateResponse.js';
import type { ListVmsRequest as _vcpud_v1_ListVmsRequest, ListVmsRequest__Output as _vcpud_v1_ListVmsRequest__Output } from '../../vcpud/v1/ListVmsRequest.js';
import type { ListVmsResponse as _vcpud_v1_ListVmsResponse, ListVmsResponse__Output as _vcpud_v1_ListVmsResponse__Output } from '../../vcpud/v1/ListVmsResponse.js';
import type { PauseVmRequest as _vcpud_v1_PauseVmRequest, PauseVmRequest__Output as _vcpud_v1_PauseVmRequest__Output } from '../../vcpud/v1/PauseVmRequest.js';
import type { PauseVmResponse as _vcpud_v1_PauseVmResponse, PauseVmResponse__Output as _vcpud_v1_PauseVmResponse__Output } from '../../vcpud/v1/PauseVmResponse.js';
import type { RunVmRequest as _vcpud_v1_RunVmRequest, RunVmRequest__Output as _vcpud_v1_RunVmRequest__Output } from '../../vcpud/v1/RunVmRequest.js';
import type { RunVmResponse as _vcpud_v1_RunVmResponse, RunVmResponse__Output as _vcpud_v1_RunVmResponse__Output } from '../../vcpud/v1/RunVmResponse.js';
import type { SetVmStateRequest as _vcpud_v1_SetVmStateRequest, SetVmStateRequest__Output as _vcpud_v1_SetVmStateRequest__Output } from '../../vcpud/v1/SetVmStateRequest.js';
import type { SetVmStateResponse as _vcpud_v1_SetVmStateResponse, SetVmStateResponse__Output as _vcpud_v1_SetVmStateResponse__Output } from '../../vcpud/v1/SetVmStateResponse.js';
import type { WatchVmRequest as _vcpud_v1_WatchVmRequest, WatchVmRequest__Output as _vcpud_v1_WatchVmRequest__Output } from '../../vcpud/v1/WatchVmRequest.js';
import type { WatchVmResponse as _vcpud_v1_WatchVmResponse, WatchVmResponse__Output as _vcpud_v1_WatchVmResponse__Output } from '../../vcpud/v1/WatchVmResponse.js';
import type { WriteConsoleRequest as _vcpud_v1_WriteConsoleRequest, WriteConsoleRequest__Output as _vcpud_v1_WriteConsoleRequest__Output } from '../../vcpud/v1/WriteConsoleRequest.js';
import type { WriteConsoleResponse as _vcpud_v1_WriteConsoleResponse, WriteConsoleResponse__Output as _vcpud_v1_WriteConsoleResponse__Output } from '../../vcpud/v1/WriteConsoleResponse.js';

/**
 * VmService makes, runs, pauses and deletes VMs that vcpud owns, and moves what a VM holds beside its memory.
 */
export interface VmServiceClient extends grpc.Client {
  /**
   * CreateVm makes a VM: memory, vCPUs with the CPUID that the host supports (SVM or VMX included), paused at power-on state.
   * Started, a vCPU begins at the reset vector, 0xFFFFFFF0: give the VM a memory region there, and write a boot image into it. With
   * linux_boot vCPU 0 begins in a Linux kernel instead, by the Linux x86 64-bit boot protocol.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | VM_ID_MALFORMED, FIELD_REQUIRED, VCPU_COUNT_OUT_OF_RANGE, MEMORY_REGION_INVALID, DEVICES_INVALID | a field is malformed or missing |
   * | INVALID_ARGUMENT | BOOT_FILE_UNREADABLE, BOOT_IMAGE_INVALID, BOOT_COMMAND_LINE_TOO_LONG | what linux_boot names can't be booted |
   * | ALREADY_EXISTS | VM_EXISTS | there is a VM of this id |
   * | RESOURCE_EXHAUSTED | HOST_RESOURCES | the host has no more memory, threads or file descriptors for it; nothing is left of it |
   * | UNAVAILABLE | SHUTTING_DOWN | vcpud is ending |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | the kernel refused (errno in metadata), or a bug in vcpud; nothing is left of it |
   */
  CreateVm(argument: _vcpud_v1_CreateVmRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_CreateVmResponse__Output>): grpc.ClientUnaryCall;
  CreateVm(argument: _vcpud_v1_CreateVmRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_CreateVmResponse__Output>): grpc.ClientUnaryCall;
  CreateVm(argument: _vcpud_v1_CreateVmRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_CreateVmResponse__Output>): grpc.ClientUnaryCall;
  CreateVm(argument: _vcpud_v1_CreateVmRequest, callback: grpc.requestCallback<_vcpud_v1_CreateVmResponse__Output>): grpc.ClientUnaryCall;
  /**
   * CreateVm makes a VM: memory, vCPUs with the CPUID that the host supports (SVM or VMX included), paused at power-on state.
   * Started, a vCPU begins at the reset vector, 0xFFFFFFF0: give the VM a memory region there, and write a boot image into it. With
   * linux_boot vCPU 0 begins in a Linux kernel instead, by the Linux x86 64-bit boot protocol.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | VM_ID_MALFORMED, FIELD_REQUIRED, VCPU_COUNT_OUT_OF_RANGE, MEMORY_REGION_INVALID, DEVICES_INVALID | a field is malformed or missing |
   * | INVALID_ARGUMENT | BOOT_FILE_UNREADABLE, BOOT_IMAGE_INVALID, BOOT_COMMAND_LINE_TOO_LONG | what linux_boot names can't be booted |
   * | ALREADY_EXISTS | VM_EXISTS | there is a VM of this id |
   * | RESOURCE_EXHAUSTED | HOST_RESOURCES | the host has no more memory, threads or file descriptors for it; nothing is left of it |
   * | UNAVAILABLE | SHUTTING_DOWN | vcpud is ending |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | the kernel refused (errno in metadata), or a bug in vcpud; nothing is left of it |
   */
  createVm(argument: _vcpud_v1_CreateVmRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_CreateVmResponse__Output>): grpc.ClientUnaryCall;
  createVm(argument: _vcpud_v1_CreateVmRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_CreateVmResponse__Output>): grpc.ClientUnaryCall;
  createVm(argument: _vcpud_v1_CreateVmRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_CreateVmResponse__Output>): grpc.ClientUnaryCall;
  createVm(argument: _vcpud_v1_CreateVmRequest, callback: grpc.requestCallback<_vcpud_v1_CreateVmResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * DeleteVm ends a VM, running or not, and frees all it had. Calls on it that are under way end with ABORTED.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm} |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  DeleteVm(argument: _vcpud_v1_DeleteVmRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_DeleteVmResponse__Output>): grpc.ClientUnaryCall;
  DeleteVm(argument: _vcpud_v1_DeleteVmRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_DeleteVmResponse__Output>): grpc.ClientUnaryCall;
  DeleteVm(argument: _vcpud_v1_DeleteVmRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_DeleteVmResponse__Output>): grpc.ClientUnaryCall;
  DeleteVm(argument: _vcpud_v1_DeleteVmRequest, callback: grpc.requestCallback<_vcpud_v1_DeleteVmResponse__Output>): grpc.ClientUnaryCall;
  /**
   * DeleteVm ends a VM, running or not, and frees all it had. Calls on it that are under way end with ABORTED.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm} |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  deleteVm(argument: _vcpud_v1_DeleteVmRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_DeleteVmResponse__Output>): grpc.ClientUnaryCall;
  deleteVm(argument: _vcpud_v1_DeleteVmRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_DeleteVmResponse__Output>): grpc.ClientUnaryCall;
  deleteVm(argument: _vcpud_v1_DeleteVmRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_DeleteVmResponse__Output>): grpc.ClientUnaryCall;
  deleteVm(argument: _vcpud_v1_DeleteVmRequest, callback: grpc.requestCallback<_vcpud_v1_DeleteVmResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * GetVm describes a VM.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm} |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  GetVm(argument: _vcpud_v1_GetVmRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetVmResponse__Output>): grpc.ClientUnaryCall;
  GetVm(argument: _vcpud_v1_GetVmRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_GetVmResponse__Output>): grpc.ClientUnaryCall;
  GetVm(argument: _vcpud_v1_GetVmRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetVmResponse__Output>): grpc.ClientUnaryCall;
  GetVm(argument: _vcpud_v1_GetVmRequest, callback: grpc.requestCallback<_vcpud_v1_GetVmResponse__Output>): grpc.ClientUnaryCall;
  /**
   * GetVm describes a VM.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm} |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  getVm(argument: _vcpud_v1_GetVmRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetVmResponse__Output>): grpc.ClientUnaryCall;
  getVm(argument: _vcpud_v1_GetVmRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_GetVmResponse__Output>): grpc.ClientUnaryCall;
  getVm(argument: _vcpud_v1_GetVmRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetVmResponse__Output>): grpc.ClientUnaryCall;
  getVm(argument: _vcpud_v1_GetVmRequest, callback: grpc.requestCallback<_vcpud_v1_GetVmResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * GetVmRequirements says everything that a VM asks of a host: hand it to HostService.CheckCompatibility at a destination before
   * anything is moved. A running VM is stopped for a few reads of each vCPU, and goes on.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm} |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | an ioctl failed (which, and errno, in metadata), or a bug in vcpud |
   */
  GetVmRequirements(argument: _vcpud_v1_GetVmRequirementsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetVmRequirementsResponse__Output>): grpc.ClientUnaryCall;
  GetVmRequirements(argument: _vcpud_v1_GetVmRequirementsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_GetVmRequirementsResponse__Output>): grpc.ClientUnaryCall;
  GetVmRequirements(argument: _vcpud_v1_GetVmRequirementsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetVmRequirementsResponse__Output>): grpc.ClientUnaryCall;
  GetVmRequirements(argument: _vcpud_v1_GetVmRequirementsRequest, callback: grpc.requestCallback<_vcpud_v1_GetVmRequirementsResponse__Output>): grpc.ClientUnaryCall;
  /**
   * GetVmRequirements says everything that a VM asks of a host: hand it to HostService.CheckCompatibility at a destination before
   * anything is moved. A running VM is stopped for a few reads of each vCPU, and goes on.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm} |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | an ioctl failed (which, and errno, in metadata), or a bug in vcpud |
   */
  getVmRequirements(argument: _vcpud_v1_GetVmRequirementsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetVmRequirementsResponse__Output>): grpc.ClientUnaryCall;
  getVmRequirements(argument: _vcpud_v1_GetVmRequirementsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_GetVmRequirementsResponse__Output>): grpc.ClientUnaryCall;
  getVmRequirements(argument: _vcpud_v1_GetVmRequirementsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetVmRequirementsResponse__Output>): grpc.ClientUnaryCall;
  getVmRequirements(argument: _vcpud_v1_GetVmRequirementsRequest, callback: grpc.requestCallback<_vcpud_v1_GetVmRequirementsResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * GetVmState takes what a VM holds beside its memory: every vCPU from one stop, pending I/O completed first, and the clock and
   * in-kernel devices. A running VM is stopped for that time and goes on; to move it, pause it first.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm} |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | an ioctl failed (which, and errno, in metadata), or a bug in vcpud |
   */
  GetVmState(argument: _vcpud_v1_GetVmStateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetVmStateResponse__Output>): grpc.ClientUnaryCall;
  GetVmState(argument: _vcpud_v1_GetVmStateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_GetVmStateResponse__Output>): grpc.ClientUnaryCall;
  GetVmState(argument: _vcpud_v1_GetVmStateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetVmStateResponse__Output>): grpc.ClientUnaryCall;
  GetVmState(argument: _vcpud_v1_GetVmStateRequest, callback: grpc.requestCallback<_vcpud_v1_GetVmStateResponse__Output>): grpc.ClientUnaryCall;
  /**
   * GetVmState takes what a VM holds beside its memory: every vCPU from one stop, pending I/O completed first, and the clock and
   * in-kernel devices. A running VM is stopped for that time and goes on; to move it, pause it first.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm} |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | an ioctl failed (which, and errno, in metadata), or a bug in vcpud |
   */
  getVmState(argument: _vcpud_v1_GetVmStateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetVmStateResponse__Output>): grpc.ClientUnaryCall;
  getVmState(argument: _vcpud_v1_GetVmStateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_GetVmStateResponse__Output>): grpc.ClientUnaryCall;
  getVmState(argument: _vcpud_v1_GetVmStateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetVmStateResponse__Output>): grpc.ClientUnaryCall;
  getVmState(argument: _vcpud_v1_GetVmStateRequest, callback: grpc.requestCallback<_vcpud_v1_GetVmStateResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * ListVms lists the VMs of this vcpud by name.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | PAGE_TOKEN_INVALID, PAGE_SIZE_NEGATIVE | the page asked for is malformed |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  ListVms(argument: _vcpud_v1_ListVmsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_ListVmsResponse__Output>): grpc.ClientUnaryCall;
  ListVms(argument: _vcpud_v1_ListVmsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_ListVmsResponse__Output>): grpc.ClientUnaryCall;
  ListVms(argument: _vcpud_v1_ListVmsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_ListVmsResponse__Output>): grpc.ClientUnaryCall;
  ListVms(argument: _vcpud_v1_ListVmsRequest, callback: grpc.requestCallback<_vcpud_v1_ListVmsResponse__Output>): grpc.ClientUnaryCall;
  /**
   * ListVms lists the VMs of this vcpud by name.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | PAGE_TOKEN_INVALID, PAGE_SIZE_NEGATIVE | the page asked for is malformed |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  listVms(argument: _vcpud_v1_ListVmsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_ListVmsResponse__Output>): grpc.ClientUnaryCall;
  listVms(argument: _vcpud_v1_ListVmsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_ListVmsResponse__Output>): grpc.ClientUnaryCall;
  listVms(argument: _vcpud_v1_ListVmsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_ListVmsResponse__Output>): grpc.ClientUnaryCall;
  listVms(argument: _vcpud_v1_ListVmsRequest, callback: grpc.requestCallback<_vcpud_v1_ListVmsResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * PauseVm brings every vCPU out of the guest, completes pending I/O, and answers when all are out. Pausing a VM that is paused,
   * or that stopped by itself, changes nothing.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm} |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  PauseVm(argument: _vcpud_v1_PauseVmRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_PauseVmResponse__Output>): grpc.ClientUnaryCall;
  PauseVm(argument: _vcpud_v1_PauseVmRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_PauseVmResponse__Output>): grpc.ClientUnaryCall;
  PauseVm(argument: _vcpud_v1_PauseVmRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_PauseVmResponse__Output>): grpc.ClientUnaryCall;
  PauseVm(argument: _vcpud_v1_PauseVmRequest, callback: grpc.requestCallback<_vcpud_v1_PauseVmResponse__Output>): grpc.ClientUnaryCall;
  /**
   * PauseVm brings every vCPU out of the guest, completes pending I/O, and answers when all are out. Pausing a VM that is paused,
   * or that stopped by itself, changes nothing.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm} |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  pauseVm(argument: _vcpud_v1_PauseVmRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_PauseVmResponse__Output>): grpc.ClientUnaryCall;
  pauseVm(argument: _vcpud_v1_PauseVmRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_PauseVmResponse__Output>): grpc.ClientUnaryCall;
  pauseVm(argument: _vcpud_v1_PauseVmRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_PauseVmResponse__Output>): grpc.ClientUnaryCall;
  pauseVm(argument: _vcpud_v1_PauseVmRequest, callback: grpc.requestCallback<_vcpud_v1_PauseVmResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * RunVm lets a paused VM's vCPUs run. Running a VM that runs changes nothing.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | UNIMPLEMENTED | GUESTS_NOT_RUN | this vcpud serves a model of a kernel, which runs no guest |
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm} |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | FAILED_PRECONDITION | VM_STOPPED | the VM stopped by itself (stop in the VM says why): reset its vCPUs, or set a state, first |
   * | FAILED_PRECONDITION | VM_MIGRATING | the VM's migration doesn't allow it (its phase in metadata): the guest may run elsewhere |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  RunVm(argument: _vcpud_v1_RunVmRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_RunVmResponse__Output>): grpc.ClientUnaryCall;
  RunVm(argument: _vcpud_v1_RunVmRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_RunVmResponse__Output>): grpc.ClientUnaryCall;
  RunVm(argument: _vcpud_v1_RunVmRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_RunVmResponse__Output>): grpc.ClientUnaryCall;
  RunVm(argument: _vcpud_v1_RunVmRequest, callback: grpc.requestCallback<_vcpud_v1_RunVmResponse__Output>): grpc.ClientUnaryCall;
  /**
   * RunVm lets a paused VM's vCPUs run. Running a VM that runs changes nothing.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | UNIMPLEMENTED | GUESTS_NOT_RUN | this vcpud serves a model of a kernel, which runs no guest |
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm} |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | FAILED_PRECONDITION | VM_STOPPED | the VM stopped by itself (stop in the VM says why): reset its vCPUs, or set a state, first |
   * | FAILED_PRECONDITION | VM_MIGRATING | the VM's migration doesn't allow it (its phase in metadata): the guest may run elsewhere |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  runVm(argument: _vcpud_v1_RunVmRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_RunVmResponse__Output>): grpc.ClientUnaryCall;
  runVm(argument: _vcpud_v1_RunVmRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_RunVmResponse__Output>): grpc.ClientUnaryCall;
  runVm(argument: _vcpud_v1_RunVmRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_RunVmResponse__Output>): grpc.ClientUnaryCall;
  runVm(argument: _vcpud_v1_RunVmRequest, callback: grpc.requestCallback<_vcpud_v1_RunVmResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * SetVmState gives a paused VM of the same shape (vCPUs, devices) what another held. Write its memory first. After a failure the VM is put
   * back to what it held before; metadata "vcpu_holds" says so.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, FIELD_REQUIRED, STATE_SIZE_WRONG | a field is malformed, missing, or not of the kernel's size |
   * | INVALID_ARGUMENT | one of the rules in docs/errors.md, such as SVM_ASID_ZERO | a nested state breaks a rule of the kernel's |
   * | INVALID_ARGUMENT | KERNEL_REFUSED_STATE, KERNEL_REJECTED, MSR_REFUSED | the kernel refused a part; which, and errno, in metadata |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | FAILED_PRECONDITION | VM_RUNNING | the VM isn't paused |
   * | FAILED_PRECONDITION | VM_MIGRATING | the VM waits for its state, or may run elsewhere (its phase in metadata) |
   * | FAILED_PRECONDITION | VM_SHAPE_DIFFERS | the VM has another number of vCPUs or other devices |
   * | FAILED_PRECONDITION | NESTED_NOT_SUPPORTED | the state has a nested part, the host's KVM has none |
   * | DATA_LOSS | NESTED_STATE_NOT_HELD | the kernel took a nested state, but reads back another |
   * | RESOURCE_EXHAUSTED | MESSAGE_TOO_LARGE | the message is larger than the server takes (4 MiB) |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | an ioctl failed otherwise, or a bug in vcpud |
   */
  SetVmState(argument: _vcpud_v1_SetVmStateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_SetVmStateResponse__Output>): grpc.ClientUnaryCall;
  SetVmState(argument: _vcpud_v1_SetVmStateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_SetVmStateResponse__Output>): grpc.ClientUnaryCall;
  SetVmState(argument: _vcpud_v1_SetVmStateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_SetVmStateResponse__Output>): grpc.ClientUnaryCall;
  SetVmState(argument: _vcpud_v1_SetVmStateRequest, callback: grpc.requestCallback<_vcpud_v1_SetVmStateResponse__Output>): grpc.ClientUnaryCall;
  /**
   * SetVmState gives a paused VM of the same shape (vCPUs, devices) what another held. Write its memory first. After a failure the VM is put
   * back to what it held before; metadata "vcpu_holds" says so.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, FIELD_REQUIRED, STATE_SIZE_WRONG | a field is malformed, missing, or not of the kernel's size |
   * | INVALID_ARGUMENT | one of the rules in docs/errors.md, such as SVM_ASID_ZERO | a nested state breaks a rule of the kernel's |
   * | INVALID_ARGUMENT | KERNEL_REFUSED_STATE, KERNEL_REJECTED, MSR_REFUSED | the kernel refused a part; which, and errno, in metadata |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | FAILED_PRECONDITION | VM_RUNNING | the VM isn't paused |
   * | FAILED_PRECONDITION | VM_MIGRATING | the VM waits for its state, or may run elsewhere (its phase in metadata) |
   * | FAILED_PRECONDITION | VM_SHAPE_DIFFERS | the VM has another number of vCPUs or other devices |
   * | FAILED_PRECONDITION | NESTED_NOT_SUPPORTED | the state has a nested part, the host's KVM has none |
   * | DATA_LOSS | NESTED_STATE_NOT_HELD | the kernel took a nested state, but reads back another |
   * | RESOURCE_EXHAUSTED | MESSAGE_TOO_LARGE | the message is larger than the server takes (4 MiB) |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | an ioctl failed otherwise, or a bug in vcpud |
   */
  setVmState(argument: _vcpud_v1_SetVmStateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_SetVmStateResponse__Output>): grpc.ClientUnaryCall;
  setVmState(argument: _vcpud_v1_SetVmStateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_SetVmStateResponse__Output>): grpc.ClientUnaryCall;
  setVmState(argument: _vcpud_v1_SetVmStateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_SetVmStateResponse__Output>): grpc.ClientUnaryCall;
  setVmState(argument: _vcpud_v1_SetVmStateRequest, callback: grpc.requestCallback<_vcpud_v1_SetVmStateResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * WatchVm streams what happens to a VM: first what it is now, then each change of its run state, exits that matter, and what the
   * guest writes to the debug console. Ends with deleted when the VM is.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm} |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | RESOURCE_EXHAUSTED | WATCHER_TOO_SLOW | the client took events slower than they came, and 1 MiB of them were waiting |
   * | UNAVAILABLE | SHUTTING_DOWN | vcpud is ending |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  WatchVm(argument: _vcpud_v1_WatchVmRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_vcpud_v1_WatchVmResponse__Output>;
  WatchVm(argument: _vcpud_v1_WatchVmRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_vcpud_v1_WatchVmResponse__Output>;
  /**
   * WatchVm streams what happens to a VM: first what it is now, then each change of its run state, exits that matter, and what the
   * guest writes to the debug console. Ends with deleted when the VM is.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm} |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | RESOURCE_EXHAUSTED | WATCHER_TOO_SLOW | the client took events slower than they came, and 1 MiB of them were waiting |
   * | UNAVAILABLE | SHUTTING_DOWN | vcpud is ending |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  watchVm(argument: _vcpud_v1_WatchVmRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_vcpud_v1_WatchVmResponse__Output>;
  watchVm(argument: _vcpud_v1_WatchVmRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_vcpud_v1_WatchVmResponse__Output>;
  
  /**
   * WriteConsole gives the guest bytes to read from its serial port, in the order they come, as fast as the guest takes them: its
   * port holds 1024 bytes. Those of a paused VM are read when it runs.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, FIELD_REQUIRED, NAME_CHANGED | the first message has no good name, or a later one has another |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | FAILED_PRECONDITION | CONSOLE_NOT_PRESENT | the VM has no PC devices |
   * | RESOURCE_EXHAUSTED | MESSAGE_TOO_LARGE | one message is larger than the server takes (4 MiB) |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  WriteConsole(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_WriteConsoleResponse__Output>): grpc.ClientWritableStream<_vcpud_v1_WriteConsoleRequest>;
  WriteConsole(metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_WriteConsoleResponse__Output>): grpc.ClientWritableStream<_vcpud_v1_WriteConsoleRequest>;
  WriteConsole(options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_WriteConsoleResponse__Output>): grpc.ClientWritableStream<_vcpud_v1_WriteConsoleRequest>;
  WriteConsole(callback: grpc.requestCallback<_vcpud_v1_WriteConsoleResponse__Output>): grpc.ClientWritableStream<_vcpud_v1_WriteConsoleRequest>;
  /**
   * WriteConsole gives the guest bytes to read from its serial port, in the order they come, as fast as the guest takes them: its
   * port holds 1024 bytes. Those of a paused VM are read when it runs.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, FIELD_REQUIRED, NAME_CHANGED | the first message has no good name, or a later one has another |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | FAILED_PRECONDITION | CONSOLE_NOT_PRESENT | the VM has no PC devices |
   * | RESOURCE_EXHAUSTED | MESSAGE_TOO_LARGE | one message is larger than the server takes (4 MiB) |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  writeConsole(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_WriteConsoleResponse__Output>): grpc.ClientWritableStream<_vcpud_v1_WriteConsoleRequest>;
  writeConsole(metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_WriteConsoleResponse__Output>): grpc.ClientWritableStream<_vcpud_v1_WriteConsoleRequest>;
  writeConsole(options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_WriteConsoleResponse__Output>): grpc.ClientWritableStream<_vcpud_v1_WriteConsoleRequest>;
  writeConsole(callback: grpc.requestCallback<_vcpud_v1_WriteConsoleResponse__Output>): grpc.ClientWritableStream<_vcpud_v1_WriteConsoleRequest>;
  
}

/**
 * VmService makes, runs, pauses and deletes VMs that vcpud owns, and moves what a VM holds beside its memory.
 */
export interface VmServiceHandlers extends grpc.UntypedServiceImplementation {
  /**
   * CreateVm makes a VM: memory, vCPUs with the CPUID that the host supports (SVM or VMX included), paused at power-on state.
   * Started, a vCPU begins at the reset vector, 0xFFFFFFF0: give the VM a memory region there, and write a boot image into it. With
   * linux_boot vCPU 0 begins in a Linux kernel instead, by the Linux x86 64-bit boot protocol.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | VM_ID_MALFORMED, FIELD_REQUIRED, VCPU_COUNT_OUT_OF_RANGE, MEMORY_REGION_INVALID, DEVICES_INVALID | a field is malformed or missing |
   * | INVALID_ARGUMENT | BOOT_FILE_UNREADABLE, BOOT_IMAGE_INVALID, BOOT_COMMAND_LINE_TOO_LONG | what linux_boot names can't be booted |
   * | ALREADY_EXISTS | VM_EXISTS | there is a VM of this id |
   * | RESOURCE_EXHAUSTED | HOST_RESOURCES | the host has no more memory, threads or file descriptors for it; nothing is left of it |
   * | UNAVAILABLE | SHUTTING_DOWN | vcpud is ending |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | the kernel refused (errno in metadata), or a bug in vcpud; nothing is left of it |
   */
  CreateVm: grpc.handleUnaryCall<_vcpud_v1_CreateVmRequest__Output, _vcpud_v1_CreateVmResponse>;
  
  /**
   * DeleteVm ends a VM, running or not, and frees all it had. Calls on it that are under way end with ABORTED.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm} |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  DeleteVm: grpc.handleUnaryCall<_vcpud_v1_DeleteVmRequest__Output, _vcpud_v1_DeleteVmResponse>;
  
  /**
   * GetVm describes a VM.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm} |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  GetVm: grpc.handleUnaryCall<_vcpud_v1_GetVmRequest__Output, _vcpud_v1_GetVmResponse>;
  
  /**
   * GetVmRequirements says everything that a VM asks of a host: hand it to HostService.CheckCompatibility at a destination before
   * anything is moved. A running VM is stopped for a few reads of each vCPU, and goes on.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm} |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | an ioctl failed (which, and errno, in metadata), or a bug in vcpud |
   */
  GetVmRequirements: grpc.handleUnaryCall<_vcpud_v1_GetVmRequirementsRequest__Output, _vcpud_v1_GetVmRequirementsResponse>;
  
  /**
   * GetVmState takes what a VM holds beside its memory: every vCPU from one stop, pending I/O completed first, and the clock and
   * in-kernel devices. A running VM is stopped for that time and goes on; to move it, pause it first.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm} |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | an ioctl failed (which, and errno, in metadata), or a bug in vcpud |
   */
  GetVmState: grpc.handleUnaryCall<_vcpud_v1_GetVmStateRequest__Output, _vcpud_v1_GetVmStateResponse>;
  
  /**
   * ListVms lists the VMs of this vcpud by name.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | PAGE_TOKEN_INVALID, PAGE_SIZE_NEGATIVE | the page asked for is malformed |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  ListVms: grpc.handleUnaryCall<_vcpud_v1_ListVmsRequest__Output, _vcpud_v1_ListVmsResponse>;
  
  /**
   * PauseVm brings every vCPU out of the guest, completes pending I/O, and answers when all are out. Pausing a VM that is paused,
   * or that stopped by itself, changes nothing.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm} |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  PauseVm: grpc.handleUnaryCall<_vcpud_v1_PauseVmRequest__Output, _vcpud_v1_PauseVmResponse>;
  
  /**
   * RunVm lets a paused VM's vCPUs run. Running a VM that runs changes nothing.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | UNIMPLEMENTED | GUESTS_NOT_RUN | this vcpud serves a model of a kernel, which runs no guest |
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm} |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | FAILED_PRECONDITION | VM_STOPPED | the VM stopped by itself (stop in the VM says why): reset its vCPUs, or set a state, first |
   * | FAILED_PRECONDITION | VM_MIGRATING | the VM's migration doesn't allow it (its phase in metadata): the guest may run elsewhere |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  RunVm: grpc.handleUnaryCall<_vcpud_v1_RunVmRequest__Output, _vcpud_v1_RunVmResponse>;
  
  /**
   * SetVmState gives a paused VM of the same shape (vCPUs, devices) what another held. Write its memory first. After a failure the VM is put
   * back to what it held before; metadata "vcpu_holds" says so.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, FIELD_REQUIRED, STATE_SIZE_WRONG | a field is malformed, missing, or not of the kernel's size |
   * | INVALID_ARGUMENT | one of the rules in docs/errors.md, such as SVM_ASID_ZERO | a nested state breaks a rule of the kernel's |
   * | INVALID_ARGUMENT | KERNEL_REFUSED_STATE, KERNEL_REJECTED, MSR_REFUSED | the kernel refused a part; which, and errno, in metadata |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | FAILED_PRECONDITION | VM_RUNNING | the VM isn't paused |
   * | FAILED_PRECONDITION | VM_MIGRATING | the VM waits for its state, or may run elsewhere (its phase in metadata) |
   * | FAILED_PRECONDITION | VM_SHAPE_DIFFERS | the VM has another number of vCPUs or other devices |
   * | FAILED_PRECONDITION | NESTED_NOT_SUPPORTED | the state has a nested part, the host's KVM has none |
   * | DATA_LOSS | NESTED_STATE_NOT_HELD | the kernel took a nested state, but reads back another |
   * | RESOURCE_EXHAUSTED | MESSAGE_TOO_LARGE | the message is larger than the server takes (4 MiB) |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | KERNEL_ERROR, INTERNAL | an ioctl failed otherwise, or a bug in vcpud |
   */
  SetVmState: grpc.handleUnaryCall<_vcpud_v1_SetVmStateRequest__Output, _vcpud_v1_SetVmStateResponse>;
  
  /**
   * WatchVm streams what happens to a VM: first what it is now, then each change of its run state, exits that matter, and what the
   * guest writes to the debug console. Ends with deleted when the VM is.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED | name isn't vms/{vm} |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | RESOURCE_EXHAUSTED | WATCHER_TOO_SLOW | the client took events slower than they came, and 1 MiB of them were waiting |
   * | UNAVAILABLE | SHUTTING_DOWN | vcpud is ending |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  WatchVm: grpc.handleServerStreamingCall<_vcpud_v1_WatchVmRequest__Output, _vcpud_v1_WatchVmResponse>;
  
  /**
   * WriteConsole gives the guest bytes to read from its serial port, in the order they come, as fast as the guest takes them: its
   * port holds 1024 bytes. Those of a paused VM are read when it runs.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | NAME_MALFORMED, FIELD_REQUIRED, NAME_CHANGED | the first message has no good name, or a later one has another |
   * | NOT_FOUND | VM_NOT_FOUND | there is no such VM |
   * | FAILED_PRECONDITION | CONSOLE_NOT_PRESENT | the VM has no PC devices |
   * | RESOURCE_EXHAUSTED | MESSAGE_TOO_LARGE | one message is larger than the server takes (4 MiB) |
   * | ABORTED | VM_DELETED | the VM was deleted meanwhile |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  WriteConsole: grpc.handleClientStreamingCall<_vcpud_v1_WriteConsoleRequest__Output, _vcpud_v1_WriteConsoleResponse>;
  
}

export interface VmServiceDefinition extends grpc.ServiceDefinition {
  CreateVm: MethodDefinition<_vcpud_v1_CreateVmRequest, _vcpud_v1_CreateVmResponse, _vcpud_v1_CreateVmRequest__Output, _vcpud_v1_CreateVmResponse__Output>
  DeleteVm: MethodDefinition<_vcpud_v1_DeleteVmRequest, _vcpud_v1_DeleteVmResponse, _vcpud_v1_DeleteVmRequest__Output, _vcpud_v1_DeleteVmResponse__Output>
  GetVm: MethodDefinition<_vcpud_v1_GetVmRequest, _vcpud_v1_GetVmResponse, _vcpud_v1_GetVmRequest__Output, _vcpud_v1_GetVmResponse__Output>
  GetVmRequirements: MethodDefinition<_vcpud_v1_GetVmRequirementsRequest, _vcpud_v1_GetVmRequirementsResponse, _vcpud_v1_GetVmRequirementsRequest__Output, _vcpud_v1_GetVmRequirementsResponse__Output>
  GetVmState: MethodDefinition<_vcpud_v1_GetVmStateRequest, _vcpud_v1_GetVmStateResponse, _vcpud_v1_GetVmStateRequest__Output, _vcpud_v1_GetVmStateResponse__Output>
  ListVms: MethodDefinition<_vcpud_v1_ListVmsRequest, _vcpud_v1_ListVmsResponse, _vcpud_v1_ListVmsRequest__Output, _vcpud_v1_ListVmsResponse__Output>
  PauseVm: MethodDefinition<_vcpud_v1_PauseVmRequest, _vcpud_v1_PauseVmResponse, _vcpud_v1_PauseVmRequest__Output, _vcpud_v1_PauseVmResponse__Output>
  RunVm: MethodDefinition<_vcpud_v1_RunVmRequest, _vcpud_v1_RunVmResponse, _vcpud_v1_RunVmRequest__Output, _vcpud_v1_RunVmResponse__Output>
  SetVmState: MethodDefinition<_vcpud_v1_SetVmStateRequest, _vcpud_v1_SetVmStateResponse, _vcpud_v1_SetVmStateRequest__Output, _vcpud_v1_SetVmStateResponse__Output>
  WatchVm: MethodDefinition<_vcpud_v1_WatchVmRequest, _vcpud_v1_WatchVmResponse, _vcpud_v1_WatchVmRequest__Output, _vcpud_v1_WatchVmResponse__Output>
  WriteConsole: MethodDefinition<_vcpud_v1_WriteConsoleRequest, _vcpud_v1_WriteConsoleResponse, _vcpud_v1_WriteConsoleRequest__Output, _vcpud_v1_WriteConsoleResponse__Output>
}
