// Where things that need nested KVM run: on this machine, where its own KVM has it, else in the testbed.

import '../../lib/os/libc.js';
import { VcpudError } from '../../lib/errors/vcpud-error.js';
import { closePort } from '../../lib/kvm/native/kvm-device.js';
import { probeHost } from '../../lib/vm/host.js';

/** Whether this machine's own KVM has nested state. */
export function hasNestedKvm(): boolean {
  try {
    const { kvm, profile } = probeHost();
    closePort(kvm);
    return profile.nested.enabled;
  } catch (error) {
    if (error instanceof VcpudError) return false;
    throw error;
  }
}
