import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { MemoryServiceClient as _vcpud_v1_MemoryServiceClient, MemoryServiceDefinition as _vcpud_v1_MemoryServiceDefinition } from './vcpud/v1/MemoryService.js';
import type { ReadMemoryRequest as _vcpud_v1_ReadMemoryRequest, ReadMemoryRequest__Output as _vcpud_v1_ReadMemoryRequest__Output } from './vcpud/v1/ReadMemoryRequest.js';
import type { ReadMemoryResponse as _vcpud_v1_ReadMemoryResponse, ReadMemoryResponse__Output as _vcpud_v1_ReadMemoryResponse__Output } from './vcpud/v1/ReadMemoryResponse.js';
import type { WriteMemoryRequest as _vcpud_v1_WriteMemoryRequest, WriteMemoryRequest__Output as _vcpud_v1_WriteMemoryRequest__Output } from './vcpud/v1/WriteMemoryRequest.js';
import type { WriteMemoryResponse as _vcpud_v1_WriteMemoryResponse, WriteMemoryResponse__Output as _vcpud_v1_WriteMemoryResponse__Output } from './vcpud/v1/WriteMemoryResponse.js';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  vcpud: {
    v1: {
      /**
       * MemoryService moves guest memory. Both directions are streams under flow control: neither side holds more than a few chunks,
       * however large the guest. Memory of a running VM can be read and written too; what that is worth is the caller's to know.
       */
      MemoryService: SubtypeConstructor<typeof grpc.Client, _vcpud_v1_MemoryServiceClient> & { service: _vcpud_v1_MemoryServiceDefinition }
      ReadMemoryRequest: MessageTypeDefinition<_vcpud_v1_ReadMemoryRequest, _vcpud_v1_ReadMemoryRequest__Output>
      ReadMemoryResponse: MessageTypeDefinition<_vcpud_v1_ReadMemoryResponse, _vcpud_v1_ReadMemoryResponse__Output>
      WriteMemoryRequest: MessageTypeDefinition<_vcpud_v1_WriteMemoryRequest, _vcpud_v1_WriteMemoryRequest__Output>
      WriteMemoryResponse: MessageTypeDefinition<_vcpud_v1_WriteMemoryResponse, _vcpud_v1_WriteMemoryResponse__Output>
    }
  }
}

