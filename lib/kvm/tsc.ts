// The rate of a vCPU's TSC.

import { KernelError } from '../os/kernel-error.js';
import { KVM } from './abi.js';
import type { IoctlPort } from './port.js';

/** KVM_GET_TSC_KHZ, in kHz; 0 where the host's own TSC is unstable, and KVM knows no rate. */
export function getTscKhz(vcpu: IoctlPort): number {
  try {
    return vcpu.ioctl(KVM.GET_TSC_KHZ, 0);
  } catch (error) {
    if (error instanceof KernelError && error.code === 'EIO') return 0;
    throw error;
  }
}
