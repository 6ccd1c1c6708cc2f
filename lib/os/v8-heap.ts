// How freely V8's heap grows before it is collected. Called first thing by programs that move guest memory: vcpud,
// and the bench's client.

import { setFlagsFromString } from 'node:v8';

/**
 * Lets the heap grow to four times what was live at the last full collection. V8's own choice for a heap as small as
 * vcpud's (11 MB live) is less than twice, and the 1 MiB messages of a memory stream, which count as heap until they
 * are collected, then cause 30 full collections for 256 MiB: two thirds of the time (measured, Node 20).
 */
export function letHeapGrow(): void {
  setFlagsFromString('--heap-growing-percent=300');
}
