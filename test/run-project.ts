// Runs one vitest project in this process and says how it went in a last line that test/main.ts reads, also from
// out of the testbed: vcpud-tests: {"passed":12,"failed":0}.

import { startVitest } from 'vitest/node';

const RESULT_PREFIX = 'vcpud-tests: ';

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
  process.stdout.write(`\n${RESULT_PREFIX}${JSON.stringify(result)}\n`);
  process.exit(result.failed === 0 && result.passed > 0 ? 0 : 1);
}
