// The API as grpc-js needs it: the .proto files loaded once, with the options that the generated types in
// protos/gen were made for (test/checks/generate.ts has the same).

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { ProtoGrpcType as HostProto } from '../../protos/gen/host.js';
import type { ProtoGrpcType as MemoryProto } from '../../protos/gen/memory.js';
import type { ProtoGrpcType as MigrationProto } from '../../protos/gen/migration.js';
import type { ProtoGrpcType as NestedStateProto } from '../../protos/gen/nested_state.js';
import type { ProtoGrpcType as VcpuProto } from '../../protos/gen/vcpu.js';
import type { ProtoGrpcType as VmProto } from '../../protos/gen/vm.js';

/** The nearest folder above this file that holds protos/vcpud: the same from sources and from dist. */
function protoRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'protos/vcpud/v1/host.proto'))) return join(folder, 'protos');
    if (folder === dirname(folder))
      throw new Error('protos/vcpud/v1 is missing from this installation of vcpud');
  }
}

export const PROTO_ROOT = protoRoot();

/** The API's files, one a service. */
export const API_FILES = ['host', 'vm', 'memory', 'vcpu', 'nested_state', 'migration'].map(
  (name) => `vcpud/v1/${name}.proto`,
);

const LOADER_OPTIONS = {
  longs: String,
  enums: String,
  defaults: true,
  oneofs: true,
  includeDirs: [PROTO_ROOT],
};

export const packageDefinition = loadSync(
  [...API_FILES, 'google/rpc/status.proto', 'google/rpc/error_details.proto'],
  LOADER_OPTIONS,
);

type Api = HostProto & MemoryProto & MigrationProto & NestedStateProto & VcpuProto & VmProto;

/** The services and their client classes: api.VmService and so on. */
export const api = (loadPackageDefinition(packageDefinition) as unknown as Api).vcpud
  .v1 as Api['vcpud']['v1'] &
  HostProto['vcpud']['v1'] &
  MemoryProto['vcpud']['v1'] &
  MigrationProto['vcpud']['v1'] &
  NestedStateProto['vcpud']['v1'] &
  VcpuProto['vcpud']['v1'] &
  VmProto['vcpud']['v1'];
