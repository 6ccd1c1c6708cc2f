// Original file: protos/vcpud/v1/nested_state.proto


/**
 * One rule that a nested state breaks.
 */
export interface NestedStateViolation {
  /**
   * The rule's stable name: the reason that SetNestedState's error would carry.
   */
  'reason'?: (string);
  /**
   * What the kernel answers, such as "EINVAL"; empty where it has a return_value instead, and for vcpud's own rules about the bytes.
   */
  'errno'?: (string);
  /**
   * The field at fault: of the state ("vmcb12.control.asid"), or of the vCPU ("vcpu.efer").
   */
  'field'?: (string);
  /**
   * One sentence, with the field's value.
   */
  'message'?: (string);
  /**
   * The kernel function that has the rule; "vcpud" for vcpud's own.
   */
  'source'?: (string);
  /**
   * The value above 0 that KVM_SET_NESTED_STATE returns in place of an error; 0 where it answers with errno.
   */
  'returnValue'?: (number);
}

/**
 * One rule that a nested state breaks.
 */
export interface NestedStateViolation__Output {
  /**
   * The rule's stable name: the reason that SetNestedState's error would carry.
   */
  'reason': (string);
  /**
   * What the kernel answers, such as "EINVAL"; empty where it has a return_value instead, and for vcpud's own rules about the bytes.
   */
  'errno': (string);
  /**
   * The field at fault: of the state ("vmcb12.control.asid"), or of the vCPU ("vcpu.efer").
   */
  'field': (string);
  /**
   * One sentence, with the field's value.
   */
  'message': (string);
  /**
   * The kernel function that has the rule; "vcpud" for vcpud's own.
   */
  'source': (string);
  /**
   * The value above 0 that KVM_SET_NESTED_STATE returns in place of an error; 0 where it answers with errno.
   */
  'returnValue': (number);
}
