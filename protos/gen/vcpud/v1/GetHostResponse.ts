// Original file: protos/vcpud/v1/host.proto

import type { Host as _vcpud_v1_Host, Host__Output as _vcpud_v1_Host__Output } from '../../vcpud/v1/Host.js';

/**
 * The host's answer.
 */
export interface GetHostResponse {
  /**
   * The host on which this vcpud runs (L0).
   */
  'host'?: (_vcpud_v1_Host | null);
}

/**
 * The host's answer.
 */
export interface GetHostResponse__Output {
  /**
   * The host on which this vcpud runs (L0).
   */
  'host': (_vcpud_v1_Host__Output | null);
}
