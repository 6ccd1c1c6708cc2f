// Debian's Python with gRPC, from the cache, and stubs of this project's protos for it: for tests of clients that are
// not ours. Nothing of it is installed, and an emulated host finds it in the cache.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cachedProgram, filledPython } from './cache.js';
import { runTool } from './packages.js';
import type { Progress } from './progress.js';

export interface Python {
  /** argv without arguments. */
  readonly program: readonly [string, ...string[]];
  /** What it needs in its environment, the stubs' folder included. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Where it is, with stubs of every proto of `protos` made in the folder `stubs`, which is there and empty. */
export async function pythonWithStubs(protos: string, stubs: string, progress: Progress): Promise<Python> {
  const cache = await filledPython(progress);
  const usr = join(cache.root, 'usr');
  const names = (await readdir(protos, { recursive: true })).filter((name) => name.endsWith('.proto'));
  const [protoc, ...before] = cachedProgram(cache, 'protoc');
  // The plugin is started by protoc itself, which knows nothing of a loader and libraries of its own: by `env`.
  await runTool('env', [
    `LD_LIBRARY_PATH=${join(usr, 'lib/x86_64-linux-gnu')}`,
    protoc,
    ...before,
    ...[protos, join(usr, 'include')].map((folder) => `--proto_path=${folder}`),
    `--plugin=protoc-gen-grpc=${join(usr, 'bin/grpc_python_plugin')}`,
    `--python_out=${stubs}`,
    `--grpc_out=${stubs}`,
    ...names.sort(),
  ]);
  return {
    program: cachedProgram(cache, 'python3'),
    environment: {
      PYTHONHOME: usr,
      PYTHONPATH: [stubs, join(usr, 'lib/python3/dist-packages')].join(':'),
      PYTHONDONTWRITEBYTECODE: '1',
    },
  };
}
