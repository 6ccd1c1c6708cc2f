// The way back: after a set that failed, the vCPU gets what it held before, and the caller a true sentence about it.

import { getNested, NESTED_ACCESS } from './nested-access.js';
import { differences } from './snapshot-compare.js';
import { captureVcpu, restoreVcpu, type StateVcpu, type VcpuSnapshot } from './vcpu-components.js';

/** What error metadata "vcpu_holds" says where all went well. */
export const FORMER_STATE = 'former state';

/**
 * Gives a vCPU its former state, and reads it back. Answers "former state", or what is unlike it: the caller is told
 * exactly what the vCPU holds now. Never throws: it runs while another error is on its way.
 */
export function putBack(vcpu: StateVcpu, former: VcpuSnapshot): string {
  let failure = '';
  try {
    restoreVcpu(vcpu, former, NESTED_ACCESS);
  } catch (error) {
    failure = `; ${(error as Error).message}`;
  }
  try {
    const unlike = differences(former, captureVcpu(vcpu, getNested));
    return unlike.length === 0 && failure === ''
      ? FORMER_STATE
      : `former state but for ${unlike.join(', ') || 'nothing read'}${failure}`;
  } catch (error) {
    return `unknown: it can't be read back (${(error as Error).message})`;
  }
}
