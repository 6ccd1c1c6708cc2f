// Original file: protos/vcpud/v1/migration.proto

import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../../google/protobuf/Duration.js';
import type { SwitchPart as _vcpud_v1_SwitchPart, SwitchPart__Output as _vcpud_v1_SwitchPart__Output } from '../../vcpud/v1/SwitchPart.js';
import type { Long } from '@grpc/proto-loader';

/**
 * The guest goes on at the destination.
 */
export interface SendVmSwitched {
  /**
   * From the stop of the first vCPU until the guest goes on: exactly where both vcpuds are on one host and so have one clock, else up to the
   * destination's word of it, which is later than the guest by the way there.
   */
  'blackout'?: (_google_protobuf_Duration | null);
  /**
   * Pages that were left for the switch.
   */
  'pages'?: (number | string | Long);
  /**
   * Bytes of the switch: pages and states.
   */
  'sentBytes'?: (number | string | Long);
  /**
   * Parts of the blackout, in order, as the two sides measured them.
   */
  'parts'?: (_vcpud_v1_SwitchPart)[];
  /**
   * Ranges of memory that were compared; 0 without verify_memory.
   */
  'verifiedRanges'?: (number);
}

/**
 * The guest goes on at the destination.
 */
export interface SendVmSwitched__Output {
  /**
   * From the stop of the first vCPU until the guest goes on: exactly where both vcpuds are on one host and so have one clock, else up to the
   * destination's word of it, which is later than the guest by the way there.
   */
  'blackout': (_google_protobuf_Duration__Output | null);
  /**
   * Pages that were left for the switch.
   */
  'pages': (string);
  /**
   * Bytes of the switch: pages and states.
   */
  'sentBytes': (string);
  /**
   * Parts of the blackout, in order, as the two sides measured them.
   */
  'parts': (_vcpud_v1_SwitchPart__Output)[];
  /**
   * Ranges of memory that were compared; 0 without verify_memory.
   */
  'verifiedRanges': (number);
}
