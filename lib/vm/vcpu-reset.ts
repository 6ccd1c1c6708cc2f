// Reset: a vCPU to power-on state from wherever it is. As QEMU does since "reset KVM nested state upon CPU reset"
// and "do kvm_put_msr_feature_control() first thing when vCPU is reset": FEATURE_CONTROL, then out of L2 and of VMX
// operation with GIF set, and only then the registers, which KVM would refuse or overwrite before. RESTORE_ORDER
// begins with exactly these rows.

import { VcpudError } from '../errors/vcpud-error.js';
import { getNested } from '../state/nested-access.js';
import { differences } from '../state/snapshot-compare.js';
import { failAtOnce, restoreVcpu } from '../state/vcpu-components.js';
import type { Vcpu } from './vcpu.js';

/** CPUID can't be given again to a vCPU that ran, and needs no reset. */
function withoutConstants({ powerOn }: Vcpu): Vcpu['powerOn'] {
  const { cpuid: _cpuid, tscKhz: _tscKhz, ...rest } = powerOn;
  return rest;
}

/** Resets a parked vCPU. Gives the nested state that it then holds, undefined on a host without. */
export function resetVcpu(vcpu: Vcpu): Buffer | undefined {
  try {
    restoreVcpu(vcpu, withoutConstants(vcpu), failAtOnce);
  } catch (error) {
    const unlike = differences(vcpu.powerOn, vcpu.capture());
    const message = `the reset failed: ${(error as Error).message}`;
    throw VcpudError.of('KERNEL_ERROR', message, {
      metadata: { vcpu_holds: `power-on state but for ${unlike.join(', ') || 'nothing'}` },
      cause: error,
    });
  }
  return vcpu.shape.nested === undefined ? undefined : getNested(vcpu);
}
