// npm run testbed -- --cpu amd|intel -- COMMAND...: runs COMMAND in an emulated host with a real KVM (run.ts).
// Exits with COMMAND's status, 124 at the time limit, 125 when the testbed itself fails.

import { filledCache, filledIntelCache, filledKernel } from './cache.js';
import { readOptions } from './options.js';
import { TESTBED_FAILED, TestbedProblem } from './problem.js';
import { type Progress, silent } from './progress.js';
import { runInTestbed } from './run.js';

const options = readOptions(process.argv.slice(2));
const progress: Progress = options.quiet ? silent : (line) => process.stderr.write(`testbed: ${line}\n`);

// Whoever read the output has gone: end as a program does that SIGPIPE ends. The emulator dies with this process.
process.stdout.on('error', () => process.exit(128 + 13));

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof TestbedProblem)) {
    console.error(error);
    process.exit(TESTBED_FAILED);
  }
  if (error.detail !== '') process.stderr.write(`${error.detail.trimEnd()}\n`);
  process.stderr.write(`testbed: ${error.message}\n`);
  process.exitCode = TESTBED_FAILED;
}

async function main(): Promise<number> {
  if (options.fetchOnly) {
    const cache = await filledCache(progress);
    await filledKernel(options.kernel, cache, progress);
    if (options.cpu === 'intel') await filledIntelCache(cache, progress);
    return 0;
  }
  const { exitCode } = await runInTestbed({
    cpu: options.cpu,
    kernel: options.kernel,
    nested: options.nested,
    memory: options.memory,
    forwards: options.forwards,
    env: options.env,
    cwd: process.cwd(),
    command: options.command,
    onStdout: (chunk) => written(process.stdout, chunk),
    onStderr: (chunk) => written(process.stderr, chunk),
    timeoutMs: options.timeoutSeconds * 1000,
    progress,
  });
  return exitCode;
}

function written(stream: NodeJS.WriteStream, chunk: Buffer): Promise<void> {
  return new Promise((resolve) => stream.write(chunk, () => resolve()));
}
