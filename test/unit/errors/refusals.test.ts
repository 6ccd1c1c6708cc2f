// Whose fault it is that a part of a state was not set, by what the kernel answered.

import { describe, expect, test } from 'vitest';
import { VcpudError } from '../../../lib/errors/vcpud-error.js';
import { KVM, SIZE } from '../../../lib/kvm/abi.js';
import { MsrRefused } from '../../../lib/kvm/msrs.js';
import { type Ioctl, oneByOne, type SeriesPort, UnexpectedReturn } from '../../../lib/kvm/port.js';
import { KernelError } from '../../../lib/os/kernel-error.js';
import { nestedRefused, partRefused } from '../../../lib/state/refusals.js';
import { deviceDifferences, restoreDevices } from '../../../lib/state/vm-components.js';

const EINVAL = 22;
const ENOMEM = 12;
const EFAULT = 14;

describe('a part that the kernel did not take', () => {
  test.each([
    ['EINVAL', EINVAL, 'KERNEL_REFUSED_STATE'],
    ['EBUSY', 16, 'KERNEL_REFUSED_STATE'],
    ['E2BIG', 7, 'KERNEL_REFUSED_STATE'],
    ['EPERM', 1, 'KERNEL_REFUSED_STATE'],
    ['ENXIO', 6, 'KERNEL_REFUSED_STATE'],
    ['ENOMEM', ENOMEM, 'KERNEL_ERROR'],
    ['EFAULT', EFAULT, 'KERNEL_ERROR'],
    ['EIO', 5, 'KERNEL_ERROR'],
  ])('with %s', (code, errno, reason) => {
    const error = partRefused('sregs2', 'state.sregs2', new KernelError('KVM_SET_SREGS2', errno));
    expect(error).toMatchObject({
      reason,
      status: reason === 'KERNEL_ERROR' ? 'INTERNAL' : 'INVALID_ARGUMENT',
    });
    expect(error.details.metadata).toEqual({ part: 'sregs2', call: 'KVM_SET_SREGS2', errno: code });
    expect(error.details.field).toBe(reason === 'KERNEL_ERROR' ? undefined : 'state.sregs2');
  });

  test('because of an MSR is MSR_REFUSED, with the MSR, the value and what is held', () => {
    const error = partRefused('msrs', 'state.msrs', new MsrRefused(0x174, 2n ** 63n, 5n));
    expect(error).toMatchObject({ reason: 'MSR_REFUSED' });
    expect(error.details).toMatchObject({
      field: 'state.msrs',
      metadata: { msr: '0x174', value: '0x8000000000000000', held: '0x5' },
    });
  });

  test('for a reason that is not the kernel’s is no refusal', () => {
    const bug = new TypeError('inner');
    expect(() => partRefused('regs', 'state.regs', bug)).toThrow(bug);
    expect(() => nestedRefused('nested_state.data', bug)).toThrow(bug);
  });
});

describe('a nested state that the kernel did not take', () => {
  const field = 'state.nested_state.data';

  test('although no rule is broken is KERNEL_REJECTED, with errno or return value', () => {
    expect(nestedRefused(field, new KernelError('KVM_SET_NESTED_STATE', EINVAL))).toMatchObject({
      reason: 'KERNEL_REJECTED',
      details: { field, metadata: { errno: 'EINVAL' } },
    });
    // VMX: the entry into L2 failed.
    expect(nestedRefused(field, new UnexpectedReturn(2))).toMatchObject({
      reason: 'KERNEL_REJECTED',
      details: { field, metadata: { return_value: '2' } },
    });
  });

  test.each([ENOMEM, EFAULT])('because the host failed (errno %i) is not the caller’s fault', (errno) => {
    const error = nestedRefused(field, new KernelError('KVM_SET_NESTED_STATE', errno));
    expect(error).toMatchObject({ reason: 'KERNEL_ERROR', status: 'INTERNAL' });
  });
});

describe('the devices of a VM', () => {
  const SHAPE = { irqchip: true, pit: true };
  const chip = (id: number): Buffer => {
    const bytes = Buffer.alloc(SIZE.irqchip);
    bytes.writeUInt32LE(id, 0);
    return bytes;
  };
  const SNAPSHOT = {
    clock: Buffer.alloc(SIZE.clock, 0xff),
    irqchips: [chip(0), chip(1), chip(2)],
    pit: Buffer.alloc(SIZE.pit2),
  };

  /** A VM that fails the nth of these requests. */
  function failingAt(request: number, nth: number): SeriesPort {
    let seen = 0;
    const port = {
      ioctl: (asked: number) => {
        if (asked !== request) return 0;
        seen += 1;
        if (seen === nth) throw new KernelError('an ioctl', EINVAL);
        return 0;
      },
      ioctls: (calls: readonly Ioctl[]) => oneByOne(port, calls),
    };
    return port;
  }

  test.each([
    ['clock', KVM.SET_CLOCK, 1],
    ['irqchips[0]', KVM.SET_IRQCHIP, 1],
    ['irqchips[2]', KVM.SET_IRQCHIP, 3],
    ['pit', KVM.SET_PIT2, 1],
  ])('say that it was %s', (part, request, nth) => {
    expect(() => restoreDevices(failingAt(request, nth), SHAPE, SNAPSHOT)).toThrow(
      expect.objectContaining({
        reason: 'KERNEL_REFUSED_STATE',
        details: expect.objectContaining({ field: `state.${part}` }),
      }),
    );
    expect(() => restoreDevices(failingAt(request, nth), SHAPE, SNAPSHOT)).toThrow(VcpudError);
  });

  test('are given the time of the clock, and not its flags or pairs', () => {
    const given: Buffer[] = [];
    const port = {
      ioctl: (request: number, argument: Uint8Array | number) => {
        if (request === KVM.SET_CLOCK) given.push(Buffer.from(argument as Buffer));
        return 0;
      },
      ioctls: (calls: readonly Ioctl[]) => oneByOne(port, calls),
    };
    restoreDevices(port, { irqchip: false, pit: false }, SNAPSHOT);
    expect(given).toEqual([Buffer.concat([Buffer.alloc(8, 0xff), Buffer.alloc(SIZE.clock - 8)])]);
  });

  test.each([
    ['as they are', SHAPE, SNAPSHOT, 0],
    [
      'none, of a VM without',
      { irqchip: false, pit: false },
      { ...SNAPSHOT, irqchips: [], pit: undefined },
      0,
    ],
    ['without a PIT', SHAPE, { ...SNAPSHOT, pit: undefined }, 1],
    ['without irqchips', SHAPE, { ...SNAPSHOT, irqchips: [] }, 1],
    ['with an irqchip missing', SHAPE, { ...SNAPSHOT, irqchips: [chip(0), chip(1)] }, 1],
    ['with an irqchip twice', SHAPE, { ...SNAPSHOT, irqchips: [chip(0), chip(1), chip(1)] }, 1],
    ['of a VM that has none', { irqchip: false, pit: false }, SNAPSHOT, 2],
  ])('%s: so many differences', (_, shape, snapshot, count) => {
    expect(deviceDifferences(shape, snapshot)).toHaveLength(count);
  });
});
