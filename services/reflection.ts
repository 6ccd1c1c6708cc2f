// What server reflection is told about the API. proto-loader makes one file a package of it and leaves out what each
// imports (grpc/grpc-node#2595); strict clients, those in Go among them, then take none of it. Here the imports are put back.

import type { PackageDefinition } from '@grpc/proto-loader';
import { packageDefinition } from '../lib/api/definitions.js';

/** The files that proto-loader makes, by name, and what each needs of the others. */
const IMPORTS: Readonly<Record<string, readonly string[]>> = {
  'vcpud_v1.proto': ['google_protobuf.proto'],
  'google_rpc.proto': ['google_protobuf.proto'],
  'google_protobuf.proto': [],
};

// Tags of google.protobuf.FileDescriptorProto's fields: name = 1 and dependency = 3, both strings.
const NAME_TAG = 0x0a;
const DEPENDENCY_TAG = 0x1a;

/** A field of fewer than 128 bytes. */
function field(tag: number, text: string): Buffer {
  return Buffer.concat([Buffer.from([tag, text.length]), Buffer.from(text)]);
}

/** The file with its imports: in protobuf, to append an element is to append its bytes. */
function withImports(file: Buffer): Buffer {
  const [name, imports] =
    Object.entries(IMPORTS).find(([candidate]) => file.indexOf(field(NAME_TAG, candidate)) === 0) ?? [];
  if (name === undefined || imports === undefined)
    throw new Error('the API has a file that reflection does not know');
  return Buffer.concat([file, ...imports.map((path) => field(DEPENDENCY_TAG, path))]);
}

/** The API as ReflectionService takes it. */
export function reflectedApi(): PackageDefinition {
  // Each message and enum has all files; ReflectionService takes each apart that it is given, and keeps the first of a name.
  const listed = new Set<string>();
  const notListed = (file: Buffer): boolean => listed.size < listed.add(file.toString('latin1')).size;
  return Object.fromEntries(
    Object.entries(packageDefinition).map(([name, definition]) => {
      // Services have none.
      const { fileDescriptorProtos: files }: { fileDescriptorProtos?: unknown } = definition;
      if (!Array.isArray(files)) return [name, definition];
      const fileDescriptorProtos = files.filter(notListed).map(withImports);
      return [name, Object.assign({}, definition, { fileDescriptorProtos })];
    }),
  );
}
