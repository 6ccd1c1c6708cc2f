// The native driver: ioctls by libc in this process, for VMs that this process made (KVM answers EIO to any other).

import { KernelError } from '../../os/kernel-error.js';
import { ioctlBuffer, ioctlNumber } from '../../os/libc.js';
import { requestName, requestSize } from '../abi.js';
import type { IoctlPort } from '../port.js';

/** An open KVM file descriptor: /dev/kvm, a VM or a vCPU. */
export class NativePort implements IoctlPort {
  readonly fd: number;

  constructor(fd: number) {
    this.fd = fd;
  }

  ioctl(request: number, argument: Uint8Array | number): number {
    try {
      if (typeof argument === 'number') return ioctlNumber(this.fd, request, argument);
      if (argument.byteLength < requestSize(request)) {
        throw new RangeError(`${requestName(request)} needs ${requestSize(request)} bytes`);
      }
      return ioctlBuffer(this.fd, request, argument);
    } catch (error) {
      throw error instanceof KernelError ? new KernelError(requestName(request), error.errno) : error;
    }
  }
}
