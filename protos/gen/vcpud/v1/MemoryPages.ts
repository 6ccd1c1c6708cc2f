// Original file: protos/vcpud/v1/migration.proto


/**
 * Pages of guest-physical memory, 4096 bytes each, by number: address divided by 4096.
 */
export interface MemoryPages {
  /**
   * First pages of the runs that data holds, one run behind the other.
   */
  'firstPages'?: (number)[];
  /**
   * How many pages each of these runs has.
   */
  'pageCounts'?: (number)[];
  /**
   * First pages of runs that are all zero.
   */
  'zeroFirstPages'?: (number)[];
  /**
   * How many pages each of these has.
   */
  'zeroPageCounts'?: (number)[];
  /**
   * CRC-32 of data, as zlib's.
   */
  'crc32'?: (number);
  /**
   * What the runs hold.
   */
  'data'?: (Buffer | Uint8Array | string);
  /**
   * The destination reads what the runs hold, 16 MiB at most, from the source's memory; there is no data. Answered by pages_read, but in a commit or a
   * rehearsal. Only after ReceiveVmReady said that it can.
   */
  'inSource'?: (boolean);
}

/**
 * Pages of guest-physical memory, 4096 bytes each, by number: address divided by 4096.
 */
export interface MemoryPages__Output {
  /**
   * First pages of the runs that data holds, one run behind the other.
   */
  'firstPages': (number)[];
  /**
   * How many pages each of these runs has.
   */
  'pageCounts': (number)[];
  /**
   * First pages of runs that are all zero.
   */
  'zeroFirstPages': (number)[];
  /**
   * How many pages each of these has.
   */
  'zeroPageCounts': (number)[];
  /**
   * CRC-32 of data, as zlib's.
   */
  'crc32': (number);
  /**
   * What the runs hold.
   */
  'data': (Buffer);
  /**
   * The destination reads what the runs hold, 16 MiB at most, from the source's memory; there is no data. Answered by pages_read, but in a commit or a
   * rehearsal. Only after ReceiveVmReady said that it can.
   */
  'inSource': (boolean);
}
