// Original file: protos/vcpud/v1/migration.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Begins a migration at the source.
 */
export interface SendVmStart {
  /**
   * vms/{vm}.
   */
  'name'?: (string);
  /**
   * The id that the VM was prepared with.
   */
  'migrationId'?: (string);
  /**
   * The destination's vcpud, as this source reaches it: unix:///PATH or tcp://HOST:PORT.
   */
  'destination'?: (string);
  /**
   * PrepareVm's token.
   */
  'token'?: (string);
  /**
   * The most bytes a second that rounds may send; 0 for no limit. The switch is not held up.
   */
  'bandwidthBytesPerSecond'?: (number | string | Long);
}

/**
 * Begins a migration at the source.
 */
export interface SendVmStart__Output {
  /**
   * vms/{vm}.
   */
  'name': (string);
  /**
   * The id that the VM was prepared with.
   */
  'migrationId': (string);
  /**
   * The destination's vcpud, as this source reaches it: unix:///PATH or tcp://HOST:PORT.
   */
  'destination': (string);
  /**
   * PrepareVm's token.
   */
  'token': (string);
  /**
   * The most bytes a second that rounds may send; 0 for no limit. The switch is not held up.
   */
  'bandwidthBytesPerSecond': (string);
}
