// GET and SET of the nested state as bare ioctls, with the buffers that the kernel needs. The rules, the
// read-back and the way back after a failure are in nested-set.ts.

import { VcpudError } from '../errors/vcpud-error.js';
import { KVM } from '../kvm/abi.js';
import { ioctlZero } from '../kvm/port.js';
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
import type { KernelVcpu, NestedAccess } from './vcpu-components.js';

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

// One buffer for each direct call: they are synchronous, and this thread makes one at a time.
const scratch = new Map<number, Buffer>();

function scratchBuffer(maxBytes: number): Buffer {
  const bytes = bufferBytes(maxBytes);
  const known = scratch.get(bytes);
  if (known !== undefined) return known;
  const made = Buffer.alloc(bytes);
  scratch.set(bytes, made);
  return made;
}

/** KVM_GET_NESTED_STATE of a vCPU that is out of KVM_RUN. The header always comes, also where it is all there is. */
export function getNested(vcpu: KernelVcpu): Buffer {
  const buffer = scratchBuffer(requireNested(vcpu).maxBytes);
  prepareGet(buffer);
  ioctlZero(vcpu.port, KVM.GET_NESTED_STATE, buffer);
  return takeGot(buffer);
}

/** KVM_SET_NESTED_STATE, unchecked; throws KernelError, or UnexpectedReturn where the kernel answers more than 0. */
function setNested(vcpu: KernelVcpu, bytes: Uint8Array): void {
  give(vcpu, bytes);
  if (!hasCurrentVmcsOutOfL2(bytes)) return;
  // Where the vCPU had left an L2 since it was last read, KVM copies what is left of that L2 into the VMCS that is now
  // current: once, at the next read (vmx_get_nested_state by need_sync_vmcs02_to_vmcs12_rare, which no set clears).
  getNested(vcpu);
  give(vcpu, bytes);
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

function give(vcpu: KernelVcpu, bytes: Uint8Array): void {
  const buffer = scratchBuffer(requireNested(vcpu).maxBytes);
  buffer.fill(0);
  // Bytes past what any state of this host can have are not read by its kernel.
  buffer.set(bytes.subarray(0, buffer.length));
  ioctlZero(vcpu.port, KVM.SET_NESTED_STATE, buffer);
}

/** Out of L2 and out of VMX operation; GIF set. Has no precondition on either vendor. */
function leaveNested(vcpu: KernelVcpu): void {
  setNested(vcpu, resetNestedState(requireNested(vcpu).format));
}

export const NESTED_ACCESS: NestedAccess = { leave: leaveNested, set: setNested };
