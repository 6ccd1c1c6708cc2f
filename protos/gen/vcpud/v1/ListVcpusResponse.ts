// Original file: protos/vcpud/v1/vcpu.proto

import type { Vcpu as _vcpud_v1_Vcpu, Vcpu__Output as _vcpud_v1_Vcpu__Output } from '../../vcpud/v1/Vcpu.js';

/**
 * A page of vCPUs.
 */
export interface ListVcpusResponse {
  /**
   * By index.
   */
  'vcpus'?: (_vcpud_v1_Vcpu)[];
  /**
   * Where the next page begins; empty on the last.
   */
  'nextPageToken'?: (string);
}

/**
 * A page of vCPUs.
 */
export interface ListVcpusResponse__Output {
  /**
   * By index.
   */
  'vcpus': (_vcpud_v1_Vcpu__Output)[];
  /**
   * Where the next page begins; empty on the last.
   */
  'nextPageToken': (string);
}
