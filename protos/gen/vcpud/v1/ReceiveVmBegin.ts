// Original file: protos/vcpud/v1/migration.proto


/**
 * Begins to send.
 */
export interface ReceiveVmBegin {
  /**
   * vms/{vm}.
   */
  'name'?: (string);
  /**
   * The id that the VM was prepared with.
   */
  'migrationId'?: (string);
  /**
   * PrepareVm's token.
   */
  'token'?: (string);
}

/**
 * Begins to send.
 */
export interface ReceiveVmBegin__Output {
  /**
   * vms/{vm}.
   */
  'name': (string);
  /**
   * The id that the VM was prepared with.
   */
  'migrationId': (string);
  /**
   * PrepareVm's token.
   */
  'token': (string);
}
