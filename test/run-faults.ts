// Plays live migrations that break (test/faults/table.ts) on this host's kernel and counts each as a test (counts.ts).
// Run by test/main.ts in the emulated Intel host, where a test runner would take minutes to start. Arguments: words, of
// which a title is to have one.

import { countsLine } from './counts.js';
import { FaultStage } from './faults/stage.js';
import { PLAYS } from './faults/table.js';

const words = process.argv.slice(2);
const plays = PLAYS.filter(({ title }) => words.length === 0 || words.some((word) => title.includes(word)));
const failures: string[] = [];
const firstLine = (error: unknown): string => (error as Error).message.split('\n')[0] as string;

const stage = await FaultStage.open();
for (const [index, play] of plays.entries()) {
  const since = performance.now();
  const error = await stage.play(play).then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  const seconds = ((performance.now() - since) / 1000).toFixed(1);
  if (error !== undefined) failures.push(`${play.title}: ${firstLine(error)}`);
  const verdict = error === undefined ? 'passed' : `FAILED: ${error.stack}`;
  process.stdout.write(`${index + 1} of ${plays.length}, ${seconds} s: ${play.title}: ${verdict}\n`);
}
const passed = plays.length - failures.length;
await stage.close().catch((error: unknown) => failures.push(`at the end: ${firstLine(error)}`));
process.stdout.write(countsLine({ passed, failed: failures.length, failures }));
process.exitCode = failures.length === 0 && passed > 0 ? 0 : 1;
