import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from './google/protobuf/Duration.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.js';
import type { BatchGetNestedStatesRequest as _vcpud_v1_BatchGetNestedStatesRequest, BatchGetNestedStatesRequest__Output as _vcpud_v1_BatchGetNestedStatesRequest__Output } from './vcpud/v1/BatchGetNestedStatesRequest.js';
import type { BatchGetNestedStatesResponse as _vcpud_v1_BatchGetNestedStatesResponse, BatchGetNestedStatesResponse__Output as _vcpud_v1_BatchGetNestedStatesResponse__Output } from './vcpud/v1/BatchGetNestedStatesResponse.js';
import type { ByteRange as _vcpud_v1_ByteRange, ByteRange__Output as _vcpud_v1_ByteRange__Output } from './vcpud/v1/ByteRange.js';
import type { CheckCompatibilityRequest as _vcpud_v1_CheckCompatibilityRequest, CheckCompatibilityRequest__Output as _vcpud_v1_CheckCompatibilityRequest__Output } from './vcpud/v1/CheckCompatibilityRequest.js';
import type { CheckCompatibilityResponse as _vcpud_v1_CheckCompatibilityResponse, CheckCompatibilityResponse__Output as _vcpud_v1_CheckCompatibilityResponse__Output } from './vcpud/v1/CheckCompatibilityResponse.js';
import type { CompatibilityFinding as _vcpud_v1_CompatibilityFinding, CompatibilityFinding__Output as _vcpud_v1_CompatibilityFinding__Output } from './vcpud/v1/CompatibilityFinding.js';
import type { GetHostRequest as _vcpud_v1_GetHostRequest, GetHostRequest__Output as _vcpud_v1_GetHostRequest__Output } from './vcpud/v1/GetHostRequest.js';
import type { GetHostResponse as _vcpud_v1_GetHostResponse, GetHostResponse__Output as _vcpud_v1_GetHostResponse__Output } from './vcpud/v1/GetHostResponse.js';
import type { GetNestedStateRequest as _vcpud_v1_GetNestedStateRequest, GetNestedStateRequest__Output as _vcpud_v1_GetNestedStateRequest__Output } from './vcpud/v1/GetNestedStateRequest.js';
import type { GetNestedStateResponse as _vcpud_v1_GetNestedStateResponse, GetNestedStateResponse__Output as _vcpud_v1_GetNestedStateResponse__Output } from './vcpud/v1/GetNestedStateResponse.js';
import type { Host as _vcpud_v1_Host, Host__Output as _vcpud_v1_Host__Output } from './vcpud/v1/Host.js';
import type { HostServiceClient as _vcpud_v1_HostServiceClient, HostServiceDefinition as _vcpud_v1_HostServiceDefinition } from './vcpud/v1/HostService.js';
import type { KvmCapability as _vcpud_v1_KvmCapability, KvmCapability__Output as _vcpud_v1_KvmCapability__Output } from './vcpud/v1/KvmCapability.js';
import type { MemoryRegion as _vcpud_v1_MemoryRegion, MemoryRegion__Output as _vcpud_v1_MemoryRegion__Output } from './vcpud/v1/MemoryRegion.js';
import type { MsrValue as _vcpud_v1_MsrValue, MsrValue__Output as _vcpud_v1_MsrValue__Output } from './vcpud/v1/MsrValue.js';
import type { NestedCapability as _vcpud_v1_NestedCapability, NestedCapability__Output as _vcpud_v1_NestedCapability__Output } from './vcpud/v1/NestedCapability.js';
import type { NestedState as _vcpud_v1_NestedState, NestedState__Output as _vcpud_v1_NestedState__Output } from './vcpud/v1/NestedState.js';
import type { NestedStateServiceClient as _vcpud_v1_NestedStateServiceClient, NestedStateServiceDefinition as _vcpud_v1_NestedStateServiceDefinition } from './vcpud/v1/NestedStateService.js';
import type { NestedStateTarget as _vcpud_v1_NestedStateTarget, NestedStateTarget__Output as _vcpud_v1_NestedStateTarget__Output } from './vcpud/v1/NestedStateTarget.js';
import type { NestedStateViolation as _vcpud_v1_NestedStateViolation, NestedStateViolation__Output as _vcpud_v1_NestedStateViolation__Output } from './vcpud/v1/NestedStateViolation.js';
import type { ResetRequest as _vcpud_v1_ResetRequest, ResetRequest__Output as _vcpud_v1_ResetRequest__Output } from './vcpud/v1/ResetRequest.js';
import type { ResetResponse as _vcpud_v1_ResetResponse, ResetResponse__Output as _vcpud_v1_ResetResponse__Output } from './vcpud/v1/ResetResponse.js';
import type { SetNestedStateRequest as _vcpud_v1_SetNestedStateRequest, SetNestedStateRequest__Output as _vcpud_v1_SetNestedStateRequest__Output } from './vcpud/v1/SetNestedStateRequest.js';
import type { SetNestedStateResponse as _vcpud_v1_SetNestedStateResponse, SetNestedStateResponse__Output as _vcpud_v1_SetNestedStateResponse__Output } from './vcpud/v1/SetNestedStateResponse.js';
import type { SvmNestedHeader as _vcpud_v1_SvmNestedHeader, SvmNestedHeader__Output as _vcpud_v1_SvmNestedHeader__Output } from './vcpud/v1/SvmNestedHeader.js';
import type { ValidateNestedStateRequest as _vcpud_v1_ValidateNestedStateRequest, ValidateNestedStateRequest__Output as _vcpud_v1_ValidateNestedStateRequest__Output } from './vcpud/v1/ValidateNestedStateRequest.js';
import type { ValidateNestedStateResponse as _vcpud_v1_ValidateNestedStateResponse, ValidateNestedStateResponse__Output as _vcpud_v1_ValidateNestedStateResponse__Output } from './vcpud/v1/ValidateNestedStateResponse.js';
import type { VcpuNestedState as _vcpud_v1_VcpuNestedState, VcpuNestedState__Output as _vcpud_v1_VcpuNestedState__Output } from './vcpud/v1/VcpuNestedState.js';
import type { VmRequirements as _vcpud_v1_VmRequirements, VmRequirements__Output as _vcpud_v1_VmRequirements__Output } from './vcpud/v1/VmRequirements.js';
import type { VmxNestedHeader as _vcpud_v1_VmxNestedHeader, VmxNestedHeader__Output as _vcpud_v1_VmxNestedHeader__Output } from './vcpud/v1/VmxNestedHeader.js';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  google: {
    protobuf: {
      Duration: MessageTypeDefinition<_google_protobuf_Duration, _google_protobuf_Duration__Output>
      Timestamp: MessageTypeDefinition<_google_protobuf_Timestamp, _google_protobuf_Timestamp__Output>
    }
  }
  vcpud: {
    v1: {
      BatchGetNestedStatesRequest: MessageTypeDefinition<_vcpud_v1_BatchGetNestedStatesRequest, _vcpud_v1_BatchGetNestedStatesRequest__Output>
      BatchGetNestedStatesResponse: MessageTypeDefinition<_vcpud_v1_BatchGetNestedStatesResponse, _vcpud_v1_BatchGetNestedStatesResponse__Output>
      ByteRange: MessageTypeDefinition<_vcpud_v1_ByteRange, _vcpud_v1_ByteRange__Output>
      CheckCompatibilityRequest: MessageTypeDefinition<_vcpud_v1_CheckCompatibilityRequest, _vcpud_v1_CheckCompatibilityRequest__Output>
      CheckCompatibilityResponse: MessageTypeDefinition<_vcpud_v1_CheckCompatibilityResponse, _vcpud_v1_CheckCompatibilityResponse__Output>
      CompatibilityFinding: MessageTypeDefinition<_vcpud_v1_CompatibilityFinding, _vcpud_v1_CompatibilityFinding__Output>
      CompatibilitySeverity: EnumTypeDefinition
      CpuVendor: EnumTypeDefinition
      Driver: EnumTypeDefinition
      GetHostRequest: MessageTypeDefinition<_vcpud_v1_GetHostRequest, _vcpud_v1_GetHostRequest__Output>
      GetHostResponse: MessageTypeDefinition<_vcpud_v1_GetHostResponse, _vcpud_v1_GetHostResponse__Output>
      GetNestedStateRequest: MessageTypeDefinition<_vcpud_v1_GetNestedStateRequest, _vcpud_v1_GetNestedStateRequest__Output>
      GetNestedStateResponse: MessageTypeDefinition<_vcpud_v1_GetNestedStateResponse, _vcpud_v1_GetNestedStateResponse__Output>
      Host: MessageTypeDefinition<_vcpud_v1_Host, _vcpud_v1_Host__Output>
      /**
       * HostService says what the host beneath can do: the first thing an orchestrator asks, on both sides of a move.
       */
      HostService: SubtypeConstructor<typeof grpc.Client, _vcpud_v1_HostServiceClient> & { service: _vcpud_v1_HostServiceDefinition }
      KvmCapability: MessageTypeDefinition<_vcpud_v1_KvmCapability, _vcpud_v1_KvmCapability__Output>
      MemoryRegion: MessageTypeDefinition<_vcpud_v1_MemoryRegion, _vcpud_v1_MemoryRegion__Output>
      MsrValue: MessageTypeDefinition<_vcpud_v1_MsrValue, _vcpud_v1_MsrValue__Output>
      NestedCapability: MessageTypeDefinition<_vcpud_v1_NestedCapability, _vcpud_v1_NestedCapability__Output>
      NestedState: MessageTypeDefinition<_vcpud_v1_NestedState, _vcpud_v1_NestedState__Output>
      NestedStateFlag: EnumTypeDefinition
      NestedStateFormat: EnumTypeDefinition
      /**
       * NestedStateService gets, sets and resets what KVM holds of a guest that runs guests of its own: whether a vCPU is in L2, with
       * which VMCB or VMCS, and what is pending between L1 and L2. L2's registers are ordinary vCPU state: see VcpuService.
       */
      NestedStateService: SubtypeConstructor<typeof grpc.Client, _vcpud_v1_NestedStateServiceClient> & { service: _vcpud_v1_NestedStateServiceDefinition }
      NestedStateTarget: MessageTypeDefinition<_vcpud_v1_NestedStateTarget, _vcpud_v1_NestedStateTarget__Output>
      NestedStateViolation: MessageTypeDefinition<_vcpud_v1_NestedStateViolation, _vcpud_v1_NestedStateViolation__Output>
      ResetRequest: MessageTypeDefinition<_vcpud_v1_ResetRequest, _vcpud_v1_ResetRequest__Output>
      ResetResponse: MessageTypeDefinition<_vcpud_v1_ResetResponse, _vcpud_v1_ResetResponse__Output>
      SetNestedStateRequest: MessageTypeDefinition<_vcpud_v1_SetNestedStateRequest, _vcpud_v1_SetNestedStateRequest__Output>
      SetNestedStateResponse: MessageTypeDefinition<_vcpud_v1_SetNestedStateResponse, _vcpud_v1_SetNestedStateResponse__Output>
      SvmNestedHeader: MessageTypeDefinition<_vcpud_v1_SvmNestedHeader, _vcpud_v1_SvmNestedHeader__Output>
      ValidateNestedStateRequest: MessageTypeDefinition<_vcpud_v1_ValidateNestedStateRequest, _vcpud_v1_ValidateNestedStateRequest__Output>
      ValidateNestedStateResponse: MessageTypeDefinition<_vcpud_v1_ValidateNestedStateResponse, _vcpud_v1_ValidateNestedStateResponse__Output>
      VcpuNestedState: MessageTypeDefinition<_vcpud_v1_VcpuNestedState, _vcpud_v1_VcpuNestedState__Output>
      VmRequirements: MessageTypeDefinition<_vcpud_v1_VmRequirements, _vcpud_v1_VmRequirements__Output>
      VmxNestedHeader: MessageTypeDefinition<_vcpud_v1_VmxNestedHeader, _vcpud_v1_VmxNestedHeader__Output>
    }
  }
}

