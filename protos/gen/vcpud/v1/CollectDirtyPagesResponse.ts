// Original file: protos/vcpud/v1/memory.proto

import type { DirtyPagesHead as _vcpud_v1_DirtyPagesHead, DirtyPagesHead__Output as _vcpud_v1_DirtyPagesHead__Output } from '../../vcpud/v1/DirtyPagesHead.js';
import type { Long } from '@grpc/proto-loader';

/**
 * The head of a collect, or pages.
 */
export interface CollectDirtyPagesResponse {
  /**
   * Guest-physical address of the first page; a multiple of 4096. Not set in the head.
   */
  'gpa'?: (number | string | Long);
  /**
   * These bytes: whole pages, none of which is all zero.
   */
  'data'?: (Buffer | Uint8Array | string);
  /**
   * This many zero bytes: whole pages, whether they were written or never touched.
   */
  'zeroBytes'?: (number | string | Long);
  /**
   * This many bytes are dirty; instead of data and zero_bytes, with ranges_only.
   */
  'rangeBytes'?: (number | string | Long);
  /**
   * The first message, and no other.
   */
  'head'?: (_vcpud_v1_DirtyPagesHead | null);
  /**
   * What stands there.
   */
  'content'?: "data"|"zeroBytes"|"rangeBytes"|"head";
}

/**
 * The head of a collect, or pages.
 */
export interface CollectDirtyPagesResponse__Output {
  /**
   * Guest-physical address of the first page; a multiple of 4096. Not set in the head.
   */
  'gpa': (string);
  /**
   * These bytes: whole pages, none of which is all zero.
   */
  'data'?: (Buffer);
  /**
   * This many zero bytes: whole pages, whether they were written or never touched.
   */
  'zeroBytes'?: (string);
  /**
   * This many bytes are dirty; instead of data and zero_bytes, with ranges_only.
   */
  'rangeBytes'?: (string);
  /**
   * The first message, and no other.
   */
  'head'?: (_vcpud_v1_DirtyPagesHead__Output | null);
  /**
   * What stands there.
   */
  'content'?: "data"|"zeroBytes"|"rangeBytes"|"head";
}
