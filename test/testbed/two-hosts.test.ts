// Two emulated hosts, each with a kernel and a vcpud of its own: the demo between them, as `npm run demo -- --json` gives
// it to programs.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { TwoHostsResult } from '../../demo/two-hosts.js';

const DEMO = join(import.meta.dirname, '../../dist/demo/main.js');
/** Two boots and two moves take a minute or two; a first run's downloads, minutes. */
const TIMEOUT_MS = 900_000;

test(
  'a guest goes from a host of kernel 6.1 to one of 6.12 and back, over the network, while its L2 counts',
  async () => {
    const args = [DEMO, '--hosts', '2', '--guest', 'small', '--migrations', '2', '--json'];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const result = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as TwoHostsResult;
    expect(result).toMatchObject({ guest: 'small', migrations: 2, troubles: [], verified: true });
    expect(result.kernels).toEqual([expect.stringMatching(/^6\.1\./), expect.stringMatching(/^6\.12\./)]);
    expect(BigInt(result.l2.after)).toBeGreaterThan(BigInt(result.l2.before));
  },
  TIMEOUT_MS,
);
