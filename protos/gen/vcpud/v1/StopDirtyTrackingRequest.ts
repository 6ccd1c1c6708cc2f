// Original file: protos/vcpud/v1/memory.proto


/**
 * Ends tracking.
 */
export interface StopDirtyTrackingRequest {
  /**
   * vms/{vm}.
   */
  'name'?: (string);
}

/**
 * Ends tracking.
 */
export interface StopDirtyTrackingRequest__Output {
  /**
   * vms/{vm}.
   */
  'name': (string);
}
