// GET and SET of the nested state as bare ioctls, with the buffers that the kernel needs. The rules, the
// read-back and the way back after a failure are in nested-set.ts.

import { VcpudError } from '../errors/vcpud-error.js';
import { KVM } from '../kvm/abi.js';
import type { Ioctl } from '../kvm/port.js';
import { doStep, type SeriesStep } from '../kvm/steps.js';
import { read, viewOf } from '../nested/codec.js';
import {
  FLAG,
  FORMAT,
  HEADER,
  HEADER_BYTES,
  MIN_BUFFER_BYTES,
  NO_ADDRESS,
  VMX_HEADER,
} from '../nested/layout.js';
import { resetNestedState } from '../nested/reset.js';
import { hasFlag } from '../nested/rule.js';
import type { KernelVcpu } from './state-vcpu.js';

const SIZE_OFFSET = 4;

/**
 * How large a buffer for the kernel must be, in bytes, whatever the caller asked for: SVM's GET writes all of 4,224
 * bytes before it says E2BIG, VMX's writes a shadow VMCS that it did not count.
 */
export const bufferBytes = (maxBytes: number): number => Math.max(maxBytes, MIN_BUFFER_BYTES);

/** Makes a buffer ready for KVM_GET_NESTED_STATE: zeroed, and its size said in the header. */
export function prepareGet(buffer: Uint8Array): void {
  buffer.fill(0);
  new DataView(buffer.buffer, buffer.byteOffset, buffer.length).setUint32(SIZE_OFFSET, buffer.length, true);
}

/** A copy of exactly the bytes that KVM_GET_NESTED_STATE gave: 128, 4224 or 8320. */
export function takeGot(buffer: Uint8Array): Buffer {
  const size = new DataView(buffer.buffer, buffer.byteOffset, buffer.length).getUint32(SIZE_OFFSET, true);
  if (size < HEADER_BYTES || size > buffer.length)
    throw new RangeError(`the kernel gave ${size} bytes of nested state`);
  // allocUnsafeSlow: no slab shared with other buffers, and every byte is written here.
  const copy = Buffer.allocUnsafeSlow(size);
  copy.set(buffer.subarray(0, size));
  return copy;
}

/** What a vCPU's host can do, or the error that says it can't. */
export function requireNested(vcpu: KernelVcpu): {
  readonly format: 'SVM' | 'VMX';
  readonly maxBytes: number;
} {
  if (vcpu.shape.nested !== undefined) return vcpu.shape.nested;
  throw nestedNotSupported();
}

export function nestedNotSupported(): VcpudError {
  return VcpudError.of('NESTED_NOT_SUPPORTED', "this host's KVM has no nested state: GetHost says why", {
    subject: 'host',
    metadata: { capability: 'KVM_CAP_NESTED_STATE' },
  });
}

/** KVM_GET_NESTED_STATE of a vCPU that is out of KVM_RUN. The header always comes, also where it is all there is. */
export function getNestedStep(vcpu: KernelVcpu): SeriesStep<Buffer> {
  const buffer = Buffer.alloc(bufferBytes(requireNested(vcpu).maxBytes));
  prepareGet(buffer);
  return {
    calls: [{ request: KVM.GET_NESTED_STATE, argument: buffer, answer: 0 }],
    done: () => takeGot(buffer),
  };
}

/** The same at once. */
export const getNested = (vcpu: KernelVcpu): Buffer => doStep(vcpu.port, getNestedStep(vcpu));

/** KVM_SET_NESTED_STATE, unchecked. Fails with KernelError, or UnexpectedReturn where the kernel answers more than 0. */
export function setNestedStep(vcpu: KernelVcpu, bytes: Uint8Array): SeriesStep<void> {
  const give: Ioctl = { request: KVM.SET_NESTED_STATE, argument: forKernel(vcpu, bytes), answer: 0 };
  // Where the vCPU had left an L2 since it was last read, KVM copies what is left of that L2 into the VMCS that is now
  // current: once, at the next read (vmx_get_nested_state by need_sync_vmcs02_to_vmcs12_rare, which no set clears).
  const calls = hasCurrentVmcsOutOfL2(bytes) ? [give, ...getNestedStep(vcpu).calls, give] : [give];
  return { calls, done: () => undefined };
}

function hasCurrentVmcsOutOfL2(bytes: Uint8Array): boolean {
  if (bytes.length <= HEADER_BYTES) return false;
  const view = viewOf(bytes);
  return (
    read(view, HEADER.format) === FORMAT.VMX &&
    read(view, VMX_HEADER.vmcs12_pa) !== NO_ADDRESS &&
    !hasFlag(view, FLAG.GUEST_MODE)
  );
}

function forKernel(vcpu: KernelVcpu, bytes: Uint8Array): Buffer {
  // Every byte of it is written: those past the state are 0.
  const buffer = Buffer.allocUnsafeSlow(bufferBytes(requireNested(vcpu).maxBytes));
  // Bytes past what any state of this host can have are not read by its kernel.
  buffer.set(bytes.subarray(0, buffer.length));
  return buffer.fill(0, Math.min(bytes.length, buffer.length));
}

/** Out of L2 and out of VMX operation; GIF set. Has no precondition on either vendor. */
export const leaveNestedStep = (vcpu: KernelVcpu): SeriesStep<void> =>
  setNestedStep(vcpu, resetNestedState(requireNested(vcpu).format));

/** Out of L2 and out of VMX operation, at once. */
export const leaveNested = (vcpu: KernelVcpu): void => doStep(vcpu.port, leaveNestedStep(vcpu));

/** KVM_SET_NESTED_STATE, unchecked, at once. */
export const giveNested = (vcpu: KernelVcpu, bytes: Uint8Array): void =>
  doStep(vcpu.port, setNestedStep(vcpu, bytes));
