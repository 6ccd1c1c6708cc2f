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
   * What the kernel answers, such as "EINVAL"; empty for vcpud's own rules about the bytes.
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
   * What the kernel answers, such as "EINVAL"; empty for vcpud's own rules about the bytes.
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
}
