// Original file: protos/vcpud/v1/memory.proto


/**
 * Asks for the pages that were written.
 */
export interface CollectDirtyPagesRequest {
  /**
   * vms/{vm}.
   */
  'name'?: (string);
  /**
   * The most data bytes in one message; 0 for 1 MiB, else 4096 to 2 MiB, and taken in whole pages.
   */
  'chunkBytes'?: (number);
  /**
   * Whether only to say which pages, without what they hold: for those who then read them by other ways. They count as handed out.
   */
  'rangesOnly'?: (boolean);
  /**
   * Whether the pages of the collect before are to come too, because they did not all arrive.
   */
  'resend'?: (boolean);
}

/**
 * Asks for the pages that were written.
 */
export interface CollectDirtyPagesRequest__Output {
  /**
   * vms/{vm}.
   */
  'name': (string);
  /**
   * The most data bytes in one message; 0 for 1 MiB, else 4096 to 2 MiB, and taken in whole pages.
   */
  'chunkBytes': (number);
  /**
   * Whether only to say which pages, without what they hold: for those who then read them by other ways. They count as handed out.
   */
  'rangesOnly': (boolean);
  /**
   * Whether the pages of the collect before are to come too, because they did not all arrive.
   */
  'resend': (boolean);
}
