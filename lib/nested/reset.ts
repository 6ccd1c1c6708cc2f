// The nested state of a vCPU that has never run a guest of its own: what Reset sets.
// The kernel accepts both whatever the vCPU is doing, with EFER.SVME clear and without the CPUID bit too.

import { viewOf, write, writeHeader } from './codec.js';
import { FLAG, FORMAT, HEADER_BYTES, type NestedFormat, NO_ADDRESS, VMX_HEADER } from './layout.js';

/**
 * A fresh reset state of 128 bytes.
 *
 * SVM: out of guest mode with GIF set. GIF is always sent, since kernels before 2026 refuse flags 0 while
 * EFER.SVME is clear (svm_set_nested_state). VMX: not in VMX operation, both addresses ~0
 * (vmx_set_nested_state).
 *
 * If L2 was running, the vCPU's registers are undefined afterwards: load them after this, not before.
 */
export function resetNestedState(format: NestedFormat): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  switch (format) {
    case 'SVM':
      writeHeader(bytes, { flags: FLAG.GIF_SET, format: FORMAT.SVM, size: HEADER_BYTES });
      return bytes;
    case 'VMX': {
      writeHeader(bytes, { flags: 0, format: FORMAT.VMX, size: HEADER_BYTES });
      const view = viewOf(bytes);
      write(view, VMX_HEADER.vmxon_pa, NO_ADDRESS);
      write(view, VMX_HEADER.vmcs12_pa, NO_ADDRESS);
      return bytes;
    }
  }
}
