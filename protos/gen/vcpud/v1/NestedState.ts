// Original file: protos/vcpud/v1/nested_state.proto

import type { NestedStateFormat as _vcpud_v1_NestedStateFormat, NestedStateFormat__Output as _vcpud_v1_NestedStateFormat__Output } from '../../vcpud/v1/NestedStateFormat.js';
import type { NestedStateFlag as _vcpud_v1_NestedStateFlag, NestedStateFlag__Output as _vcpud_v1_NestedStateFlag__Output } from '../../vcpud/v1/NestedStateFlag.js';
import type { SvmNestedHeader as _vcpud_v1_SvmNestedHeader, SvmNestedHeader__Output as _vcpud_v1_SvmNestedHeader__Output } from '../../vcpud/v1/SvmNestedHeader.js';
import type { VmxNestedHeader as _vcpud_v1_VmxNestedHeader, VmxNestedHeader__Output as _vcpud_v1_VmxNestedHeader__Output } from '../../vcpud/v1/VmxNestedHeader.js';

/**
 * What KVM_GET_NESTED_STATE gives of one vCPU, exactly, and what it says.
 */
export interface NestedState {
  /**
   * The kernel's bytes: struct kvm_nested_state, 128 bytes of header and then 0 or 4096 (SVM) or 0, 4096 or 8192 (VMX) of data. The only field that is read on input.
   */
  'data'?: (Buffer | Uint8Array | string);
  /**
   * Output only: the format.
   */
  'format'?: (_vcpud_v1_NestedStateFormat);
  /**
   * Output only: the flags that are set.
   */
  'flags'?: (_vcpud_v1_NestedStateFlag)[];
  /**
   * Output only: flag bits that this vcpud has no name for.
   */
  'unknownFlags'?: (number);
  /**
   * Output only: the size field of the header, in bytes, header included.
   */
  'sizeBytes'?: (number);
  /**
   * The header of an SVM state.
   */
  'svm'?: (_vcpud_v1_SvmNestedHeader | null);
  /**
   * The header of a VMX state.
   */
  'vmx'?: (_vcpud_v1_VmxNestedHeader | null);
  /**
   * Output only: what the header says, by its format.
   */
  'header'?: "svm"|"vmx";
}

/**
 * What KVM_GET_NESTED_STATE gives of one vCPU, exactly, and what it says.
 */
export interface NestedState__Output {
  /**
   * The kernel's bytes: struct kvm_nested_state, 128 bytes of header and then 0 or 4096 (SVM) or 0, 4096 or 8192 (VMX) of data. The only field that is read on input.
   */
  'data': (Buffer);
  /**
   * Output only: the format.
   */
  'format': (_vcpud_v1_NestedStateFormat__Output);
  /**
   * Output only: the flags that are set.
   */
  'flags': (_vcpud_v1_NestedStateFlag__Output)[];
  /**
   * Output only: flag bits that this vcpud has no name for.
   */
  'unknownFlags': (number);
  /**
   * Output only: the size field of the header, in bytes, header included.
   */
  'sizeBytes': (number);
  /**
   * The header of an SVM state.
   */
  'svm'?: (_vcpud_v1_SvmNestedHeader__Output | null);
  /**
   * The header of a VMX state.
   */
  'vmx'?: (_vcpud_v1_VmxNestedHeader__Output | null);
  /**
   * Output only: what the header says, by its format.
   */
  'header'?: "svm"|"vmx";
}
