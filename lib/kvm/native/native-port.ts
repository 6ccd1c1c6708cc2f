// The native driver's ports: ioctls by libc in this process, for VMs that this process made (KVM answers EIO to any
// other). Made by native-driver.ts.

import { closeSync } from 'node:fs';
import { unlessInterrupted } from '../../os/interrupted.js';
import { ioctlSeries } from '../../os/ioctl-series.js';
import { KernelError } from '../../os/kernel-error.js';
import { ioctlBuffer, ioctlNumber, mmapShared, munmap } from '../../os/libc.js';
import { KVM, requestName, requestSize } from '../abi.js';
import {
  type Ioctl,
  type SeriesPort,
  type SeriesResult,
  type SystemPort,
  UnexpectedReturn,
  type VcpuPort,
  type VcpuRun,
  type VmPort,
} from '../port.js';

/** An open KVM file descriptor: /dev/kvm, a VM or a vCPU. */
export class NativePort implements SeriesPort {
  readonly fd: number;

  constructor(fd: number) {
    this.fd = fd;
  }

  ioctl(request: number, argument: Uint8Array | number): number {
    try {
      if (typeof argument === 'number') return ioctlNumber(this.fd, request, argument);
      requireRoom(request, argument);
      return ioctlBuffer(this.fd, request, argument);
    } catch (error) {
      throw error instanceof KernelError ? new KernelError(requestName(request), error.errno) : error;
    }
  }

  ioctls(calls: readonly Ioctl[]): SeriesResult {
    for (const { request, argument } of calls) {
      if (typeof argument !== 'number') requireRoom(request, argument);
    }
    const { fd } = this;
    const answers = ioctlSeries(calls.map((call) => ({ fd, ...call })));
    const last = calls[answers.length - 1];
    const value = answers.at(-1);
    if (last === undefined || value === undefined) return { answers, failure: undefined };
    if (value < 0) {
      return { answers: answers.slice(0, -1), failure: new KernelError(requestName(last.request), -value) };
    }
    if (last.answer === undefined || last.answer === value) return { answers, failure: undefined };
    return { answers: answers.slice(0, -1), failure: new UnexpectedReturn(value, last.answer) };
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** Throws RangeError for a buffer that the kernel would write past. */
function requireRoom(request: number, { byteLength }: Uint8Array): void {
  if (byteLength >= requestSize(request)) return;
  throw new RangeError(`${requestName(request)} needs ${requestSize(request)} bytes`);
}

export class NativeSystem extends NativePort implements SystemPort {
  createVm(): NativeVm {
    const fd = unlessInterrupted(() => this.ioctl(KVM.CREATE_VM, 0));
    return new NativeVm(fd, this.ioctl(KVM.GET_VCPU_MMAP_SIZE, 0));
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
