// Numbers of the kernel's ABI against those that other programs have, and the driver that carries them.

import { describe, expect, test } from 'vitest';
import { exitName, KVM, requestName, requestSize } from '../../../lib/kvm/abi.js';
import { NativePort } from '../../../lib/kvm/native/native-port.js';

describe('request numbers', () => {
  // As strace prints them, and as Cloud Hypervisor's seccomp filters have the two of nested state.
  test.each([
    ['GET_API_VERSION', 0xae00],
    ['CREATE_VM', 0xae01],
    ['CHECK_EXTENSION', 0xae03],
    ['CREATE_VCPU', 0xae41],
    ['SET_USER_MEMORY_REGION', 0x4020ae46],
    ['GET_DIRTY_LOG', 0x4010ae42],
    ['CLEAR_DIRTY_LOG', 0xc018aec0],
    ['RUN', 0xae80],
    ['GET_REGS', 0x8090ae81],
    ['SET_REGS', 0x4090ae82],
    ['GET_SREGS', 0x8138ae83],
    ['SET_SREGS', 0x4138ae84],
    ['GET_MSRS', 0xc008ae88],
    ['SET_MSRS', 0x4008ae89],
    ['SET_CPUID2', 0x4008ae90],
    ['GET_CPUID2', 0xc008ae91],
    ['GET_VCPU_EVENTS', 0x8040ae9f],
    ['SET_VCPU_EVENTS', 0x4040aea0],
    ['GET_NESTED_STATE', 3_229_658_814],
    ['SET_NESTED_STATE', 1_082_175_167],
    ['GET_SREGS2', 0x8140aecc],
    ['SET_SREGS2', 0x4140aecd],
  ] as const)('KVM_%s', (name, number) => {
    expect(KVM[name]).toBe(number);
    expect(requestName(number)).toBe(`KVM_${name}`);
  });

  test('are all different', () => {
    const numbers = Object.values(KVM);
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  test('carry the size of what the kernel copies', () => {
    expect(requestSize(KVM.GET_REGS)).toBe(144);
    expect(requestSize(KVM.GET_NESTED_STATE)).toBe(128);
    expect(requestSize(KVM.RUN)).toBe(0);
  });

  test('that have no name here are told by their number', () => {
    expect(requestName(0xabcd)).toBe('ioctl 0xabcd');
    expect(exitName(5)).toBe('HLT');
    expect(exitName(999)).toBe('EXIT_999');
  });
});

describe('the native driver', () => {
  const closed = new NativePort(-1);

  test('says which request failed, and with what', () => {
    const failed = { name: 'KernelError', call: 'KVM_GET_REGS', code: 'EBADF', errno: 9 };
    expect(() => closed.ioctl(KVM.GET_REGS, Buffer.alloc(144))).toThrow(expect.objectContaining(failed));
    expect(() => closed.ioctl(KVM.CREATE_VM, 0)).toThrow(
      expect.objectContaining({ call: 'KVM_CREATE_VM', code: 'EBADF' }),
    );
  });

  test('gives the kernel no buffer that is shorter than what it copies', () => {
    const short = { request: KVM.GET_REGS, argument: Buffer.alloc(143) };
    expect(() => closed.ioctl(short.request, short.argument)).toThrow('KVM_GET_REGS needs 144 bytes');
    expect(() => closed.ioctls([short])).toThrow('KVM_GET_REGS needs 144 bytes');
  });

  test('says which of several failed', () => {
    const { answers, failure } = closed.ioctls([
      { request: KVM.GET_REGS, argument: Buffer.alloc(144) },
      { request: KVM.GET_TSC_KHZ, argument: 0 },
    ]);
    expect(answers).toEqual([]);
    expect(failure).toMatchObject({ name: 'KernelError', call: 'KVM_GET_REGS', code: 'EBADF' });
  });
});
