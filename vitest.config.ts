// How vitest runs the tests. Forks, never threads: ffi-rs loaded in a worker thread alone crashes when the
// thread ends. One file at a time: the kernel tests share one /dev/kvm and one emulated CPU.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    pool: 'forks',
    fileParallelism: false,
    include: ['test/**/*.test.ts'],
  },
});
