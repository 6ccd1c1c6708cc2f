// The narrow waist. Everything above lib/kvm speaks to the system, a VM or a vCPU through these ports alone and
// doesn't know which driver carries the call: each driver has a folder of its own beside this file.

import { KernelError } from '../os/kernel-error.js';
import { KVM } from './abi.js';

/** Something that takes KVM ioctls: /dev/kvm, a VM or a vCPU. Calls block for microseconds; KVM_RUN isn't made here. */
export interface IoctlPort {
  /**
   * Does one ioctl. A buffer is read and written in place and must be as large as the kernel makes use of
   * (drivers check the size the request's number carries; variable parts are the caller's to know).
   * Gives the kernel's return value, which can be positive. Throws KernelError, with the request's name, on -1.
   */
  ioctl(request: number, argument: Uint8Array | number): number;
}

/** One ioctl of several that are done one after the other. */
export interface Ioctl {
  readonly request: number;
  readonly argument: Uint8Array | number;
  /** What it must answer; undefined for anything but an errno. */
  readonly answer?: number;
}

/** What became of several ioctls. */
export interface SeriesResult {
  /** Of those that answered as they should, in order. */
  readonly answers: readonly number[];
  /** Of the next, which ended the series; undefined where there is none. */
  readonly failure: KernelError | UnexpectedReturn | undefined;
}

/** A VM or a vCPU: what takes many ioctls while a guest stands still. */
export interface SeriesPort extends IoctlPort {
  /** Does ioctls in order, and ends with the first that fails or answers otherwise than it should. Buffers are as ioctl has them. */
  ioctls(calls: readonly Ioctl[]): SeriesResult;
}

/** A series for drivers to which an ioctl is nothing more than a call. */
export function oneByOne(port: IoctlPort, calls: readonly Ioctl[]): SeriesResult {
  const answers: number[] = [];
  for (const { request, argument, answer } of calls) {
    try {
      const value = port.ioctl(request, argument);
      if (answer !== undefined && value !== answer)
        return { answers, failure: new UnexpectedReturn(value, answer) };
      answers.push(value);
    } catch (error) {
      if (error instanceof KernelError) return { answers, failure: error };
      throw error;
    }
  }
  return { answers, failure: undefined };
}

/** /dev/kvm, or what stands for it. */
export interface SystemPort extends IoctlPort {
  /** KVM_CREATE_VM. */
  createVm(): VmPort;
  close(): void;
}

export interface VmPort extends SeriesPort {
  /** KVM_CREATE_VCPU, and kvm_run mapped where guests run. */
  createVcpu(index: number): VcpuPort;
  /** Every vCPU must be closed before. */
  close(): void;
}

export interface VcpuPort extends SeriesPort {
  /** What a thread needs to do KVM_RUN; undefined where the driver runs no guests. */
  readonly run: VcpuRun | undefined;
  /** No thread may be using it, and no view of kvm_run may be touched afterwards. */
  close(): void;
}

/** A vCPU's descriptor and its mapped struct kvm_run. */
export interface VcpuRun {
  readonly fd: number;
  /** Its VM's descriptor: for the interrupt lines of devices that are served in the vCPU's thread. */
  readonly vmFd: number;
  readonly address: number;
  /** KVM_GET_VCPU_MMAP_SIZE, bytes. */
  readonly length: number;
}

/** A way to reach a KVM. */
export interface KvmDriver {
  readonly name: 'native' | 'model';
  /** Whether its vCPUs can run guests. */
  readonly runsGuests: boolean;
  /** The kernel's release, as uname -r has it, and the CPU's model name. */
  readonly kernelRelease: string;
  readonly cpuModel: string;
  /** Throws KVM_UNAVAILABLE, with what to do about it. */
  open(): SystemPort;
}

/** KVM_CHECK_EXTENSION. */
export function checkExtension(port: IoctlPort, capability: number): number {
  return port.ioctl(KVM.CHECK_EXTENSION, capability);
}

/** An ioctl answered something else than it should, and no errno. */
export class UnexpectedReturn extends Error {
  readonly value: number;
  constructor(value: number, expected = 0) {
    super(`the kernel answered ${value} instead of ${expected}`);
    this.name = 'UnexpectedReturn';
    this.value = value;
  }
}
