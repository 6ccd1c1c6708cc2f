// Original file: protos/vcpud/v1/vm.proto

import type { Vm as _vcpud_v1_Vm, Vm__Output as _vcpud_v1_Vm__Output } from '../../vcpud/v1/Vm.js';

/**
 * A page of VMs.
 */
export interface ListVmsResponse {
  /**
   * By name.
   */
  'vms'?: (_vcpud_v1_Vm)[];
  /**
   * Where the next page begins; empty on the last.
   */
  'nextPageToken'?: (string);
}

/**
 * A page of VMs.
 */
export interface ListVmsResponse__Output {
  /**
   * By name.
   */
  'vms': (_vcpud_v1_Vm__Output)[];
  /**
   * Where the next page begins; empty on the last.
   */
  'nextPageToken': (string);
}
