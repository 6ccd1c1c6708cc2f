// How a test says that a call was refused: the gRPC status code by its name, and what the google.rpc details carry.

import { type ServiceError, status } from '@grpc/grpc-js';
import { type ErrorInfo, errorInfoOf } from '../../lib/api/error-details.js';

export interface Refusal extends ErrorInfo {
  /** The gRPC status code's name, such as "INVALID_ARGUMENT". */
  readonly code: string;
  readonly message: string;
}

/** What a call was refused with. Fails where the call went well, or where its error says nothing of itself. */
export async function refusalOf(call: Promise<unknown>): Promise<Refusal> {
  const error = await call.then(
    () => undefined,
    (thrown: ServiceError) => thrown,
  );
  if (error === undefined) throw new Error('the call was not refused');
  const info = errorInfoOf(error);
  if (info === undefined) throw new Error(`the error has no ErrorInfo: ${error.message}`, { cause: error });
  return { ...info, code: status[error.code], message: error.details };
}
