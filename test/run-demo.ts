// Runs the demo's scenario on this host as `npm run demo -- --json` does, checks what it says, and counts that as one
// test (counts.ts). Run by test/main.ts in the emulated Intel host: run-demo.js VENDOR.

import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { DemoResult } from '../demo/scenario.js';
import { countsLine } from './counts.js';

const SCENARIO = join(dirname(fileURLToPath(import.meta.url)), '../demo/scenario.js');

const EXPECTED: Readonly<Record<string, Partial<DemoResult>>> = {
  amd: { driver: 'native', vendor: 'amd', format: 'SVM', guest_mode: true, nested_state_bytes: 4224 },
  intel: { driver: 'native', vendor: 'intel', format: 'VMX', guest_mode: true, nested_state_bytes: 4224 },
};

function problems(result: DemoResult, expected: Partial<DemoResult>): string[] {
  const unlike = Object.entries(expected).filter(
    ([name, value]) => result[name as keyof DemoResult] !== value,
  );
  return [
    ...unlike.map(([name, value]) => `${name} is not ${String(value)}`),
    ...(result.verified ? [] : ['not verified']),
    ...(BigInt(result.l1.after) > BigInt(result.l1.before) ? [] : ['L1 did not count on']),
    ...(BigInt(result.l2.after) > BigInt(result.l2.before) ? [] : ['L2 did not count on']),
  ];
}

const { stdout } = await promisify(execFile)(process.execPath, [SCENARIO, '--json']);
process.stdout.write(stdout);
const result = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as DemoResult;
const found = problems(result, EXPECTED[process.argv[2] ?? ''] ?? { vendor: 'amd' });
for (const problem of found) process.stdout.write(`${problem}\n`);
process.stdout.write(
  countsLine(found.length === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1, failures: found }),
);
process.exitCode = found.length === 0 ? 0 : 1;
