// How vitest runs the tests. Forks, never threads: ffi-rs loaded in a worker thread alone crashes when the
// thread ends. One file at a time: the tests on real kernels share one /dev/kvm and one emulated CPU.
//
//   unit             anywhere
//   kernel           where KVM has nested state: this machine, or the testbed (test/main.ts sees to it)
//   without-nesting  in the testbed with kvm-amd nested=0
import { defineConfig } from 'vitest/config';

/** A guard against what hangs, not a measure: an emulated host that shares its CPUs can be many times slower. */
const KERNEL_TIMEOUT_MS = 900_000;

/** The same, anywhere: beside an emulated host that takes the CPUs. */
const UNIT_TIMEOUT_MS = 120_000;

function onKernel(name: string) {
  return {
    extends: true as const,
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      testTimeout: KERNEL_TIMEOUT_MS,
      hookTimeout: KERNEL_TIMEOUT_MS,
    },
  };
}

export default defineConfig({
  test: {
    pool: 'forks',
    fileParallelism: false,
    expect: { poll: { timeout: 60_000 } },
    // Asked for by run-project.ts for the whole of the unit tests. The rules, the codec and the comparisons decide what
    // reaches a kernel and where a VM may go: every line and every branch of them has a test.
    coverage: {
      provider: 'v8',
      include: ['lib/nested/**/*.ts', 'lib/compat/**/*.ts'],
      reporter: ['text'],
      reportsDirectory: 'dist/coverage',
      thresholds: { lines: 100, branches: 100, functions: 100, statements: 100 },
    },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/testbed/**/*.test.ts'],
          testTimeout: UNIT_TIMEOUT_MS,
          hookTimeout: UNIT_TIMEOUT_MS,
        },
      },
      onKernel('kernel'),
      onKernel('without-nesting'),
    ],
  },
});
