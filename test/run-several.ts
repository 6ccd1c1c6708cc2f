// Runs several commands one after the other, as for tests that share one emulated host: run-several.js JSON, an array of
// argvs. Each says its counts itself; one that says none is counted as one check here, and so is a failure that was not
// said.

import { spawn } from 'node:child_process';
import { countsLine, countsOf, saysCounts } from './counts.js';

const TAIL_CHARACTERS = 4096;

function run([program, ...args]: readonly string[]): Promise<{ status: number; tail: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program as string, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let tail = '';
    child.stdout.on('data', (chunk: Buffer) => {
      process.stdout.write(chunk);
      tail = (tail + chunk.toString()).slice(-TAIL_CHARACTERS);
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ status: code ?? 1, tail }));
  });
}

let allWell = true;
for (const argv of JSON.parse(process.argv[2] ?? '[]') as string[][]) {
  const since = performance.now();
  process.stdout.write(`\n-- ${argv.slice(1).join(' ')}\n`);
  const { status, tail } = await run(argv);
  process.stdout.write(
    `-- ended with ${status} after ${((performance.now() - since) / 1000).toFixed(0)} s\n`,
  );
  allWell &&= status === 0;
  // Its own lines have been passed on: only what they lack is added.
  if (status === 0 && !saysCounts(tail)) process.stdout.write(countsLine({ passed: 1, failed: 0 }));
  if (status !== 0 && (!saysCounts(tail) || countsOf(tail, 0).failed === 0))
    process.stdout.write(
      countsLine({ passed: 0, failed: 1, failures: [`${argv.slice(1).join(' ')}: ended with ${status}`] }),
    );
}
process.exitCode = allWell ? 0 : 1;
