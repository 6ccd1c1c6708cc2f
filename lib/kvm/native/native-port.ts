// The native driver's ports: ioctls by libc in this process, for VMs that this process made (KVM answers EIO to any
// other). Made by native-driver.ts.

import { closeSync } from 'node:fs';
import { KernelError } from '../../os/kernel-error.js';
import { ioctlBuffer, ioctlNumber, mmapShared, munmap } from '../../os/libc.js';
import { KVM, requestName, requestSize } from '../abi.js';
import type { IoctlPort, SystemPort, VcpuPort, VcpuRun, VmPort } from '../port.js';

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

  close(): void {
    closeSync(this.fd);
  }
}

export class NativeSystem extends NativePort implements SystemPort {
  createVm(): NativeVm {
    return new NativeVm(this.ioctl(KVM.CREATE_VM, 0), this.ioctl(KVM.GET_VCPU_MMAP_SIZE, 0));
  }
}

export class NativeVm extends NativePort implements VmPort {
  private readonly runBytes: number;

  constructor(fd: number, runBytes: number) {
    super(fd);
    this.runBytes = runBytes;
  }

  createVcpu(index: number): NativeVcpu {
    const fd = this.ioctl(KVM.CREATE_VCPU, index);
    try {
      return new NativeVcpu({
        fd,
        vmFd: this.fd,
        address: mmapShared(fd, this.runBytes),
        length: this.runBytes,
      });
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }
}

export class NativeVcpu extends NativePort implements VcpuPort {
  readonly run: VcpuRun;

  constructor(run: VcpuRun) {
    super(run.fd);
    this.run = run;
  }

  override close(): void {
    munmap(this.run.address, this.run.length);
    super.close();
  }
}
