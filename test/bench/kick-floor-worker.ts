// The thread under kick-floor.ts: KVM_RUN over and over, and stamps when a kick brought it out and when it is about
// to go in again. It serves no exit: a guest that is measured has none but kicks.

import { parentPort, workerData } from 'node:worker_threads';
import { KVM, KVM_RUN_LAYOUT } from '../../lib/kvm/abi.js';
import { gettid, ioctlErrno, viewOf } from '../../lib/os/libc.js';
import { monotonicMs } from '../../lib/vm/vcpu-thread-protocol.js';
import { FLOOR_TIME, FLOOR_WANT, FLOOR_WORD, type FloorStart } from './kick-floor-words.js';

const EINTR = -4;

const start = workerData as FloorStart;
const words = new Int32Array(start.words);
const times = new Float64Array(start.times);
const run = viewOf(start.runAddress, start.runLength);

parentPort?.postMessage(gettid());
for (;;) {
  Atomics.wait(words, FLOOR_WORD.want, FLOOR_WANT.hold);
  if (Atomics.load(words, FLOOR_WORD.want) === FLOOR_WANT.quit) break;
  const result = ioctlErrno(start.vcpuFd, KVM.RUN);
  Atomics.store(run, KVM_RUN_LAYOUT.immediateExit, 0);
  if (result !== EINTR) continue;
  times[FLOOR_TIME.backAt] = monotonicMs();
  Atomics.add(words, FLOOR_WORD.kicks, 1);
}
