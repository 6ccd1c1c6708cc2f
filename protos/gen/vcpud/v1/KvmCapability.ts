// Original file: protos/vcpud/v1/host.proto


/**
 * One KVM capability.
 */
export interface KvmCapability {
  /**
   * The name without KVM_CAP_, such as "NESTED_STATE".
   */
  'name'?: (string);
  /**
   * Its number in the kernel's ABI.
   */
  'number'?: (number);
  /**
   * What KVM_CHECK_EXTENSION answers: 0 is "no", the meaning of others is the capability's.
   */
  'value'?: (number);
}

/**
 * One KVM capability.
 */
export interface KvmCapability__Output {
  /**
   * The name without KVM_CAP_, such as "NESTED_STATE".
   */
  'name': (string);
  /**
   * Its number in the kernel's ABI.
   */
  'number': (number);
  /**
   * What KVM_CHECK_EXTENSION answers: 0 is "no", the meaning of others is the capability's.
   */
  'value': (number);
}
