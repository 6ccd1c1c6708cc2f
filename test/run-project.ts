// Runs one vitest project in this process: run-project.js PROJECT FILE... Its last line says how it went (counts.ts).

import { startVitest } from 'vitest/node';
import { countsLine } from './counts.js';

async function run(project: string, files: string[]): Promise<{ passed: number; failed: number }> {
  const vitest = await startVitest('test', files, {
    project,
    run: true,
    watch: false,
    coverage: { enabled: project === 'unit' && files.length === 0 },
    reporters: ['verbose'],
  });
  let passed = 0;
  let failed = 0;
  for (const module of vitest.state.getTestModules()) {
    for (const test of module.children.allTests()) {
      if (test.result().state === 'passed') passed += 1;
      else failed += 1; // a skipped test is a missing test
    }
    // A file that could not be loaded, or whose hooks failed, has no failing test of its own.
    if (!module.ok() && ![...module.children.allTests()].some((test) => !test.ok())) failed += 1;
  }
  failed += vitest.state.getUnhandledErrors().length;
  // Vitest says of a missed coverage threshold only this.
  if (failed === 0 && process.exitCode !== undefined && process.exitCode !== 0) failed += 1;
  await vitest.close();
  return { passed, failed };
}

const [project, ...files] = process.argv.slice(2);
if (project !== undefined) {
  const result = await run(project, files);
  process.stdout.write(`\n${countsLine(result)}`);
  process.exit(result.failed === 0 && result.passed > 0 ? 0 : 1);
}
