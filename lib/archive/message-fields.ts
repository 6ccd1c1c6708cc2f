// Messages of the API as they are on the wire, field by field: a saved VM keeps what vcpud sent to the byte, fields that
// this version has no name for included, and one that is loaded must have none of those. Source: protobuf's encoding
// specification, wire types 0, 1, 2 and 5.

import type { MessageTypeDefinition } from '@grpc/proto-loader';
import { packageDefinition } from '../api/definitions.js';

export interface WireField {
  readonly number: number;
  /** Tag and value, as they stand. */
  readonly whole: Buffer;
  /** The value of one with a length; empty of others. */
  readonly content: Buffer;
}

const WIRE_TYPE_BITS = 3n;
const WIRE_TYPE_MASK = 7n;
const VARINT = 0n;
const FIXED64 = 1n;
const LENGTH = 2n;
const FIXED32 = 5n;

/** Throws RangeError where the bytes end too early or are no message. */
export function* wireFields(message: Buffer): Generator<WireField> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message.readUInt8(at);
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const start = at;
    const tag = varint();
    const type = tag & WIRE_TYPE_MASK;
    let contentAt = at;
    if (type === VARINT) varint();
    else if (type === FIXED64) at += 8;
    else if (type === FIXED32) at += 4;
    else if (type === LENGTH) {
      const length = Number(varint());
      contentAt = at;
      at += length;
    } else throw new RangeError(`wire type ${type} at byte ${start}`);
    if (at > message.length) throw new RangeError(`the field at byte ${start} ends after the message`);
    const content = type === LENGTH ? message.subarray(contentAt, at) : Buffer.alloc(0);
    yield { number: Number(tag >> WIRE_TYPE_BITS), whole: message.subarray(start, at), content };
  }
}

/** The contents of every field of that number, and the message without them. */
export function split(message: Buffer, number: number): { readonly parts: Buffer[]; readonly rest: Buffer } {
  const parts: Buffer[] = [];
  const rest: Buffer[] = [];
  for (const field of wireFields(message)) {
    if (field.number === number) parts.push(field.content);
    else rest.push(field.whole);
  }
  return { parts, rest: Buffer.concat(rest) };
}

/** What is used of a google.protobuf.FieldDescriptorProto. */
interface FieldDescriptor {
  readonly name: string;
  readonly number: number;
  readonly type: string;
  readonly typeName: string;
}

function definitionOf(type: string): MessageTypeDefinition<object, object> {
  // Descriptors name types of their own package without it.
  const name = type in packageDefinition ? type : `vcpud.v1.${type}`;
  return packageDefinition[name] as unknown as MessageTypeDefinition<object, object>;
}

const fieldsOf = (type: string): readonly FieldDescriptor[] =>
  (definitionOf(type).type as { field: readonly FieldDescriptor[] }).field;

/** The number of a message's field by its name in camelCase, such as "vcpus" of vcpud.v1.VmState. */
export function fieldNumber(type: string, name: string): number {
  const field = fieldsOf(type).find((each) => each.name === name);
  if (field === undefined) throw new Error(`${type} has no field ${name}`);
  return field.number;
}

/** Names of fields that the API of this version does not have, at any depth: "VmState.9", "Vm.memoryRegions.7". */
export function unknownFields(type: string, message: Buffer): string[] {
  const known = new Map(fieldsOf(type).map((field) => [field.number, field]));
  const short = type.slice(type.lastIndexOf('.') + 1);
  const found = [...wireFields(message)].flatMap(({ number, content }) => {
    const field = known.get(number);
    if (field === undefined) return [`${short}.${number}`];
    if (field.type !== 'TYPE_MESSAGE') return [];
    return unknownFields(field.typeName, content).map(
      (inner) => `${short}.${field.name}${inner.slice(inner.indexOf('.'))}`,
    );
  });
  return [...new Set(found)];
}

/** The message that the bytes hold. Throws where they are none of that type. */
export function decoded<T extends object>(type: string, message: Buffer): T {
  return definitionOf(type).deserialize(message) as T;
}
