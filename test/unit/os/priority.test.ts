// Who goes first, by the nice values that the kernel gives: to a process that may (CAP_SYS_NICE) another, else none.

import { readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { goFirst, usualNice } from '../../../lib/os/priority.js';

const usual = getPriority(process.pid);
const CAP_SYS_NICE = 23n;
const [, effective = '0'] =
  /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
const mayGoFirst = ((BigInt(`0x${effective}`) >> CAP_SYS_NICE) & 1n) === 1n;
const HIGHEST = mayGoFirst ? -20 : usual;
const releases: Array<() => void> = [];

/** Goes first until the test ends. */
function first(): () => void {
  const back = goFirst();
  releases.push(back);
  return back;
}

afterEach(() => {
  for (const back of releases.splice(0)) back();
  expect(getPriority(process.pid)).toBe(usual);
});

/** The nice value of a thread that is made now, before and after it is told to be as nice as usual. */
async function niceOfThread(): Promise<[number, number]> {
  const code = `
    const { getPriority } = require('node:os');
    const { parentPort, workerData } = require('node:worker_threads');
    import(workerData.module).then(({ beNice }) => {
      const before = getPriority(0);
      beNice(workerData.nice);
      parentPort.postMessage([before, getPriority(0)]);
    });`;
  const module = `${process.cwd()}/dist/lib/os/priority.js`;
  const worker = new Worker(code, { eval: true, workerData: { module, nice: usualNice() } });
  const told = await new Promise<[number, number]>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  await worker.terminate();
  return told;
}

describe('going first', () => {
  test('lasts until it is given back, however often that is', () => {
    const back = first();
    expect(getPriority(process.pid)).toBe(HIGHEST);
    back();
    expect(getPriority(process.pid)).toBe(usual);
    back();
    expect(getPriority(process.pid)).toBe(usual);
  });

  test('lasts until the last of several has given it back', () => {
    const [one, other] = [first(), first()];
    one();
    one();
    expect(getPriority(process.pid)).toBe(HIGHEST);
    other();
    expect(getPriority(process.pid)).toBe(usual);
  });

  test('is the main thread\u2019s alone: a thread made meanwhile is told to be as nice as usual', async () => {
    first();
    expect(await niceOfThread()).toEqual([HIGHEST, usual]);
  });
});
