// The way back: after a set that failed, the vCPU gets what it held before, and the caller a true sentence about it.

import { NESTED_STEPS } from './nested-access.js';
import { differences } from './snapshot-compare.js';
import { captureVcpu, restoreVcpu, type StateVcpu, type VcpuSnapshot } from './vcpu-components.js';

/** What error metadata "vcpu_holds" says where all went well. */
export const FORMER_STATE = 'former state';

/**
 * Gives a vCPU its former state, and reads it back. Answers "former state", or what is unlike it: the caller is told
 * exactly what the vCPU holds now. Never throws: it runs while another error is on its way.
 */
export function putBack(vcpu: StateVcpu, former: VcpuSnapshot): string {
  const failures: string[] = [];
  // A step that fails doesn't keep the others from being given.
  restoreVcpu(vcpu, former, NESTED_STEPS, ({ message }) => failures.push(message));
  try {
    const unlike = differences(former, captureVcpu(vcpu, NESTED_STEPS));
    if (unlike.length === 0 && failures.length === 0) return FORMER_STATE;
    return [`former state but for ${unlike.join(', ') || 'nothing read'}`, ...failures].join('; ');
  } catch (error) {
    return `unknown: it can't be read back (${(error as Error).message})`;
  }
}
