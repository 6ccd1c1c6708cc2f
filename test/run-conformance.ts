// Starts a vcpud, runs the conformance suite against it as anybody does, by vcpuctl, and says how it went in a last line
// (counts.ts). Arguments: vcpud's own.

import { spawn } from 'node:child_process';
import { countsLine } from './counts.js';
import { VCPUCTL } from './harness/programs.js';
import { startVcpud } from './harness/vcpud-process.js';

const SUMMARY = /^(\d+) passed, (\d+) failed, \d+ not applicable/m;
const FAILED_ROW = /^ {2}FAILED /;
const CALL_TIMEOUT_S = 300;

const vcpud = await startVcpud(process.argv.slice(2));
const args = ['--endpoint', `unix://${vcpud.socketPath}`, '--timeout', String(CALL_TIMEOUT_S), 'conformance'];
const suite = spawn(process.execPath, [VCPUCTL, ...args], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
let output = '';
suite.stdout.on('data', (chunk: Buffer) => {
  process.stdout.write(chunk);
  output += chunk.toString();
});
const status = await new Promise<number>((resolve) => suite.once('close', (code) => resolve(code ?? 1)));
const [, passed = 0, failed = 1] = (SUMMARY.exec(output) ?? []).map(Number);
const ended = await vcpud.stop();
if (ended !== 0) process.stdout.write(`${vcpud.log()}\nvcpud ended with ${ended}\n`);
const others = (status !== 0 && failed === 0 ? 1 : 0) + (ended === 0 ? 0 : 1);
const failures = [
  ...output.split('\n').filter((line) => FAILED_ROW.test(line)),
  ...(others === 0 ? [] : [`the suite ended with ${status}, vcpud with ${ended}`]),
];
process.stdout.write(`\n${countsLine({ passed, failed: failed + others, failures })}`);
process.exit(status === 0 && ended === 0 ? 0 : 1);
