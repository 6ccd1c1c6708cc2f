// Original file: protos/vcpud/v1/vm.proto


/**
 * Asks for what happens to a VM.
 */
export interface WatchVmRequest {
  /**
   * vms/{vm}.
   */
  'name'?: (string);
  /**
   * Whether to begin with what the debug console has shown so far (the last 64 KiB, or the last 2048 turns where vCPUs take turns).
   */
  'consoleHistory'?: (boolean);
}

/**
 * Asks for what happens to a VM.
 */
export interface WatchVmRequest__Output {
  /**
   * vms/{vm}.
   */
  'name': (string);
  /**
   * Whether to begin with what the debug console has shown so far (the last 64 KiB, or the last 2048 turns where vCPUs take turns).
   */
  'consoleHistory': (boolean);
}
