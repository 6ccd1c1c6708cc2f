// Which google.rpc details an error gets on its way out.

import { type ServiceError, status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { errorInfoOf } from '../../../lib/api/error-details.js';
import { REASONS, type Reason, VcpudError } from '../../../lib/errors/vcpud-error.js';
import { KernelError } from '../../../lib/os/kernel-error.js';
import { toStatus } from '../../../services/status.js';
import { keptLog } from '../../harness/wire.js';

function sent(error: unknown) {
  const { log, lines } = keptLog();
  const answer = toStatus(error, log);
  const info = errorInfoOf({ metadata: answer.metadata } as ServiceError);
  return { code: answer.code, message: answer.details, info, lines };
}

describe('an error of vcpud', () => {
  for (const [reason, { status: name }] of Object.entries(REASONS)) {
    test(`${reason} is ${name}, with an ErrorInfo that says so`, () => {
      const { code, info, message } = sent(VcpudError.of(reason as Reason, 'a sentence'));
      expect(code).toBe(status[name]);
      expect(message).toBe('a sentence');
      expect(info).toMatchObject({ reason, domain: 'vcpud', metadata: {} });
    });
  }

  test('with a field has a BadRequest that names it', () => {
    const details = { field: 'vm.pit', metadata: { a: 'b' } };
    const { info } = sent(VcpudError.of('DEVICES_INVALID', 'a sentence', details));
    expect(info?.fieldViolations).toMatchObject([{ field: 'vm.pit', description: 'a sentence' }]);
    expect(info?.preconditionViolations).toEqual([]);
    expect(info?.metadata).toEqual({ a: 'b' });
  });

  test('without one has no BadRequest', () => {
    expect(sent(VcpudError.of('VM_NOT_FOUND', 'a sentence')).info?.fieldViolations).toEqual([]);
  });

  test('that is a failed precondition has a PreconditionFailure, of the host where nothing else is said', () => {
    const running = sent(VcpudError.of('VM_RUNNING', 'a sentence', { subject: 'vms/a' })).info;
    expect(running?.preconditionViolations).toMatchObject([{ type: 'VM_RUNNING', subject: 'vms/a' }]);
    const unsupported = sent(VcpudError.of('NESTED_NOT_SUPPORTED', 'a sentence')).info;
    expect(unsupported?.preconditionViolations).toMatchObject([{ subject: 'host' }]);
  });

  test('of a rule is INVALID_ARGUMENT with the rule as its reason', () => {
    const { code, info } = sent(VcpudError.ofRule('SVM_ASID_ZERO', 'a sentence', { field: 'data:asid' }));
    expect(code).toBe(status.INVALID_ARGUMENT);
    expect(info).toMatchObject({ reason: 'SVM_ASID_ZERO', fieldViolations: [{ field: 'data:asid' }] });
  });

  test('of several rules has one BadRequest that names every field, the first rule first', () => {
    const further = [{ field: 'data:size', reason: 'SVM_SIZE_BELOW_VMCB12', message: 'another sentence' }];
    const { info } = sent(VcpudError.ofRule('SVM_ASID_ZERO', 'a sentence', { field: 'data:asid', further }));
    expect(info?.fieldViolations).toMatchObject([
      { field: 'data:asid', reason: 'SVM_ASID_ZERO', description: 'a sentence' },
      { field: 'data:size', reason: 'SVM_SIZE_BELOW_VMCB12', description: 'another sentence' },
    ]);
  });

  test('that is told more of keeps what it had', () => {
    const error = VcpudError.of('MSR_REFUSED', 'a sentence', { field: 'msrs', metadata: { msr: '0x10' } });
    const { info } = sent(error.with({ vcpu_holds: 'former state' }));
    expect(info?.metadata).toEqual({ msr: '0x10', vcpu_holds: 'former state' });
    expect(info?.fieldViolations).toMatchObject([{ field: 'msrs' }]);
  });
});

describe('an error of another kind', () => {
  test('that is the kernel’s is KERNEL_ERROR, with the call and the errno, and is logged', () => {
    const { code, info, message, lines } = sent(new KernelError('KVM_CREATE_VCPU', 17));
    expect(code).toBe(status.INTERNAL);
    expect(info).toMatchObject({
      reason: 'KERNEL_ERROR',
      metadata: { call: 'KVM_CREATE_VCPU', errno: 'EEXIST' },
    });
    expect(message).toBe('KVM_CREATE_VCPU failed: EEXIST');
    expect(lines).toHaveLength(1);
  });

  test('is INTERNAL with an id of its own each time', () => {
    const [first, second] = [sent(new Error('inner')), sent(new Error('inner'))];
    expect(first.info?.metadata['log_id']).not.toBe(second.info?.metadata['log_id']);
    expect(first.message).not.toContain('inner');
  });
});
