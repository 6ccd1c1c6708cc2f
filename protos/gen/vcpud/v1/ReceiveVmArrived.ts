// Original file: protos/vcpud/v1/migration.proto

import type { SwitchPart as _vcpud_v1_SwitchPart, SwitchPart__Output as _vcpud_v1_SwitchPart__Output } from '../../vcpud/v1/SwitchPart.js';
import type { Long } from '@grpc/proto-loader';

/**
 * The guest goes on here, or would.
 */
export interface ReceiveVmArrived {
  /**
   * How long it took, in order.
   */
  'parts'?: (_vcpud_v1_SwitchPart)[];
  /**
   * When the guest was let go, in microseconds of CLOCK_MONOTONIC of the destination's host.
   */
  'monotonicUs'?: (number | string | Long);
  /**
   * Which boot of which host that clock is of: /proc/sys/kernel/random/boot_id.
   */
  'bootId'?: (string);
}

/**
 * The guest goes on here, or would.
 */
export interface ReceiveVmArrived__Output {
  /**
   * How long it took, in order.
   */
  'parts': (_vcpud_v1_SwitchPart__Output)[];
  /**
   * When the guest was let go, in microseconds of CLOCK_MONOTONIC of the destination's host.
   */
  'monotonicUs': (string);
  /**
   * Which boot of which host that clock is of: /proc/sys/kernel/random/boot_id.
   */
  'bootId': (string);
}
