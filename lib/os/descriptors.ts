// Whether the process can open more files. Asked before something that does not clean up after itself where it
// can't: libuv leaves an epoll descriptor behind when a loop that is being made runs out of them half-way.

import { closeSync, openSync } from 'node:fs';

/** Throws EMFILE or ENFILE unless that many more descriptors can be had at this moment. */
export function requireDescriptors(count: number): void {
  const taken: number[] = [];
  try {
    while (taken.length < count) taken.push(openSync('/', 'r'));
  } finally {
    for (const fd of taken) closeSync(fd);
  }
}
