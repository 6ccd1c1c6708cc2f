// Threads for vCPUs, without any: each is given memory of this process for a vCPU's, and told to leave it before it runs.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ThreadStart } from '../../../lib/vm/vcpu-thread-protocol.js';
import type { VcpuThread } from '../../../lib/vm/vcpu-threads.js';

// As built: a thread is started by its file's name.
const DIST = `${process.cwd()}/dist/lib`;
const threads = (await import(
  `${DIST}/vm/vcpu-threads.js`
)) as typeof import('../../../lib/vm/vcpu-threads.js');
const { mmapAnonymous } = (await import(`${DIST}/os/libc.js`)) as typeof import('../../../lib/os/libc.js');
const { CONTROL_WORDS, TIME_SLOTS, WANT, WORD } = (await import(
  `${DIST}/vm/vcpu-thread-protocol.js`
)) as typeof import('../../../lib/vm/vcpu-thread-protocol.js');

const PAGE = 4096;
const SPARE_MS = 60_000;

/** A vCPU that is gone before it ran. */
function goneAtOnce(): ThreadStart {
  const control = new SharedArrayBuffer(4 * CONTROL_WORDS);
  new Int32Array(control)[WORD.want] = WANT.quit;
  return {
    vcpuFd: -1,
    vmFd: -1,
    runAddress: mmapAnonymous(PAGE),
    runLength: PAGE,
    control,
    times: new SharedArrayBuffer(8 * TIME_SLOTS),
    programBuffer: new SharedArrayBuffer(128),
    pc: undefined,
    nice: 0,
  };
}

/** What the thread says of the vCPU until it is over: the kinds of its messages, and the error, if there is one. */
function serve(
  thread: VcpuThread,
  start: ThreadStart,
): Promise<{ said: string[]; error: Error | undefined }> {
  const said: string[] = [];
  return new Promise((resolve) =>
    thread.begin(start, {
      take: ({ kind }) => said.push(kind),
      over: (error) => resolve({ said, error }),
    }),
  );
}

async function tidsOf(count: number): Promise<number[]> {
  const taken = await Promise.all(Array.from({ length: count }, () => threads.VcpuThread.take()));
  for (const thread of taken) await serve(thread, goneAtOnce());
  return taken.map(({ tid }) => tid);
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});

afterEach(() => {
  vi.advanceTimersByTime(SPARE_MS);
  vi.useRealTimers();
});

describe('a thread', () => {
  test('whose vCPU is gone is the next one’s', async () => {
    const [first] = await tidsOf(1);
    const again = await threads.VcpuThread.take();
    expect(again.tid).toBe(first);
    expect(await serve(again, goneAtOnce())).toEqual({ said: ['parked'], error: undefined });
  });

  test('that is spare ends after a minute', async () => {
    const [first] = await tidsOf(1);
    vi.advanceTimersByTime(SPARE_MS - 1);
    const [second] = await tidsOf(1); // and its minute begins anew
    vi.advanceTimersByTime(SPARE_MS - 1);
    const [third] = await tidsOf(1);
    expect([second, third]).toEqual([first, first]);
    vi.advanceTimersByTime(SPARE_MS);
    expect(await tidsOf(1)).not.toEqual([first]);
  });

  test('is kept beside seven others, and no more', async () => {
    const ten = await tidsOf(10);
    const again = await tidsOf(10);
    expect(again.filter((tid) => ten.includes(tid))).toHaveLength(8);
  });

  test('that fails tells whose vCPU it had, and is nobody’s any more', async () => {
    const thread = await threads.VcpuThread.take();
    const { control: _control, ...broken } = goneAtOnce();
    const { error } = await serve(thread, broken as ThreadStart);
    expect(error).toBeInstanceOf(Error);
    expect(await tidsOf(1)).not.toEqual([thread.tid]);
  });
});
