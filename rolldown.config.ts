// The programs as they are installed: each in a few files instead of some three hundred that are looked up, read and
// compiled one by one. vcpud listens in two thirds of the time.

import { dirname } from 'node:path';
import { defineConfig, type Plugin } from 'rolldown';

/** Packages that read files beside their code: in a bundle they have to look for them where they are installed. */
const READ_THEIR_FILES = /node_modules\/(@grpc\/reflection|grpc-health-check)\/build\/src\/(.*)$/;

const ownFiles: Plugin = {
  name: 'own-files',
  transform(code, id) {
    const [, name, file] = id.match(READ_THEIR_FILES) ?? [];
    if (name === undefined || file === undefined || !code.includes('__dirname')) return null;
    const main = `require('node:module').createRequire(import.meta.url).resolve('${name}')`;
    const folder = `require('node:path').join(require('node:path').dirname(${main}), '${dirname(file)}')`;
    return code.replaceAll('__dirname', `(${folder})`);
  },
};

export default defineConfig({
  input: {
    vcpud: 'dist/cli/vcpud.js',
    vcpuctl: 'dist/cli/vcpuctl.js',
    // Started by its file's name, beside the code that does it.
    'vcpu-thread': 'dist/lib/vm/vcpu-thread.js',
  },
  platform: 'node',
  // Native code: loaded from where it is installed.
  external: ['ffi-rs'],
  plugins: [ownFiles],
  output: {
    dir: 'dist/bin',
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    cleanDir: true,
  },
});
