// The demo's scenario, as `npm run demo -- --json` gives it to programs.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { DemoResult } from '../../demo/scenario.js';

const SCENARIO = join(import.meta.dirname, '../../dist/demo/scenario.js');

test('the demo moves a live L2, verifies it, and says so in one JSON line', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [SCENARIO, '--json']);
  const result = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as DemoResult;
  expect(result).toMatchObject({
    driver: 'native',
    vendor: 'amd',
    format: 'SVM',
    guest_mode: true,
    nested_state_bytes: 4224,
    verified: true,
  });
  expect(BigInt(result.l1.after)).toBeGreaterThan(BigInt(result.l1.before));
  expect(BigInt(result.l2.after)).toBeGreaterThan(BigInt(result.l2.before));
  expect(result.blackout_ms).toBeGreaterThan(0);
  const phases = result.phases.map(({ name }) => name);
  for (const name of ['create', 'run', 'capture', 'move', 'set', 'check', 'resume'])
    expect(phases).toContain(name);
});
