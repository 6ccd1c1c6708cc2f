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
import type { ConsoleOutput as _vcpud_v1_ConsoleOutput, ConsoleOutput__Output as _vcpud_v1_ConsoleOutput__Output } from './vcpud/v1/ConsoleOutput.js';
import type { CreateVmRequest as _vcpud_v1_CreateVmRequest, CreateVmRequest__Output as _vcpud_v1_CreateVmRequest__Output } from './vcpud/v1/CreateVmRequest.js';
import type { CreateVmResponse as _vcpud_v1_CreateVmResponse, CreateVmResponse__Output as _vcpud_v1_CreateVmResponse__Output } from './vcpud/v1/CreateVmResponse.js';
import type { DeleteVmRequest as _vcpud_v1_DeleteVmRequest, DeleteVmRequest__Output as _vcpud_v1_DeleteVmRequest__Output } from './vcpud/v1/DeleteVmRequest.js';
import type { DeleteVmResponse as _vcpud_v1_DeleteVmResponse, DeleteVmResponse__Output as _vcpud_v1_DeleteVmResponse__Output } from './vcpud/v1/DeleteVmResponse.js';
import type { GetHostRequest as _vcpud_v1_GetHostRequest, GetHostRequest__Output as _vcpud_v1_GetHostRequest__Output } from './vcpud/v1/GetHostRequest.js';
import type { GetHostResponse as _vcpud_v1_GetHostResponse, GetHostResponse__Output as _vcpud_v1_GetHostResponse__Output } from './vcpud/v1/GetHostResponse.js';
import type { GetNestedStateRequest as _vcpud_v1_GetNestedStateRequest, GetNestedStateRequest__Output as _vcpud_v1_GetNestedStateRequest__Output } from './vcpud/v1/GetNestedStateRequest.js';
import type { GetNestedStateResponse as _vcpud_v1_GetNestedStateResponse, GetNestedStateResponse__Output as _vcpud_v1_GetNestedStateResponse__Output } from './vcpud/v1/GetNestedStateResponse.js';
import type { GetVcpuRequest as _vcpud_v1_GetVcpuRequest, GetVcpuRequest__Output as _vcpud_v1_GetVcpuRequest__Output } from './vcpud/v1/GetVcpuRequest.js';
import type { GetVcpuResponse as _vcpud_v1_GetVcpuResponse, GetVcpuResponse__Output as _vcpud_v1_GetVcpuResponse__Output } from './vcpud/v1/GetVcpuResponse.js';
import type { GetVcpuStateRequest as _vcpud_v1_GetVcpuStateRequest, GetVcpuStateRequest__Output as _vcpud_v1_GetVcpuStateRequest__Output } from './vcpud/v1/GetVcpuStateRequest.js';
import type { GetVcpuStateResponse as _vcpud_v1_GetVcpuStateResponse, GetVcpuStateResponse__Output as _vcpud_v1_GetVcpuStateResponse__Output } from './vcpud/v1/GetVcpuStateResponse.js';
import type { GetVmRequest as _vcpud_v1_GetVmRequest, GetVmRequest__Output as _vcpud_v1_GetVmRequest__Output } from './vcpud/v1/GetVmRequest.js';
import type { GetVmRequirementsRequest as _vcpud_v1_GetVmRequirementsRequest, GetVmRequirementsRequest__Output as _vcpud_v1_GetVmRequirementsRequest__Output } from './vcpud/v1/GetVmRequirementsRequest.js';
import type { GetVmRequirementsResponse as _vcpud_v1_GetVmRequirementsResponse, GetVmRequirementsResponse__Output as _vcpud_v1_GetVmRequirementsResponse__Output } from './vcpud/v1/GetVmRequirementsResponse.js';
import type { GetVmResponse as _vcpud_v1_GetVmResponse, GetVmResponse__Output as _vcpud_v1_GetVmResponse__Output } from './vcpud/v1/GetVmResponse.js';
import type { GetVmStateRequest as _vcpud_v1_GetVmStateRequest, GetVmStateRequest__Output as _vcpud_v1_GetVmStateRequest__Output } from './vcpud/v1/GetVmStateRequest.js';
import type { GetVmStateResponse as _vcpud_v1_GetVmStateResponse, GetVmStateResponse__Output as _vcpud_v1_GetVmStateResponse__Output } from './vcpud/v1/GetVmStateResponse.js';
import type { Host as _vcpud_v1_Host, Host__Output as _vcpud_v1_Host__Output } from './vcpud/v1/Host.js';
import type { HostServiceClient as _vcpud_v1_HostServiceClient, HostServiceDefinition as _vcpud_v1_HostServiceDefinition } from './vcpud/v1/HostService.js';
import type { KvmCapability as _vcpud_v1_KvmCapability, KvmCapability__Output as _vcpud_v1_KvmCapability__Output } from './vcpud/v1/KvmCapability.js';
import type { LinuxBoot as _vcpud_v1_LinuxBoot, LinuxBoot__Output as _vcpud_v1_LinuxBoot__Output } from './vcpud/v1/LinuxBoot.js';
import type { ListVcpusRequest as _vcpud_v1_ListVcpusRequest, ListVcpusRequest__Output as _vcpud_v1_ListVcpusRequest__Output } from './vcpud/v1/ListVcpusRequest.js';
import type { ListVcpusResponse as _vcpud_v1_ListVcpusResponse, ListVcpusResponse__Output as _vcpud_v1_ListVcpusResponse__Output } from './vcpud/v1/ListVcpusResponse.js';
import type { ListVmsRequest as _vcpud_v1_ListVmsRequest, ListVmsRequest__Output as _vcpud_v1_ListVmsRequest__Output } from './vcpud/v1/ListVmsRequest.js';
import type { ListVmsResponse as _vcpud_v1_ListVmsResponse, ListVmsResponse__Output as _vcpud_v1_ListVmsResponse__Output } from './vcpud/v1/ListVmsResponse.js';
import type { MemoryPages as _vcpud_v1_MemoryPages, MemoryPages__Output as _vcpud_v1_MemoryPages__Output } from './vcpud/v1/MemoryPages.js';
import type { MemoryPatches as _vcpud_v1_MemoryPatches, MemoryPatches__Output as _vcpud_v1_MemoryPatches__Output } from './vcpud/v1/MemoryPatches.js';
import type { MemoryRegion as _vcpud_v1_MemoryRegion, MemoryRegion__Output as _vcpud_v1_MemoryRegion__Output } from './vcpud/v1/MemoryRegion.js';
import type { MigrationServiceClient as _vcpud_v1_MigrationServiceClient, MigrationServiceDefinition as _vcpud_v1_MigrationServiceDefinition } from './vcpud/v1/MigrationService.js';
import type { MsrValue as _vcpud_v1_MsrValue, MsrValue__Output as _vcpud_v1_MsrValue__Output } from './vcpud/v1/MsrValue.js';
import type { NestedCapability as _vcpud_v1_NestedCapability, NestedCapability__Output as _vcpud_v1_NestedCapability__Output } from './vcpud/v1/NestedCapability.js';
import type { NestedState as _vcpud_v1_NestedState, NestedState__Output as _vcpud_v1_NestedState__Output } from './vcpud/v1/NestedState.js';
import type { NestedStateServiceClient as _vcpud_v1_NestedStateServiceClient, NestedStateServiceDefinition as _vcpud_v1_NestedStateServiceDefinition } from './vcpud/v1/NestedStateService.js';
import type { NestedStateTarget as _vcpud_v1_NestedStateTarget, NestedStateTarget__Output as _vcpud_v1_NestedStateTarget__Output } from './vcpud/v1/NestedStateTarget.js';
import type { NestedStateViolation as _vcpud_v1_NestedStateViolation, NestedStateViolation__Output as _vcpud_v1_NestedStateViolation__Output } from './vcpud/v1/NestedStateViolation.js';
import type { PauseVmRequest as _vcpud_v1_PauseVmRequest, PauseVmRequest__Output as _vcpud_v1_PauseVmRequest__Output } from './vcpud/v1/PauseVmRequest.js';
import type { PauseVmResponse as _vcpud_v1_PauseVmResponse, PauseVmResponse__Output as _vcpud_v1_PauseVmResponse__Output } from './vcpud/v1/PauseVmResponse.js';
import type { PcState as _vcpud_v1_PcState, PcState__Output as _vcpud_v1_PcState__Output } from './vcpud/v1/PcState.js';
import type { PrepareVmRequest as _vcpud_v1_PrepareVmRequest, PrepareVmRequest__Output as _vcpud_v1_PrepareVmRequest__Output } from './vcpud/v1/PrepareVmRequest.js';
import type { PrepareVmResponse as _vcpud_v1_PrepareVmResponse, PrepareVmResponse__Output as _vcpud_v1_PrepareVmResponse__Output } from './vcpud/v1/PrepareVmResponse.js';
import type { ReceiveVmArrived as _vcpud_v1_ReceiveVmArrived, ReceiveVmArrived__Output as _vcpud_v1_ReceiveVmArrived__Output } from './vcpud/v1/ReceiveVmArrived.js';
import type { ReceiveVmBegin as _vcpud_v1_ReceiveVmBegin, ReceiveVmBegin__Output as _vcpud_v1_ReceiveVmBegin__Output } from './vcpud/v1/ReceiveVmBegin.js';
import type { ReceiveVmCommit as _vcpud_v1_ReceiveVmCommit, ReceiveVmCommit__Output as _vcpud_v1_ReceiveVmCommit__Output } from './vcpud/v1/ReceiveVmCommit.js';
import type { ReceiveVmPagesRead as _vcpud_v1_ReceiveVmPagesRead, ReceiveVmPagesRead__Output as _vcpud_v1_ReceiveVmPagesRead__Output } from './vcpud/v1/ReceiveVmPagesRead.js';
import type { ReceiveVmReady as _vcpud_v1_ReceiveVmReady, ReceiveVmReady__Output as _vcpud_v1_ReceiveVmReady__Output } from './vcpud/v1/ReceiveVmReady.js';
import type { ReceiveVmRequest as _vcpud_v1_ReceiveVmRequest, ReceiveVmRequest__Output as _vcpud_v1_ReceiveVmRequest__Output } from './vcpud/v1/ReceiveVmRequest.js';
import type { ReceiveVmResponse as _vcpud_v1_ReceiveVmResponse, ReceiveVmResponse__Output as _vcpud_v1_ReceiveVmResponse__Output } from './vcpud/v1/ReceiveVmResponse.js';
import type { ReceiveVmRoundEnd as _vcpud_v1_ReceiveVmRoundEnd, ReceiveVmRoundEnd__Output as _vcpud_v1_ReceiveVmRoundEnd__Output } from './vcpud/v1/ReceiveVmRoundEnd.js';
import type { ReceiveVmRoundWritten as _vcpud_v1_ReceiveVmRoundWritten, ReceiveVmRoundWritten__Output as _vcpud_v1_ReceiveVmRoundWritten__Output } from './vcpud/v1/ReceiveVmRoundWritten.js';
import type { ResetRequest as _vcpud_v1_ResetRequest, ResetRequest__Output as _vcpud_v1_ResetRequest__Output } from './vcpud/v1/ResetRequest.js';
import type { ResetResponse as _vcpud_v1_ResetResponse, ResetResponse__Output as _vcpud_v1_ResetResponse__Output } from './vcpud/v1/ResetResponse.js';
import type { ResolveMigrationRequest as _vcpud_v1_ResolveMigrationRequest, ResolveMigrationRequest__Output as _vcpud_v1_ResolveMigrationRequest__Output } from './vcpud/v1/ResolveMigrationRequest.js';
import type { ResolveMigrationResponse as _vcpud_v1_ResolveMigrationResponse, ResolveMigrationResponse__Output as _vcpud_v1_ResolveMigrationResponse__Output } from './vcpud/v1/ResolveMigrationResponse.js';
import type { RunVmRequest as _vcpud_v1_RunVmRequest, RunVmRequest__Output as _vcpud_v1_RunVmRequest__Output } from './vcpud/v1/RunVmRequest.js';
import type { RunVmResponse as _vcpud_v1_RunVmResponse, RunVmResponse__Output as _vcpud_v1_RunVmResponse__Output } from './vcpud/v1/RunVmResponse.js';
import type { SendVmProgress as _vcpud_v1_SendVmProgress, SendVmProgress__Output as _vcpud_v1_SendVmProgress__Output } from './vcpud/v1/SendVmProgress.js';
import type { SendVmRequest as _vcpud_v1_SendVmRequest, SendVmRequest__Output as _vcpud_v1_SendVmRequest__Output } from './vcpud/v1/SendVmRequest.js';
import type { SendVmResponse as _vcpud_v1_SendVmResponse, SendVmResponse__Output as _vcpud_v1_SendVmResponse__Output } from './vcpud/v1/SendVmResponse.js';
import type { SendVmRound as _vcpud_v1_SendVmRound, SendVmRound__Output as _vcpud_v1_SendVmRound__Output } from './vcpud/v1/SendVmRound.js';
import type { SendVmRoundDone as _vcpud_v1_SendVmRoundDone, SendVmRoundDone__Output as _vcpud_v1_SendVmRoundDone__Output } from './vcpud/v1/SendVmRoundDone.js';
import type { SendVmStart as _vcpud_v1_SendVmStart, SendVmStart__Output as _vcpud_v1_SendVmStart__Output } from './vcpud/v1/SendVmStart.js';
import type { SendVmStarted as _vcpud_v1_SendVmStarted, SendVmStarted__Output as _vcpud_v1_SendVmStarted__Output } from './vcpud/v1/SendVmStarted.js';
import type { SendVmSwitch as _vcpud_v1_SendVmSwitch, SendVmSwitch__Output as _vcpud_v1_SendVmSwitch__Output } from './vcpud/v1/SendVmSwitch.js';
import type { SendVmSwitched as _vcpud_v1_SendVmSwitched, SendVmSwitched__Output as _vcpud_v1_SendVmSwitched__Output } from './vcpud/v1/SendVmSwitched.js';
import type { SerialPortState as _vcpud_v1_SerialPortState, SerialPortState__Output as _vcpud_v1_SerialPortState__Output } from './vcpud/v1/SerialPortState.js';
import type { SetNestedStateRequest as _vcpud_v1_SetNestedStateRequest, SetNestedStateRequest__Output as _vcpud_v1_SetNestedStateRequest__Output } from './vcpud/v1/SetNestedStateRequest.js';
import type { SetNestedStateResponse as _vcpud_v1_SetNestedStateResponse, SetNestedStateResponse__Output as _vcpud_v1_SetNestedStateResponse__Output } from './vcpud/v1/SetNestedStateResponse.js';
import type { SetVcpuStateRequest as _vcpud_v1_SetVcpuStateRequest, SetVcpuStateRequest__Output as _vcpud_v1_SetVcpuStateRequest__Output } from './vcpud/v1/SetVcpuStateRequest.js';
import type { SetVcpuStateResponse as _vcpud_v1_SetVcpuStateResponse, SetVcpuStateResponse__Output as _vcpud_v1_SetVcpuStateResponse__Output } from './vcpud/v1/SetVcpuStateResponse.js';
import type { SetVmStateRequest as _vcpud_v1_SetVmStateRequest, SetVmStateRequest__Output as _vcpud_v1_SetVmStateRequest__Output } from './vcpud/v1/SetVmStateRequest.js';
import type { SetVmStateResponse as _vcpud_v1_SetVmStateResponse, SetVmStateResponse__Output as _vcpud_v1_SetVmStateResponse__Output } from './vcpud/v1/SetVmStateResponse.js';
import type { SourceMemory as _vcpud_v1_SourceMemory, SourceMemory__Output as _vcpud_v1_SourceMemory__Output } from './vcpud/v1/SourceMemory.js';
import type { SvmNestedHeader as _vcpud_v1_SvmNestedHeader, SvmNestedHeader__Output as _vcpud_v1_SvmNestedHeader__Output } from './vcpud/v1/SvmNestedHeader.js';
import type { SwitchPart as _vcpud_v1_SwitchPart, SwitchPart__Output as _vcpud_v1_SwitchPart__Output } from './vcpud/v1/SwitchPart.js';
import type { ValidateNestedStateRequest as _vcpud_v1_ValidateNestedStateRequest, ValidateNestedStateRequest__Output as _vcpud_v1_ValidateNestedStateRequest__Output } from './vcpud/v1/ValidateNestedStateRequest.js';
import type { ValidateNestedStateResponse as _vcpud_v1_ValidateNestedStateResponse, ValidateNestedStateResponse__Output as _vcpud_v1_ValidateNestedStateResponse__Output } from './vcpud/v1/ValidateNestedStateResponse.js';
import type { Vcpu as _vcpud_v1_Vcpu, Vcpu__Output as _vcpud_v1_Vcpu__Output } from './vcpud/v1/Vcpu.js';
import type { VcpuExit as _vcpud_v1_VcpuExit, VcpuExit__Output as _vcpud_v1_VcpuExit__Output } from './vcpud/v1/VcpuExit.js';
import type { VcpuNestedState as _vcpud_v1_VcpuNestedState, VcpuNestedState__Output as _vcpud_v1_VcpuNestedState__Output } from './vcpud/v1/VcpuNestedState.js';
import type { VcpuServiceClient as _vcpud_v1_VcpuServiceClient, VcpuServiceDefinition as _vcpud_v1_VcpuServiceDefinition } from './vcpud/v1/VcpuService.js';
import type { VcpuState as _vcpud_v1_VcpuState, VcpuState__Output as _vcpud_v1_VcpuState__Output } from './vcpud/v1/VcpuState.js';
import type { Vm as _vcpud_v1_Vm, Vm__Output as _vcpud_v1_Vm__Output } from './vcpud/v1/Vm.js';
import type { VmDeleted as _vcpud_v1_VmDeleted, VmDeleted__Output as _vcpud_v1_VmDeleted__Output } from './vcpud/v1/VmDeleted.js';
import type { VmMigration as _vcpud_v1_VmMigration, VmMigration__Output as _vcpud_v1_VmMigration__Output } from './vcpud/v1/VmMigration.js';
import type { VmRequirements as _vcpud_v1_VmRequirements, VmRequirements__Output as _vcpud_v1_VmRequirements__Output } from './vcpud/v1/VmRequirements.js';
import type { VmServiceClient as _vcpud_v1_VmServiceClient, VmServiceDefinition as _vcpud_v1_VmServiceDefinition } from './vcpud/v1/VmService.js';
import type { VmState as _vcpud_v1_VmState, VmState__Output as _vcpud_v1_VmState__Output } from './vcpud/v1/VmState.js';
import type { VmStop as _vcpud_v1_VmStop, VmStop__Output as _vcpud_v1_VmStop__Output } from './vcpud/v1/VmStop.js';
import type { VmxNestedHeader as _vcpud_v1_VmxNestedHeader, VmxNestedHeader__Output as _vcpud_v1_VmxNestedHeader__Output } from './vcpud/v1/VmxNestedHeader.js';
import type { WatchVmRequest as _vcpud_v1_WatchVmRequest, WatchVmRequest__Output as _vcpud_v1_WatchVmRequest__Output } from './vcpud/v1/WatchVmRequest.js';
import type { WatchVmResponse as _vcpud_v1_WatchVmResponse, WatchVmResponse__Output as _vcpud_v1_WatchVmResponse__Output } from './vcpud/v1/WatchVmResponse.js';
import type { WriteConsoleRequest as _vcpud_v1_WriteConsoleRequest, WriteConsoleRequest__Output as _vcpud_v1_WriteConsoleRequest__Output } from './vcpud/v1/WriteConsoleRequest.js';
import type { WriteConsoleResponse as _vcpud_v1_WriteConsoleResponse, WriteConsoleResponse__Output as _vcpud_v1_WriteConsoleResponse__Output } from './vcpud/v1/WriteConsoleResponse.js';

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
      ConsoleOutput: MessageTypeDefinition<_vcpud_v1_ConsoleOutput, _vcpud_v1_ConsoleOutput__Output>
      ConsolePort: EnumTypeDefinition
      CpuVendor: EnumTypeDefinition
      CreateVmRequest: MessageTypeDefinition<_vcpud_v1_CreateVmRequest, _vcpud_v1_CreateVmRequest__Output>
      CreateVmResponse: MessageTypeDefinition<_vcpud_v1_CreateVmResponse, _vcpud_v1_CreateVmResponse__Output>
      DeleteVmRequest: MessageTypeDefinition<_vcpud_v1_DeleteVmRequest, _vcpud_v1_DeleteVmRequest__Output>
      DeleteVmResponse: MessageTypeDefinition<_vcpud_v1_DeleteVmResponse, _vcpud_v1_DeleteVmResponse__Output>
      Driver: EnumTypeDefinition
      GetHostRequest: MessageTypeDefinition<_vcpud_v1_GetHostRequest, _vcpud_v1_GetHostRequest__Output>
      GetHostResponse: MessageTypeDefinition<_vcpud_v1_GetHostResponse, _vcpud_v1_GetHostResponse__Output>
      GetNestedStateRequest: MessageTypeDefinition<_vcpud_v1_GetNestedStateRequest, _vcpud_v1_GetNestedStateRequest__Output>
      GetNestedStateResponse: MessageTypeDefinition<_vcpud_v1_GetNestedStateResponse, _vcpud_v1_GetNestedStateResponse__Output>
      GetVcpuRequest: MessageTypeDefinition<_vcpud_v1_GetVcpuRequest, _vcpud_v1_GetVcpuRequest__Output>
      GetVcpuResponse: MessageTypeDefinition<_vcpud_v1_GetVcpuResponse, _vcpud_v1_GetVcpuResponse__Output>
      GetVcpuStateRequest: MessageTypeDefinition<_vcpud_v1_GetVcpuStateRequest, _vcpud_v1_GetVcpuStateRequest__Output>
      GetVcpuStateResponse: MessageTypeDefinition<_vcpud_v1_GetVcpuStateResponse, _vcpud_v1_GetVcpuStateResponse__Output>
      GetVmRequest: MessageTypeDefinition<_vcpud_v1_GetVmRequest, _vcpud_v1_GetVmRequest__Output>
      GetVmRequirementsRequest: MessageTypeDefinition<_vcpud_v1_GetVmRequirementsRequest, _vcpud_v1_GetVmRequirementsRequest__Output>
      GetVmRequirementsResponse: MessageTypeDefinition<_vcpud_v1_GetVmRequirementsResponse, _vcpud_v1_GetVmRequirementsResponse__Output>
      GetVmResponse: MessageTypeDefinition<_vcpud_v1_GetVmResponse, _vcpud_v1_GetVmResponse__Output>
      GetVmStateRequest: MessageTypeDefinition<_vcpud_v1_GetVmStateRequest, _vcpud_v1_GetVmStateRequest__Output>
      GetVmStateResponse: MessageTypeDefinition<_vcpud_v1_GetVmStateResponse, _vcpud_v1_GetVmStateResponse__Output>
      Host: MessageTypeDefinition<_vcpud_v1_Host, _vcpud_v1_Host__Output>
      /**
       * HostService says what the host beneath can do: the first thing an orchestrator asks, on both sides of a move.
       */
      HostService: SubtypeConstructor<typeof grpc.Client, _vcpud_v1_HostServiceClient> & { service: _vcpud_v1_HostServiceDefinition }
      KvmCapability: MessageTypeDefinition<_vcpud_v1_KvmCapability, _vcpud_v1_KvmCapability__Output>
      LinuxBoot: MessageTypeDefinition<_vcpud_v1_LinuxBoot, _vcpud_v1_LinuxBoot__Output>
      ListVcpusRequest: MessageTypeDefinition<_vcpud_v1_ListVcpusRequest, _vcpud_v1_ListVcpusRequest__Output>
      ListVcpusResponse: MessageTypeDefinition<_vcpud_v1_ListVcpusResponse, _vcpud_v1_ListVcpusResponse__Output>
      ListVmsRequest: MessageTypeDefinition<_vcpud_v1_ListVmsRequest, _vcpud_v1_ListVmsRequest__Output>
      ListVmsResponse: MessageTypeDefinition<_vcpud_v1_ListVmsResponse, _vcpud_v1_ListVmsResponse__Output>
      MemoryPages: MessageTypeDefinition<_vcpud_v1_MemoryPages, _vcpud_v1_MemoryPages__Output>
      MemoryPatches: MessageTypeDefinition<_vcpud_v1_MemoryPatches, _vcpud_v1_MemoryPatches__Output>
      MemoryRegion: MessageTypeDefinition<_vcpud_v1_MemoryRegion, _vcpud_v1_MemoryRegion__Output>
      MigrationOutcome: EnumTypeDefinition
      MigrationPhase: EnumTypeDefinition
      /**
       * MigrationService moves a VM from this vcpud to another while its guest runs. Memory and state go from source to destination
       * directly. An orchestrator speaks to both: it prepares the VM at the destination, then leads the source through rounds of
       * copying, until it has it switch. At any moment the guest may run on one side at most.
       */
      MigrationService: SubtypeConstructor<typeof grpc.Client, _vcpud_v1_MigrationServiceClient> & { service: _vcpud_v1_MigrationServiceDefinition }
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
      PauseVmRequest: MessageTypeDefinition<_vcpud_v1_PauseVmRequest, _vcpud_v1_PauseVmRequest__Output>
      PauseVmResponse: MessageTypeDefinition<_vcpud_v1_PauseVmResponse, _vcpud_v1_PauseVmResponse__Output>
      PcState: MessageTypeDefinition<_vcpud_v1_PcState, _vcpud_v1_PcState__Output>
      PrepareVmRequest: MessageTypeDefinition<_vcpud_v1_PrepareVmRequest, _vcpud_v1_PrepareVmRequest__Output>
      PrepareVmResponse: MessageTypeDefinition<_vcpud_v1_PrepareVmResponse, _vcpud_v1_PrepareVmResponse__Output>
      ReceiveVmArrived: MessageTypeDefinition<_vcpud_v1_ReceiveVmArrived, _vcpud_v1_ReceiveVmArrived__Output>
      ReceiveVmBegin: MessageTypeDefinition<_vcpud_v1_ReceiveVmBegin, _vcpud_v1_ReceiveVmBegin__Output>
      ReceiveVmCommit: MessageTypeDefinition<_vcpud_v1_ReceiveVmCommit, _vcpud_v1_ReceiveVmCommit__Output>
      ReceiveVmPagesRead: MessageTypeDefinition<_vcpud_v1_ReceiveVmPagesRead, _vcpud_v1_ReceiveVmPagesRead__Output>
      ReceiveVmReady: MessageTypeDefinition<_vcpud_v1_ReceiveVmReady, _vcpud_v1_ReceiveVmReady__Output>
      ReceiveVmRequest: MessageTypeDefinition<_vcpud_v1_ReceiveVmRequest, _vcpud_v1_ReceiveVmRequest__Output>
      ReceiveVmResponse: MessageTypeDefinition<_vcpud_v1_ReceiveVmResponse, _vcpud_v1_ReceiveVmResponse__Output>
      ReceiveVmRoundEnd: MessageTypeDefinition<_vcpud_v1_ReceiveVmRoundEnd, _vcpud_v1_ReceiveVmRoundEnd__Output>
      ReceiveVmRoundWritten: MessageTypeDefinition<_vcpud_v1_ReceiveVmRoundWritten, _vcpud_v1_ReceiveVmRoundWritten__Output>
      ResetRequest: MessageTypeDefinition<_vcpud_v1_ResetRequest, _vcpud_v1_ResetRequest__Output>
      ResetResponse: MessageTypeDefinition<_vcpud_v1_ResetResponse, _vcpud_v1_ResetResponse__Output>
      ResolveMigrationRequest: MessageTypeDefinition<_vcpud_v1_ResolveMigrationRequest, _vcpud_v1_ResolveMigrationRequest__Output>
      ResolveMigrationResponse: MessageTypeDefinition<_vcpud_v1_ResolveMigrationResponse, _vcpud_v1_ResolveMigrationResponse__Output>
      RunVmRequest: MessageTypeDefinition<_vcpud_v1_RunVmRequest, _vcpud_v1_RunVmRequest__Output>
      RunVmResponse: MessageTypeDefinition<_vcpud_v1_RunVmResponse, _vcpud_v1_RunVmResponse__Output>
      SendVmProgress: MessageTypeDefinition<_vcpud_v1_SendVmProgress, _vcpud_v1_SendVmProgress__Output>
      SendVmRequest: MessageTypeDefinition<_vcpud_v1_SendVmRequest, _vcpud_v1_SendVmRequest__Output>
      SendVmResponse: MessageTypeDefinition<_vcpud_v1_SendVmResponse, _vcpud_v1_SendVmResponse__Output>
      SendVmRound: MessageTypeDefinition<_vcpud_v1_SendVmRound, _vcpud_v1_SendVmRound__Output>
      SendVmRoundDone: MessageTypeDefinition<_vcpud_v1_SendVmRoundDone, _vcpud_v1_SendVmRoundDone__Output>
      SendVmStart: MessageTypeDefinition<_vcpud_v1_SendVmStart, _vcpud_v1_SendVmStart__Output>
      SendVmStarted: MessageTypeDefinition<_vcpud_v1_SendVmStarted, _vcpud_v1_SendVmStarted__Output>
      SendVmSwitch: MessageTypeDefinition<_vcpud_v1_SendVmSwitch, _vcpud_v1_SendVmSwitch__Output>
      SendVmSwitched: MessageTypeDefinition<_vcpud_v1_SendVmSwitched, _vcpud_v1_SendVmSwitched__Output>
      SerialPortState: MessageTypeDefinition<_vcpud_v1_SerialPortState, _vcpud_v1_SerialPortState__Output>
      SetNestedStateRequest: MessageTypeDefinition<_vcpud_v1_SetNestedStateRequest, _vcpud_v1_SetNestedStateRequest__Output>
      SetNestedStateResponse: MessageTypeDefinition<_vcpud_v1_SetNestedStateResponse, _vcpud_v1_SetNestedStateResponse__Output>
      SetVcpuStateRequest: MessageTypeDefinition<_vcpud_v1_SetVcpuStateRequest, _vcpud_v1_SetVcpuStateRequest__Output>
      SetVcpuStateResponse: MessageTypeDefinition<_vcpud_v1_SetVcpuStateResponse, _vcpud_v1_SetVcpuStateResponse__Output>
      SetVmStateRequest: MessageTypeDefinition<_vcpud_v1_SetVmStateRequest, _vcpud_v1_SetVmStateRequest__Output>
      SetVmStateResponse: MessageTypeDefinition<_vcpud_v1_SetVmStateResponse, _vcpud_v1_SetVmStateResponse__Output>
      SourceMemory: MessageTypeDefinition<_vcpud_v1_SourceMemory, _vcpud_v1_SourceMemory__Output>
      SvmNestedHeader: MessageTypeDefinition<_vcpud_v1_SvmNestedHeader, _vcpud_v1_SvmNestedHeader__Output>
      SwitchPart: MessageTypeDefinition<_vcpud_v1_SwitchPart, _vcpud_v1_SwitchPart__Output>
      ValidateNestedStateRequest: MessageTypeDefinition<_vcpud_v1_ValidateNestedStateRequest, _vcpud_v1_ValidateNestedStateRequest__Output>
      ValidateNestedStateResponse: MessageTypeDefinition<_vcpud_v1_ValidateNestedStateResponse, _vcpud_v1_ValidateNestedStateResponse__Output>
      Vcpu: MessageTypeDefinition<_vcpud_v1_Vcpu, _vcpud_v1_Vcpu__Output>
      VcpuExit: MessageTypeDefinition<_vcpud_v1_VcpuExit, _vcpud_v1_VcpuExit__Output>
      VcpuNestedState: MessageTypeDefinition<_vcpud_v1_VcpuNestedState, _vcpud_v1_VcpuNestedState__Output>
      VcpuRunState: EnumTypeDefinition
      /**
       * VcpuService reads and writes everything that one vCPU holds. To move a whole VM, VmService.GetVmState takes all vCPUs from one
       * stop.
       */
      VcpuService: SubtypeConstructor<typeof grpc.Client, _vcpud_v1_VcpuServiceClient> & { service: _vcpud_v1_VcpuServiceDefinition }
      VcpuState: MessageTypeDefinition<_vcpud_v1_VcpuState, _vcpud_v1_VcpuState__Output>
      Vm: MessageTypeDefinition<_vcpud_v1_Vm, _vcpud_v1_Vm__Output>
      VmDeleted: MessageTypeDefinition<_vcpud_v1_VmDeleted, _vcpud_v1_VmDeleted__Output>
      VmMigration: MessageTypeDefinition<_vcpud_v1_VmMigration, _vcpud_v1_VmMigration__Output>
      VmRequirements: MessageTypeDefinition<_vcpud_v1_VmRequirements, _vcpud_v1_VmRequirements__Output>
      VmRunState: EnumTypeDefinition
      /**
       * VmService makes, runs, pauses and deletes VMs that vcpud owns, and moves what a VM holds beside its memory.
       */
      VmService: SubtypeConstructor<typeof grpc.Client, _vcpud_v1_VmServiceClient> & { service: _vcpud_v1_VmServiceDefinition }
      VmState: MessageTypeDefinition<_vcpud_v1_VmState, _vcpud_v1_VmState__Output>
      VmStop: MessageTypeDefinition<_vcpud_v1_VmStop, _vcpud_v1_VmStop__Output>
      VmStopReason: EnumTypeDefinition
      VmxNestedHeader: MessageTypeDefinition<_vcpud_v1_VmxNestedHeader, _vcpud_v1_VmxNestedHeader__Output>
      WatchVmRequest: MessageTypeDefinition<_vcpud_v1_WatchVmRequest, _vcpud_v1_WatchVmRequest__Output>
      WatchVmResponse: MessageTypeDefinition<_vcpud_v1_WatchVmResponse, _vcpud_v1_WatchVmResponse__Output>
      WriteConsoleRequest: MessageTypeDefinition<_vcpud_v1_WriteConsoleRequest, _vcpud_v1_WriteConsoleRequest__Output>
      WriteConsoleResponse: MessageTypeDefinition<_vcpud_v1_WriteConsoleResponse, _vcpud_v1_WriteConsoleResponse__Output>
    }
  }
}

