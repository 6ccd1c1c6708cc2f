// Original file: protos/vcpud/v1/memory.proto


/**
 * Starts to keep which pages are written.
 */
export interface StartDirtyTrackingRequest {
  /**
   * vms/{vm}.
   */
  'name'?: (string);
}

/**
 * Starts to keep which pages are written.
 */
export interface StartDirtyTrackingRequest__Output {
  /**
   * vms/{vm}.
   */
  'name': (string);
}
