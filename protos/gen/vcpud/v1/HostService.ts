// Original file: protos/vcpud/v1/host.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CheckCompatibilityRequest as _vcpud_v1_CheckCompatibilityRequest, CheckCompatibilityRequest__Output as _vcpud_v1_CheckCompatibilityRequest__Output } from '../../vcpud/v1/CheckCompatibilityRequest.js';
import type { CheckCompatibilityResponse as _vcpud_v1_CheckCompatibilityResponse, CheckCompatibilityResponse__Output as _vcpud_v1_CheckCompatibilityResponse__Output } from '../../vcpud/v1/CheckCompatibilityResponse.js';
import type { GetHostRequest as _vcpud_v1_GetHostRequest, GetHostRequest__Output as _vcpud_v1_GetHostRequest__Output } from '../../vcpud/v1/GetHostRequest.js';
import type { GetHostResponse as _vcpud_v1_GetHostResponse, GetHostResponse__Output as _vcpud_v1_GetHostResponse__Output } from '../../vcpud/v1/GetHostResponse.js';

/**
 * HostService says what the host beneath can do: the first thing an orchestrator asks, on both sides of a move.
 */
export interface HostServiceClient extends grpc.Client {
  /**
   * CheckCompatibility compares what a VM asks for, as GetVmRequirements says it at the source, with this host. It makes nothing
   * and touches no VM. A VM for which there is a blocker must not be moved here: docs/compatibility.md lists every check.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | FIELD_REQUIRED, NAME_MALFORMED, STATE_SIZE_WRONG | requirements are missing, or aren't what GetVmRequirements gives |
   * | RESOURCE_EXHAUSTED | MESSAGE_TOO_LARGE | the message is larger than the server takes (4 MiB) |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  CheckCompatibility(argument: _vcpud_v1_CheckCompatibilityRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_CheckCompatibilityResponse__Output>): grpc.ClientUnaryCall;
  CheckCompatibility(argument: _vcpud_v1_CheckCompatibilityRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_CheckCompatibilityResponse__Output>): grpc.ClientUnaryCall;
  CheckCompatibility(argument: _vcpud_v1_CheckCompatibilityRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_CheckCompatibilityResponse__Output>): grpc.ClientUnaryCall;
  CheckCompatibility(argument: _vcpud_v1_CheckCompatibilityRequest, callback: grpc.requestCallback<_vcpud_v1_CheckCompatibilityResponse__Output>): grpc.ClientUnaryCall;
  /**
   * CheckCompatibility compares what a VM asks for, as GetVmRequirements says it at the source, with this host. It makes nothing
   * and touches no VM. A VM for which there is a blocker must not be moved here: docs/compatibility.md lists every check.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | FIELD_REQUIRED, NAME_MALFORMED, STATE_SIZE_WRONG | requirements are missing, or aren't what GetVmRequirements gives |
   * | RESOURCE_EXHAUSTED | MESSAGE_TOO_LARGE | the message is larger than the server takes (4 MiB) |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  checkCompatibility(argument: _vcpud_v1_CheckCompatibilityRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_CheckCompatibilityResponse__Output>): grpc.ClientUnaryCall;
  checkCompatibility(argument: _vcpud_v1_CheckCompatibilityRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_CheckCompatibilityResponse__Output>): grpc.ClientUnaryCall;
  checkCompatibility(argument: _vcpud_v1_CheckCompatibilityRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_CheckCompatibilityResponse__Output>): grpc.ClientUnaryCall;
  checkCompatibility(argument: _vcpud_v1_CheckCompatibilityRequest, callback: grpc.requestCallback<_vcpud_v1_CheckCompatibilityResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * GetHost describes the kernel, the CPU and what of them matters for moving nested state. Never blocks.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INTERNAL | INTERNAL | a bug in vcpud; the log has the id given in the error's metadata |
   */
  GetHost(argument: _vcpud_v1_GetHostRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetHostResponse__Output>): grpc.ClientUnaryCall;
  GetHost(argument: _vcpud_v1_GetHostRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_GetHostResponse__Output>): grpc.ClientUnaryCall;
  GetHost(argument: _vcpud_v1_GetHostRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetHostResponse__Output>): grpc.ClientUnaryCall;
  GetHost(argument: _vcpud_v1_GetHostRequest, callback: grpc.requestCallback<_vcpud_v1_GetHostResponse__Output>): grpc.ClientUnaryCall;
  /**
   * GetHost describes the kernel, the CPU and what of them matters for moving nested state. Never blocks.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INTERNAL | INTERNAL | a bug in vcpud; the log has the id given in the error's metadata |
   */
  getHost(argument: _vcpud_v1_GetHostRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetHostResponse__Output>): grpc.ClientUnaryCall;
  getHost(argument: _vcpud_v1_GetHostRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_vcpud_v1_GetHostResponse__Output>): grpc.ClientUnaryCall;
  getHost(argument: _vcpud_v1_GetHostRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_vcpud_v1_GetHostResponse__Output>): grpc.ClientUnaryCall;
  getHost(argument: _vcpud_v1_GetHostRequest, callback: grpc.requestCallback<_vcpud_v1_GetHostResponse__Output>): grpc.ClientUnaryCall;
  
}

/**
 * HostService says what the host beneath can do: the first thing an orchestrator asks, on both sides of a move.
 */
export interface HostServiceHandlers extends grpc.UntypedServiceImplementation {
  /**
   * CheckCompatibility compares what a VM asks for, as GetVmRequirements says it at the source, with this host. It makes nothing
   * and touches no VM. A VM for which there is a blocker must not be moved here: docs/compatibility.md lists every check.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INVALID_ARGUMENT | FIELD_REQUIRED, NAME_MALFORMED, STATE_SIZE_WRONG | requirements are missing, or aren't what GetVmRequirements gives |
   * | RESOURCE_EXHAUSTED | MESSAGE_TOO_LARGE | the message is larger than the server takes (4 MiB) |
   * | INTERNAL | INTERNAL | a bug in vcpud |
   */
  CheckCompatibility: grpc.handleUnaryCall<_vcpud_v1_CheckCompatibilityRequest__Output, _vcpud_v1_CheckCompatibilityResponse>;
  
  /**
   * GetHost describes the kernel, the CPU and what of them matters for moving nested state. Never blocks.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INTERNAL | INTERNAL | a bug in vcpud; the log has the id given in the error's metadata |
   */
  GetHost: grpc.handleUnaryCall<_vcpud_v1_GetHostRequest__Output, _vcpud_v1_GetHostResponse>;
  
}

export interface HostServiceDefinition extends grpc.ServiceDefinition {
  CheckCompatibility: MethodDefinition<_vcpud_v1_CheckCompatibilityRequest, _vcpud_v1_CheckCompatibilityResponse, _vcpud_v1_CheckCompatibilityRequest__Output, _vcpud_v1_CheckCompatibilityResponse__Output>
  GetHost: MethodDefinition<_vcpud_v1_GetHostRequest, _vcpud_v1_GetHostResponse, _vcpud_v1_GetHostRequest__Output, _vcpud_v1_GetHostResponse__Output>
}
