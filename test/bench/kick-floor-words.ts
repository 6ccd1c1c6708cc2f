// What kick-floor.ts and its thread share.

/** The words of the shared block (Int32Array); `never` changes never, and is what the main thread sleeps on. */
export const FLOOR_WORD = { want: 0, kicks: 1, never: 2 } as const;

export const FLOOR_WANT = { hold: 0, run: 1, quit: 2 } as const;

/** Times (Float64Array), as monotonicMs gives them: when the thread was last about to go into the guest again. */
export const FLOOR_TIME = { backAt: 0 } as const;

/** What the thread is started with. */
export interface FloorStart {
  readonly vcpuFd: number;
  readonly runAddress: number;
  readonly runLength: number;
  readonly words: SharedArrayBuffer;
  readonly times: SharedArrayBuffer;
}
