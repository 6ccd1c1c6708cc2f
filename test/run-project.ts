// Runs one vitest project in this process: run-project.js PROJECT FILE... Its last line says how it went (counts.ts).

import { startVitest } from 'vitest/node';
import { type Counts, countsLine } from './counts.js';

const firstLine = (errors: ReadonlyArray<{ message: string }> = []): string | undefined =>
  errors[0]?.message.split('\n')[0];

async function run(project: string, files: string[]): Promise<Counts> {
  const vitest = await startVitest('test', files, {
    project,
    run: true,
    watch: false,
    coverage: { enabled: project === 'unit' && files.length === 0 },
    reporters: ['verbose'],
  });
  let passed = 0;
  const failures: string[] = [];
  for (const module of vitest.state.getTestModules()) {
    for (const test of module.children.allTests()) {
      if (test.result().state === 'passed') passed += 1;
      else failures.push(`${test.fullName}: ${firstLine(test.result().errors) ?? 'not run'}`); // a skipped test is a missing one
    }
    // A file that could not be loaded, or whose hooks failed, has no failing test of its own.
    if (!module.ok() && ![...module.children.allTests()].some((test) => !test.ok()))
      failures.push(`${module.relativeModuleId}: ${firstLine(module.errors()) ?? 'a hook of it failed'}`);
  }
  for (const error of vitest.state.getUnhandledErrors())
    failures.push(`outside of every test: ${firstLine([error as Error])}`);
  // Vitest says of a missed coverage threshold only this.
  if (failures.length === 0 && process.exitCode !== undefined && process.exitCode !== 0)
    failures.push('the coverage is under its threshold');
  await vitest.close();
  return { passed, failed: failures.length, failures };
}

const [project, ...files] = process.argv.slice(2);
if (project !== undefined) {
  const result = await run(project, files);
  process.stdout.write(`\n${countsLine(result)}`);
  process.exit(result.failed === 0 && result.passed > 0 ? 0 : 1);
}
