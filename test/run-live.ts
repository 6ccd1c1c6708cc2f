// Moves the small guest, whose L1 runs a live L2, from one vcpud to another and back while it runs, and counts that as
// one test (counts.ts). Run by test/main.ts in the emulated Intel host, where a test runner would take minutes to start.

import { countsLine } from './counts.js';
import { MovingSmall } from './harness/moving-small.js';
import { startVcpud } from './harness/vcpud-process.js';

/** From the third on, code is compiled and a vCPU's thread is there: the moves before it take most of the time. */
const MOVES = 6;
const LINES_BETWEEN = 2;
/** Long: what is shown here is that it moves, where everything takes fifty times as long. */
const MAX_BLACKOUT_MS = 60_000;

async function run(): Promise<string[]> {
  const vcpuds = await Promise.all([startVcpud(), startVcpud()]);
  try {
    const [first, second] = vcpuds;
    const guest = new MovingSmall(first, second);
    await guest.create();
    await guest.boot();
    for (let move = 0; move < MOVES; move += 1) {
      const verifyMemory = move === 0;
      const { rounds, switchPages, blackoutMs, totalMs, verifiedRanges } = await guest.move({
        verifyMemory,
        maxBlackoutMs: MAX_BLACKOUT_MS,
      });
      process.stdout.write(
        `moved in ${Math.round(totalMs)} ms: ${rounds.length} rounds, ${switchPages} pages in the switch, ` +
          `blackout ${Math.round(blackoutMs)} ms, ${verifiedRanges} ranges of memory compared\n`,
      );
      if (verifyMemory !== verifiedRanges > 0) return [`${verifiedRanges} ranges of memory were compared`];
      await guest.goesOn(LINES_BETWEEN);
    }
    return await guest.end();
  } finally {
    for (const status of await Promise.all(vcpuds.map((vcpud) => vcpud.stop())))
      if (status !== 0) process.stdout.write(`a vcpud ended with ${status}\n`);
  }
}

const failures = await run().catch((error: Error) => [error.message]);
for (const failure of failures) process.stdout.write(`${failure}\n`);
const counts =
  failures.length === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: failures.length, failures };
process.stdout.write(countsLine(counts));
process.exitCode = failures.length === 0 ? 0 : 1;
