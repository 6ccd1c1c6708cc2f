// What only the SVM guest keeps in a vCPU's area; layout.ts beside this folder has the rest.

import { AREA_GPA, STRUCTURES } from '../layout.js';

/** GPA of the VMCB for vCPU 0's L2, `vmcb_pa` of its nested state. vCPU n's is n * AREA_BYTES further. */
export const VMCB_GPA = AREA_GPA + STRUCTURES;
