// Waiting for what no event tells of: a number in /proc, a file that goes away. Bounded, and quick to see the change.

const INTERVAL_MS = 25;
/** Long enough for an emulated host that is busy with a guest. */
const TIMEOUT_MS = 600_000;

/** What the check gives as soon as it gives something; rejects, saying what was waited for, where it doesn't. */
export async function eventually<T>(
  what: string,
  check: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const deadline = Date.now() + TIMEOUT_MS;
  for (;;) {
    const found = await check();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`timed out waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
}
