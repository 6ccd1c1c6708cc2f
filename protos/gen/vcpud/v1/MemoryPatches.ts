// Original file: protos/vcpud/v1/migration.proto


/**
 * Parts of pages that came before on this stream, and not as zero ones. One patch an entry; they follow one another in data.
 */
export interface MemoryPatches {
  /**
   * The page that each patch is of: address divided by 4096.
   */
  'pages'?: (number)[];
  /**
   * Where in its page each patch begins, in bytes.
   */
  'offsets'?: (number)[];
  /**
   * How long each patch is, in bytes.
   */
  'lengths'?: (number)[];
  /**
   * CRC-32 of data, as zlib's.
   */
  'crc32'?: (number);
  /**
   * What the patches hold, one behind the other.
   */
  'data'?: (Buffer | Uint8Array | string);
}

/**
 * Parts of pages that came before on this stream, and not as zero ones. One patch an entry; they follow one another in data.
 */
export interface MemoryPatches__Output {
  /**
   * The page that each patch is of: address divided by 4096.
   */
  'pages': (number)[];
  /**
   * Where in its page each patch begins, in bytes.
   */
  'offsets': (number)[];
  /**
   * How long each patch is, in bytes.
   */
  'lengths': (number)[];
  /**
   * CRC-32 of data, as zlib's.
   */
  'crc32': (number);
  /**
   * What the patches hold, one behind the other.
   */
  'data': (Buffer);
}
