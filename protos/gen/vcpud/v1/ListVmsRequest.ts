// Original file: protos/vcpud/v1/vm.proto


/**
 * Asks for the VMs.
 */
export interface ListVmsRequest {
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
 * Asks for the VMs.
 */
export interface ListVmsRequest__Output {
  /**
   * How many at most; 0 for 100, never more than 1000.
   */
  'pageSize': (number);
  /**
   * next_page_token of the page before.
   */
  'pageToken': (string);
}
