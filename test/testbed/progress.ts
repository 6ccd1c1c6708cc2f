// What the testbed tells the person who waits: one line a phase, and a sign of life in a long one.

/** Receives one line, without a newline. */
export type Progress = (line: string) => void;

/** No progress lines at all. */
export const silent: Progress = () => {};

const SIGN_OF_LIFE_MS = 5_000;

/** Runs `work`, reporting `alive()` every five seconds until it ends. */
export async function whileReporting<T>(
  progress: Progress,
  alive: () => string,
  work: Promise<T>,
): Promise<T> {
  const timer = setInterval(() => progress(alive()), SIGN_OF_LIFE_MS);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}

/** Seconds since `start` (a `performance.now()`), such as "5.3 s". */
export function secondsSince(start: number): string {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}
