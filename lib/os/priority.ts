// The thread that a guest stands still for goes before all else that wants the CPU, V8's own threads for compiling and
// collecting among it: on a host with few CPUs they take it in the middle of a switch (measured with one: the
// destination's part of a switch took 130 ms instead of 50).

import { constants, getPriority, setPriority } from 'node:os';

/** How many are at it: several guests may be in a switch. */
let holders = 0;
let usual = 0;

/** A thread's nice value. On Linux each has its own; by the process's id it is the main thread's, by 0 the caller's. */
function change(thread: number, to: number): void {
  try {
    setPriority(thread, to);
  } catch {
    // Not without CAP_SYS_NICE (EACCES): then it is as it is, and slower.
  }
}

/** The main thread's nice value when no guest stands still. */
export const usualNice = (): number => (holders === 0 ? getPriority(process.pid) : usual);

/** Gives the calling thread a nice value: one that was made while the main thread went first has that one's. */
export function beNice(nice: number): void {
  const self = 0;
  if (getPriority(self) !== nice) change(self, nice);
}

/** Has the main thread go first until the function given back is called. */
export function goFirst(): () => void {
  if (holders === 0) {
    usual = usualNice();
    change(process.pid, constants.priority.PRIORITY_HIGHEST);
  }
  holders += 1;
  let held = true;
  return () => {
    if (!held) return;
    held = false;
    holders -= 1;
    if (holders === 0) change(process.pid, usual);
  };
}
