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

/** Whether this machine's own KVM has nested state. */
export const hasNestedKvm = (): boolean => hostProfile()?.nested.enabled ?? false;
