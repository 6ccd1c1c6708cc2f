// google.rpc details on the wire: what the server puts in is what a client reads, and what it can't read it leaves.

import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { attachDetails, type Detail, errorInfoOf } from '../../../lib/api/error-details.js';

const KEY = 'grpc-status-details-bin';

function errorWith(details: readonly Detail[]): ServiceError {
  const metadata = new Metadata();
  attachDetails(metadata, status.INVALID_ARGUMENT, 'a sentence', details);
  return { metadata } as ServiceError;
}

const info = (reason: string, metadata: Record<string, string> = {}): Detail => ({
  type: 'ErrorInfo',
  message: { reason, domain: 'vcpud', metadata },
});

describe('details', () => {
  test('of any text come out as they went in', () => {
    const metadata = fc.dictionary(
      fc.string({ minLength: 1, unit: 'grapheme' }),
      fc.string({ unit: 'grapheme' }),
      {
        noNullPrototype: true,
      },
    );
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), metadata, (reason, values) => {
        fc.pre(!Object.hasOwn(values, '__proto__'));
        expect(errorInfoOf(errorWith([info(reason, values)]))).toEqual({
          reason,
          domain: 'vcpud',
          metadata: values,
          fieldViolations: [],
          preconditionViolations: [],
        });
      }),
    );
  });

  test('say which fields and which preconditions', () => {
    const fieldViolations = [{ field: 'vm.pit', description: 'needs an irqchip', reason: 'DEVICES_INVALID' }];
    const violations = [{ type: 'VM_RUNNING', subject: 'vms/a', description: 'it runs' }];
    const error = errorWith([
      info('X'),
      { type: 'BadRequest', message: { fieldViolations } },
      { type: 'PreconditionFailure', message: { violations } },
    ]);
    expect(errorInfoOf(error)).toMatchObject({
      reason: 'X',
      fieldViolations,
      preconditionViolations: violations,
    });
  });
});

describe('an error', () => {
  test('without details has none', () => {
    expect(errorInfoOf({ metadata: new Metadata() } as ServiceError)).toBeUndefined();
    expect(errorInfoOf(new Error('not of gRPC') as ServiceError)).toBeUndefined();
  });

  test('with details but no ErrorInfo, as gRPC itself or a proxy sends it, has none either', () => {
    expect(errorInfoOf(errorWith([]))).toBeUndefined();
    expect(
      errorInfoOf(errorWith([{ type: 'BadRequest', message: { fieldViolations: [] } }])),
    ).toBeUndefined();
  });

  test('with a detail of a type that is not known here has the others', () => {
    const error = errorWith([info('KNOWN')]);
    const [bytes] = error.metadata.get(KEY);
    // google.rpc.Status.details is field 3, google.protobuf.Any.type_url its field 1.
    const url = Buffer.from('type.googleapis.com/example.Unknown');
    const any = Buffer.concat([Buffer.from([0x0a, url.length]), url]);
    const stranger = Buffer.concat([Buffer.from([0x1a, any.length]), any]);
    error.metadata.set(KEY, Buffer.concat([bytes as Buffer, stranger]));
    expect(errorInfoOf(error)?.reason).toBe('KNOWN');
  });
});
