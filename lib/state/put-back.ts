// The way back: after a set that failed, the vCPU gets what it held before, and the caller a true sentence about it.

import { differences } from './snapshot-compare.js';
import type { StateVcpu } from './state-vcpu.js';
import { captureVcpu, restoreVcpu, type VcpuSnapshot } from './vcpu-components.js';

/** What error metadata "vcpu_holds" says where all went well. */
export const FORMER_STATE = 'former state';

/**
 * Gives a vCPU its former state, and reads it back. Answers "former state", or what is unlike it: the caller is told
 * exactly what the vCPU holds now. Never throws: it runs while another error is on its way.
 */
export function putBack(vcpu: StateVcpu, former: VcpuSnapshot): string {
  const failures: string[] = [];
  // A step that fails doesn't keep the others from being given.
  restoreVcpu(vcpu, former, ({ message }) => failures.push(message));
  try {
    const unlike = differences(former, captureVcpu(vcpu));
    if (unlike.length === 0 && failures.length === 0) return FORMER_STATE;
    return [`former state but for ${unlike.join(', ') || 'nothing read'}`, ...failures].join('; ');
  } catch (error) {
    return `unknown: it can't be read back (${(error as Error).message})`;
  }
}
