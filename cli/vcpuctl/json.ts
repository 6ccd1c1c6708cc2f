// Messages of the API as proto3 JSON: camelCase, bytes as base64, 64-bit integers as strings, enums by name,
// google.protobuf.Timestamp and Duration as their strings. Walks the messages' descriptors, so that a new field
// needs nothing here. Scalars that hold their default are shown, messages that are not set are left out.

import type { MessageTypeDefinition } from '@grpc/proto-loader';
import { packageDefinition } from '../../lib/api/definitions.js';

/** What is used of a google.protobuf.FieldDescriptorProto. */
interface FieldDescriptor {
  readonly name: string;
  readonly label: string;
  readonly type: string;
  readonly typeName: string;
}

type Json = string | number | boolean | Json[] | { [name: string]: Json };

/** Descriptors name types of their own package without it. */
function descriptorOf(type: string): { readonly name: string; readonly fields: readonly FieldDescriptor[] } {
  const name = type in packageDefinition ? type : `vcpud.v1.${type}`;
  const definition = packageDefinition[name] as unknown as MessageTypeDefinition<object, object> | undefined;
  if (definition === undefined) throw new Error(`the API has no message ${type}`);
  return { name, fields: (definition.type as { field: readonly FieldDescriptor[] }).field };
}

/** A message of that type, as proto-loader gives it. */
export function toJson(type: string, message: object): Json {
  const { name, fields } = descriptorOf(type);
  if (name === 'google.protobuf.Timestamp') return timestamp(message as SecondsAndNanos);
  if (name === 'google.protobuf.Duration') return duration(message as SecondsAndNanos);
  const result: { [name: string]: Json } = {};
  for (const field of fields) {
    const value = (message as Record<string, unknown>)[field.name];
    if (value === null || value === undefined) continue;
    result[field.name] =
      field.label === 'LABEL_REPEATED'
        ? (value as unknown[]).map((item) => fieldJson(field, item))
        : fieldJson(field, value);
  }
  return result;
}

function fieldJson(field: FieldDescriptor, value: unknown): Json {
  if (field.type === 'TYPE_MESSAGE') return toJson(field.typeName, value as object);
  if (field.type === 'TYPE_BYTES') return (value as Buffer).toString('base64');
  return value as string | number | boolean;
}

interface SecondsAndNanos {
  readonly seconds: string;
  readonly nanos: number;
}

/** 0, 3, 6 or 9 digits after the point, as many as needed. */
function fraction(nanos: number): string {
  const digits = String(Math.abs(nanos))
    .padStart(9, '0')
    .replace(/(?:000){1,3}$/, '');
  return digits === '' ? '' : `.${digits}`;
}

function timestamp({ seconds, nanos }: SecondsAndNanos): string {
  return new Date(Number(seconds) * 1000).toISOString().replace('.000Z', `${fraction(nanos)}Z`);
}

function duration({ seconds, nanos }: SecondsAndNanos): string {
  return `${seconds}${fraction(nanos)}s`;
}
