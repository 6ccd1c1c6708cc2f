// Original file: protos/vcpud/v1/host.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { GetHostRequest as _vcpud_v1_GetHostRequest, GetHostRequest__Output as _vcpud_v1_GetHostRequest__Output } from '../../vcpud/v1/GetHostRequest.js';
import type { GetHostResponse as _vcpud_v1_GetHostResponse, GetHostResponse__Output as _vcpud_v1_GetHostResponse__Output } from '../../vcpud/v1/GetHostResponse.js';

/**
 * HostService says what the host beneath can do: the first thing an orchestrator asks, on both sides of a move.
 */
export interface HostServiceClient extends grpc.Client {
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
   * GetHost describes the kernel, the CPU and what of them matters for moving nested state. Never blocks.
   * 
   * | code | reason | when |
   * |---|---|---|
   * | INTERNAL | INTERNAL | a bug in vcpud; the log has the id given in the error's metadata |
   */
  GetHost: grpc.handleUnaryCall<_vcpud_v1_GetHostRequest__Output, _vcpud_v1_GetHostResponse>;
  
}

export interface HostServiceDefinition extends grpc.ServiceDefinition {
  GetHost: MethodDefinition<_vcpud_v1_GetHostRequest, _vcpud_v1_GetHostResponse, _vcpud_v1_GetHostRequest__Output, _vcpud_v1_GetHostResponse__Output>
}
