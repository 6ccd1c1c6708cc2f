// The answer of Set calls that people should not overlook: bytes that the kernel, by design, does not hold.

import type { ByteRange__Output } from '../../protos/gen/vcpud/v1/ByteRange.js';
import { table } from './output.js';

export function ignoredText(ignored: readonly ByteRange__Output[]): string {
  if (ignored.length === 0) return '';
  const rows = ignored.map(({ field, offset, length }) => [field, String(offset), String(length)]);
  return `\nNot held by the kernel, by its design:\n${table(['FIELD', 'OFFSET', 'BYTES'], rows)}`;
}
