// Calls that a signal ends: a caller that is interrupted does not wait for the other side.

/** The task's outcome, or the signal's reason as soon as there is one; the task is left to itself then. */
export async function untilAborted<T>(signal: AbortSignal, task: Promise<T>): Promise<T> {
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
  });
  try {
    signal.throwIfAborted();
    return await Promise.race([task, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
    task.catch(() => undefined); // heard by nobody where the signal came first
  }
}

/** A stream from vcpud that the signal ends with its reason. */
export async function* streamUntilAborted<T>(
  signal: AbortSignal,
  stream: AsyncIterable<T> & { cancel(): void },
): AsyncGenerator<T, void, undefined> {
  const cancel = () => stream.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    signal.throwIfAborted();
    yield* stream;
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}
