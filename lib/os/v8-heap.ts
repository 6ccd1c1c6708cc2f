// When V8 collects its heap. Programs that move guest memory, vcpud and the bench's client, let it grow first thing;
// senders and receivers of guests have it collected when nobody stands still for that.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Lets the heap grow to four times what was live at the last full collection. V8's own choice for a heap as small as
 * vcpud's (11 MB live) is less than twice, and the 1 MiB messages of a memory stream, which count as heap until they
 * are collected, then cause 30 full collections for 256 MiB: two thirds of the time (measured, Node 20).
 */
export function letHeapGrow(): void {
  setFlagsFromString('--heap-growing-percent=300');
}

let collect: (() => void) | undefined;

/** After so many bytes of messages a round is worth a collection: V8 begins one after 64 MiB outside of its heap. */
const MUCH_BYTES = 16 * 1024 * 1024;
let bytesSince = 0;

/**
 * To be told, between rounds of guest memory, how many bytes came in messages since the last time. Collects the whole
 * heap, some 10 ms, where they have used up much of what V8 allows to be outside of it: else it begins to collect with
 * one of the next messages, and the guest stands still for those (measured in an emulated host: a third of the time
 * that the destination needs for a switch).
 */
export function collectAfter(bytes: number): void {
  bytesSince += bytes;
  if (bytesSince < MUCH_BYTES) return;
  bytesSince = 0;
  if (collect === undefined) {
    // The one way to V8's gc() that needs no flag of whoever starts Node: contexts made from now on have it.
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
    setFlagsFromString('--no-expose-gc');
  }
  collect();
}
