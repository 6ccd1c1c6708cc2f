// Original file: protos/vcpud/v1/vcpu.proto


/**
 * Asks for a VM's vCPUs.
 */
export interface ListVcpusRequest {
  /**
   * vms/{vm}.
   */
  'parent'?: (string);
  /**
   * How many at most; 0 for 100, never more than 1000.
   */
  'pageSize'?: (number);
  /**
   * next_page_token of the page before.
   */
  'pageToken'?: (string);
}

/**
 * Asks for a VM's vCPUs.
 */
export interface ListVcpusRequest__Output {
  /**
   * vms/{vm}.
   */
  'parent': (string);
  /**
   * How many at most; 0 for 100, never more than 1000.
   */
  'pageSize': (number);
  /**
   * next_page_token of the page before.
   */
  'pageToken': (string);
}
