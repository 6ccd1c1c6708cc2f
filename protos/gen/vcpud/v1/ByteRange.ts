// Original file: protos/vcpud/v1/nested_state.proto


/**
 * A range of bytes of a nested state.
 */
export interface ByteRange {
  /**
   * Offset of the first byte, from the start of the header.
   */
  'offset'?: (number);
  /**
   * How many bytes.
   */
  'length'?: (number);
  /**
   * The field that they belong to, such as "vmcb12.control.avic_backing_page".
   */
  'field'?: (string);
}

/**
 * A range of bytes of a nested state.
 */
export interface ByteRange__Output {
  /**
   * Offset of the first byte, from the start of the header.
   */
  'offset': (number);
  /**
   * How many bytes.
   */
  'length': (number);
  /**
   * The field that they belong to, such as "vmcb12.control.avic_backing_page".
   */
  'field': (string);
}
