// Original file: protos/vcpud/v1/nested_state.proto

import type { Long } from '@grpc/proto-loader';

/**
 * struct kvm_svm_nested_state_hdr.
 */
export interface SvmNestedHeader {
  /**
   * Guest-physical address of the VMCB with which L1 started L2 (vmcb12); 0 outside of L2.
   */
  'vmcbPa'?: (number | string | Long);
  /**
   * L2's PAT where it is kept apart from L1's (kernels of 2026 and later, quirk off); else 0.
   */
  'gpat'?: (number | string | Long);
}

/**
 * struct kvm_svm_nested_state_hdr.
 */
export interface SvmNestedHeader__Output {
  /**
   * Guest-physical address of the VMCB with which L1 started L2 (vmcb12); 0 outside of L2.
   */
  'vmcbPa': (string);
  /**
   * L2's PAT where it is kept apart from L1's (kernels of 2026 and later, quirk off); else 0.
   */
  'gpat': (string);
}
