// /dev/kvm through the native driver: opening it, with the sentence that helps where it can't be, and the
// handles of VMs and vCPUs that this process makes.

import { closeSync, openSync } from 'node:fs';
import { VcpudError } from '../../errors/vcpud-error.js';
import { KernelError } from '../../os/kernel-error.js';
import { mmapShared, munmap } from '../../os/libc.js';
import { KVM } from '../abi.js';
import { NativePort } from './native-port.js';

const PATH = '/dev/kvm';
const EXPECTED_API_VERSION = 12;

/** The sentence for each way in which opening /dev/kvm fails. */
const OPEN_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT:
    'there is no /dev/kvm: load the kvm_amd or kvm_intel module, or pass the device into this container',
  EACCES: '/dev/kvm may not be opened by this user: add it to the group kvm, or run as root',
  EPERM: '/dev/kvm may not be opened here: allow the device in this container or cgroup',
  ENODEV:
    '/dev/kvm has no driver behind it: load the kvm_amd or kvm_intel module, and see that virtualization is on in the firmware',
};

/** Opens /dev/kvm. Throws KVM_UNAVAILABLE with what to do about it. */
export function openKvm(): NativePort {
  let fd: number;
  try {
    fd = openSync(PATH, 'r+'); // Node opens with O_CLOEXEC
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    const message = OPEN_PROBLEMS[code] ?? `/dev/kvm could not be opened: ${code}`;
    throw VcpudError.of('KVM_UNAVAILABLE', message, { metadata: { errno: code }, cause: error });
  }
  const kvm = new NativePort(fd);
  const version = apiVersion(kvm);
  if (version === EXPECTED_API_VERSION) return kvm;
  closeSync(fd);
  const message =
    version === undefined
      ? 'what stands at /dev/kvm is not KVM: pass the real device into this container, or load the kvm_amd or kvm_intel module'
      : `/dev/kvm speaks API version ${version}; vcpud needs ${EXPECTED_API_VERSION}: update the kernel`;
  throw VcpudError.of('KVM_UNAVAILABLE', message, { metadata: { api_version: String(version ?? 'none') } });
}

/** KVM_GET_API_VERSION; undefined where the file is something else (/dev/null bound over it, say). */
function apiVersion(kvm: NativePort): number | undefined {
  try {
    return kvm.ioctl(KVM.GET_API_VERSION, 0);
  } catch (error) {
    if (error instanceof KernelError) return undefined;
    throw error;
  }
}

/** KVM_CHECK_EXTENSION. */
export function checkExtension(port: NativePort, capability: number): number {
  return port.ioctl(KVM.CHECK_EXTENSION, capability);
}

/** KVM_CREATE_VM. */
export function createVm(kvm: NativePort): NativePort {
  return new NativePort(kvm.ioctl(KVM.CREATE_VM, 0));
}

/** A vCPU's descriptor and its mapped struct kvm_run. */
export interface VcpuHandle {
  readonly port: NativePort;
  readonly runAddress: number;
  readonly runLength: number;
}

/** KVM_CREATE_VCPU, and kvm_run mapped. */
export function createVcpu(vm: NativePort, index: number, runLength: number): VcpuHandle {
  const port = new NativePort(vm.ioctl(KVM.CREATE_VCPU, index));
  try {
    return { port, runAddress: mmapShared(port.fd, runLength), runLength };
  } catch (error) {
    closeSync(port.fd);
    throw error;
  }
}

/** Unmaps and closes a vCPU. No thread may be using it, and no view of kvm_run may be touched afterwards. */
export function closeVcpu(handle: VcpuHandle): void {
  munmap(handle.runAddress, handle.runLength);
  closeSync(handle.port.fd);
}

export function closePort(port: NativePort): void {
  closeSync(port.fd);
}
