// Original file: protos/vcpud/v1/host.proto

import type { Long } from '@grpc/proto-loader';

/**
 * One model-specific register.
 */
export interface MsrValue {
  /**
   * Its number, as in RDMSR's ECX.
   */
  'index'?: (number);
  /**
   * Its value, as in RDMSR's EDX:EAX.
   */
  'value'?: (number | string | Long);
}

/**
 * One model-specific register.
 */
export interface MsrValue__Output {
  /**
   * Its number, as in RDMSR's ECX.
   */
  'index': (number);
  /**
   * Its value, as in RDMSR's EDX:EAX.
   */
  'value': (string);
}
