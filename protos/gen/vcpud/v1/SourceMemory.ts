// Original file: protos/vcpud/v1/migration.proto


/**
 * Memory of a VM as another process of its host finds it: /proc/PID/fd/FD is a file with the VM's memory regions one behind the
 * other, in their order, and behind them the SHA-256 of the migration's token, by which a reader knows that who named the file may
 * write it.
 */
export interface SourceMemory {
  /**
   * The process's id, as it is to itself.
   */
  'pid'?: (number);
  /**
   * Its file descriptor.
   */
  'fd'?: (number);
}

/**
 * Memory of a VM as another process of its host finds it: /proc/PID/fd/FD is a file with the VM's memory regions one behind the
 * other, in their order, and behind them the SHA-256 of the migration's token, by which a reader knows that who named the file may
 * write it.
 */
export interface SourceMemory__Output {
  /**
   * The process's id, as it is to itself.
   */
  'pid': (number);
  /**
   * Its file descriptor.
   */
  'fd': (number);
}
