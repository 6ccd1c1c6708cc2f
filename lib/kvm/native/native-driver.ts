// The native driver: opens /dev/kvm, with the sentence that helps where it can't be.

import { closeSync, openSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { VcpudError } from '../../errors/vcpud-error.js';
import { KernelError } from '../../os/kernel-error.js';
import { KVM } from '../abi.js';
import type { KvmDriver } from '../port.js';
import { NativeSystem } from './native-port.js';

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

function cpuModel(): string {
  const line = /^model name\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'));
  return line?.[1]?.trim() ?? 'unknown';
}

export const NATIVE_DRIVER: KvmDriver = {
  name: 'native',
  runsGuests: true,
  kernelRelease: release(),
  cpuModel: cpuModel(),
  open: openKvm,
};

/** Throws KVM_UNAVAILABLE with what to do about it. */
function openKvm(): NativeSystem {
  let fd: number;
  try {
    fd = openSync(PATH, 'r+'); // Node opens with O_CLOEXEC
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    const problem = OPEN_PROBLEMS[code] ?? `/dev/kvm could not be opened: ${code}`;
    const message = `${problem}; to check and move states without a KVM: --driver model`;
    throw VcpudError.of('KVM_UNAVAILABLE', message, { metadata: { errno: code }, cause: error });
  }
  const kvm = new NativeSystem(fd);
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
function apiVersion(kvm: NativeSystem): number | undefined {
  try {
    return kvm.ioctl(KVM.GET_API_VERSION, 0);
  } catch (error) {
    if (error instanceof KernelError) return undefined;
    throw error;
  }
}
