// Original file: protos/vcpud/v1/vcpu.proto

import type { VcpuRunState as _vcpud_v1_VcpuRunState, VcpuRunState__Output as _vcpud_v1_VcpuRunState__Output } from '../../vcpud/v1/VcpuRunState.js';
import type { Long } from '@grpc/proto-loader';

/**
 * One vCPU.
 */
export interface Vcpu {
  /**
   * vms/{vm}/vcpus/{index}.
   */
  'name'?: (string);
  /**
   * Its index in the VM, from 0: also its APIC id.
   */
  'index'?: (number);
  /**
   * What it is doing.
   */
  'runState'?: (_vcpud_v1_VcpuRunState);
  /**
   * The last exit to vcpud that was not a kick, such as "HLT" or "IO"; empty before the first.
   */
  'lastExit'?: (string);
  /**
   * How often it was run so far: entries into KVM_RUN.
   */
  'entries'?: (number | string | Long);
}

/**
 * One vCPU.
 */
export interface Vcpu__Output {
  /**
   * vms/{vm}/vcpus/{index}.
   */
  'name': (string);
  /**
   * Its index in the VM, from 0: also its APIC id.
   */
  'index': (number);
  /**
   * What it is doing.
   */
  'runState': (_vcpud_v1_VcpuRunState__Output);
  /**
   * The last exit to vcpud that was not a kick, such as "HLT" or "IO"; empty before the first.
   */
  'lastExit': (string);
  /**
   * How often it was run so far: entries into KVM_RUN.
   */
  'entries': (string);
}
