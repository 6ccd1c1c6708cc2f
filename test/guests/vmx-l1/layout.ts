// What only the VMX guest keeps in a vCPU's area; layout.ts beside this folder has the rest. vCPU n's addresses are
// n * AREA_BYTES further.

import { AREA_GPA, STRUCTURES } from '../layout.js';

/** GPA of the VMCS of vCPU 0's L2, `vmcs12_pa` of its nested state. */
export const VMCS_GPA = AREA_GPA + STRUCTURES;

/** GPA of vCPU 0's VMXON region, `vmxon_pa` of its nested state. */
export const VMXON_GPA = AREA_GPA + STRUCTURES + 0x1000n;

/** GPA of the shadow VMCS that SCENES.shadowVmcs links. */
export const SHADOW_VMCS_GPA = AREA_GPA + STRUCTURES + 0x2000n;
