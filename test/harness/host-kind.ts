// Where things that need nested KVM run: on this machine, where its own KVM has it, else in the testbed.

import '../../lib/os/libc.js';
import { VcpudError } from '../../lib/errors/vcpud-error.js';
import { NATIVE_DRIVER } from '../../lib/kvm/native/native-driver.js';
import { type HostProfile, probeHost } from '../../lib/vm/host.js';

function hostProfile(): HostProfile | undefined {
  try {
    const { kvm, profile } = probeHost(NATIVE_DRIVER);
    kvm.close();
    return profile;
  } catch (error) {
    if (error instanceof VcpudError) return undefined;
    throw error;
  }
}

/** Whether this machine has a KVM that vcpud can use. */
export const hasKvm = (): boolean => hostProfile() !== undefined;

export type CpuKind = 'amd' | 'intel';

/** Whose CPU this machine's own KVM has nested state of; undefined where it has none. */
export function nestedKvm(): CpuKind | undefined {
  const nested = hostProfile()?.nested;
  if (nested?.enabled !== true) return undefined;
  return nested.format === 'VMX' ? 'intel' : 'amd';
}
